#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "baton/lock/waiting_session.hpp"

namespace baton::lock {

/// waiting_session for programs that must not block: what async_named_lock works on. Calls return at once; `done` is called later, once,
/// on a thread of the store's, and must not block.
///
/// Calls are carried out one after the other; a wait holds up those behind it.
/// Thread safety: any thread.
class async_session {
 public:
  using ticket = std::uint64_t;

  virtual ~async_session() = default;
  async_session() = default;
  async_session(const async_session&) = delete;
  async_session& operator=(const async_session&) = delete;

  /// Errors: as waiting_session::acquire().
  virtual ticket acquire(const std::string& name, time_limit limit, reentry again, std::function<void(result<wait_reply>)> done) = 0;
  /// Ends the wait of `t`, which is then done with errc::cancelled and holds nothing, unless it had been granted before.
  virtual void cancel(ticket t) = 0;
  virtual void release(const std::string& name, std::function<void(result<release_outcome>)> done) = 0;

  [[nodiscard]] virtual std::uint64_t connection_id() const noexcept = 0;
  /// False once the connection has ended, or nothing has been heard of the server for so long that it may have given the locks away.
  [[nodiscard]] virtual bool is_alive() const noexcept = 0;
  virtual void warn(const std::string& message) noexcept = 0;
};

}  // namespace baton::lock

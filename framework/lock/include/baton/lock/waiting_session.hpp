#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "baton/lock/counters.hpp"
#include "baton/lock/session.hpp"
#include "baton/lock/time_limit.hpp"

namespace baton::lock {

/// What a second acquire of a name on one session means. Servers grant it and count it, so that two parts of a program that share a
/// connection would both believe to be alone.
enum class reentry : std::uint8_t {
  refuse = 1,  ///< errc::held_by_this_session
  count,       ///< as the server: n acquires need n releases
};

enum class wait_outcome : std::uint8_t { acquired = 1, busy };
struct wait_reply {
  wait_outcome outcome{};
  microseconds waited{};
};

/// Who holds a lock: a connection, and of whom, as far as the account may see. What is not visible is empty.
struct holder {
  std::uint64_t connection_id = 0;
  std::string user;
  std::string host;      ///< "HOST:PORT" of the client as the server sees it
  std::string instance;  ///< the label of an instance of Baton's
};

/// A session for programs, which may wait: what named_lock works on. It never reconnects.
///
/// Thread safety: any thread. Calls are served one after the other, so that a wait holds up the calls of other threads behind it.
class waiting_session : public session {
 public:
  /// Waits for `name` in the server's queue, where those who wait are served in the order in which they came.
  ///
  /// Errors: held_by_this_session; interrupted (KILL QUERY, a statement time limit); deadlock: this wait and another's would never end;
  /// cancelled by `stop`; store_unfit: the server has no named locks. After each of these the session lives and does not hold `name`.
  /// store_unavailable: the session is dead, and so is everything it held.
  [[nodiscard]] virtual result<wait_reply> acquire(const std::string& name, time_limit limit, reentry again, std::stop_token stop = {}) = 0;

  /// Gives back every name that the session holds; how many, a name that was acquired n times counting n.
  [[nodiscard]] virtual result<std::uint64_t> release_all() = 0;
  /// Rises with each release_all(): what was acquired before is held no more.
  [[nodiscard]] virtual std::uint64_t generation() const noexcept = 0;

  /// False once the connection is known to have ended; looks at the socket, asks nobody. False in a forked child.
  [[nodiscard]] virtual bool is_alive() const noexcept = 0;

  /// Who holds `name` now; nullopt: nobody. Advice only: it may be out of date before it is read.
  [[nodiscard]] virtual result<std::optional<holder>> find_holder(const std::string& name) = 0;
  /// The names below `prefix` that are held by anybody where the account may see that, else those that this session holds.
  [[nodiscard]] virtual result<std::vector<std::string>> held_names(std::string_view prefix) = 0;

  [[nodiscard]] virtual lock::counters counters() const = 0;

  /// Where a problem is told that no caller is there to be told of: a destructor's.
  virtual void warn(const std::string& message) noexcept = 0;
};

}  // namespace baton::lock

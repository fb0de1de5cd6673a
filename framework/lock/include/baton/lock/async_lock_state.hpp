#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "baton/lock/async_session.hpp"
#include "baton/lock/attempt.hpp"
#include "baton/lock/key.hpp"

namespace baton::lock {

/// named_lock with callbacks: what mysql::async_named_lock puts completion tokens on. Always in a shared_ptr; operations keep it alive.
///
/// `done` is called once, on a thread of the session's. One operation at a time: another one meanwhile is done with
/// errc::operation_in_progress, at once and on the calling thread.
/// Thread safety: any thread.
class async_lock_state : public std::enable_shared_from_this<async_lock_state> {
 public:
  async_lock_state(std::shared_ptr<async_session> on, key name, reentry again)
      : session_(std::move(on)), key_(std::move(name)), again_(again) {}

  /// Errors: as named_lock::acquire(), and operation_in_progress.
  void acquire(time_limit limit, std::function<void(attempt<>)> done);
  /// Ends an acquire that is under way.
  void cancel();
  /// Errors: as named_lock::release(), and operation_in_progress.
  void release(std::function<void(status)> done);
  /// release() as often as it was acquired; nothing if it is not locked.
  void close(std::function<void(status)> done);
  /// Nobody will ask for it any more: an acquire under way is ended, and what is held given back, in the background.
  void abandon();

  [[nodiscard]] bool is_locked() const;
  [[nodiscard]] const lock::key& key() const noexcept { return key_; }
  [[nodiscard]] async_session& session() const noexcept { return *session_; }
  [[nodiscard]] std::string describe() const;

 private:
  void acquired(const std::function<void(attempt<>)>& done, result<wait_reply> reply);
  void release_now(std::function<void(status)> done);
  [[nodiscard]] failure in_progress() const;

  const std::shared_ptr<async_session> session_;
  const lock::key key_;
  const reentry again_;
  mutable std::mutex mutex_;
  std::uint64_t count_ = 0;
  async_session::ticket ticket_ = 0;
  bool is_busy_ = false;
  bool is_cancelled_ = false;
  bool is_abandoned_ = false;
};

}  // namespace baton::lock

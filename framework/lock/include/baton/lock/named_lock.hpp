#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "baton/lock/attempt.hpp"
#include "baton/lock/key.hpp"
#include "baton/lock/waiting_session.hpp"

namespace baton::lock {

enum class blocking : std::uint8_t {
  no = 1,  ///< one try, whatever the time limit says
  yes,
};

enum class thread_use : std::uint8_t {
  checked = 1,  ///< the lock belongs to the thread that made it; from another, every call fails with errc::wrong_thread
  serialised,   ///< calls from any thread, one after the other
};

/// A named lock on a session: mutual exclusion with everybody who uses the same server and the same key.
///
/// The lock is the session's, and is held no longer than the session lives: a server ends one that it is told to KILL, that it has not
/// heard of for its wait_timeout, or when it stops - and asks nobody. What must know when that happens takes a lease
/// (mysql/lock_client.hpp) instead, which is proven again and again, and says when it is lost.
///
/// Lifetime: the session outlives the lock. A lock that is destroyed while held is released; if that fails, the session is ended, which
/// releases it on the server, and the session's warn() says so.
/// Thread safety: options::threads.
class named_lock {
 public:
  struct options {
    reentry again = reentry::refuse;
    thread_use threads = thread_use::checked;
    time_limit contextual_timeout = {};  ///< how long a scoped_lock waits, whose expiry is an error; acquire() knows nothing of it
  };

  named_lock(waiting_session& on, key name) : named_lock(on, std::move(name), options()) {}
  named_lock(waiting_session& on, key name, options how);
  ~named_lock();
  named_lock(named_lock&& other) noexcept;  ///< `other` is then unlocked, and good for nothing but being destroyed or assigned to
  named_lock& operator=(named_lock&& other) noexcept;

  /// Waits for the lock: for ever by default, for `limit` otherwise; not at all with blocking::no.
  ///
  /// Errors: already_locked: it is this object's, and no statement was sent; held_by_this_session: another object of the session has it;
  /// interrupted, deadlock, cancelled: as waiting_session::acquire(), and the lock is not held; store_unavailable: the session is dead.
  attempt<> acquire(blocking block = blocking::yes, time_limit limit = {}, std::stop_token stop = {});

  /// Errors: not_locked, and no statement was sent; lock_lost: it had been lost before, somebody else may have held it meanwhile.
  /// After either, and after any other error, the lock is not held by this object.
  [[nodiscard]] status release();
  /// release() if it is locked; else nothing.
  [[nodiscard]] status close();

  /// As far as can be told without asking the server: false after a release, a failed acquire, a loss that was noticed.
  [[nodiscard]] bool is_locked() const noexcept;
  [[nodiscard]] const lock::key& key() const noexcept;
  [[nodiscard]] waiting_session& session() const noexcept;
  [[nodiscard]] time_limit contextual_timeout() const noexcept;
  [[nodiscard]] lock::counters counters() const;

  /// "<locked named_lock key=nightly>"
  [[nodiscard]] std::string describe() const;

 private:
  class state;
  std::unique_ptr<state> state_;
};

/// Holds a named lock for the length of a scope, exceptions included.
///
/// Lifetime: the lock outlives it. A failure to release goes to the session's warn().
class [[nodiscard]] scoped_lock {
 public:
  /// Acquires with the lock's contextual time-out, or with another one: none is for ever, zero one try.
  /// Errors: timed_out: busy for that long; else as acquire().
  static result<scoped_lock> hold(named_lock& on) { return hold(on, on.contextual_timeout()); }
  static result<scoped_lock> hold(named_lock& on, time_limit limit);
  /// Acquires nothing on entry; what has been acquired by the end of the scope is released.
  static scoped_lock deferred(named_lock& on) noexcept { return scoped_lock{on}; }

  ~scoped_lock();
  scoped_lock(scoped_lock&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)) {}
  scoped_lock& operator=(scoped_lock&& other) = delete;

 private:
  explicit scoped_lock(named_lock& on) noexcept : lock_(&on) {}
  named_lock* lock_;
};

}  // namespace baton::lock

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "baton/base/result.hpp"
#include "baton/lock/lease.hpp"

namespace baton::mysql {

class lease_record;

/// The proof that this program holds a named lock now; move-only. It can be lost, and says so: by is_held() from the very deadline on,
/// and by on_lost().
///
/// A lock is lost when the server says so (its session was killed, the name released behind our back, the server became read-only, lost
/// its majority or is another one), when the connection ends, and when nothing has proven the lease for lease_timing::deadline() - by
/// then the server may give the name to somebody else. Lost is terminal: another acquire makes another lease, with a larger fence.
///
/// Destroying a held lease gives it back without waiting for the server.
/// Thread safety: all members from any thread, but no two at a time where one of them is not const.
/// Lifetime: one that outlives its lock_client is not held any more.
class lease {
 public:
  explicit lease(std::shared_ptr<lease_record> record) noexcept : record_(std::move(record)) {}
  lease(lease&&) noexcept = default;
  lease& operator=(lease&& other) noexcept;
  ~lease();

  /// Looks at the clock, not at the network: false from deadline() on, also in a process that was stopped, or has been suspended, till now.
  [[nodiscard]] bool is_held() const noexcept;
  [[nodiscard]] const std::string& name() const noexcept;
  /// Rises strictly from lease to lease of this name, for all who use the same database; 0 with lock_client_options::fences off. Hand it
  /// to what you write to (guard.hpp), so that a holder that does not know that it is one no more changes nothing.
  [[nodiscard]] std::uint64_t fence() const noexcept;
  /// Until when it is certain, on CLOCK_BOOTTIME; each good probe moves it.
  [[nodiscard]] boot_time deadline() const noexcept;
  [[nodiscard]] std::optional<lock::loss> lost() const noexcept;

  /// `told` is called exactly once when the lease is lost, at once if it has been lost already, and never for a release. On a thread of the
  /// client's that tells all losses one after the other (or on this one, if it is lost already): it must not block for long.
  /// As with std::stop_callback, it is not called any more once release() or the destructor has returned: both wait for one that is at
  /// work, unless they are called by it. So what it uses is to live longer than the lease, and no mutex that it takes may be held by who
  /// ends that.
  void on_lost(std::function<void(lock::loss)> told);

  /// Gives the lock back and waits for the server, for lease_timing::probe_timeout at most. Not to be called on the client's threads.
  /// Errors: not_locked: released before; lock_lost: it had been lost, somebody else may have held it meanwhile.
  [[nodiscard]] status release();
  /// The same without waiting, not for a callback of on_lost() either; `done` is called on a thread of the client's.
  void async_release(std::function<void(status)> done);

 private:
  std::shared_ptr<lease_record> record_;
};

}  // namespace baton::mysql

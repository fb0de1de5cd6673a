#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "baton/lock/election.hpp"
#include "baton/mysql/lock_client.hpp"

namespace baton::mysql {

/// Who leads, as those see it who ask the server: whoever holds the lock. It may not know it yet, or be waiting until the one before must
/// have stopped; only leader_election::options::elected says that it has begun.
struct leader {
  std::string label;
  std::uint64_t epoch = 0;
  wall_time since{};
  friend bool operator==(const leader&, const leader&) = default;
};

/// What somebody who was elected knows of it.
struct leadership {
  std::uint64_t epoch = 0;  ///< rises with every leader: the fence of the lock
  std::stop_token until;    ///< stopped in the moment of deposition, whatever the callbacks are at
};

/// One candidate for leading all who elect under the same key: it waits for the lock, leads as long as its lease lasts, and returns.
///
/// Never do two lead at once, as long as who is deposed stops within lease_timing::stop: by takeover::safe whatever happens, by fast unless
/// a leader is cut off from the server and its session killed at the same time. The bounds are in docs/explanation/locking.md. What must
/// not be written by a leader of the past takes its epoch for a fence (guard.hpp).
///
/// Callbacks are called one after the other on a thread of the election's own, where they may take their time - but for the candidate, a
/// callback that does not return delays `deposed`, not the stop token and not is_leader(). Exceptions of theirs go to options::on_warning.
/// Needs the tables (store::migrate()). Two connections of the client's: one that waits or holds, one for fences.
/// Thread safety: any thread. Lifetime: ends before its client. Destroying it resigns and waits for the callbacks to return.
class leader_election {
 public:
  struct options {
    std::string label;  ///< what others are told of who leads; default: options::instance of the client, else host name and pid
    lock::takeover takeover = lock::takeover::fast;
    microseconds shortest_return = milliseconds{50};  ///< of the pause, random, before the next candidacy after a failure or a loss
    microseconds longest_return = std::chrono::seconds{2};
    std::function<void()> candidate = {};
    std::function<void(const leadership&)> elected = {};
    std::function<void(std::uint64_t epoch, std::optional<lock::loss> reason)> deposed = {};  ///< nullopt: it resigned
    std::function<void(const failure&)> failed = {};  ///< a candidacy came to nothing; it is tried again
  };

  /// Begins its candidacy at once. Errors: invalid_key: as lock_client::acquire(); invalid_argument: a client without fences.
  [[nodiscard]] static result<std::unique_ptr<leader_election>> start(lock_client& on, const lock::key& name, options how);
  ~leader_election();
  leader_election(const leader_election&) = delete;
  leader_election& operator=(const leader_election&) = delete;

  /// From the very deadline of its lease on it says no, whatever else is under way.
  [[nodiscard]] bool is_leader() const noexcept;
  [[nodiscard]] std::uint64_t epoch() const noexcept;  ///< 0 while it does not lead
  /// Gives the lead to somebody else and stays away for `pause`: tells `deposed`, waits until it has returned, releases the lock.
  void resign(microseconds pause);

  /// Who leads now; nullopt: nobody. Advice only. Blocks.
  [[nodiscard]] static result<std::optional<leader>> find_leader(lock_client& on, const lock::key& name);

 private:
  class impl;
  explicit leader_election(std::shared_ptr<impl> i) : impl_(std::move(i)) {}
  std::shared_ptr<impl> impl_;
};

/// Learns who leads, and of every change, by asking every `period`. It is no candidate.
///
/// Thread safety: any thread. Lifetime: ends before its client.
class leader_observer {
 public:
  /// `changed` is called on a thread of the observer's own, first with what is so at the start.
  leader_observer(lock_client& on, const lock::key& name, microseconds period, std::function<void(const std::optional<leader>&)> changed);
  ~leader_observer();
  leader_observer(const leader_observer&) = delete;
  leader_observer& operator=(const leader_observer&) = delete;

 private:
  class impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace baton::mysql

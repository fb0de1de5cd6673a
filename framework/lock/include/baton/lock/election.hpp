#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "baton/lock/lease.hpp"

namespace baton::lock {

/// How long a new leader waits for the one before to have stopped.
enum class takeover : std::uint8_t {
  fast = 1,  ///< 2 S: enough unless the old leader was cut off and its session killed, both at once
  safe,      ///< W - M + S: enough whatever happened
};

/// One candidate of an election as a state machine: events and the time go in, actions come out. Pure; the leader is the holder of a lease.
///
/// Between a grant and leading lies a wait, unless the leader before has resigned in order: it may not know yet that it is one no more.
/// Whoever leads is deposed at the latest when its lease may have been given away; so that two never lead at once, within what takeover
/// says.
class election {
 public:
  struct options {
    lease_timing timing;
    lock::takeover takeover = lock::takeover::fast;
    microseconds shortest_return = milliseconds{50};  ///< of the pause before the next candidacy, after a failure or a loss
    microseconds longest_return = std::chrono::seconds{2};
    std::uint64_t seed = 0;  ///< of the jitter that keeps candidates from returning all at once
  };

  // ---- what is to be done
  struct acquire {};         ///< wait for the lock; report granted() or not_granted()
  struct cancel_acquire {};  ///< then report not_granted(), or granted() if that came first
  struct give_back {};       ///< after all that was to be told has been; report given_back()
  struct tell_candidate {};
  struct tell_elected {
    std::uint64_t epoch;
  };
  struct tell_deposed {
    std::uint64_t epoch;
    std::optional<loss> reason;  ///< nullopt: it resigned
  };
  using action = std::variant<acquire, cancel_acquire, give_back, tell_candidate, tell_elected, tell_deposed>;
  using actions = std::vector<action>;

  explicit election(const options& how) : options_(how), random_(how.seed) {}

  // ---- what has happened
  [[nodiscard]] actions start(boot_time now);
  [[nodiscard]] actions granted(std::uint64_t epoch, bool was_given_back, boot_time now);
  [[nodiscard]] actions not_granted(boot_time now);
  [[nodiscard]] actions lost(loss reason, boot_time now);
  [[nodiscard]] actions given_back(boot_time now);
  /// Stop leading, and stay away for `pause`. Nothing if it does not lead.
  [[nodiscard]] actions resign(microseconds pause, boot_time now);
  /// Stop for good.
  [[nodiscard]] actions stop(boot_time now);
  /// Time has passed.
  [[nodiscard]] actions advance(boot_time now);
  [[nodiscard]] std::optional<boot_time> next_wakeup() const noexcept { return wake_; }

  [[nodiscard]] bool is_leader() const noexcept { return state_ == state::leader; }
  [[nodiscard]] std::uint64_t epoch() const noexcept { return is_leader() ? epoch_ : 0; }
  /// Nothing is held, wanted or under way.
  [[nodiscard]] bool is_at_rest() const noexcept { return state_ == state::idle; }

 private:
  enum class state : std::uint8_t { idle = 1, away, candidate, settling, leader, draining };

  [[nodiscard]] actions candidacy();
  [[nodiscard]] actions go_away(microseconds at_least, boot_time now);

  options options_;
  std::uint64_t random_;
  state state_ = state::idle;
  std::uint64_t epoch_ = 0;
  std::optional<boot_time> wake_;
  microseconds last_return_{};
  microseconds pause_{};
  bool is_stopping_ = false;
};

}  // namespace baton::lock

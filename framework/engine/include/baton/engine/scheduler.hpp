#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "baton/engine/types.hpp"

namespace baton::engine {

/// What an instance can say of itself at any time.
struct health {
  bool ready = false;
  std::vector<std::string> reasons;  ///< why it is not ready, in sentences
  std::size_t running = 0;
  std::size_t due = 0;  ///< lock names with due ticks that have not been claimed
  std::size_t lock_sessions = 0;
  std::size_t ledger_sessions = 0;
  std::size_t abandoned_sessions = 0;
  std::optional<boot_time> oldest_proof;  ///< when the least recently proven lease was proven
};

/// The scheduler as a state machine: data in, data out. No I/O, no threads, no clock.
///
/// The caller performs the actions in order and reports what came of them by on(); it calls advance() at next_wakeup() or earlier.
/// Time that `now` carries must not run backwards on its steady side.
/// Thread safety: none; one thread at a time.
class scheduler {
 public:
  scheduler(options opts, job_set jobs);
  ~scheduler();
  scheduler(scheduler&&) noexcept;

  [[nodiscard]] std::vector<action> advance(time_point now);
  /// What has arrived by `now`, in that order: what came together is answered together.
  [[nodiscard]] std::vector<action> on(std::vector<event> events, time_point now);

  /// When advance() has something to do even if nothing happens.
  [[nodiscard]] std::optional<boot_time> next_wakeup() const;

  [[nodiscard]] engine::health health() const;
  /// The store's clock as far as it is known.
  [[nodiscard]] std::optional<wall_time> store_time(time_point now) const;

 private:
  class core;
  std::unique_ptr<core> core_;
};

}  // namespace baton::engine

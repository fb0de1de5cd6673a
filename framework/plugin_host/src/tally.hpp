#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "baton/plugin_host/executor.hpp"

namespace baton::plugin_host {

/// Sums up what a handler counts, and hands on what is new: a second after something was, and at the end. So a handler that counts in a
/// loop pays for a mutex, and nobody is flooded.
///
/// Thread safety: update() may be called from any thread. `hand_on` is called on one thread at a time, the tally's own or that which ends
/// it; no update waits for it.
class tally {
 public:
  using listener = std::function<void(run_metrics)>;

  tally(std::vector<metric> rows, listener hand_on);
  ~tally() { end(); }
  tally(const tally&) = delete;
  tally& operator=(const tally&) = delete;

  /// `row` counts from 1. Ignored: another row, an amount that is not finite, less than nothing for a counter.
  void update(std::uint32_t row, double amount) noexcept;
  /// Hands on what is left; what comes later is ignored.
  void end() noexcept;

 private:
  struct kept {
    double value = 0;
    std::vector<std::uint64_t> buckets;
    bool is_new = false;
  };

  void work();
  /// Under the mutex.
  [[nodiscard]] run_metrics take();

  const std::vector<metric> rows_;
  const listener hand_on_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<kept> kept_;
  bool has_news_ = false;
  bool has_ended_ = false;
  std::thread thread_;  ///< begins with the first update
};

}  // namespace baton::plugin_host

#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <list>
#include <mutex>
#include <thread>

#include "baton/base/time.hpp"

namespace baton::plugin_host {

/// Threads for runs in process. Making one costs more than a short run, so that one which has nothing to do waits a while for the next.
///
/// Thread safety: begin() on one thread at a time; what signals that thread blocks, these do.
class run_threads {
 public:
  static constexpr microseconds most_idle = std::chrono::seconds{5};

  run_threads() = default;
  run_threads(const run_threads&) = delete;
  run_threads& operator=(const run_threads&) = delete;
  ~run_threads();  ///< waits for every task

  /// At once, beside whatever else runs. The future is ready when `task` has returned. Throws std::system_error where no thread can be
  /// made.
  [[nodiscard]] std::future<void> begin(std::function<void()> task);

 private:
  void work(std::list<std::thread>::iterator self);

  std::mutex mutex_;
  std::condition_variable has_news_;
  std::deque<std::packaged_task<void()>> tasks_;
  std::list<std::thread> threads_;
  std::list<std::thread> ended_;  ///< to be joined
  std::size_t idle_ = 0;
  bool ends_ = false;
};

}  // namespace baton::plugin_host

#pragma once

#include <time.h>

#include <atomic>

#include "baton/base/time.hpp"

namespace baton::testing {

/// When this process last did anything to a server, a gate or an instance that may cost a fleet time. Whoever does such a thing says so
/// here, so that "after the fault" has one meaning for whoever judges.
///
/// Thread safety: any thread.
class disturbance {
 public:
  static void note() noexcept {
    timespec t{};
    ::clock_gettime(CLOCK_BOOTTIME, &t);
    last_ = boot_time{std::chrono::seconds{t.tv_sec} + std::chrono::duration_cast<microseconds>(std::chrono::nanoseconds{t.tv_nsec})};
  }
  [[nodiscard]] static boot_time last() noexcept { return last_; }

 private:
  static inline std::atomic<boot_time> last_{};
};

}  // namespace baton::testing

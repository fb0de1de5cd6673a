#pragma once

#include "baton/base/time.hpp"

namespace baton::testing {

/// Time that stands still until a test moves it.
class manual_clock final : public clock {
 public:
  /// 2026-11-22T12:00:00Z, a thousand seconds after the machine's start.
  explicit manual_clock(time_point start = {std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + std::chrono::hours{12},
                                            boot_time{std::chrono::seconds{1000}}}) noexcept
      : now_(start) {}

  [[nodiscard]] time_point now() const noexcept override { return now_; }
  void set(time_point t) noexcept { now_ = t; }
  void advance(microseconds d) noexcept {
    now_.wall += d;
    now_.steady += d;
  }
  /// Somebody sets the wall clock; no time passes.
  void step_wall(microseconds d) noexcept { now_.wall += d; }

 private:
  time_point now_;
};

}  // namespace baton::testing

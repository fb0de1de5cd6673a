#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "baton/base/system_clock.hpp"

namespace baton::program {

/// The system's clocks with the wall clock set off by BATON_TEST_CLOCK_OFFSET: a duration with a sign ("+250ms", "-2.5s"), or the path
/// of a file that holds one and may change, so that tests can step the clock. For tests of fleets; the log warns of it.
class test_clock final : public clock {
 public:
  explicit test_clock(std::string setting);
  [[nodiscard]] time_point now() const noexcept override;

 private:
  [[nodiscard]] microseconds offset() const noexcept;

  system_clock system_;
  std::string setting_;
  std::optional<microseconds> fixed_;
  mutable std::mutex mutex_;
  mutable boot_time read_at_{};
  mutable microseconds last_{};
};

/// "+250ms", "-2.5s", "1h"; nullopt for anything else.
[[nodiscard]] std::optional<microseconds> parse_offset(std::string_view text) noexcept;

}  // namespace baton::program

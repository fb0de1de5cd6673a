#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace baton::schedule {

/// A cron expression as bit sets: bit n is value n. Knows nothing of zones: it matches local time.
struct cron {
  std::uint64_t seconds = 0;   ///< 0-59
  std::uint64_t minutes = 0;   ///< 0-59
  std::uint32_t hours = 0;     ///< 0-23
  std::uint32_t days = 0;      ///< 1-31
  std::uint32_t months = 0;    ///< 1-12
  std::uint32_t weekdays = 0;  ///< 0-6, Sunday is 0
  bool any_day = true;         ///< day-of-month is a bare * or ?
  bool any_weekday = true;
};

/// The days of a month that match, bit n for day n. The place for L, W and #.
[[nodiscard]] std::uint32_t matching_days(const cron& c, std::chrono::year_month month) noexcept;

/// Whether any date matches; false for 30 February.
[[nodiscard]] bool can_fire(const cron& c) noexcept;

/// The first match at or after `from`, at most to the end of year 9999. `from` is in year 1 or later.
[[nodiscard]] std::optional<std::chrono::local_seconds> first_match(const cron& c, std::chrono::local_seconds from) noexcept;

}  // namespace baton::schedule

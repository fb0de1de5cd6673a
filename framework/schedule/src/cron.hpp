#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

namespace baton::schedule {

inline constexpr int first_cron_year = 1970;
inline constexpr int last_cron_year = 2199;

/// A cron expression as bit sets: bit n is value n. Knows nothing of zones: it matches local time.
struct cron {
  std::uint64_t seconds = 0;             ///< 0-59
  std::uint64_t minutes = 0;             ///< 0-59
  std::uint32_t hours = 0;               ///< 0-23
  std::uint32_t days = 0;                ///< 1-31
  std::uint32_t days_before_last = 0;    ///< bit n: n days before the month's last; L is 0
  std::uint32_t nearest_weekdays = 0;    ///< bit n: nW, the weekday nearest to day n; bit 0: LW, the month's last weekday
  std::uint32_t months = 0;              ///< 1-12
  std::uint32_t weekdays = 0;            ///< 0-6, Sunday is 0
  std::uint64_t nth_weekdays = 0;        ///< bit 7k + d: the (k+1)-th weekday d of the month; k = 5: the last one
  std::array<std::uint64_t, 4> years{};  ///< bit n: first_cron_year + n
  bool any_day = true;                   ///< day-of-month is a bare * or ?
  bool any_weekday = true;
  bool any_year = true;
  bool is_interval = false;  ///< second, minute or hour is written with * ? - or /: repeated wall times count twice

  friend bool operator==(const cron&, const cron&) = default;
};

inline constexpr std::uint32_t every_hour = (1U << 24) - 1;
inline constexpr std::uint32_t every_day = 0xfffffffeU;
inline constexpr std::uint32_t every_month = 0x1ffeU;
inline constexpr std::uint32_t every_weekday = 0x7fU;
inline constexpr unsigned last_week = 5;  ///< k of nth_weekdays for the last one

[[nodiscard]] bool has_year(const cron& c, int year) noexcept;

/// The days of a month that match, bit n for day n.
[[nodiscard]] std::uint32_t matching_days(const cron& c, std::chrono::year_month month) noexcept;

/// Whether any date matches; false for 30 February.
[[nodiscard]] bool can_fire(const cron& c) noexcept;

/// The first match at or after `from`, at most to the end of year 9999. `from` is in year 1 or later.
[[nodiscard]] std::optional<std::chrono::local_seconds> first_match(const cron& c, std::chrono::local_seconds from) noexcept;

/// The last match at or before `until`, at least in year 1.
[[nodiscard]] std::optional<std::chrono::local_seconds> last_match(const cron& c, std::chrono::local_seconds until) noexcept;

}  // namespace baton::schedule

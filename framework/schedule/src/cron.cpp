#include "cron.hpp"

#include <array>
#include <bit>

namespace baton::schedule {
namespace {

using namespace std::chrono;

constexpr int last_year = 9999;
/// The longest wait of any satisfiable expression is 40 years (the fifth Monday of February, once # exists); a search that is
/// longer is a defect, not a loop.
constexpr int most_months = 12 * 41;

/// The lowest set bit at or above `from`, or -1.
template <typename Bits>
int lowest_from(Bits bits, unsigned from) noexcept {
  const Bits rest = from >= 8 * sizeof(Bits) ? Bits{0} : static_cast<Bits>(bits >> from << from);
  return rest == 0 ? -1 : std::countr_zero(rest);
}

unsigned length_of(year_month month) noexcept { return static_cast<unsigned>((month / last).day()); }

struct time_of_day {
  int hour = 0;
  int minute = 0;
  int second = 0;
};

/// The first matching time of a day at or after `t`; nullopt if there is none left that day.
std::optional<time_of_day> first_time(const cron& c, time_of_day t) noexcept {
  const int first_second = std::countr_zero(c.seconds);
  const int first_minute = std::countr_zero(c.minutes);
  if ((c.hours >> t.hour & 1U) != 0) {
    if ((c.minutes >> t.minute & 1U) != 0) {
      if (const int s = lowest_from(c.seconds, static_cast<unsigned>(t.second)); s >= 0) return time_of_day{t.hour, t.minute, s};
    }
    if (const int m = lowest_from(c.minutes, static_cast<unsigned>(t.minute) + 1); m >= 0) return time_of_day{t.hour, m, first_second};
  }
  const int h = lowest_from(c.hours, static_cast<unsigned>(t.hour) + 1);
  if (h < 0) return std::nullopt;
  return time_of_day{h, first_minute, first_second};
}

local_seconds at(local_days day, time_of_day t) noexcept { return day + hours{t.hour} + minutes{t.minute} + seconds{t.second}; }

}  // namespace

std::uint32_t matching_days(const cron& c, year_month month) noexcept {
  const std::uint32_t all = static_cast<std::uint32_t>(((std::uint64_t{1} << length_of(month)) - 1) << 1);
  if (c.any_weekday) return c.days & all;
  // The weekdays, turned so that bit 0 is the weekday of the 1st, repeated over five weeks.
  const unsigned first = weekday{local_days{month / 1}}.c_encoding();
  const std::uint64_t turned = (c.weekdays >> first | c.weekdays << (7 - first)) & 0x7fU;
  const auto by_weekday = static_cast<std::uint32_t>(turned * 0x10204081U << 1);
  return (c.any_day ? by_weekday : by_weekday | c.days) & all;
}

bool can_fire(const cron& c) noexcept {
  if (!c.any_weekday) return true;
  constexpr std::array<unsigned, 13> longest{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const auto first_day = static_cast<unsigned>(std::countr_zero(c.days));
  for (unsigned m = 1; m <= 12; ++m) {
    if ((c.months >> m & 1U) != 0 && first_day <= longest[m]) return true;
  }
  return false;
}

std::optional<local_seconds> first_match(const cron& c, local_seconds from) noexcept {
  const local_days today = floor<days>(from);
  const year_month_day date{today};
  year_month month = date.year() / date.month();
  unsigned start = static_cast<unsigned>(date.day());

  if ((c.months >> static_cast<unsigned>(date.month()) & 1U) != 0) {
    const hh_mm_ss clock{from - today};
    if ((matching_days(c, month) >> start & 1U) != 0) {
      const auto t = first_time(c, {static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                                    static_cast<int>(clock.seconds().count())});
      if (t) return date.year() > year{last_year} ? std::nullopt : std::optional{at(today, *t)};
    }
    ++start;
  }

  const time_of_day first{std::countr_zero(c.hours), std::countr_zero(c.minutes), std::countr_zero(c.seconds)};
  for (int searched = 0; searched < most_months; ++searched, start = 1) {
    const int m = lowest_from(c.months, static_cast<unsigned>(month.month()));
    if (m < 0) {
      month = (month.year() + years{1}) / January;
      continue;
    }
    if (static_cast<unsigned>(m) != static_cast<unsigned>(month.month())) start = 1;
    month = month.year() / m;
    if (month.year() > year{last_year}) return std::nullopt;
    if (const int day = lowest_from(matching_days(c, month), start); day > 0) return at(local_days{month / day}, first);
    month += months{1};
  }
  return std::nullopt;
}

}  // namespace baton::schedule

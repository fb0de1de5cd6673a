#include "cron.hpp"

#include <algorithm>
#include <bit>

namespace baton::schedule {
namespace {

using namespace std::chrono;

constexpr int last_year = 9999;
/// The longest wait of any expression without years is 40 years (the fifth Monday of February); a search that is longer is at a dead end.
constexpr int most_months = 12 * 41;

/// The lowest set bit at or above `from`, or -1.
template <typename Bits>
int lowest_from(Bits bits, unsigned from) noexcept {
  const Bits rest = from >= 8 * sizeof(Bits) ? Bits{0} : static_cast<Bits>(bits >> from << from);
  return rest == 0 ? -1 : std::countr_zero(rest);
}

/// The highest set bit at or below `until`, or -1.
template <typename Bits>
int highest_until(Bits bits, int until) noexcept {
  if (until < 0) return -1;
  constexpr int width = 8 * sizeof(Bits);
  const Bits rest = until >= width - 1 ? bits : static_cast<Bits>(bits & ((Bits{1} << (until + 1)) - 1));
  return rest == 0 ? -1 : width - 1 - std::countl_zero(rest);
}

unsigned length_of(year_month month) noexcept { return static_cast<unsigned>((month / last).day()); }

struct time_of_day {
  int hour = 0;
  int minute = 0;
  int second = 0;
};

time_of_day clock_of(local_seconds t, local_days day) noexcept {
  const auto n = static_cast<int>((t - day).count());
  return {n / 3600, n / 60 % 60, n % 60};
}

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

/// The last matching time of a day.
time_of_day final_time(const cron& c) noexcept {
  return {highest_until(c.hours, 23), highest_until(c.minutes, 59), highest_until(c.seconds, 59)};
}

/// The last matching time of a day at or before `t`.
std::optional<time_of_day> last_time(const cron& c, time_of_day t) noexcept {
  const auto final = final_time(c);
  if ((c.hours >> t.hour & 1U) != 0) {
    if ((c.minutes >> t.minute & 1U) != 0) {
      if (const int s = highest_until(c.seconds, t.second); s >= 0) return time_of_day{t.hour, t.minute, s};
    }
    if (const int m = highest_until(c.minutes, t.minute - 1); m >= 0) return time_of_day{t.hour, m, final.second};
  }
  const int h = highest_until(c.hours, t.hour - 1);
  if (h < 0) return std::nullopt;
  return time_of_day{h, final.minute, final.second};
}

local_seconds at(local_days day, time_of_day t) noexcept { return day + seconds{t.hour * 3600 + t.minute * 60 + t.second}; }

unsigned weekday_of_first(year_month month) noexcept { return weekday{local_days{month / 1}}.c_encoding(); }

std::uint32_t days_by_special_day(const cron& c, unsigned length, unsigned first_weekday) noexcept {
  std::uint32_t out = 0;
  for (auto bits = c.days_before_last; bits != 0; bits &= bits - 1) {
    const auto n = static_cast<unsigned>(std::countr_zero(bits));
    if (n < length) out |= 1U << (length - n);
  }
  for (auto bits = c.nearest_weekdays; bits != 0; bits &= bits - 1) {
    auto day = static_cast<unsigned>(std::countr_zero(bits));
    if (day > length) continue;
    const bool is_last = day == 0;
    if (is_last) day = length;
    const auto w = (first_weekday + day - 1) % 7;
    if (w == 6) day = day == 1 ? 3 : day - 1;
    if (w == 0) day = is_last || day == length ? day - 2 : day + 1;
    out |= 1U << day;
  }
  return out;
}

std::uint32_t days_by_nth_weekday(const cron& c, unsigned length, unsigned first_weekday) noexcept {
  std::uint32_t out = 0;
  for (auto bits = c.nth_weekdays; bits != 0; bits &= bits - 1) {
    const auto n = static_cast<unsigned>(std::countr_zero(bits));
    const auto first = 1 + (n % 7 + 7 - first_weekday) % 7;
    const auto day = n / 7 == last_week ? first + (length - first) / 7 * 7 : first + n / 7 * 7;
    if (day <= length) out |= 1U << day;
  }
  return out;
}

/// The first year at or after `from` in the set, or a year that is beyond all.
int next_year(const cron& c, int from) noexcept {
  for (int y = std::max(from, first_cron_year); y <= last_cron_year; ++y) {
    if (has_year(c, y)) return y;
  }
  return last_year + 1;
}

int previous_year(const cron& c, int from) noexcept {
  for (int y = std::min(from, last_cron_year); y >= first_cron_year; --y) {
    if (has_year(c, y)) return y;
  }
  return 0;
}

}  // namespace

bool has_year(const cron& c, int year) noexcept {
  if (c.any_year) return true;
  const auto n = static_cast<unsigned>(year - first_cron_year);
  return n < 64 * c.years.size() && (c.years[n / 64] >> n % 64 & 1U) != 0;
}

std::uint32_t matching_days(const cron& c, year_month month) noexcept {
  const auto length = length_of(month);
  const auto all = static_cast<std::uint32_t>(((std::uint64_t{1} << length) - 1) << 1);
  const bool has_special = (c.days_before_last | c.nearest_weekdays) != 0;
  if (c.any_weekday && !has_special) return c.days & all;
  const auto first = weekday_of_first(month);
  const auto by_day = c.days | (has_special ? days_by_special_day(c, length, first) : 0);
  if (c.any_weekday) return by_day & all;
  // The weekdays, turned so that bit 0 is the weekday of the 1st, repeated over five weeks.
  const std::uint64_t turned = (c.weekdays >> first | c.weekdays << (7 - first)) & 0x7fU;
  auto by_weekday = static_cast<std::uint32_t>(turned * 0x10204081U << 1);
  if (c.nth_weekdays != 0) by_weekday |= days_by_nth_weekday(c, length, first);
  return (c.any_day ? by_weekday : by_weekday | by_day) & all;
}

bool can_fire(const cron& c) noexcept {
  if (!c.any_year) return first_match(c, local_days{year{first_cron_year} / January / 1}).has_value();
  if (!c.any_weekday) return true;  // each weekday, also the fifth, comes up in each month of some year
  constexpr std::array<int, 13> longest{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  // Day 32 stands for "in no month".
  const int first_day =
      std::min({c.days == 0 ? 32 : std::countr_zero(c.days), c.days_before_last == 0 ? 32 : std::countr_zero(c.days_before_last) + 1,
                c.nearest_weekdays == 0 ? 32 : std::countr_zero(c.nearest_weekdays)});
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
  if (date.year() > year{last_year}) return std::nullopt;

  if ((c.months >> static_cast<unsigned>(date.month()) & 1U) != 0 && has_year(c, static_cast<int>(date.year()))) {
    if ((matching_days(c, month) >> start & 1U) != 0) {
      if (const auto t = first_time(c, clock_of(from, today))) return at(today, *t);
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
    if (!has_year(c, static_cast<int>(month.year()))) {
      month = year{next_year(c, static_cast<int>(month.year()) + 1)} / (std::countr_zero(c.months));
      start = 1;
    }
    if (month.year() > year{last_year}) return std::nullopt;
    if (const int day = lowest_from(matching_days(c, month), start); day > 0) return at(local_days{month / day}, first);
    month += months{1};
  }
  return std::nullopt;
}

std::optional<local_seconds> last_match(const cron& c, local_seconds until) noexcept {
  const local_days today = floor<days>(until);
  const year_month_day date{today};
  year_month month = date.year() / date.month();
  int end = static_cast<int>(static_cast<unsigned>(date.day()));
  if (date.year() < year{1}) return std::nullopt;

  if ((c.months >> static_cast<unsigned>(date.month()) & 1U) != 0 && has_year(c, static_cast<int>(date.year()))) {
    if ((matching_days(c, month) >> end & 1U) != 0) {
      if (const auto t = last_time(c, clock_of(until, today))) return at(today, *t);
    }
    --end;
  }

  const auto final = final_time(c);
  for (int searched = 0; searched < most_months; ++searched, end = 31) {
    const int m = highest_until(c.months, static_cast<int>(static_cast<unsigned>(month.month())));
    if (m < 0) {
      month = (month.year() - years{1}) / December;
      continue;
    }
    if (static_cast<unsigned>(m) != static_cast<unsigned>(month.month())) end = 31;
    month = month.year() / m;
    if (!has_year(c, static_cast<int>(month.year()))) {
      month = year{previous_year(c, static_cast<int>(month.year()) - 1)} / highest_until(c.months, 12);
      end = 31;
    }
    if (month.year() < year{1}) return std::nullopt;
    if (const int day = highest_until(matching_days(c, month), end); day > 0) return at(local_days{month / day}, final);
    month -= months{1};
  }
  return std::nullopt;
}

}  // namespace baton::schedule

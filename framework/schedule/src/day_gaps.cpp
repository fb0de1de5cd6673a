#include "day_gaps.hpp"

#include <algorithm>
#include <bit>
#include <optional>

namespace baton::schedule {
namespace {

using namespace std::chrono;

constexpr int months_of_the_calendar = 12 * 400;  // then it begins anew

/// Between neighbours of one field, and from the last around to the first.
template <typename Bits>
int widest_step(Bits bits) {
  int widest = 0;
  int before = std::countr_zero(bits);
  for (bits &= bits - 1; bits != 0; bits &= bits - 1) {
    const int n = std::countr_zero(bits);
    widest = std::max(widest, n - before);
    before = n;
  }
  return widest;
}

struct span_of_day {
  seconds first;
  seconds last;
  seconds widest;
};

span_of_day times_of(const cron& c) {
  const auto first_of = [](auto bits) { return static_cast<int>(std::countr_zero(bits)); };
  const auto last_of = [](auto bits) { return static_cast<int>(8 * sizeof bits) - 1 - std::countl_zero(bits); };
  const int turn_of_minute = 60 - last_of(c.seconds) + first_of(c.seconds);  // to the next minute's first second
  const int turn_of_hour = 3600 - 60 * last_of(c.minutes) - last_of(c.seconds) + 60 * first_of(c.minutes) + first_of(c.seconds);
  int widest = widest_step(c.seconds);
  if (const int step = widest_step(c.minutes); step > 0) widest = std::max(widest, 60 * (step - 1) + turn_of_minute);
  if (const int step = widest_step(c.hours); step > 0) widest = std::max(widest, 3600 * (step - 1) + turn_of_hour);
  return {seconds{3600 * first_of(c.hours) + 60 * first_of(c.minutes) + first_of(c.seconds)},
          seconds{3600 * last_of(c.hours) + 60 * last_of(c.minutes) + last_of(c.seconds)}, seconds{widest}};
}

seconds widest_step_back(const zone_data& zone, wall_time from) {
  const auto begin = std::min(floor<seconds>(from).time_since_epoch().count(), zone.tabled_until - zone_data::period);
  std::int32_t widest = 0;
  for (std::size_t i = 1; i < zone.changes.size(); ++i) {
    if (zone.changes[i].at >= begin) widest = std::max(widest, zone.changes[i - 1].offset - zone.changes[i].offset);
  }
  return seconds{widest};
}

}  // namespace

microseconds longest_gap_in(const cron& c, const zone_data& zone, wall_time first) {
  const auto day = times_of(c);
  auto widest = day.widest;
  const auto utc = floor<seconds>(first).time_since_epoch();
  const auto today = floor<days>(local_seconds{utc + seconds{zone.segment_at(utc.count()).offset}});
  const year_month_day date{today};
  auto month = date.year() / date.month();
  const auto add = [&](days between) { widest = std::max(widest, between - day.last + day.first); };
  if (c.any_day && c.any_weekday && c.any_year && c.months == every_month) {
    add(days{1});
  } else {
    std::optional<local_days> before;
    for (int i = 0; i < months_of_the_calendar; ++i, month += months{1}) {
      if ((c.months >> static_cast<unsigned>(month.month()) & 1U) == 0 || !has_year(c, static_cast<int>(month.year()))) continue;
      const auto matching = matching_days(c, month);
      if (matching == 0) continue;
      const auto day_zero = local_days{month / 1} - days{1};
      if (before) add(day_zero + days{std::countr_zero(matching)} - *before);
      if (const int step = widest_step(matching); step > 0) add(days{step});
      before = day_zero + days{31 - std::countl_zero(matching)};
    }
  }
  const auto step_back = widest_step_back(zone, first);
  const bool is_every_hour = c.is_interval && c.hours == every_hour && c.any_day && c.any_weekday && c.any_year && c.months == every_month;
  return widest + (is_every_hour && step_back % hours{1} == seconds{0} ? seconds{0} : step_back);
}

}  // namespace baton::schedule

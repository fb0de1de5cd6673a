#include "day_gaps.hpp"

#include <algorithm>
#include <bit>

namespace baton::schedule {
namespace {

using namespace std::chrono;

/// The longest pause of an expression without years comes back within 40 years.
constexpr int months_of_any_year = 12 * 41;
constexpr int months_of_all_years = 12 * (last_cron_year - first_cron_year + 1);

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
  const auto begin = std::min(floor<seconds>(from).time_since_epoch().count(), zone_data::tabled_until - zone_data::period);
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
  const local_days today{floor<days>(first.time_since_epoch())};
  const year_month_day date{today};
  auto month = date.year() / date.month();
  local_days before{};
  bool has_before = false;
  for (int i = 0; i < (c.any_year ? months_of_any_year : months_of_all_years); ++i, month += months{1}) {
    if ((c.months >> static_cast<unsigned>(month.month()) & 1U) == 0 || !has_year(c, static_cast<int>(month.year()))) continue;
    for (auto bits = matching_days(c, month); bits != 0; bits &= bits - 1) {
      const local_days next{month / std::countr_zero(bits)};
      if (has_before) widest = std::max(widest, next - before - day.last + day.first);
      before = next;
      has_before = true;
    }
  }
  const bool follows_the_clock = c.is_interval && c.hours == every_hour;
  return widest + (follows_the_clock ? seconds{0} : widest_step_back(zone, first));
}

}  // namespace baton::schedule

#include "zone_rule.hpp"

#include <algorithm>

namespace baton::schedule {
namespace {

using namespace std::chrono;

constexpr seconds_count first_second = -62'135'596'800;  // 0001-01-01
constexpr seconds_count last_second = 253'402'300'799;   // 9999-12-31T23:59:59
/// More clock changes in a row than a search can have to step over; a longer one is at a dead end.
constexpr int most_steps = 64;

std::optional<seconds_count> match_from(const cron& c, seconds_count local) noexcept {
  const auto m = first_match(c, local_seconds{seconds{std::max(local, first_second)}});
  return m ? std::optional{m->time_since_epoch().count()} : std::nullopt;
}

std::optional<seconds_count> match_until(const cron& c, seconds_count local) noexcept {
  const auto m = last_match(c, local_seconds{seconds{std::min(local, last_second)}});
  return m ? std::optional{m->time_since_epoch().count()} : std::nullopt;
}

std::optional<wall_time> in_range(seconds_count utc) noexcept {
  if (utc < first_second || utc > last_second) return std::nullopt;
  return wall_time{seconds{utc}};
}

/// Where in a segment local times begin that count: an expression that is no interval passes over those it has had before.
seconds_count fresh_from(const cron& c, const zone_segment& s) noexcept {
  return s.begin + (c.is_interval ? s.offset : std::max(s.before, s.offset));
}

}  // namespace

bool stands_for_skipped(const cron& c, const zone_segment& s) noexcept {
  if (s.offset <= s.before || c.hours == every_hour) return false;
  const auto m = match_from(c, s.begin + s.before);
  return m && *m < s.begin + s.offset;
}

std::optional<wall_time> next_in(const cron& c, const zone_data& zone, wall_time t) noexcept {
  auto utc = std::max(floor<seconds>(t).time_since_epoch().count() + 1, first_second);
  if (zone.changes.size() == 1) {  // clocks that never change, as UTC's
    const auto offset = zone.changes.front().offset;
    const auto m = match_from(c, utc + offset);
    return m ? in_range(*m - offset) : std::nullopt;
  }
  auto s = zone.segment_at(utc);
  for (int step = 0; step < most_steps; ++step) {
    if (utc == s.begin && stands_for_skipped(c, s)) return in_range(utc);
    const auto m = match_from(c, std::max(utc + s.offset, fresh_from(c, s)));
    if (m && *m < s.end + s.offset) return in_range(*m - s.offset);
    if (s.end == zone_data::always) return std::nullopt;
    // Beyond this segment. Clocks that go back may bring a time before it once more, so the next segment is looked at from its beginning.
    const auto next = zone.segment_at(s.end);
    if (next.offset < next.before && c.is_interval) {
      utc = s.end;
      s = next;
      continue;
    }
    if (!m) return std::nullopt;
    const auto found = zone.at_local(*m);
    if (found.what != zone_data::kind::skipped) return in_range(found.first);
    utc = found.first;  // right behind the jump
    s = zone.segment_at(utc);
  }
  return std::nullopt;
}

std::optional<wall_time> previous_in(const cron& c, const zone_data& zone, wall_time t) noexcept {
  auto utc = std::min(ceil<seconds>(t).time_since_epoch().count() - 1, last_second);
  const auto latest = utc;
  auto s = zone.segment_at(utc);
  for (int step = 0; step < most_steps; ++step) {
    auto m = match_until(c, utc + s.offset);
    if (m && *m >= fresh_from(c, s)) return in_range(*m - s.offset);
    if (stands_for_skipped(c, s)) return in_range(s.begin);
    if (s.begin <= -zone_data::always || (!m && s.offset >= s.before)) return std::nullopt;
    // Before this segment. The one before ends with later local times where the clocks went back.
    utc = s.begin - 1;
    s = zone.segment_at(utc);
    m = match_until(c, utc + s.offset);
    if (!m) return std::nullopt;
    const auto found = zone.at_local(*m);
    switch (found.what) {
      case zone_data::kind::unique: return in_range(found.first);
      case zone_data::kind::repeated: return in_range(c.is_interval && found.second <= latest ? found.second : found.first);
      case zone_data::kind::skipped: break;
    }
    utc = found.first;  // what the jump stands for, or what is before it
    s = zone.segment_at(utc);
  }
  return std::nullopt;
}

}  // namespace baton::schedule

#include "baton/schedule/timetable.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "baton/schedule/duration.hpp"
#include "cron.hpp"
#include "cron_text.hpp"
#include "day_gaps.hpp"
#include "hash.hpp"
#include "letters.hpp"
#include "zone_rule.hpp"

namespace baton::schedule {
namespace {

using namespace std::chrono;

constexpr wall_time first_instant = sys_days{year{1} / January / 1};
constexpr wall_time last_instant = sys_days{year{10000} / January / 1} - microseconds{1};
constexpr microseconds longest_period = days{36'500};

struct once {
  wall_time tick;
};

std::optional<wall_time> kept(wall_time tick) noexcept {
  return tick < first_instant || tick > last_instant ? std::nullopt : std::optional{tick};
}

/// The tick of the period in which `t` is.
wall_time period_of(const every& e, wall_time t) noexcept {
  const auto since = t - e.anchor;
  auto periods = since / e.period;
  if (since < periods * e.period) --periods;  // division rounds towards zero, a period does not
  return e.anchor + periods * e.period;
}

sys_days local_day(const zone& where, wall_time t) noexcept { return floor<days>(t + where.offset(t)); }

/// The first instant of a day.
wall_time first_of(const zone& where, sys_days day) noexcept {
  return wall_time{seconds{where.data().at_local(sys_seconds{day}.time_since_epoch().count()).first}};
}

bool is_every(std::string_view text) {
  constexpr std::string_view name = "@every";
  return equals(text.substr(0, name.size()), name) && (text.size() == name.size() || is_blank(text[name.size()]));
}

}  // namespace

struct timetable::state {
  std::variant<cron, every, once> rule;
  std::string text;
  zone where;
  refinement added = {};
};

std::string_view to_string(clock_mark m) noexcept {
  switch (m) {
    case clock_mark::skipped: return "skipped";
    case clock_mark::first_pass: return "first pass";
    case clock_mark::second_pass: return "second pass";
    case clock_mark::none: break;
  }
  return "";
}

std::variant<timetable, syntax_error> timetable::from_cron(std::string_view expression, const zone& where,
                                                           std::optional<std::string_view> hash_name) {
  if (expression.size() > longest_expression) return too_long(expression);
  constexpr std::string_view blank = " \t";
  const auto begin = expression.find_first_not_of(blank);
  if (begin != std::string_view::npos && is_every(expression.substr(begin))) {
    const auto value_at = expression.find_first_not_of(blank, begin + 6);
    if (value_at == std::string_view::npos) return syntax_error{"a duration is missing after @every; write @every 90s", begin, 6};
    const auto value = expression.substr(value_at, expression.find_last_not_of(blank) + 1 - value_at);
    auto period = parse_duration(value);
    if (auto* error = std::get_if<syntax_error>(&period)) {
      return syntax_error{"@every: " + std::move(error->message), value_at + error->offset, error->length};
    }
    auto made = from_every({std::get<microseconds>(period), {}});
    if (auto* error = std::get_if<syntax_error>(&made)) return syntax_error{std::move(error->message), value_at, value.size()};
    return made;
  }
  auto parsed = parse_cron(expression, hash_name);
  if (auto* error = std::get_if<syntax_error>(&parsed)) return std::move(*error);
  const auto& fields = std::get<cron>(parsed);
  return timetable{std::make_shared<const state>(state{fields, canonical_text(fields), where})};
}

std::variant<timetable, syntax_error> timetable::from_every(every interval) {
  if (interval.period < seconds{1}) return syntax_error{"every: " + to_text(interval.period) + " is shorter than 1s", 0, 0};
  if (interval.period > longest_period) return syntax_error{"every: longer than 36500d", 0, 0};
  if (interval.anchor < first_instant || interval.anchor > last_instant) return syntax_error{"anchor: outside the years 1-9999", 0, 0};
  std::string text = "@every " + duration_text(interval.period);
  if (interval.anchor != wall_time{}) text += " from " + to_rfc3339(interval.anchor);
  return timetable{std::make_shared<const state>(state{interval, std::move(text), zone::utc()})};
}

std::variant<timetable, syntax_error> timetable::from_at(std::string_view text, const zone& where) {
  const bool is_utc = text.ends_with('Z') || text.ends_with('z');
  const auto read = from_rfc3339(is_utc ? std::string{text} : std::string{text} + "Z");
  if (!read)
    return syntax_error{"at: a time is expected, such as 2026-12-31T23:59:00 in the job's zone or 2026-12-31T23:59:00Z", 0, text.size()};
  auto tick = *read;
  if (!is_utc) {
    const auto whole = floor<seconds>(tick);
    const auto found = where.data().at_local(whole.time_since_epoch().count());
    const auto fraction = found.what == zone_data::kind::skipped ? microseconds{0} : tick - whole;
    tick = wall_time{seconds{found.first}} + fraction;
  }
  if (!kept(tick)) return syntax_error{"at: outside the years 1-9999", 0, text.size()};
  return timetable{std::make_shared<const state>(state{once{tick}, "@at " + to_rfc3339(tick), where})};
}

std::optional<wall_time> timetable::next(wall_time t) const noexcept {
  if (t >= last_instant) return std::nullopt;
  t = std::max(t, first_instant - microseconds{1});
  const auto& rule = state_->rule;
  if (const auto* c = std::get_if<cron>(&rule)) return next_in(*c, state_->where.data(), t);
  if (const auto* e = std::get_if<every>(&rule)) return kept(period_of(*e, t) + e->period);
  const auto tick = std::get_if<once>(&rule)->tick;
  return tick > t ? std::optional{tick} : std::nullopt;
}

std::optional<wall_time> timetable::previous(wall_time t) const noexcept {
  if (t <= first_instant) return std::nullopt;
  t = std::min(t, last_instant + microseconds{1});
  const auto& rule = state_->rule;
  if (const auto* c = std::get_if<cron>(&rule)) return previous_in(*c, state_->where.data(), t);
  if (const auto* e = std::get_if<every>(&rule)) return kept(period_of(*e, t - microseconds{1}));
  const auto tick = std::get_if<once>(&rule)->tick;
  return tick < t ? std::optional{tick} : std::nullopt;
}

tick_range timetable::between(wall_time after, wall_time until) const noexcept { return {*this, after, until}; }

std::optional<microseconds> timetable::longest_gap_of_ticks(wall_time t) const {
  if (const auto* e = std::get_if<every>(&state_->rule)) return e->period;
  const auto* c = std::get_if<cron>(&state_->rule);
  if (c == nullptr) return std::nullopt;
  const auto first = next(t);
  if (!first || !next(*first)) return std::nullopt;
  return longest_gap_in(*c, state_->where.data(), *first);
}

timetable timetable::refined(refinement r) const {
  auto made = std::make_shared<state>(*state_);
  made->added = std::move(r);
  return timetable{std::move(made)};
}

bool timetable::is_excluded(wall_time tick) const noexcept {
  const auto& added = state_->added;
  return !added.days.empty() && !added.days.allow(local_day(added.where, tick));
}

std::optional<wall_time> timetable::next_run(wall_time t) const noexcept {
  const auto& added = state_->added;
  for (auto tick = next(t); tick; tick = next(t)) {
    if (!is_excluded(*tick)) return tick;
    const auto allowed = added.days.first_allowed(local_day(added.where, *tick) + days{1});
    if (!allowed) return std::nullopt;
    t = std::max(*tick, first_of(added.where, *allowed) - microseconds{1});
  }
  return std::nullopt;
}

wall_time timetable::due(wall_time tick) const noexcept {
  auto most = state_->added.jitter;
  if (most <= microseconds{0}) return tick;
  if (const auto following = next(tick)) most = std::min(most, *following - tick);
  const auto hash = stable_hash(state_->added.job, static_cast<std::uint64_t>(tick.time_since_epoch().count()));
  return tick + microseconds{static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(most.count()))};
}

std::optional<microseconds> timetable::longest_gap(wall_time t) const {
  const auto& [rules, where, jitter, job] = state_->added;
  auto longest = longest_gap_of_ticks(t);
  if (rules.empty() || !longest) return longest;
  const auto first = next_run(t);
  if (!first || !next_run(*first)) return std::nullopt;
  // Excluded days are what lies in a calendar of not_on, and between the ranges of those of only_on.
  const auto look_behind = [&, &z = where](sys_days day) {
    const auto begin = first_of(z, day + days{1}) - microseconds{1};
    const auto after = next_run(begin);
    if (!after || *after <= *first) return;
    auto before = previous(*after);
    while (before && is_excluded(*before)) before = previous(first_of(z, local_day(z, *before)));
    if (before) longest = std::max(*longest, *after - *before);
  };
  for (const auto& c : rules.not_on) {
    for (const auto& r : c->ranges()) look_behind(r.last);
  }
  for (const auto& c : rules.only_on) {
    for (const auto& r : c->ranges()) look_behind(r.last);
  }
  return longest;
}

clock_mark timetable::mark(wall_time tick) const noexcept {
  const auto& zone = state_->where.data();
  const auto utc = floor<seconds>(tick).time_since_epoch().count();
  const auto s = zone.segment_at(utc);
  if (const auto* c = std::get_if<cron>(&state_->rule); c != nullptr && utc == s.begin && stands_for_skipped(*c, s))
    return clock_mark::skipped;
  const auto found = zone.at_local(utc + s.offset);
  if (found.what != zone_data::kind::repeated) return clock_mark::none;
  return utc == found.first ? clock_mark::first_pass : clock_mark::second_pass;
}

const std::string& timetable::text() const noexcept { return state_->text; }
const zone& timetable::time_zone() const noexcept { return state_->where; }
const zone& timetable::calendar_zone() const noexcept { return state_->added.where; }

std::string timetable::identity() const {
  constexpr std::size_t longest = 64;  // of the ledger's column
  auto whole = text() + " " + time_zone().name();
  if (whole.size() <= longest) return whole;
  std::array<char, 20> hash{};
  const int size = std::snprintf(hash.data(), hash.size(), "~%016llx", static_cast<unsigned long long>(stable_hash(whole, 0)));
  whole.resize(longest - static_cast<std::size_t>(size));
  return whole + hash.data();
}

std::string timetable::in_words() const {
  if (const auto* e = std::get_if<every>(&state_->rule)) {
    std::string text = "every " + duration_text(e->period);
    if (e->anchor != wall_time{}) text += ", counted from " + to_local_text(e->anchor, zone::utc());
    return text;
  }
  if (const auto* o = std::get_if<once>(&state_->rule)) return "once, at " + to_local_text(o->tick, state_->where);
  return schedule::in_words(std::get<cron>(state_->rule));
}

}  // namespace baton::schedule

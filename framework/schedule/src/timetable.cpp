#include "baton/schedule/timetable.hpp"

#include <utility>

#include "baton/schedule/duration.hpp"
#include "cron.hpp"
#include "cron_text.hpp"

namespace baton::schedule {
namespace {

using namespace std::chrono;

constexpr wall_time first_instant = sys_days{year{1} / January / 1};
constexpr wall_time last_instant = sys_days{year{10000} / January / 1} - microseconds{1};
constexpr microseconds longest_period = days{36'500};

/// UTC: every local time is one instant. A zone brings its gaps and overlaps here, and nowhere else.
std::optional<wall_time> next_of(const cron& c, wall_time t) noexcept {
  const local_seconds from{floor<seconds>(t).time_since_epoch() + seconds{1}};
  const auto match = first_match(c, from);
  if (!match) return std::nullopt;
  return wall_time{match->time_since_epoch()};
}

std::optional<wall_time> next_of(const every& e, wall_time t) noexcept {
  const auto since = t - e.anchor;
  auto periods = since / e.period;
  if (since < periods * e.period) --periods;  // division rounds towards zero, a period does not
  const auto tick = e.anchor + (periods + 1) * e.period;
  if (tick > last_instant) return std::nullopt;
  return tick;
}

bool is_every(std::string_view text) {
  constexpr std::string_view name = "@every";
  if (text.size() < name.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if ((i == 0 ? text[i] : static_cast<char>(text[i] | 0x20)) != name[i]) return false;
  }
  return text.size() == name.size() || text[name.size()] == ' ' || text[name.size()] == '\t';
}

}  // namespace

struct timetable::state {
  std::variant<cron, every> rule;
  std::string text;
  std::string zone;
};

std::variant<timetable, syntax_error> timetable::from_cron(std::string_view expression, std::string_view zone) {
  if (zone != "UTC") {
    return syntax_error{"time zone '" + std::string{zone.substr(0, 64)} + "' is not supported in this release; only UTC is", 0, 0};
  }
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
  auto parsed = parse_cron(expression);
  if (auto* error = std::get_if<syntax_error>(&parsed)) return std::move(*error);
  auto& text = std::get<cron_text>(parsed);
  return timetable{std::make_shared<const state>(state{text.fields, std::move(text.canonical), std::string{zone}})};
}

std::variant<timetable, syntax_error> timetable::from_every(every interval) {
  if (interval.period < seconds{1}) return syntax_error{"every: " + to_text(interval.period) + " is shorter than 1s", 0, 0};
  if (interval.period > longest_period) return syntax_error{"every: longer than 36500d", 0, 0};
  if (interval.anchor < first_instant || interval.anchor > last_instant) return syntax_error{"anchor: outside the years 1-9999", 0, 0};
  std::string text = "@every " + duration_text(interval.period);
  if (interval.anchor != wall_time{}) text += " from " + to_rfc3339(interval.anchor);
  return timetable{std::make_shared<const state>(state{interval, std::move(text), "UTC"})};
}

std::optional<wall_time> timetable::next(wall_time t) const noexcept {
  if (t >= last_instant) return std::nullopt;
  if (t < first_instant) t = first_instant - microseconds{1};
  const auto& rule = state_->rule;
  if (const auto* c = std::get_if<cron>(&rule)) return next_of(*c, t);
  return next_of(*std::get_if<every>(&rule), t);
}

const std::string& timetable::text() const noexcept { return state_->text; }
const std::string& timetable::zone() const noexcept { return state_->zone; }

}  // namespace baton::schedule

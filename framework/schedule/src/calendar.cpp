#include "baton/schedule/calendar.hpp"

#include <algorithm>

#include "baton/base/time.hpp"

namespace baton::schedule {

using std::chrono::days;
using std::chrono::sys_days;

calendar::calendar(std::string name, std::vector<range> days_of_it) : name_(std::move(name)) {
  std::ranges::sort(days_of_it, {}, &range::first);
  for (const auto& r : days_of_it) {
    if (!ranges_.empty() && r.first <= ranges_.back().last + days{1}) {
      ranges_.back().last = std::max(ranges_.back().last, r.last);
    } else {
      ranges_.push_back(r);
    }
  }
}

const calendar::range* calendar::range_from(sys_days day) const noexcept {
  const auto it = std::ranges::lower_bound(ranges_, day, {}, &range::last);
  return it == ranges_.end() ? nullptr : &*it;
}

bool calendar::contains(sys_days day) const noexcept {
  const auto* r = range_from(day);
  return r != nullptr && r->first <= day;
}

std::optional<sys_days> parse_day(std::string_view text) noexcept {
  constexpr std::size_t size = 10;
  if (text.size() != size) return std::nullopt;
  const auto midnight = from_rfc3339(std::string{text} + "T00:00:00Z");
  return midnight ? std::optional{std::chrono::floor<days>(*midnight)} : std::nullopt;
}

std::variant<calendar::range, syntax_error> parse_day_range(std::string_view text) {
  constexpr std::string_view dots = "..";
  const auto at = text.find(dots);
  const auto first = parse_day(text.substr(0, at));
  const auto last = at == std::string_view::npos ? std::nullopt : parse_day(text.substr(at + dots.size()));
  if (!first || !last) return syntax_error{"must be two days, such as 2026-12-29..2026-12-31", 0, text.size()};
  if (*first > *last) return syntax_error{"ends on a day before it begins", 0, text.size()};
  return calendar::range{*first, *last};
}

std::string day_text(sys_days day) { return to_rfc3339(wall_time{day}).substr(0, 10); }

std::optional<sys_days> day_rules::first_allowed(sys_days day) const noexcept {
  for (;;) {
    auto at = day;
    if (!only_on.empty()) {
      std::optional<sys_days> nearest;
      for (const auto& c : only_on) {
        if (const auto* r = c->range_from(day)) nearest = std::min(nearest.value_or(sys_days::max()), std::max(r->first, day));
      }
      if (!nearest) return std::nullopt;
      at = *nearest;
    }
    for (const auto& c : not_on) {
      if (const auto* r = c->range_from(at); r != nullptr && r->first <= at) at = r->last + days{1};
    }
    if (at == day) return day;
    day = at;
  }
}

bool day_rules::allow(sys_days day) const noexcept {
  const auto has_it = [day](const auto& c) { return c->contains(day); };
  return (only_on.empty() || std::ranges::any_of(only_on, has_it)) && std::ranges::none_of(not_on, has_it);
}

}  // namespace baton::schedule

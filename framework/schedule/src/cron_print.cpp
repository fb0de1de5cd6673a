// cron → its one canonical text.

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "cron_text.hpp"
#include "cron_values.hpp"
#include "field.hpp"

namespace baton::schedule {
namespace {

void append(std::string& out, std::string_view item) {
  if (!out.empty()) out += ',';
  out += item;
}

/// `*/s` or `n/s`, if the values are one of these; or, if that may be, `n-m/s`.
std::string as_steps(const values& v, const field_rule& rule, bool may_end_early = false) {
  if (v.size() < 2) return {};
  const int step = v[1] - v[0];
  const bool ends_early = v.back() + step <= rule.full;
  if (step < 2 || (ends_early && !may_end_early)) return {};
  for (std::size_t i = 1; i < v.size(); ++i) {
    if (v[i] - v[i - 1] != step) return {};
  }
  if (ends_early) return std::to_string(v.front()) + "-" + std::to_string(v.back()) + "/" + std::to_string(step);
  return (v.front() == rule.first ? "*" : std::to_string(v.front())) + "/" + std::to_string(step);
}

/// Values, from `shortest_run` neighbours on as ranges.
std::string as_list(const values& v, std::size_t shortest_run) {
  std::string out;
  for (std::size_t i = 0; i < v.size();) {
    auto end = i + 1;
    while (end < v.size() && v[end] == v[end - 1] + 1) ++end;
    if (end - i >= shortest_run) {
      append(out, std::to_string(v[i]) + "-" + std::to_string(v[end - 1]));
      i = end;
    } else {
      append(out, std::to_string(v[i++]));
    }
  }
  return out;
}

std::string print(const values& v, field_id id) {
  if (v.size() > 2) {
    if (auto steps = as_steps(v, rule_of(id), id <= field_id::hour); !steps.empty()) return steps;
  }
  return as_list(v, 3);
}

/// Where a bare * says no more than all values do.
template <typename Bits>
std::string print_bits(Bits bits, field_id id) {
  const auto& rule = rule_of(id);
  if (std::popcount(bits) == rule.full - rule.first + 1) return "*";
  return print(values_of(bits), id);
}

bool is_spread(std::string_view text) { return text.find_first_of("*-/") != std::string_view::npos; }

/// Second, minute and hour: what is written with * - or / counts repeated wall times twice, so it is written so, and the rest never is.
std::array<std::string, 3> print_times(const cron& c) {
  if (c.is_interval) {
    std::array<std::string, 3> out{print_bits(c.seconds, field_id::second), print_bits(c.minutes, field_id::minute),
                                   print_bits(c.hours, field_id::hour)};
    if (std::ranges::any_of(out, is_spread)) return out;
  }
  const std::array<values, 3> sets{values_of(c.seconds), values_of(c.minutes), values_of(c.hours)};
  std::array<std::string, 3> out;
  for (std::size_t i = 0; i < 3; ++i) out[i] = as_list(sets[i], 61);
  if (!c.is_interval) return out;
  for (std::size_t i = 0; i < 3; ++i) {
    auto steps = as_steps(sets[i], rule_of(static_cast<field_id>(i)), true);
    if (steps.empty() && sets[i].size() > 1) steps = as_list(sets[i], 2);
    if (!is_spread(steps)) continue;
    out[i] = steps;
    return out;
  }
  out[1].insert(0, std::to_string(sets[1].front()) + "-");  // 5-5
  return out;
}

std::string print_days(const cron& c) {
  if (c.any_day) return "*";
  std::string out = c.days == 0 ? "" : print(values_of(c.days), field_id::day);
  for (const int n : values_of(c.days_before_last)) append(out, n == 0 ? "L" : "L-" + std::to_string(n));
  for (const int n : values_of(c.nearest_weekdays)) append(out, n == 0 ? "LW" : std::to_string(n) + "W");
  return out;
}

std::string print_weekdays(const cron& c) {
  if (c.any_weekday) return "*";
  std::string out = c.weekdays == 0 ? "" : as_list(values_of(c.weekdays), 3);
  for (const int n : values_of(c.nth_weekdays)) {
    const auto day = std::to_string(n % 7);
    append(out, n / 7 == static_cast<int>(last_week) ? day + "L" : day + "#" + std::to_string(n / 7 + 1));
  }
  return out;
}

}  // namespace

std::string canonical_text(const cron& c) {
  const auto [second, minute, hour] = print_times(c);
  std::string out;
  out.reserve(32);
  if (second != "0" || !c.any_year) out.append(second).append(" ");
  out.append(minute).append(" ").append(hour).append(" ").append(print_days(c)).append(" ");
  out.append(print_bits(c.months, field_id::month)).append(" ").append(print_weekdays(c));
  if (!c.any_year) out += " " + print(years_of(c), field_id::year);
  return out;
}

}  // namespace baton::schedule

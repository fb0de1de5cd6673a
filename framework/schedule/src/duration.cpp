#include "baton/schedule/duration.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

namespace baton::schedule {
namespace {

struct unit {
  std::string_view name;
  std::int64_t length;  ///< in microseconds
};

constexpr std::array<unit, 6> units{
    {{"d", 86'400'000'000}, {"h", 3'600'000'000}, {"m", 60'000'000}, {"s", 1'000'000}, {"ms", 1'000}, {"us", 1}}};
constexpr std::int64_t longest = 36'500 * units[0].length;
constexpr std::size_t most_digits = 9;
constexpr std::size_t longest_text = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::optional<std::size_t> find_unit(std::string_view name) {
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (units[i].name == name) return i;
  }
  return std::nullopt;
}

}  // namespace

std::variant<microseconds, syntax_error> parse_duration(std::string_view text) {
  if (text.empty()) return syntax_error{"a duration is expected, such as 30s", 0, 0};
  if (text.size() > longest_text)
    return syntax_error{"a duration of " + std::to_string(text.size()) + " bytes is too long", 0, text.size()};
  if (text.front() == '-') return syntax_error{"a duration is not negative", 0, 1};
  std::int64_t total = 0;
  std::size_t smallest = 0;  // the next unit must be at or behind this one
  for (std::size_t i = 0; i < text.size();) {
    const auto begin = i;
    std::int64_t whole = 0;
    std::int64_t fraction = 0;
    std::int64_t scale = 1;
    for (; i < text.size() && is_digit(text[i]); ++i) {
      if (i - begin >= most_digits) return syntax_error{"the number has more than 9 digits", begin, i - begin + 1};
      whole = whole * 10 + (text[i] - '0');
    }
    if (i == begin) return syntax_error{"a duration is a number and a unit, such as 30s", begin, text.size() - begin};
    if (i < text.size() && text[i] == '.') {
      const auto point = i++;
      for (; i < text.size() && is_digit(text[i]); ++i) {
        if (i - point > 6) return syntax_error{"the fraction has more than 6 digits", point, i - point + 1};
        fraction = fraction * 10 + (text[i] - '0');
        scale *= 10;
      }
      if (scale == 1) return syntax_error{"digits are missing after the point", point, 1};
    }
    const auto unit_begin = i;
    while (i < text.size() && is_letter(text[i])) ++i;
    const auto name = text.substr(unit_begin, i - unit_begin);
    if (name.empty()) return syntax_error{"a unit is missing after " + std::string{text.substr(begin, i - begin)}, begin, i - begin};
    const auto found = find_unit(name);
    if (!found) return syntax_error{"'" + std::string{name} + "' is not a unit; there are us, ms, s, m, h, d", unit_begin, name.size()};
    if (*found < smallest) return syntax_error{"units go from large to small, each once", begin, i - begin};
    smallest = *found + 1;
    const std::int64_t length = units[*found].length;
    if (fraction * length % scale != 0) return syntax_error{"finer than a microsecond", begin, i - begin};
    if (whole > longest / length) return syntax_error{"longer than 36500d", begin, i - begin};
    total += whole * length + fraction * length / scale;
    if (total > longest) return syntax_error{"longer than 36500d", 0, text.size()};
  }
  return microseconds{total};
}

std::string duration_text(microseconds d) {
  auto rest = d.count();
  if (rest == 0) return "0s";
  std::string out;
  for (const auto& [name, length] : units) {
    if (rest < length) continue;
    out += std::to_string(rest / length) + std::string{name};
    rest %= length;
  }
  return out;
}

}  // namespace baton::schedule

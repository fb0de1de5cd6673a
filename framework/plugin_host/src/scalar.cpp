#include "scalar.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace baton::plugin_host {
namespace {

/// The text in quotes, or nothing of a secret.
std::string shown(const parameter& p, std::string_view text) { return p.secret ? std::string{"the value"} : "'" + std::string{text} + "'"; }

template <typename Number>
std::optional<Number> number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string print(double bound) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.15g", bound);
  return text.data();
}

/// "within 1 and 10", for messages.
std::string bounds(const parameter& p, const char* unit) {
  if (p.minimum && p.maximum) return "from " + print(*p.minimum) + unit + " to " + print(*p.maximum) + unit;
  if (p.minimum) return "at least " + print(*p.minimum) + unit;
  return "at most " + print(*p.maximum) + unit;
}

bool is_within(const parameter& p, double value) { return !(p.minimum && value < *p.minimum) && !(p.maximum && value > *p.maximum); }

/// "1h30m", "1.5s", "250ms"; nullopt for everything else, a bare number included.
std::optional<microseconds> duration(std::string_view text) {
  struct unit {
    std::string_view name;
    double microseconds;
  };
  static constexpr std::array<unit, 6> units{{{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"m", 6e7}, {"h", 3.6e9}, {"d", 8.64e10}}};
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const auto digits = text.find_first_not_of("0123456789.");
    if (digits == std::string_view::npos || digits == 0) return std::nullopt;
    const auto count = number<double>(text.substr(0, digits));
    text.remove_prefix(digits);
    const auto letters = std::min(text.find_first_of("0123456789."), text.size());
    const auto name = text.substr(0, letters);
    text.remove_prefix(letters);
    const unit* found = nullptr;
    for (const auto& u : units) {
      if (u.name == name) found = &u;
    }
    if (!count || found == nullptr) return std::nullopt;
    total += *count * found->microseconds;
  }
  if (total > 9e15) return std::nullopt;  // 285 years; beyond 2^53 a double is no longer exact
  return microseconds{std::llround(total)};
}

parsed out_of_bounds(const parameter& p, std::string_view text, const char* unit) {
  return parsed::wrong(shown(p, text) + " is out of bounds: " + bounds(p, unit));
}

parsed parse_text(const parameter& p, std::string_view text) {
  if (p.choices.empty()) return parsed{std::in_place_type<std::string>, std::string{text}};
  std::string allowed;
  for (const auto& choice : p.choices) {
    if (choice == text) return parsed{std::in_place_type<std::string>, choice};
    allowed += (allowed.empty() ? "" : ", ") + choice;
  }
  return parsed::wrong(shown(p, text) + " is not one of: " + allowed);
}

}  // namespace

parsed parse_scalar(const parameter& p, std::string_view text) {
  switch (p.type) {
    case parameter_type::text: return parse_text(p, text);
    case parameter_type::integer: {
      const auto n = number<std::int64_t>(text);
      if (!n) return parsed::wrong(shown(p, text) + " is not an integer");
      if (!is_within(p, static_cast<double>(*n))) return out_of_bounds(p, text, "");
      return parsed{std::in_place_type<std::int64_t>, *n};
    }
    case parameter_type::number: {
      const auto n = number<double>(text);
      if (!n || !std::isfinite(*n)) return parsed::wrong(shown(p, text) + " is not a number");
      if (!is_within(p, *n)) return out_of_bounds(p, text, "");
      return parsed{std::in_place_type<double>, *n};
    }
    case parameter_type::boolean:
      if (text == "true" || text == "false") return parsed{std::in_place_type<bool>, text == "true"};
      return parsed::wrong(shown(p, text) + " is neither true nor false");
    case parameter_type::duration: {
      const auto d = duration(text);
      if (!d)
        return parsed::wrong(shown(p, text) + " is not a duration: write a number with a unit (us, ms, s, m, h, d), such as 90s or 1h30m");
      if (!is_within(p, std::chrono::duration<double>(*d).count())) return out_of_bounds(p, text, "s");
      return parsed{std::in_place_type<microseconds>, *d};
    }
    case parameter_type::text_list: return parsed::wrong("is a list of texts: write [a, b] or one '- a' a line");
    case parameter_type::text_map: return parsed::wrong("is a map of texts: write {a: b} or one 'a: b' a line");
  }
  return parsed::wrong("has a type this host does not know");
}

parsed parse_fallback(const parameter& p, std::string_view text) {
  if (p.type != parameter_type::text_list && p.type != parameter_type::text_map) return parse_scalar(p, text);
  text_list items;
  text_map entries;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto equals = line.find('=');
    items.emplace_back(line);
    if (p.type == parameter_type::text_map) {
      if (equals == std::string_view::npos) return parsed::wrong(shown(p, line) + " is not of the form key=value");
      entries.insert_or_assign(std::string{line.substr(0, equals)}, std::string{line.substr(equals + 1)});
    }
  }
  if (p.type == parameter_type::text_list) return parsed{std::in_place_type<text_list>, std::move(items)};
  return parsed{std::in_place_type<text_map>, std::move(entries)};
}

}  // namespace baton::plugin_host

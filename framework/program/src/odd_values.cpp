#include "odd_values.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

namespace baton::program {
namespace {

using plugin_host::parameter;
using plugin_host::parameter_type;
using plugin_host::value;
using named_value = std::pair<std::string, value>;

constexpr std::size_t long_text = 65'536;
constexpr std::size_t many = 1'000;

std::vector<std::pair<std::string, std::string>> odd_texts() {
  return {{"empty", ""},
          {std::to_string(long_text) + " characters", std::string(long_text, 'x')},
          {"not ASCII", "gr\u00fc\u00df dich, \u4e16\u754c \U0001f600"},
          {"quotes and line ends", "'; \"$(x)\" \\ %s %n\n\t\r\n"}};
}

/// A bound of the table, or the end of what the type can say.
std::int64_t end_of(const std::optional<double>& bound, double scale, std::int64_t otherwise) {
  if (!bound || std::fabs(*bound * scale) >= 9.2e18) return otherwise;
  return static_cast<std::int64_t>(std::llround(*bound * scale));
}

std::vector<named_value> odd_values_of(const parameter& p) {
  constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
  constexpr auto highest = std::numeric_limits<std::int64_t>::max();
  std::vector<named_value> all;
  switch (p.type) {
    case parameter_type::text:
      if (p.choices.empty()) {
        for (auto& [what, text] : odd_texts()) all.emplace_back(what, std::move(text));
      }
      for (const auto& choice : p.choices) all.emplace_back(choice, choice);
      break;
    case parameter_type::integer:
      all.emplace_back("its lowest", end_of(p.minimum, 1, lowest));
      all.emplace_back("its highest", end_of(p.maximum, 1, highest));
      break;
    case parameter_type::number:
      all.emplace_back("its lowest", p.minimum.value_or(std::numeric_limits<double>::lowest()));
      all.emplace_back("its highest", p.maximum.value_or(std::numeric_limits<double>::max()));
      break;
    case parameter_type::duration:
      all.emplace_back("its shortest", microseconds{end_of(p.minimum, 1e6, 0)});
      all.emplace_back("its longest", microseconds{end_of(p.maximum, 1e6, std::chrono::microseconds{std::chrono::years{100}}.count())});
      break;
    case parameter_type::boolean:
      all.emplace_back("true", true);
      all.emplace_back("false", false);
      break;
    case parameter_type::text_list:
      all.emplace_back("no item", plugin_host::text_list{});
      all.emplace_back(std::to_string(many) + " items", plugin_host::text_list(many, "x"));
      for (auto& [what, text] : odd_texts()) all.emplace_back("an item: " + what, plugin_host::text_list{std::move(text)});
      break;
    case parameter_type::text_map:
      all.emplace_back("no entry", plugin_host::text_map{});
      for (auto& [what, text] : odd_texts()) all.emplace_back("an entry: " + what, plugin_host::text_map{{"key", std::move(text)}});
      break;
  }
  return all;
}

}  // namespace

std::vector<odd_values> odd_values_of(const plugin_host::plugin_description& plugin, const plugin_host::values& usual) {
  std::vector<odd_values> all;
  for (const auto& p : plugin.parameters) {
    for (auto& [what, odd] : odd_values_of(p)) {
      auto with = usual;
      with.insert_or_assign(p.name, std::move(odd));
      all.push_back({p.name + ": " + what, std::move(with)});
    }
    if (p.required || p.fallback || !usual.contains(p.name)) continue;
    auto without = usual;
    without.erase(p.name);
    all.push_back({p.name + ": not given", std::move(without)});
  }
  return all;
}

}  // namespace baton::program

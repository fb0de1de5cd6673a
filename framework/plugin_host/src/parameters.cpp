#include "baton/plugin_host/parameters.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <string_view>

#include "scalar.hpp"

namespace baton::plugin_host {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

/// "; did you mean 'x'?" or the names there are.
std::string suggestion(const plugin_description& plugin, std::string_view name) {
  if (plugin.parameters.empty()) return "; it takes none";
  const auto nearest = std::ranges::min_element(plugin.parameters, {}, [&](const auto& p) { return edit_distance(p.name, name); });
  if (edit_distance(nearest->name, name) <= std::max<std::size_t>(2, name.size() / 3)) return "; did you mean '" + nearest->name + "'?";
  std::string all;
  for (const auto& p : plugin.parameters) all += (all.empty() ? "" : ", ") + p.name;
  return "; it takes: " + all;
}

bool is_null(const raw_value& v) {
  const auto* text = std::get_if<std::string>(&v.data);
  return text != nullptr && !v.quoted && (text->empty() || *text == "~" || *text == "null");
}

/// Collects errors below one parameter.
class reader {
 public:
  reader(const parameter& p, std::vector<parameter_error>& errors) : parameter_{p}, errors_{errors} {}

  /// Writes to `into`; false when there was nothing to write.
  bool read(const raw_value& v, value& into) {
    if (is_null(v)) {
      return wrong(v, parameter_.name,
                   std::string{"has no value; write one, or leave the key out"} +
                       (parameter_.type == parameter_type::text ? "; \"\" is an empty text" : ""));
    }
    if (parameter_.type == parameter_type::text_list) return read_list(v, into.emplace<text_list>());
    if (parameter_.type == parameter_type::text_map) return read_map(v, into.emplace<text_map>());
    const auto* text = std::get_if<std::string>(&v.data);
    if (text == nullptr) return wrong(v, parameter_.name, "takes one value, not a list or a map");
    auto parsed = parse_scalar(parameter_, *text);
    if (!parsed) return wrong(v, parameter_.name, parsed.error());
    into = *parsed;
    return true;
  }

 private:
  bool wrong(const raw_value& at, std::string path, std::string message) {
    errors_.push_back({at.line, at.column, std::move(path), std::move(message)});
    return false;
  }

  bool read_list(const raw_value& v, text_list& items) {
    const auto* list = std::get_if<raw_value::list>(&v.data);
    if (list == nullptr) return wrong(v, parameter_.name, parse_scalar(parameter_, {}).error());
    for (const auto& item : *list) {
      const auto* text = std::get_if<std::string>(&item.data);
      if (text == nullptr || is_null(item)) {
        wrong(item, parameter_.name + "[" + std::to_string(items.size()) + "]", "an item of the list is a text");
        items.emplace_back();
        continue;
      }
      items.push_back(*text);
    }
    return true;
  }

  bool read_map(const raw_value& v, text_map& entries) {
    const auto* map = std::get_if<raw_value::map>(&v.data);
    if (map == nullptr) return wrong(v, parameter_.name, parse_scalar(parameter_, {}).error());
    for (const auto& [key, entry] : *map) {
      const auto* text = std::get_if<std::string>(&entry.data);
      if (text == nullptr || is_null(entry)) {
        wrong(entry, parameter_.name + "." + key, "an entry of the map is a text");
      } else if (!entries.emplace(key, *text).second) {
        wrong(entry, parameter_.name + "." + key, "is there twice");
      }
    }
    return true;
  }

  const parameter& parameter_;
  std::vector<parameter_error>& errors_;
};

}  // namespace

std::variant<values, std::vector<parameter_error>> check_parameters(const plugin_description& plugin, const raw_value& with) {
  values checked;
  std::vector<parameter_error> errors;
  const raw_value::map nothing;
  const auto* entries = std::get_if<raw_value::map>(&with.data);
  if (entries == nullptr) {
    if (!is_null(with)) errors.push_back({with.line, with.column, "", "`with` is a map of parameter names to values"});
    entries = &nothing;
  }

  std::set<std::string_view> seen;
  for (const auto& [name, entry] : *entries) {
    const auto found = std::ranges::find(plugin.parameters, name, &parameter::name);
    if (found == plugin.parameters.end()) {
      errors.push_back(
          {entry.line, entry.column, name, "plugin " + plugin.name + " has no parameter '" + name + "'" + suggestion(plugin, name)});
    } else if (!seen.insert(found->name).second) {
      errors.push_back({entry.line, entry.column, name, "is there twice"});
    } else if (value v; reader{*found, errors}.read(entry, v)) {
      checked.insert_or_assign(name, std::move(v));
    }
  }
  for (const auto& p : plugin.parameters) {
    if (seen.contains(p.name)) continue;
    if (p.required)
      errors.push_back({with.line, with.column, p.name, "plugin " + plugin.name + " needs parameter '" + p.name + "': " + p.help});
    if (p.fallback) checked.insert_or_assign(p.name, *p.fallback);
  }
  if (!errors.empty()) return errors;
  return checked;
}

}  // namespace baton::plugin_host

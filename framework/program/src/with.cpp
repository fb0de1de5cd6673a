#include "with.hpp"

#include <set>
#include <utility>
#include <variant>

namespace baton::program {
namespace {

plugin_host::raw_value raw_of(const settings::with_value& v) {
  if (const auto* map = std::get_if<settings::with_value::map>(&v.data)) return program::to_raw(*map, v.where);
  plugin_host::raw_value raw;
  raw.quoted = v.quoted;
  raw.line = v.where.line;
  raw.column = v.where.column;
  if (const auto* text = std::get_if<std::string>(&v.data)) {
    raw.data = *text;
  } else {
    plugin_host::raw_value::list items;
    for (const auto& item : std::get<settings::with_value::list>(v.data)) items.push_back(raw_of(item));
    raw.data = std::move(items);
  }
  return raw;
}

using places = std::set<std::pair<std::size_t, std::size_t>>;

/// The places of values that came from a reference ({file: …} and the like): what stands there is never printed.
void collect_secrets(const settings::with_value& v, places& found) {
  if (v.secret) found.emplace(v.where.line, v.where.column);
  if (const auto* list = std::get_if<settings::with_value::list>(&v.data)) {
    for (const auto& item : *list) collect_secrets(item, found);
  } else if (const auto* map = std::get_if<settings::with_value::map>(&v.data)) {
    for (const auto& [key, value] : *map) collect_secrets(value, found);
  }
}

}  // namespace

plugin_host::raw_value to_raw(const settings::with_value::map& with, const settings::mark& where) {
  plugin_host::raw_value raw;
  plugin_host::raw_value::map entries;
  for (const auto& [key, value] : with) entries.push_back({key, raw_of(value)});
  raw.data = std::move(entries);
  raw.line = where.line;
  raw.column = where.column;
  return raw;
}

checked_with check_with(const plugin_host::plugin_description& plugin, const given_with& with) {
  auto found = plugin_host::check_parameters(plugin, to_raw(with.map, with.where));
  if (auto* values = std::get_if<plugin_host::values>(&found)) return {std::move(*values), {}};
  places secrets;
  for (const auto& [key, value] : with.map) collect_secrets(value, secrets);
  checked_with wrong;
  for (auto& e : std::get<std::vector<plugin_host::parameter_error>>(found)) {
    if (secrets.contains({e.line, e.column}))
      e.message = "what the reference gives does not fit this parameter (not shown: it may be a secret)";
    settings::problem p;
    p.where = e.line == 0 ? with.where : settings::mark{with.where.file, e.line, e.column};
    p.path = with.path + (e.path.empty() ? "" : "." + e.path);
    p.message = e.message + " (plugin " + plugin.name + " " + plugin.version + ")";
    settings::quote_source(p);
    wrong.problems.push_back(std::move(p));
  }
  return wrong;
}

}  // namespace baton::program

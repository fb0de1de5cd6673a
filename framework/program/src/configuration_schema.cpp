#include "configuration_schema.hpp"

#include <boost/json/array.hpp>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "baton/settings/keys.hpp"

namespace baton::program {
namespace {

namespace json = boost::json;
using settings::key;
using settings::key_type;

json::object reference_to(std::string_view definition) { return {{"$ref", "#/definitions/" + std::string{definition}}}; }

json::object text_like(std::string pattern) { return {{"type", "string"}, {"pattern", std::move(pattern)}}; }

/// Any value with a `${VARIABLE}` in it may become what is wanted.
json::object or_variable(json::object wanted) { return {{"anyOf", json::array{std::move(wanted), reference_to("variable")}}}; }

json::object any_of(std::initializer_list<json::value_ref> ways) { return {{"anyOf", json::array(ways)}}; }

json::object one_or_list_of(const json::object& item) { return any_of({item, json::object{{"type", "array"}, {"items", item}}}); }

/// A text without quotes may be a number or true to YAML.
json::array text_types() { return {"string", "number", "boolean"}; }

json::object name_of(const key& row) {
  const auto bounds = "{" + std::to_string(row.minimum) + "," + std::to_string(row.maximum) + "}$";
  return {{"type", text_types()}, {"pattern", "^[" + std::string{row.alphabet} + "]" + bounds}};
}

json::object choice_of(const key& row) {
  json::array words;
  for (auto rest = row.choices; !rest.empty();) {
    const auto bar = rest.find('|');
    words.emplace_back(rest.substr(0, bar));
    rest = bar == std::string_view::npos ? std::string_view{} : rest.substr(bar + 1);
  }
  return {{"enum", std::move(words)}};
}

json::object map_of(json::object entry, std::string_view name = "^[A-Za-z0-9._-]{1,64}$") {
  return {{"type", "object"}, {"patternProperties", {{name, std::move(entry)}}}, {"additionalProperties", false}};
}

json::object closed(json::object properties, json::array required = {}) {
  json::object out{{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) out["required"] = std::move(required);
  return out;
}

/// One that has a least length goes into a header of HTTP.
json::object secret_of(const key& row) {
  if (row.minimum == 0) return {{"type", text_types()}};
  return or_variable(text_like("^[!-~]{" + std::to_string(row.minimum) + ",}$"));
}

/// The value of a key that is not a section.
json::object value_of(const key& row) {
  switch (row.type) {
    case key_type::parameters: return reference_to("parameters");
    case key_type::text: return {{"type", text_types()}};
    case key_type::name: return or_variable(name_of(row));
    case key_type::names: return one_or_list_of(or_variable(name_of(row)));
    case key_type::integer: return or_variable({{"type", "integer"}, {"minimum", row.minimum}, {"maximum", row.maximum}});
    case key_type::boolean: return or_variable({{"type", "boolean"}});
    case key_type::duration: return reference_to("duration");
    case key_type::size: return or_variable(text_like("^[0-9]{1,15}([KMGT]i|[kMGT])?B$"));
    case key_type::choice: return or_variable(choice_of(row));
    case key_type::text_list: return {{"type", "array"}, {"items", {{"type", text_types()}, {"minLength", 1}}}};
    case key_type::predecessors: return one_or_list_of(reference_to("predecessor"));
    case key_type::day_list: return {{"type", "array"}, {"items", or_variable(text_like("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))}};
    case key_type::day_ranges:
      return {{"type", "array"}, {"items", or_variable(text_like("^[0-9]{4}-[0-9]{2}-[0-9]{2}[.][.][0-9]{4}-[0-9]{2}-[0-9]{2}$"))}};
    case key_type::store_url: return or_variable(text_like("^(mysql://.*@.*/.|local:///.)"));
    case key_type::secret: return any_of({secret_of(row), reference_to("reference")});
    case key_type::listen: return any_of({json::object{{"const", false}}, text_like(":[0-9]{1,5}$"), reference_to("variable")});
    case key_type::schedule: return reference_to("schedule");
    case key_type::timezone: return {{"type", "string"}, {"minLength", 1}};
    default: return {};
  }
}

/// The default as JSON has it, for editors to offer.
json::value fallback_of(const key& row) {
  const std::string text{row.fallback};
  if (row.type == key_type::boolean) return text == "true";
  if (row.type != key_type::integer) return json::string{text};
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool is_child(std::string_view path, std::string_view parent) {
  if (!parent.empty()) {
    if (!path.starts_with(parent) || path.size() <= parent.size() || path[parent.size()] != '.') return false;
    path.remove_prefix(parent.size() + 1);
  }
  return path != "*" && path.find('.') == std::string_view::npos;
}

enum class scope : std::uint8_t { everywhere, defaults };

json::object section_of(std::string_view path, scope where);

json::object schema_of(const key& row, scope where) {
  const auto entry = [&] { return std::string{row.path} + ".*"; };
  switch (row.type) {
    case key_type::section: return section_of(row.path, where);
    case key_type::jobs:
    case key_type::calendars:
    case key_type::tags: return map_of(section_of(entry(), where));
    case key_type::job_defaults: return section_of("jobs.*", scope::defaults);
    default: return value_of(row);
  }
}

json::object section_of(std::string_view path, scope where) {
  json::object properties;
  json::array required;
  for (const auto& row : settings::keys()) {
    if (!is_child(row.path, path)) continue;
    const auto name = row.path.substr(path.empty() ? 0 : path.size() + 1);
    if (where == scope::defaults && (name == "schedule" || name == "plugin" || name == "with")) continue;
    json::object property{{"description", row.help}};
    if (!row.fallback.empty()) property["default"] = fallback_of(row);
    auto schema = schema_of(row, where);
    if (schema.contains("$ref")) schema = {{"allOf", json::array{std::move(schema)}}};  // beside a $ref nothing else counts
    for (auto& [word, value] : schema) property[word] = std::move(value);
    properties[name] = std::move(property);
    if (row.is_required && where == scope::everywhere) required.emplace_back(name);
  }
  return closed(std::move(properties), std::move(required));
}

json::object definitions() {
  const auto scalar = json::object{{"type", text_types()}};
  const auto parameter = reference_to("parameter");
  const auto one = [&](const char* name) { return closed({{name, scalar}}, {name}); };
  const std::string number = "[0-9]{1,9}([.][0-9]{1,6})?";
  std::string units;
  for (const auto* unit : {"d", "h", "m", "s", "ms", "us"}) units += "(" + number + unit + ")?";
  auto duration = or_variable(text_like("^(?=[0-9])" + units + "$"));
  duration["description"] = "a number and a unit, from large to small: 30s, 5m, 1h30m";
  auto cron = text_like("^[ \\t]*(@[A-Za-z]+([ \\t]|$)|([^ \\t]+[ \\t]+){4,6}[^ \\t]+[ \\t]*$)");
  cron["description"] = "five fields, six with seconds in front, seven with a year at the end; or @daily and the like; or @every 90s";
  return {
      {"variable", text_like("[$][{]")},
      {"duration", std::move(duration)},
      {"reference", any_of({one("credential"), one("file"), one("env")})},
      {"schedule", any_of({std::move(cron), reference_to("variable"),
                           closed({{"every", reference_to("duration")}, {"anchor", {{"type", "string"}}}}, {"every"}),
                           closed({{"at", {{"type", "string"}}}}, {"at"})})},
      {"predecessor",
       any_of({scalar, closed({{"job", scalar}, {"on", or_variable({{"enum", json::array{"success", "failure", "any"}}})}}, {"job"})})},
      {"parameters", {{"type", "object"}, {"additionalProperties", parameter}}},
      {"parameter", any_of({scalar, json::object{{"type", "array"}, {"items", parameter}}, reference_to("parameters")})},
  };
}

}  // namespace

json::object configuration_schema() {
  json::object schema{{"$schema", "http://json-schema.org/draft-07/schema#"},
                      {"title", "Baton configuration"},
                      {"description", "The configuration of an instance; `baton check -c FILE` finds what a schema cannot."}};
  for (auto& [word, value] : section_of({}, scope::everywhere)) schema[word] = std::move(value);
  schema["definitions"] = definitions();
  return schema;
}

}  // namespace baton::program

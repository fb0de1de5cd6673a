#include "plugin_table.hpp"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <cstdint>
#include <cstdio>

#include "baton/base/utf8.hpp"
#include "baton/schedule/duration.hpp"
#include "table.hpp"

namespace baton::program {
namespace {

using plugin_host::parameter;
using plugin_host::parameter_type;

boost::json::string text(std::string_view s) { return boost::json::string{valid_utf8(s)}; }

/// 10, not 1E1.
boost::json::value number(double n) {
  constexpr double exact = 1LL << 53;
  if (n >= -exact && n <= exact && n == std::trunc(n)) return static_cast<std::int64_t>(n);
  return n;
}

boost::json::value to_json(const plugin_host::value& v) {
  struct visitor {
    boost::json::value operator()(const std::string& s) const { return text(s); }
    boost::json::value operator()(microseconds d) const { return text(schedule::duration_text(d)); }
    boost::json::value operator()(const plugin_host::text_list& items) const {
      boost::json::array all;
      for (const auto& item : items) all.push_back(text(item));
      return all;
    }
    boost::json::value operator()(const plugin_host::text_map& entries) const {
      boost::json::object all;
      for (const auto& [key, value] : entries) all[valid_utf8(key)] = text(value);
      return all;
    }
    boost::json::value operator()(std::int64_t n) const { return n; }
    boost::json::value operator()(double n) const { return number(n); }
    boost::json::value operator()(bool b) const { return b; }
  };
  return std::visit(visitor{}, v);
}

std::string bound_text(const parameter& p, double bound) {
  if (p.type == parameter_type::duration && bound >= 0)
    return schedule::duration_text(std::chrono::duration_cast<microseconds>(std::chrono::duration<double>{bound}));
  std::array<char, 40> printed{};
  std::snprintf(printed.data(), printed.size(), "%.15g", bound);
  return printed.data();
}

boost::json::value bound_json(const parameter& p, double bound) {
  if (p.type == parameter_type::duration) return text(bound_text(p, bound));
  return number(bound);
}

/// "1 to 10", "at least 1", "csv, json".
std::string allowed(const parameter& p) {
  if (p.minimum && p.maximum) return bound_text(p, *p.minimum) + " to " + bound_text(p, *p.maximum);
  if (p.minimum) return "at least " + bound_text(p, *p.minimum);
  if (p.maximum) return "at most " + bound_text(p, *p.maximum);
  std::string all;
  for (const auto& choice : p.choices) all += (all.empty() ? "" : ", ") + choice;
  return all;
}

std::string fallback_text(const parameter& p) {
  if (p.required) return "(required)";
  if (!p.fallback) return "";
  return p.secret ? "***" : value_text(*p.fallback);
}

std::string_view kind_word(plugin_host::metric_kind kind) {
  switch (kind) {
    case plugin_host::metric_kind::counter: return "counter";
    case plugin_host::metric_kind::gauge: return "gauge";
    case plugin_host::metric_kind::histogram: return "histogram";
  }
  return "";
}

std::string labels_text(const plugin_host::metric& m) {
  std::string all;
  for (const auto& [name, value] : m.labels) all += (all.empty() ? "" : ", ") + name + "=" + value;
  return all;
}

std::string abi(const plugin_host::plugin_description& plugin) {
  return std::to_string(plugin.abi_major) + "." + std::to_string(plugin.abi_minor);
}

}  // namespace

std::string type_word(parameter_type type) {
  switch (type) {
    case parameter_type::text: return "text";
    case parameter_type::integer: return "integer";
    case parameter_type::number: return "number";
    case parameter_type::boolean: return "boolean";
    case parameter_type::duration: return "duration";
    case parameter_type::text_list: return "list of texts";
    case parameter_type::text_map: return "map of texts";
  }
  return "";
}

std::string value_text(const plugin_host::value& v) {
  if (const auto* d = std::get_if<microseconds>(&v)) return schedule::duration_text(*d);
  return boost::json::serialize(to_json(v));
}

std::string describe(const plugin_host::plugin_description& plugin) {
  table facts{{"name", plugin.name}};
  facts.add({"version", plugin.version});
  facts.add({"ABI", abi(plugin)});
  facts.add({"build", plugin.build_id});
  facts.add({"file", plugin.path});
  if (plugin.uses_store) facts.add({"store", "its runs are told how the scheduler reaches its store"});
  auto all = facts.text(0);
  if (!plugin.metrics.empty()) {
    table metrics{{"METRIC", "KIND", "LABELS", "HELP"}};
    for (const auto& m : plugin.metrics) metrics.add({m.name, std::string{kind_word(m.kind)}, labels_text(m), m.help});
    all += "\n" + metrics.text(0);
  }
  if (plugin.parameters.empty()) return all + "\nIt has no parameters.\n";
  table parameters{{"PARAMETER", "TYPE", "DEFAULT", "ALLOWED", "SECRET", "HELP"}};
  for (const auto& p : plugin.parameters)
    parameters.add({p.name, type_word(p.type), fallback_text(p), allowed(p), p.secret ? "secret" : "", p.help});
  return all + "\n" + parameters.text(0);
}

boost::json::object as_json(const plugin_host::plugin_description& plugin) {
  boost::json::array parameters;
  for (const auto& p : plugin.parameters) {
    boost::json::object one{{"name", text(p.name)}, {"type", type_word(p.type)}, {"required", p.required}, {"secret", p.secret}};
    if (p.fallback) one["default"] = p.secret ? boost::json::value{"***"} : to_json(*p.fallback);
    if (p.minimum) one["minimum"] = bound_json(p, *p.minimum);
    if (p.maximum) one["maximum"] = bound_json(p, *p.maximum);
    if (!p.choices.empty()) one["choices"] = to_json(plugin_host::text_list{p.choices});
    one["help"] = text(p.help);
    parameters.push_back(std::move(one));
  }
  boost::json::array metrics;
  for (const auto& m : plugin.metrics) {
    boost::json::object one{{"name", text(m.name)}, {"kind", kind_word(m.kind)}, {"labels", to_json(m.labels)}, {"help", text(m.help)}};
    if (!m.buckets.empty()) one["buckets"] = boost::json::array(m.buckets.begin(), m.buckets.end());
    metrics.push_back(std::move(one));
  }
  return {{"name", text(plugin.name)},           {"version", text(plugin.version)}, {"abi", abi(plugin)},
          {"build_id", text(plugin.build_id)},   {"file", text(plugin.path)},       {"uses_store", plugin.uses_store},
          {"parameters", std::move(parameters)}, {"metrics", std::move(metrics)}};
}

}  // namespace baton::program

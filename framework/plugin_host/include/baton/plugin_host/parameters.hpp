#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"

namespace baton::plugin_host {

enum class parameter_type : std::uint8_t { text = 1, integer, number, boolean, duration, text_list, text_map };

using text_list = std::vector<std::string>;
using text_map = std::map<std::string, std::string>;
/// A checked value of a parameter.
using value = std::variant<std::string, std::int64_t, double, bool, microseconds, text_list, text_map>;
/// Parameter name → value; defaults filled in.
using values = std::map<std::string, value>;

/// One row of a plugin's parameter table.
struct parameter {
  std::string name;
  parameter_type type{};
  bool required = false;
  bool secret = false;
  std::optional<value> fallback;
  std::optional<double> minimum;
  std::optional<double> maximum;
  std::vector<std::string> choices;
  std::string help;
};

enum class metric_kind : std::uint8_t { counter = 1, gauge, histogram };

/// One row of a plugin's metric table: a series for each of its jobs.
struct metric {
  std::string name;  ///< without baton_plugin_<plugin>_
  std::string help;
  metric_kind kind{};
  text_map labels;              ///< beside job_name
  std::vector<double> buckets;  ///< of a histogram: rising upper bounds, the one without a bound left out
};

/// What a plugin says of itself. All texts are UTF-8 and of bounded length.
struct plugin_description {
  std::string path;
  std::string name;
  std::string version;
  std::string build_id;
  std::uint16_t abi_major = 0;
  std::uint16_t abi_minor = 0;
  std::vector<parameter> parameters;
  std::vector<metric> metrics;
  bool uses_store = false;  ///< its runs are told how the scheduler reaches its store
};

/// What a user wrote below `with`: a scalar, a list, or a map in the order of the file, and where. Scalars are texts as written.
struct raw_value {
  using list = std::vector<raw_value>;
  struct entry;
  using map = std::vector<entry>;
  std::variant<std::string, list, map> data;
  bool quoted = false;  ///< a quoted scalar; without quotes, null and ~ are no value
  std::size_t line = 0;
  std::size_t column = 0;
};
struct raw_value::entry {
  std::string first;
  raw_value second;
};

/// What is wrong with a parameter, and what to write instead. Never shows the value of a secret.
struct parameter_error {
  std::size_t line = 0;
  std::size_t column = 0;
  std::string path;  ///< below `with`: "command[0]"; empty for `with` itself
  std::string message;
};

/// Checks what a user wrote against a plugin's table, and fills in defaults. All errors are found at once.
/// A parameter neither set, required nor defaulted is absent from the values.
[[nodiscard]] std::variant<values, std::vector<parameter_error>> check_parameters(const plugin_description& plugin, const raw_value& with);

/// Reads a plugin's description by loading it (RTLD_NOW | RTLD_LOCAL); it stays loaded.
/// Refused before anything of it is executed: a relative path, a file or folder that everybody may write, or that belongs to another user
/// than root or this process's. Refused after: no entry function, another ABI (both versions are named), a name that is not the file's,
/// a table of parameters or metrics that contradicts itself, a text that is not UTF-8 or too long.
/// Thread safety: any thread. Errors: errc::plugin_refused with the path, what was found and what was wanted.
[[nodiscard]] result<plugin_description> describe_plugin(const std::string& path);

}  // namespace baton::plugin_host

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
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

/// What a plugin says of itself.
struct plugin_description {
  std::string path;
  std::string name;
  std::string version;
  std::string build_id;
  std::uint16_t abi_major = 0;
  std::uint16_t abi_minor = 0;
  std::vector<parameter> parameters;
};

/// Reads a plugin's description by loading it (RTLD_NOW | RTLD_LOCAL); it stays loaded.
/// Errors: errc::plugin_refused with the path, what was found and what was wanted.
[[nodiscard]] result<plugin_description> describe_plugin(const std::string& path);

}  // namespace baton::plugin_host

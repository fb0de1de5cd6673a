#pragma once

#include <string>
#include <vector>

#include "baton/plugin_host/parameters.hpp"

namespace baton::program {

/// Values that the plugin's table allows and hardly anybody tries: empty, long and foreign texts, the ends of every range. Each differs
/// from `usual` in one parameter.
struct odd_values {
  std::string what;  ///< "greeting: 65536 characters"
  plugin_host::values values;
};
[[nodiscard]] std::vector<odd_values> odd_values_of(const plugin_host::plugin_description& plugin, const plugin_host::values& usual);

}  // namespace baton::program

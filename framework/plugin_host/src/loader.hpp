#pragma once

#include <string>

#include "baton/base/result.hpp"
#include "baton/plugin_host/parameters.hpp"
#include "baton/sdk/abi.h"

namespace baton::plugin_host {

/// A plugin in this process; never unloaded, so it may be copied and kept.
struct loaded_plugin {
  plugin_description description;
  const baton_plugin_descriptor* functions = nullptr;
};

/// As describe_plugin(), with the functions.
[[nodiscard]] result<loaded_plugin> load_plugin(const std::string& path);

}  // namespace baton::plugin_host

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

/// Everything a descriptor could have wrong is refused; `path` is where it comes from. Nothing of it is called.
[[nodiscard]] result<plugin_description> read_descriptor(const std::string& path, const baton_plugin_descriptor* found);

/// As describe_plugin(), with the functions.
[[nodiscard]] result<loaded_plugin> load_plugin(const std::string& path);
/// The one that this process uses: loaded at the first call, and not looked at again. Thread safe.
[[nodiscard]] result<const loaded_plugin*> plugin_in_use(const std::string& path);

}  // namespace baton::plugin_host

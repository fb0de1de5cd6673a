#pragma once

#include <span>
#include <string_view>

namespace baton::program {

/// A file of a plugin's project. NAME in `name` and @NAME@ in `text` stand for the plugin's name, @IDENTIFIER@ for it as C++ takes it.
struct plugin_template {
  std::string_view name;
  std::string_view text;
};

/// Those of templates/plugin.
[[nodiscard]] std::span<const plugin_template> plugin_templates() noexcept;

}  // namespace baton::program

#pragma once

#include <optional>
#include <string>

#include "baton/base/time.hpp"
#include "baton/plugin_host/parameters.hpp"

namespace baton::program {

// What the verbs for authors of plugins are given. Each reports on stderr what is wrong; the exit code is then 78 for what a file holds, 64
// for an option.

/// As the scheduler would name it: absolute.
[[nodiscard]] std::string absolute_path(const std::string& file);

/// In a process of its own. Errors: errc::plugin_refused.
[[nodiscard]] result<plugin_host::plugin_description> describe_file(const std::string& file);

/// The same, and checks the parameters of a file against its table; an empty `with` is no parameters.
struct plugin_and_values {
  plugin_host::plugin_description plugin;
  plugin_host::values values;
};
[[nodiscard]] std::optional<plugin_and_values> load_plugin_with(const std::string& file, const std::string& with);

/// "30s" of an option; an empty text is none.
[[nodiscard]] bool read_duration(const char* option, const std::string& text, std::optional<microseconds>& into);

}  // namespace baton::program

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "baton/plugin_host/parameters.hpp"
#include "baton/settings/settings.hpp"

namespace baton::program {

/// What a user wrote for a plugin: below `with` of a job, or in a file of its own.
struct given_with {
  const settings::with_value::map& map;
  settings::mark where;  ///< of what has no place of its own, such as a parameter that is missing
  std::string path;      ///< "jobs.nightly.with"
};

struct checked_with {
  std::optional<plugin_host::values> value;  ///< only if there is no problem
  std::vector<settings::problem> problems;
};

/// Checks it against the plugin's table. What came from a reference is in no problem.
[[nodiscard]] checked_with check_with(const plugin_host::plugin_description& plugin, const given_with& with);

/// The same values, for the plugin host.
[[nodiscard]] plugin_host::raw_value to_raw(const settings::with_value::map& with, const settings::mark& where);

}  // namespace baton::program

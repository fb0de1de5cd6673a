#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "baton/plugin_host/parameters.hpp"
#include "isolated.hpp"

namespace baton::program {

/// What the checks of a plugin are given.
struct check_options {
  plugin_host::plugin_description plugin;
  std::optional<plugin_host::values> with;  ///< to run it with; nullopt: it is not run
  microseconds timeout{};                   ///< of one run
  microseconds grace{};                     ///< from a stop order to the end of the run
};

/// A rule of the plugin interface, and whether a plugin keeps to it.
struct plugin_check {
  const char* name;
  /// Nothing; values to create or run handlers with; or that no check with values has failed, since it runs many.
  enum class needs : unsigned char { nothing = 1, values, good_runs } needs;
  std::function<check_result(const check_options&)> carry_out;
};

/// All there are, in the order in which a failure is easiest to understand.
[[nodiscard]] const std::vector<plugin_check>& plugin_checks();

/// Whether a file can be loaded at all: the check that all others stand on. It is loaded in a process of its own.
[[nodiscard]] check_result check_loading(const std::string& path);

}  // namespace baton::program

#pragma once

#include <string>

namespace baton::program {

// The verbs for authors of plugins. They need no store and no configuration. Data goes to stdout, diagnostics to stderr; the return value
// is the exit code.

/// Writes a project into ./NAME.
int plugin_new_command(const std::string& name);
int plugin_inspect_command(const std::string& file, const std::string& format);

struct plugin_run_options {
  std::string file;
  std::string with;        ///< a file of parameters; empty: none
  std::string timeout;     ///< a duration; empty: none
  std::string stop_after;  ///< a duration; empty: never
  std::string grace = "10s";
  std::string isolation = "process";
};
int plugin_run_command(const plugin_run_options& options);

struct plugin_test_options {
  std::string file;
  std::string with;
  std::string timeout = "30s";  ///< of the run with these parameters
  std::string grace = "10s";
};
int plugin_test_command(const plugin_test_options& options);

}  // namespace baton::program

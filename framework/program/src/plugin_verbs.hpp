#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "plugin_commands.hpp"

namespace baton::program {

/// The part of the command line that is for authors of plugins. Lifetime: at least as long as the application is used.
class plugin_verbs {
 public:
  explicit plugin_verbs(CLI::App& app);
  plugin_verbs(const plugin_verbs&) = delete;
  plugin_verbs& operator=(const plugin_verbs&) = delete;

  /// Carries out the verb that was given; nullopt: it is none of these.
  [[nodiscard]] std::optional<int> run() const;

 private:
  std::string name_;
  std::string file_;
  std::string format_ = "table";
  plugin_run_options run_options_;
  plugin_test_options test_options_;
  CLI::App* plugin_;
  CLI::App* new_;
  CLI::App* inspect_;
  CLI::App* run_;
  CLI::App* test_;
};

}  // namespace baton::program

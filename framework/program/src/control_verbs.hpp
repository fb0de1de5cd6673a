#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "control_commands.hpp"

namespace baton::program {

/// The part of the command line that is about a cluster's ledger. Lifetime: at least as long as the application is used.
class control_verbs {
 public:
  explicit control_verbs(CLI::App& app);
  control_verbs(const control_verbs&) = delete;
  control_verbs& operator=(const control_verbs&) = delete;

  /// Carries out the verb that was given; nullopt: it is none of these.
  [[nodiscard]] std::optional<int> run();

 private:
  CLI::App* add(CLI::App& app, const char* name, const char* help);
  CLI::App* add_reader(CLI::App& app, const char* name, const char* help);
  void add_format(CLI::App& verb);

  std::string file_;
  std::string socket_;
  std::string format_ = "table";
  std::vector<std::string> names_;
  runs_options runs_options_;
  why_options why_options_;
  trigger_options trigger_options_;
  verify_options verify_options_;
  CLI::App* runs_;
  CLI::App* list_;
  CLI::App* instances_;
  CLI::App* status_;
  CLI::App* locks_;
  CLI::App* why_;
  CLI::App* trigger_;
  CLI::App* pause_;
  CLI::App* resume_;
  CLI::App* cancel_;
  CLI::App* verify_;
};

}  // namespace baton::program

#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "command_tree.hpp"
#include "crontab_command.hpp"

namespace baton::program {

/// The verbs that write files for other programs: editors, shells, man, and a configuration out of a crontab. Lifetime: at least as
/// long as the application is used.
class document_verbs {
 public:
  explicit document_verbs(CLI::App& app);
  document_verbs(const document_verbs&) = delete;
  document_verbs& operator=(const document_verbs&) = delete;

  /// Carries out the verb that was given; nullopt: it is none of these.
  [[nodiscard]] std::optional<int> run() const;

 private:
  [[nodiscard]] int completion() const;
  [[nodiscard]] int manual() const;

  const CLI::App& app_;
  std::string format_ = "json";
  std::string shell_;
  std::string jobs_of_;
  std::string page_;
  crontab_options crontab_options_;
  CLI::App* schema_;
  CLI::App* completion_;
  CLI::App* manual_;
  CLI::App* import_;
  CLI::App* crontab_;
};

/// What the application knows of its verbs; hidden ones are left out.
[[nodiscard]] verb_help describe(const CLI::App& app);

}  // namespace baton::program

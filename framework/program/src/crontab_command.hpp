#pragma once

#include <string>

namespace baton::program {

struct crontab_options {
  std::string file;        ///< "-": standard input
  bool is_system = false;  ///< a column for the user
  std::string cluster = "cron";
  std::string timezone;  ///< empty: this machine's
};

/// YAML on stdout, what could not be kept on stderr. exit_negative: some entry was left out.
int crontab_command(const crontab_options& options);

}  // namespace baton::program

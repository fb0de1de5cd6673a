#pragma once

#include <string>

namespace baton::program {

// Each verb of the command line. Data goes to stdout, diagnostics to stderr; the return value is the exit code.

int run_command(const std::string& file);
/// `format` json or yaml: the problems on stdout, as records.
int check_command(const std::string& file, bool show_effective, bool connect, const std::string& format);
int doctor_command(const std::string& file, const std::string& format);
int migrate_command(const std::string& file, bool print_only);
/// Over the instance's admin socket; that of `file`, or `socket`.
int reload_command(const std::string& file, const std::string& socket);
int drain_command(const std::string& file, const std::string& socket, bool wait);
int version_command(const std::string& format);

struct next_options {
  std::string file;
  std::string job;  ///< of the file; beside an expression what H stands for
  std::string expression;
  std::string timezone;
  std::string from;  ///< empty: now
  int count = 5;
  std::string format = "table";
};
int next_command(const next_options& options);
int explain_command(const next_options& options);

struct dev_options {
  std::string store = "mysql";
  std::string for_how_long;  ///< "30s"; empty: until interrupted
  int instances = 3;
};
int dev_command(const dev_options& options);

}  // namespace baton::program

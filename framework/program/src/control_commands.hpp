#pragma once

#include <string>
#include <vector>

#include "fleet_source.hpp"

namespace baton::program {

// The verbs that ask a cluster's ledger or tell it something. Data goes to stdout, diagnostics to stderr; the return value is the exit
// code.

struct runs_options {
  fleet_place where;
  std::string job;   ///< empty: all
  std::string from;  ///< of nominal times; empty: without bound
  std::string to;
  int count = 20;  ///< the newest
  std::string format = "table";
};
int runs_command(const runs_options& options);
int list_command(const fleet_place& where, const std::string& format);
int instances_command(const fleet_place& where, const std::string& format);
int status_command(const fleet_place& where, const std::string& format);
int locks_command(const fleet_place& where, const std::string& format);

struct why_options {
  std::string file;
  std::string job;
  std::string tick;  ///< empty: the newest
  std::string format = "table";
};
int why_command(const why_options& options);

struct trigger_options {
  std::string file;
  std::string job;
  std::string tick;
  std::string from;  ///< with `to`: all ticks of the schedule from one to before the other
  std::string to;
  std::vector<std::string> with;  ///< "name=value"
  bool wait = false;              ///< until all have ended
};
int trigger_command(const trigger_options& options);
int pause_command(const std::string& file, const std::vector<std::string>& jobs, bool paused);
int cancel_command(const std::string& file, const std::vector<std::string>& runs);

struct verify_options {
  std::string file;
  std::string from;
  std::string to;
  std::string late = "60s";
  std::string grace = "2m";  ///< how long a tick may be undecided
  std::string format = "table";
};
int verify_command(const verify_options& options);

}  // namespace baton::program

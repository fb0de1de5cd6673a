#pragma once

#include <string>
#include <vector>

#include "baton/local/store.hpp"
#include "baton/mysql/store.hpp"
#include "baton/observe/metrics.hpp"
#include "baton/runtime/scheduler.hpp"
#include "baton/settings/settings.hpp"

namespace baton::program {

/// A file that passed every check: settings, plugins found and loaded, their parameters checked.
struct configuration {
  settings::settings settings;
  std::vector<runtime::job> jobs;
  std::vector<observe::job_labels> labels;
  std::vector<plugin_host::plugin_description> plugins;
};

struct checked {
  std::optional<configuration> value;  ///< only if nothing is wrong
  std::vector<settings::problem> problems;
};

/// Loads and checks a file with the plugins that it names. Every problem of both is reported.
[[nodiscard]] checked load_configuration(const std::string& file);

/// Whether the store is a directory of this host.
[[nodiscard]] inline bool is_local(const settings::settings& s) { return !s.store.directory.empty(); }
/// What the store needs to know: of a server, or of a directory.
/// And their memory: there may be a hundred thousand.
void forget_jobs(settings::settings& s);
[[nodiscard]] mysql::options store_options(const settings::settings& s);
[[nodiscard]] local::options local_store_options(const settings::settings& s);
[[nodiscard]] runtime::options scheduler_options(const settings::settings& s);
/// Handlers' processes are begun as the small program that was installed with this one, which loads in a third of the time; else as this
/// one.
[[nodiscard]] plugin_host::executor::options runner_options();

/// Prints problems to stderr and a last line that counts them.
void print_problems(const std::vector<settings::problem>& problems);

}  // namespace baton::program

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baton/sdk/plugin.hpp"

#include "blocked_signal.hpp"
#include "process.hpp"

namespace {

using baton::sdk::outcome;
using baton::sdk::run_context;
using baton::sdk::text_list;
using baton::sdk::text_map;

/// What the program finds in its environment: this process's, its account's, what Baton says of the run, what the job configures. The
/// last wins.
std::vector<std::string> environment_of(const run_context& run, const std::optional<exec_plugin::account>& user) {
  text_map variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    const auto equals = text.find('=');
    if (equals != std::string_view::npos)
      variables.insert_or_assign(std::string{text.substr(0, equals)}, std::string{text.substr(equals + 1)});
  }
  if (user) {
    variables.insert_or_assign("HOME", user->home);
    variables.insert_or_assign("USER", user->name);
    variables.insert_or_assign("LOGNAME", user->name);
  }
  variables.insert_or_assign("BATON_JOB", std::string{run.job()});
  variables.insert_or_assign("BATON_TICK", baton::sdk::to_rfc3339(run.tick()));
  variables.erase("BATON_DEADLINE");
  if (const auto deadline = run.deadline()) variables.insert_or_assign("BATON_DEADLINE", baton::sdk::to_rfc3339(*deadline));
  variables.insert_or_assign("BATON_RUN_ID", std::string{run.run_id()});
  variables.insert_or_assign("BATON_ATTEMPT", std::to_string(run.attempt()));
  variables.insert_or_assign("BATON_FENCE", std::to_string(run.fence()));
  variables.insert_or_assign("BATON_INSTANCE", std::string{run.instance()});
  variables.insert_or_assign("BATON_CLUSTER", std::string{run.cluster()});
  variables.insert_or_assign("BATON_TRIGGER", std::string{run.trigger()});
  for (const auto& [name, value] : run.map("environment")) variables.insert_or_assign(name, value);

  std::vector<std::string> entries;
  for (const auto& [name, value] : variables) entries.push_back(name + "=" + value);
  return entries;
}

/// Exit codes from texts; nullopt for what is not one.
std::optional<std::vector<int>> codes_of(const text_list& texts) {
  std::vector<int> codes;
  for (const auto& text : texts) {
    int code = -1;
    const auto end = text.data() + text.size();
    if (const auto [stop, error] = std::from_chars(text.data(), end, code); error != std::errc{} || stop != end || code < 0 || code > 255) {
      return std::nullopt;
    }
    codes.push_back(code);
  }
  return codes;
}

std::string cannot_start(const text_list& command, const std::string& why) { return "cannot start " + command.front() + ": " + why; }

/// Runs a program. No shell: what is not in `command` is not passed.
struct exec : baton::sdk::handler {
  static constexpr baton::sdk::params parameters{
      baton::sdk::required<text_list>("command", "program and arguments; without a slash it is looked for on PATH; no shell reads it"),
      baton::sdk::param<text_map>("environment", "", "variables for the program, beside BATON_JOB, BATON_TICK and the like"),
      baton::sdk::param<std::string>("directory", "", "where to run it; empty: where the scheduler runs"),
      baton::sdk::param<std::string>("user", "", "account to run it as, with all its groups; empty: the scheduler's"),
      baton::sdk::param<text_list>("success_exit_codes", "0", "exit codes that mean success"),
      baton::sdk::param<text_list>("skip_exit_codes", "", "exit codes that mean: there was nothing to do"),
      baton::sdk::param<text_list>("retry_exit_codes", "75", "exit codes that mean: try again later (75 is EX_TEMPFAIL)"),
  };

  outcome run(run_context& run) override {
    const auto command = run.list("command");
    const auto good = codes_of(run.list("success_exit_codes"));
    const auto idle = codes_of(run.list("skip_exit_codes"));
    const auto later = codes_of(run.list("retry_exit_codes"));
    if (command.empty() || command.front().empty()) return outcome::failure("command is empty: name a program");
    if (!good || !idle || !later)
      return outcome::failure("success_exit_codes, skip_exit_codes and retry_exit_codes take numbers from 0 to 255");

    std::string error;
    std::optional<exec_plugin::account> user;
    if (const auto name = run.text("user"); !name.empty()) {
      user = exec_plugin::account::find(name, error);
      if (!user) return outcome::failure(cannot_start(command, error));
    }

    // A SIGTERM to the process group is for the program; this thread stays to see how it ends.
    const plugins::blocked_signal terminate{SIGTERM};
    auto program = exec_plugin::process::start({command, environment_of(run, user), run.text("directory"), user}, error);
    if (!program) return outcome::failure(cannot_start(command, error));

    bool told = false;
    while (!program->wait_or(told ? -1 : run.stop_descriptor())) {
      if (!told && run.stop_requested()) program->send(SIGTERM);
      told = told || run.stop_requested();
    }
    const int status = program->status();

    if (WIFEXITED(status)) {
      const int code = WEXITSTATUS(status);
      const auto text = "exit code " + std::to_string(code);
      if (std::ranges::find(*good, code) != good->end()) return outcome::success();
      if (std::ranges::find(*idle, code) != idle->end()) return outcome::skipped(text);
      if (told) return outcome::cancelled(text);
      if (std::ranges::find(*later, code) != later->end()) return outcome::retry_later(text);
      return outcome::failure(text);
    }
    const int signal = WTERMSIG(status);
    const auto text = "killed by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
    return told ? outcome::cancelled(text) : outcome::failure(text);
  }
};

}  // namespace

BATON_PLUGIN(exec, "exec", "1.0.0")

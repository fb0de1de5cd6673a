#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "baton/base/suggest.hpp"
#include "baton/plugin_host/executor.hpp"
#include "commands.hpp"
#include "control_verbs.hpp"
#include "dev_journal.hpp"
#include "document_verbs.hpp"
#include "exit_codes.hpp"
#include "plugin_verbs.hpp"

namespace {

using namespace baton::program;

std::string spoken(const CLI::App& verb) {
  if (verb.get_parent() == nullptr) return "baton";
  return spoken(*verb.get_parent()) + " " + verb.get_name();
}

/// An option that the verb has not; empty: it has them all.
std::string unknown_option(const CLI::App& verb, int argc, char** argv) {
  for (int i = 1; i < argc && std::string_view{argv[i]} != "--"; ++i) {
    const auto word = std::string{argv[i]}.substr(0, std::string{argv[i]}.find('='));
    if (word.starts_with("--") && verb.get_option_no_throw(word) == nullptr) return word;
  }
  return {};
}

/// " (did you mean '--connect'?)", or nothing.
std::string option_meant(const CLI::App& verb, std::string word) {
  std::vector<std::string> names;
  for (const auto* option : verb.get_options()) {
    for (auto name : option->get_lnames()) {
      std::ranges::replace(name, '-', '_');
      names.push_back(std::move(name));
    }
  }
  word.erase(0, 2);
  std::ranges::replace(word, '-', '_');
  auto nearest = baton::suggest(word, {names.begin(), names.end()});
  std::ranges::replace(nearest, '_', '-');
  return nearest.empty() ? "" : " (did you mean '--" + nearest + "'?)";
}

int usage_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help
  const CLI::App* verb = &app;
  std::string given;
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    const auto known = verb->get_subcommands([](const CLI::App*) { return true; });
    if (known.empty()) break;  // an argument
    given += (given.empty() ? "" : " ") + std::string{argv[i]};
    const auto found = std::ranges::find(known, argv[i], [](const CLI::App* s) { return s->get_name(); });
    if (found != known.end()) {
      verb = *found;
      continue;
    }
    std::fprintf(stderr, "baton: error: there is no verb '%s'", given.c_str());
    std::vector<std::string> names;
    names.reserve(known.size());
    for (const auto* s : known) names.push_back(s->get_name());
    if (const auto nearest = baton::suggest(argv[i], {names.begin(), names.end()}); !nearest.empty())
      std::fprintf(stderr, " (did you mean '%s'?)", nearest.c_str());
    std::fprintf(stderr, "; 'baton%s --help' lists them\n", verb == &app ? "" : (" " + verb->get_name()).c_str());
    return exit_usage;
  }
  const auto name = spoken(*verb);
  if (const auto option = unknown_option(*verb, argc, argv); !option.empty()) {
    std::fprintf(stderr, "baton: error: '%s' has no option '%s'%s; '%s --help' lists them\n", name.c_str(), option.c_str(),
                 option_meant(*verb, option).c_str(), name.c_str());
    return exit_usage;
  }
  std::fprintf(stderr, "baton: error: %s; '%s --help' tells more\n", error.what(), name.c_str());
  return exit_usage;
}

}  // namespace

int main(int argc, char** argv) {
  // The scheduler starts itself as a supervisor: nothing else of the program is wanted there.
  if (argc > 1 && std::string_view{argv[1]} == "runner") return baton::plugin_host::runner_main();
  if (argc > 1 && std::string_view{argv[1]} == "dev-job") return dev_job_main(argc, argv);  // what the jobs of `baton dev` run

  CLI::App app{"Baton: a job scheduler for a fleet. Exactly one instance runs each tick."};
  app.require_subcommand(1);
  std::string file;
  const auto with_file = [&file](CLI::App* verb) { verb->add_option("-c,--config", file, "the configuration file")->required(); };

  auto* run = app.add_subcommand("run", "the scheduler, in the foreground");
  with_file(run);
  auto* check = app.add_subcommand("check", "reports every error of a configuration");
  with_file(check);
  bool show_effective = false;
  bool connect = false;
  bool load_plugins = false;
  check->add_flag("--show-effective", show_effective, "print the settings with every default");
  check->add_flag("--connect", connect, "also try the store");
  check->add_flag("--load-plugins", load_plugins, "also load the plugins (always done in this release)");
  std::string format = "table";
  const auto with_format = [&format](CLI::App* verb) {
    verb->add_option("-o,--output", format, "table, json or yaml")->check(CLI::IsMember({"table", "json", "yaml"}));
  };
  with_format(check);
  auto* doctor = app.add_subcommand("doctor", "probes the store and says what is unfit and what cures it");
  with_file(doctor);
  with_format(doctor);
  auto* migrate = app.add_subcommand("migrate", "creates or upgrades the tables");
  migrate->add_option("-c,--config", file, "the configuration file");
  bool print_only = false;
  migrate->add_flag("--print", print_only, "show the SQL instead");
  next_options next_opts;
  auto* next = app.add_subcommand("next", "ticks to come, of the jobs of a file or of an expression");
  next->add_option("-c,--config", next_opts.file, "the configuration file");
  next->add_option("job", next_opts.job, "one job of the file; with --expression the name that H is made from");
  next->add_option("--expression", next_opts.expression, "a cron expression");
  next->add_option("--timezone", next_opts.timezone, "of --expression; default: UTC");
  next->add_option("--from", next_opts.from, "an instant in UTC, such as 2026-03-29T00:00:00Z; default: now");
  next->add_option("-n,--count", next_opts.count, "how many")->check(CLI::Range(1, 100'000));
  with_format(next);
  auto* explain = app.add_subcommand("explain", "a cron expression in words");
  explain->add_option("expression", next_opts.expression, "five to seven fields, in quotes")->required();
  explain->add_option("--timezone", next_opts.timezone, "default: UTC");
  explain->add_option("--job", next_opts.job, "the name that H is made from");
  with_format(explain);
  control_verbs control{app};
  plugin_verbs plugin{app};
  document_verbs documents{app};
  std::string socket;
  bool wait = false;
  auto* reload = app.add_subcommand("reload", "has this machine's instance read its configuration again, and tells what became of it");
  auto* drain = app.add_subcommand("drain", "has this machine's instance start no further run, and end when its runs have");
  for (auto* verb : {reload, drain}) {
    auto* config = verb->add_option("-c,--config", file, "its configuration file, for http.socket");
    verb->add_option("--socket", socket, "its admin socket, instead")->excludes(config);
  }
  drain->add_flag("--wait", wait, "until it has ended");
  auto* version = app.add_subcommand("version", "prints the version");
  with_format(version);
  auto* dev = app.add_subcommand("dev", "a throw-away fleet on this machine");
  dev_options dev_opts;
  dev->add_option("--store", dev_opts.store, "mysql: a private MariaDB; local: a directory, no server")
      ->check(CLI::IsMember({"mysql", "local"}));
  dev->add_option("--for", dev_opts.for_how_long, "end by itself after this long, such as 30s");
  dev->add_option("--instances", dev_opts.instances, "how many instances")->check(CLI::Range(2, 9));

  try {
    app.parse(argc, argv);
    if (migrate->parsed() && !print_only && file.empty()) throw CLI::RequiredError("--config (or --print)");
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error, argc, argv);
  }
  next_opts.format = format;
  if (run->parsed()) return run_command(file);
  if (const auto done = control.run()) return *done;
  if (const auto done = plugin.run()) return *done;
  if (const auto done = documents.run()) return *done;
  if (next->parsed()) return next_command(next_opts);
  if (explain->parsed()) return explain_command(next_opts);
  if (check->parsed()) return check_command(file, show_effective, connect, format);
  if (doctor->parsed()) return doctor_command(file, format);
  if (migrate->parsed()) return migrate_command(file, print_only);
  if (reload->parsed()) return reload_command(file, socket);
  if (drain->parsed()) return drain_command(file, socket, wait);
  if (version->parsed()) return version_command(format);
  return dev_command(dev_opts);
}

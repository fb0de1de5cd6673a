#include "plugin_verbs.hpp"

namespace baton::program {

plugin_verbs::plugin_verbs(CLI::App& app)
    : plugin_(app.add_subcommand("plugin", "for authors of plugins: new, inspect, run, test; no store is needed")),
      new_(plugin_->add_subcommand("new", "writes the project of a plugin into a folder of its name")),
      inspect_(plugin_->add_subcommand("inspect", "what a plugin says of itself: name, version, ABI, parameters")),
      run_(plugin_->add_subcommand("run", "one run, now; 0 is returned if it did well")),
      test_(plugin_->add_subcommand("test", "whether a plugin keeps to the rules, each check in a process of its own")) {
  plugin_->require_subcommand(1);
  new_->add_option("name", name_, "of lower case letters, digits, _ and -")->required();
  inspect_->add_option("file", file_, "NAME.so")->required();
  inspect_->add_option("-o,--output", format_, "table, json or yaml")->check(CLI::IsMember({"table", "json", "yaml"}));
  run_->add_option("file", run_options_.file, "NAME.so")->required();
  run_->add_option("--with", run_options_.with, "a YAML file with its parameters, as they stand below `with` of a job");
  run_->add_option("--timeout", run_options_.timeout, "such as 30s; default: none");
  run_->add_option("--stop-after", run_options_.stop_after, "asks it to stop, this long after it began");
  run_->add_option("--grace", run_options_.grace, "from the stop order to SIGTERM; default: 10s");
  run_->add_option("--isolation", run_options_.isolation, "process or in_process")->check(CLI::IsMember({"process", "in_process"}));
  test_->add_option("file", test_options_.file, "NAME.so")->required();
  test_->add_option("--with", test_options_.with,
                    "a YAML file with parameters; it is run with these and with odd ones, so they should do no harm");
  test_->add_option("--timeout", test_options_.timeout, "within which a run with these parameters ends; default: 30s");
  test_->add_option("--grace", test_options_.grace, "within which it comes back when asked to stop; default: 10s");
}

std::optional<int> plugin_verbs::run() const {
  if (new_->parsed()) return plugin_new_command(name_);
  if (inspect_->parsed()) return plugin_inspect_command(file_, format_);
  if (run_->parsed()) return plugin_run_command(run_options_);
  if (test_->parsed()) return plugin_test_command(test_options_);
  return std::nullopt;
}

}  // namespace baton::program

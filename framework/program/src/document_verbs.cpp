#include "document_verbs.hpp"

#include <algorithm>
#include <cstdio>

#include "baton/settings/settings.hpp"
#include "completion.hpp"
#include "configuration_schema.hpp"
#include "control.hpp"
#include "exit_codes.hpp"
#include "manual.hpp"
#include "output.hpp"

namespace baton::program {
namespace {

/// "{table,json,yaml}" in the name of an option's type.
std::vector<std::string> choices_in(const std::string& type) {
  const auto open = type.find('{');
  const auto close = type.find('}', open == std::string::npos ? 0 : open);
  std::vector<std::string> out;
  if (open == std::string::npos || close == std::string::npos) return out;
  for (auto begin = open + 1; begin < close;) {
    const auto end = std::min(type.find(',', begin), close);
    out.push_back(type.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

option_help describe(const CLI::Option& option) {
  option_help out;
  for (const auto& name : option.get_snames()) out.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) out.names.push_back("--" + name);
  out.is_argument = option.get_positional();
  if (out.is_argument) out.names = {option.get_name(true, false)};
  out.choices = choices_in(option.get_type_name());
  out.help = option.get_description();
  out.takes_value = option.get_expected_min() > 0;
  out.is_required = option.get_required();
  out.may_repeat = option.get_expected_max() > 1;
  return out;
}

void describe(const CLI::App& app, const std::string& parent, verb_help& out) {
  if (app.get_parent() != nullptr) out.name = (parent.empty() ? "" : parent + " ") + app.get_name();
  out.help = app.get_description();
  for (const auto* option : app.get_options()) out.options.push_back(describe(*option));
  for (const auto* below : app.get_subcommands([](const CLI::App* verb) { return !verb->get_group().empty(); })) {
    out.verbs.emplace_back();
    describe(*below, out.name, out.verbs.back());
  }
}

}  // namespace

verb_help describe(const CLI::App& app) {
  verb_help out;
  describe(app, {}, out);
  return out;
}

document_verbs::document_verbs(CLI::App& app)
    : app_(app),
      schema_(app.add_subcommand("schema", "the JSON Schema of a configuration, for editors")),
      completion_(app.add_subcommand("completion", "the script that completes command lines in a shell")),
      manual_(app.add_subcommand("manual", "a page for man(1), as it is installed")),
      import_(app.add_subcommand("import", "a configuration out of another scheduler's: crontab")),
      crontab_(import_->add_subcommand("crontab", "YAML on stdout for an existing crontab, and on stderr what could not be kept")) {
  schema_->add_option("-o,--output", format_, "json")->check(CLI::IsMember({"json"}));
  auto* shell = completion_->add_option("shell", shell_, "which shell")->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion_->add_option("--jobs-of", jobs_of_, "instead: the names of the jobs of a configuration file, one a line")->excludes(shell);
  manual_->add_option("page", page_, "which page")->required()->check(CLI::IsMember({"baton", "baton.yaml"}));
  manual_->group("");
  import_->require_subcommand(1);
  crontab_->add_option("file", crontab_options_.file, "the crontab; - is standard input")->required();
  crontab_->add_flag("--system", crontab_options_.is_system, "with a column for the user, as /etc/crontab and /etc/cron.d/* have");
  crontab_->add_option("--cluster", crontab_options_.cluster, "name of the cluster; default: cron");
  crontab_->add_option("--timezone", crontab_options_.timezone, "of the schedules; default: this machine's, as cron has it");
}

int document_verbs::completion() const {
  if (!jobs_of_.empty()) {
    const auto loaded = settings::load(jobs_of_);
    if (!loaded.value && !loaded.draft) return exit_configuration;
    for (const auto& job : (loaded.value ? *loaded.value : *loaded.draft).jobs) std::printf("%s\n", job.name.c_str());
    return exit_ok;
  }
  if (shell_.empty()) return tell_usage("completion of which shell? bash, zsh or fish");
  const auto program = describe(app_);
  const auto script = shell_ == "bash" ? bash_completion(program) : shell_ == "zsh" ? zsh_completion(program) : fish_completion(program);
  std::fputs(script.c_str(), stdout);
  return exit_ok;
}

int document_verbs::manual() const {
  std::fputs((page_ == "baton" ? program_manual(describe(app_)) : configuration_manual()).c_str(), stdout);
  return exit_ok;
}

std::optional<int> document_verbs::run() const {
  if (completion_->parsed()) return completion();
  if (manual_->parsed()) return manual();
  if (crontab_->parsed()) return crontab_command(crontab_options_);
  if (!schema_->parsed()) return std::nullopt;
  print_object(configuration_schema(), false);
  return exit_ok;
}

}  // namespace baton::program

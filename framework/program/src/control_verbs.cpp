#include "control_verbs.hpp"

namespace baton::program {

CLI::App* control_verbs::add(CLI::App& app, const char* name, const char* help) {
  auto* verb = app.add_subcommand(name, help);
  verb->add_option("-c,--config", file_, "the configuration file")->required();
  return verb;
}

/// A verb that an instance can answer as well as the store.
CLI::App* control_verbs::add_reader(CLI::App& app, const char* name, const char* help) {
  auto* verb = app.add_subcommand(name, help);
  auto* config =
      verb->add_option("-c,--config", file_, "the configuration file; where its store cannot be reached, its admin socket is asked");
  verb->add_option("--socket", socket_, "an instance's admin socket, instead; no password is needed")->excludes(config);
  return verb;
}

void control_verbs::add_format(CLI::App& verb) {
  verb.add_option("-o,--output", format_, "table, json or yaml")->check(CLI::IsMember({"table", "json", "yaml"}));
}

control_verbs::control_verbs(CLI::App& app)
    : runs_(add_reader(app, "runs", "what became of ticks, the newest first")),
      list_(add_reader(app, "list", "the jobs: whether they run, next tick, last run")),
      instances_(add_reader(app, "instances", "the instances of the cluster")),
      status_(add_reader(app, "status", "whether all is well, what is next, failing and paused jobs, instances")),
      locks_(add_reader(app, "locks", "who holds which lock")),
      why_(add(app, "why", "what happened at a tick, and why it ran or did not")),
      trigger_(add(app, "trigger", "runs a job now, or ticks of its past")),
      pause_(add(app, "pause", "skips the ticks of jobs until they are resumed")),
      resume_(add(app, "resume", "ends the pause of jobs")),
      cancel_(add(app, "cancel", "ends runs, or what waits to run")),
      verify_(add(app, "verify", "holds the ledger against the schedules: missing, extra, late, overlapping runs")) {
  for (auto* verb : {runs_, list_, instances_, status_, locks_, why_, verify_}) add_format(*verb);
  runs_->add_option("job", runs_options_.job, "one job");
  runs_->add_option("--from", runs_options_.from, "ticks from this instant in UTC on, such as 2026-03-29T00:00:00Z");
  runs_->add_option("--to", runs_options_.to, "ticks before this instant");
  runs_->add_option("-n,--count", runs_options_.count, "how many")->check(CLI::Range(1, 100'000));
  why_->add_option("job", why_options_.job, "which job")->required();
  why_->add_option("tick", why_options_.tick, "an instant in UTC, such as 2026-03-29T00:00:00Z; default: the newest tick");
  trigger_->add_option("job", trigger_options_.job, "which job")->required();
  auto* tick = trigger_->add_option("--tick", trigger_options_.tick, "the tick that the run is for; default: now");
  auto* from = trigger_->add_option("--from", trigger_options_.from, "with --to: all ticks of its schedule from this instant on");
  auto* to = trigger_->add_option("--to", trigger_options_.to, "and before this one");
  from->needs(to)->excludes(tick);
  to->needs(from);
  trigger_->add_option("--with", trigger_options_.with, "NAME=VALUE: a parameter, instead of that of the configuration; may be repeated");
  trigger_->add_flag("--wait", trigger_options_.wait, "until all have ended; 1 is returned unless all did well");
  for (auto* verb : {pause_, resume_}) verb->add_option("jobs", names_, "which jobs")->required();
  cancel_->add_option("runs", names_, "as `baton runs` names them, such as nightly@2026-11-26T02:00:00Z")->required();
  verify_->add_option("--from", verify_options_.from, "ticks from this instant in UTC on")->required();
  verify_->add_option("--to", verify_options_.to, "ticks before this instant")->required();
  verify_->add_option("--late", verify_options_.late, "a run that starts later than this is a finding; default: 60s");
  verify_->add_option("--grace", verify_options_.grace, "a tick that was due this long ago and has no row is missing; default: 2m");
}

std::optional<int> control_verbs::run() {
  why_options_.file = trigger_options_.file = verify_options_.file = file_;
  runs_options_.format = why_options_.format = verify_options_.format = format_;
  const fleet_place where{file_, socket_};
  runs_options_.where = where;
  if (runs_->parsed()) return runs_command(runs_options_);
  if (list_->parsed()) return list_command(where, format_);
  if (instances_->parsed()) return instances_command(where, format_);
  if (status_->parsed()) return status_command(where, format_);
  if (locks_->parsed()) return locks_command(where, format_);
  if (why_->parsed()) return why_command(why_options_);
  if (trigger_->parsed()) return trigger_command(trigger_options_);
  if (pause_->parsed()) return pause_command(file_, names_, true);
  if (resume_->parsed()) return pause_command(file_, names_, false);
  if (cancel_->parsed()) return cancel_command(file_, names_);
  if (verify_->parsed()) return verify_command(verify_options_);
  return std::nullopt;
}

}  // namespace baton::program

#include "job.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "baton/lock/name.hpp"

namespace baton::runtime {
namespace {

constexpr std::string_view name_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= 64 && text.find_first_not_of(name_alphabet) == std::string::npos;
}

observe::plugin_metric_kind to_observe(plugin_host::metric_kind kind) {
  switch (kind) {
    case plugin_host::metric_kind::counter: return observe::plugin_metric_kind::counter;
    case plugin_host::metric_kind::gauge: return observe::plugin_metric_kind::gauge;
    case plugin_host::metric_kind::histogram: break;
  }
  return observe::plugin_metric_kind::histogram;
}

}  // namespace

status check_jobs(const std::vector<job>& jobs) {
  std::string mistakes;
  const auto report = [&](const job& j, std::string_view what) {
    mistakes.append(mistakes.empty() ? "" : "\n").append("job '").append(j.name).append("': ").append(what);
  };
  std::set<std::string_view> names;
  for (const auto& j : jobs) {
    if (!is_name(j.name)) report(j, "its name needs 1 to 64 of A-Z a-z 0-9 . _ -");
    if (!names.insert(j.name).second) report(j, "another job has this name");
    if (j.handler && !j.plugin_path.empty()) report(j, "it has a handler and a plugin: set either `handler` or `plugin_path`");
    if (!j.handler && j.plugin_path.empty()) report(j, "it has nothing to run: set either `handler` or `plugin_path`");
    if (!j.metrics.empty() && j.plugin.empty()) report(j, "it has metrics without the name of their plugin: set `plugin`");
    if (j.timeout && *j.timeout <= microseconds{0}) report(j, "`timeout` must be more than 0; unset, there is none");
    const bool shares_lock = !j.lock_name.empty() && j.lock_name != j.name;
    if (j.policy.overlap == ledger::overlap_policy::allow && (shares_lock || j.hold_at_least > microseconds{0}))
      report(j, "`lock_name` and `hold_at_least` do not go with `allow`, which gives each run a lock of its own");
    if (j.grace < microseconds{0}) report(j, "`grace` must not be negative");
  }
  for (const auto& j : jobs) {
    for (const auto& p : j.after) {
      if (!names.contains(p.job)) report(j, "`after` names the job '" + p.job + "', which there is not");
    }
  }
  if (!mistakes.empty()) return failure{errc::invalid_configuration, std::move(mistakes)};
  return {};
}

plugin_host::isolation isolation_of(const job& j) noexcept { return j.handler ? plugin_host::isolation::in_process : j.isolation; }

lost_policy on_lost_of(const job& j) noexcept { return j.on_lost.value_or(j.handler ? lost_policy::report : lost_policy::abort); }

engine::job_set engine_jobs(const options& opts, const std::vector<job>& jobs) {
  engine::job_set set;
  std::map<std::string, std::size_t> tags;
  for (const auto& [tag, max_running] : opts.tag_limits) {
    tags.emplace(tag, set.tags.size());
    set.tags.push_back({lock::tag_name(opts.cluster, tag), max_running, {}});
  }
  std::map<std::string_view, std::vector<ledger::follower>> followers;
  const auto lock_of = [&](const job& j) { return lock::scheduler_name(opts.cluster, j.lock_name.empty() ? j.name : j.lock_name); };
  for (const auto& j : jobs) {
    if (j.is_retired) continue;
    for (const auto& [earlier, when] : j.after) followers[earlier].push_back({j.name, lock_of(j), when});
  }
  set.jobs.reserve(jobs.size());
  for (const auto& j : jobs) {
    engine::job& e = set.jobs.emplace_back();
    e.name = j.name;
    e.schedule = j.schedule;
    e.lock_name = lock_of(j);
    e.schedule_hash = j.schedule ? j.schedule->identity() : "none";
    e.policy = j.policy;
    if (const auto known = followers.find(j.name); known != followers.end()) e.policy.followers = known->second;
    e.grace = j.grace;
    e.setting = !j.enabled ? ledger::job_setting::disabled : j.paused ? ledger::job_setting::paused : ledger::job_setting::runs;
    e.runs_here =
        std::ranges::all_of(j.run_on, [&](const auto& label) { return std::ranges::find(opts.labels, label) != opts.labels.end(); });
    e.is_retired = j.is_retired;
    e.priority = j.priority;
    e.hold_at_least = j.hold_at_least;
    for (const auto& tag : j.tags) {
      const auto known = tags.find(tag);
      if (known == tags.end() || j.is_retired) continue;  // a tag without a limit is for people
      e.tags.push_back(known->second);
      set.tags[known->second].jobs.push_back(j.name);
    }
  }
  return set;
}

std::shared_ptr<const std::vector<ledger::job_registration>> registrations_of(const engine::job_set& set) {
  auto all = std::make_shared<std::vector<ledger::job_registration>>();
  all->reserve(set.jobs.size());
  for (const auto& j : set.jobs) {
    if (j.is_retired) continue;
    auto& made = all->emplace_back(ledger::job_registration{j.name, j.lock_name, j.schedule_hash, j.setting});
    for (const auto tag : j.tags) made.tag_fences.push_back(set.tags[tag].fence_name);
  }
  return all;
}

std::string_view trigger_of(const ledger::claimed_run& run) noexcept {
  if (run.attempt > 1) return "retry";
  if (run.key.kind == ledger::tick_kind::trigger) return "trigger";
  if (run.key.kind == ledger::tick_kind::after) return "after";
  return run.caught_up ? "catch_up" : "schedule";
}

std::vector<observe::plugin_metric> plugin_metrics_of(const std::vector<plugin_host::metric>& metrics) {
  std::vector<observe::plugin_metric> list;
  list.reserve(metrics.size());
  for (const auto& m : metrics) list.push_back({to_observe(m.kind), m.name, m.help, m.labels, m.buckets});
  return list;
}

observe::plugin_update to_observe(plugin_host::run_metrics::update update) {
  return {to_observe(update.kind), std::move(update.name), std::move(update.labels), update.value, std::move(update.buckets)};
}

std::vector<observe::job_labels> labels_of(const std::string& cluster, const std::vector<job>& jobs) {
  std::vector<observe::job_labels> list;
  list.reserve(jobs.size());
  for (const auto& j : jobs) {
    list.push_back({j.name, j.schedule ? j.schedule->text() : "", j.schedule ? j.schedule->time_zone().name() : "", j.plugin,
                    lock::scheduler_name(cluster, j.lock_name.empty() ? j.name : j.lock_name), plugin_metrics_of(j.metrics)});
  }
  return list;
}

}  // namespace baton::runtime

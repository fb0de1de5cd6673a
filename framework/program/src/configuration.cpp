#include "configuration.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <tuple>

#include "baton/base/suggest.hpp"
#include "baton/lock/name.hpp"
#include "with.hpp"

namespace baton::program {
namespace {

namespace fs = std::filesystem;
using settings::problem;

/// Where plugins are when the file does not say: beside the program that runs - of a build tree, or installed anywhere - then where they
/// were to be installed.
std::vector<std::string> default_plugin_path() {
  std::vector<std::string> path;
  std::error_code ignored;
  const auto prefix = fs::read_symlink("/proc/self/exe", ignored).parent_path().parent_path();
  for (const auto& beside : {prefix / "plugins", prefix / BATON_PLUGIN_SUBDIRECTORY}) {
    if (fs::is_directory(beside, ignored)) path.push_back(beside.string());
  }
  if (std::ranges::find(path, BATON_PLUGIN_DIR) == path.end()) path.emplace_back(BATON_PLUGIN_DIR);
  return path;
}

using plugin_ptr = std::shared_ptr<const plugin_host::plugin_description>;  // one for all of its jobs

/// Finds, loads and checks the plugins of all jobs; each plugin once.
class plugin_checker {
 public:
  plugin_checker(const settings::settings& s, std::vector<problem>& problems)
      : path_(s.plugin_path.empty() ? default_plugin_path() : s.plugin_path), problems_(problems) {}

  /// nullptr when there is none that can be used.
  plugin_ptr find(const settings::job& j) {
    const auto known = loaded_.find(j.plugin);
    if (known != loaded_.end()) return known->second;
    auto& slot = loaded_[j.plugin];
    const auto at = "jobs." + j.name + ".plugin";
    if (j.plugin.find('/') != std::string::npos) {
      report(j.plugin_where, at, "a plugin is named, not given as a path: '" + j.plugin + "'",
             "put its folder into plugins.path, and its name without .so here");
      return nullptr;
    }
    for (const auto& folder : path_) {
      const auto file = fs::path{folder} / (j.plugin + ".so");
      std::error_code ignored;
      if (!fs::exists(file, ignored)) continue;
      auto described = plugin_host::describe_plugin_apart(runner_options(), fs::absolute(file).lexically_normal().string());
      if (!described) {
        report(j.plugin_where, at, described.error().context, "");
        return nullptr;
      }
      slot = std::make_shared<const plugin_host::plugin_description>(std::move(*described));
      return slot;
    }
    report(j.plugin_where, at, "there is no plugin '" + j.plugin + "'", cure(j.plugin));
    return nullptr;
  }

  std::optional<plugin_host::values> parameters(const settings::job& j, const plugin_host::plugin_description& plugin) {
    auto read = check_with(plugin, {j.with, j.with_where.line == 0 ? j.where : j.with_where, "jobs." + j.name + ".with"});
    std::ranges::move(read.problems, std::back_inserter(problems_));
    return std::move(read.value);
  }

  [[nodiscard]] std::vector<plugin_host::plugin_description> all() const {
    std::vector<plugin_host::plugin_description> list;
    for (const auto& [name, plugin] : loaded_) {
      if (plugin) list.push_back(*plugin);
    }
    return list;
  }

 private:
  /// Which plugin was meant, of those that are there.
  [[nodiscard]] std::string cure(const std::string& wanted) const {
    if (wanted.ends_with(".so")) return "write " + wanted.substr(0, wanted.size() - 3) + ", without .so";
    std::vector<std::string> there;
    std::string searched;
    for (const auto& folder : path_) {
      searched += (searched.empty() ? "" : ", ") + folder;
      std::error_code error;
      for (const auto& entry : fs::directory_iterator{folder, error}) {
        if (entry.path().extension() == ".so") there.push_back(entry.path().stem().string());
      }
    }
    const auto meant = suggest(wanted, {there.begin(), there.end()});
    return (meant.empty() ? "" : "did you mean '" + meant + "'? ") + "looked for " + wanted + ".so in: " + searched;
  }

  void report(const settings::mark& where, std::string path, std::string message, std::string hint) {
    problem p;
    p.where = where;
    p.path = std::move(path);
    p.message = std::move(message);
    p.hint = std::move(hint);
    problems_.push_back(std::move(p));
  }

  std::vector<std::string> path_;
  std::vector<problem>& problems_;
  std::map<std::string, plugin_ptr> loaded_;
};

/// The job's own `with`, and what a trigger gives over it.
std::function<result<plugin_host::values>(const std::string&)> with_of(const settings::job& j, const plugin_ptr& plugin) {
  auto own = to_raw(j.with, j.with_where);
  return [own = std::move(own), plugin](const std::string& json) -> result<plugin_host::values> {
    boost::system::error_code error;
    const auto given = boost::json::parse(json, error);
    if (error || !given.is_object()) return failure{errc::invalid_argument, "the trigger's parameters are no JSON object"};
    auto with = own;
    auto& all = std::get<plugin_host::raw_value::map>(with.data);
    for (const auto& [key, value] : given.as_object()) {
      const std::string name{key};
      plugin_host::raw_value text;
      text.data = value.is_string() ? std::string{value.as_string()} : boost::json::serialize(value);
      const auto known = std::ranges::find(all, name, &plugin_host::raw_value::entry::first);
      known == all.end() ? all.push_back({name, std::move(text)}) : void(known->second = std::move(text));
    }
    auto found = plugin_host::check_parameters(*plugin, with);
    if (auto* values = std::get_if<plugin_host::values>(&found)) return std::move(*values);
    std::string why = "the trigger's parameters do not fit plugin " + plugin->name;
    for (const auto& e : std::get<std::vector<plugin_host::parameter_error>>(found)) why += "; " + e.path + ": " + e.message;
    return failure{errc::invalid_argument, std::move(why)};
  };
}

ledger::overlap_policy overlap_of(const std::string& name) {
  using enum ledger::overlap_policy;
  return name == "queue_one"        ? queue_one
         : name == "queue_all"      ? queue_all
         : name == "cancel_running" ? cancel_running
         : name == "allow"          ? allow
                                    : skip;
}

ledger::follower::when when_of(const std::string& name) {
  using enum ledger::follower::when;
  return name == "failure" ? failure : name == "any" ? any : success;
}

runtime::job to_job(const settings::job& j, const plugin_host::plugin_description& plugin, plugin_host::values parameters) {
  runtime::job job;
  job.name = j.name;
  job.schedule = j.schedule;
  job.lock_name = j.lock_name;
  job.hold_at_least = j.hold_at_least;
  job.policy.overlap = overlap_of(j.overlap);
  job.policy.queue_limit = j.queue_limit;
  for (const auto& p : j.after) job.after.push_back({p.job, when_of(p.on)});
  job.priority = j.priority;
  job.run_on = j.run_on;
  job.tags = j.tags;
  job.paused = j.paused;
  job.policy.catch_up = j.catch_up == "none"  ? ledger::catch_up_policy::none
                        : j.catch_up == "all" ? ledger::catch_up_policy::all
                                              : ledger::catch_up_policy::latest;
  job.policy.catch_up_window = j.catch_up_window;
  job.policy.catch_up_limit = j.catch_up_limit;
  job.policy.retry = {j.retry_attempts, j.retry_backoff, j.retry_max_backoff, j.retry_multiplier};
  if (j.retry_attempts > 1) job.policy.crash_attempts = j.retry_attempts;
  job.policy.on_crash = j.on_crash_retry ? ledger::crash_policy::retry : ledger::crash_policy::give_up;
  job.timeout = j.timeout;
  job.grace = j.grace;
  job.enabled = j.enabled;
  job.plugin = j.plugin;
  job.plugin_path = plugin.path;
  job.uses_store = plugin.uses_store;
  job.parameters = std::move(parameters);
  job.isolation = j.in_process ? plugin_host::isolation::in_process : plugin_host::isolation::process;
  if (j.memory_limit) job.limits.memory_bytes = static_cast<std::uint64_t>(*j.memory_limit);
  if (j.cpu_limit) job.limits.cpu_seconds = static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(*j.cpu_limit).count());
  if (j.files_limit) job.limits.open_files = static_cast<std::uint64_t>(*j.files_limit);
  job.on_lost = j.on_lost_abort ? runtime::lost_policy::abort : runtime::lost_policy::report;
  return job;
}

}  // namespace

checked load_configuration(const std::string& file) {
  auto loaded = settings::load(file);
  checked answer{std::nullopt, std::move(loaded.problems)};
  if (!loaded.value && !loaded.draft) return answer;
  configuration c;
  c.settings = std::move(loaded.value ? *loaded.value : *loaded.draft);
  plugin_checker plugins{c.settings, answer.problems};
  c.jobs.reserve(c.settings.jobs.size());
  c.labels.reserve(c.settings.jobs.size());
  for (const auto& j : c.settings.jobs) {
    if (j.plugin.empty()) continue;  // reported already
    const auto plugin = plugins.find(j);
    if (plugin == nullptr) continue;
    if (auto parameters = plugins.parameters(j, *plugin)) {
      c.jobs.push_back(to_job(j, *plugin, std::move(*parameters)));
      c.jobs.back().with = with_of(j, plugin);
      c.jobs.back().metrics = plugin->metrics;
      const auto lock_name = lock::scheduler_name(c.settings.cluster, j.lock_name.empty() ? j.name : j.lock_name);
      c.labels.push_back({j.name, j.schedule_text, j.timezone, j.plugin, lock_name, runtime::plugin_metrics_of(plugin->metrics)});
    }
  }
  c.plugins = plugins.all();
  std::ranges::stable_sort(answer.problems, {}, [&](const problem& p) {
    return std::tuple{p.where.file != file, p.where.file, p.where.line, p.where.column};
  });
  for (auto& p : answer.problems) settings::quote_source(p);
  if (std::ranges::none_of(answer.problems, [](const problem& p) { return !p.is_warning; })) answer.value = std::move(c);
  return answer;
}

void forget_jobs(settings::settings& s) { s.jobs = std::vector<settings::job>{}; }  // `= {}` would keep the memory

mysql::options store_options(const settings::settings& s) {
  mysql::options o;
  o.user = s.store.user;
  o.password = s.store.password;
  for (const auto& host : s.store.hosts) o.hosts.push_back({host.host, host.port});
  o.socket = s.store.socket;
  o.database = s.store.database;
  o.tls = static_cast<mysql::tls_mode>(s.store.tls);
  o.tls_ca = s.store.tls_ca;
  const auto& l = s.lease_timing;
  o.lease = {l.probe, l.probe_timeout, l.wait_timeout, l.margin, l.stop};
  o.instance = s.instance;
  return o;
}

local::options local_store_options(const settings::settings& s) {
  local::options o;
  o.directory = s.store.directory;
  return o;
}

plugin_host::executor::options runner_options() {
  plugin_host::executor::options o;
  std::error_code error;
  const auto self = fs::read_symlink("/proc/self/exe", error);
  const auto file = (self.parent_path() / BATON_RUNNER_FILE).lexically_normal();
  if (!error && ::access(file.c_str(), X_OK) == 0) o.runner_program = file;
  return o;
}

runtime::options scheduler_options(const settings::settings& s) {
  runtime::options o;
  o.runners = runner_options();
  o.runners.divides_cgroup = true;
  o.cluster = s.cluster;
  o.instance = s.instance;
  o.version = BATON_VERSION;
  o.config_hash = s.hash;
  o.tzdata = schedule::tzdata_version();
  o.timing = store_options(s).lease;
  o.takeover = s.lease_timing.takeover_safe ? ledger::takeover_policy::safe : ledger::takeover_policy::fast;
  o.max_concurrent_runs = s.max_concurrent_runs;
  o.max_clock_offset = s.max_clock_offset;
  o.elects_leader = s.elects_leader;
  o.labels = s.labels;
  for (const auto& tag : s.tags) o.tag_limits[tag.name] = tag.max_running;
  o.history_keep = s.history_keep;
  return o;
}

void print_problems(const std::vector<settings::problem>& problems) {
  std::size_t errors = 0;
  for (const auto& p : problems) {
    std::fputs(settings::render(p).c_str(), stderr);
    errors += p.is_warning ? 0 : 1;
  }
  const auto warnings = problems.size() - errors;
  if (!problems.empty()) {
    std::fprintf(stderr, "%zu error%s, %zu warning%s\n", errors, errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
  }
}

}  // namespace baton::program

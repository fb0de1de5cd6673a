#include "job.hpp"

#include <algorithm>
#include <set>

#include "baton/lock/name.hpp"

namespace baton::runtime {
namespace {

constexpr std::string_view name_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= 64 && text.find_first_not_of(name_alphabet) == std::string::npos;
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
    if (j.timeout && *j.timeout <= microseconds{0}) report(j, "`timeout` must be more than 0; unset, there is none");
    if (j.grace < microseconds{0}) report(j, "`grace` must not be negative");
  }
  if (!mistakes.empty()) return failure{errc::invalid_configuration, std::move(mistakes)};
  return {};
}

plugin_host::isolation isolation_of(const job& j) noexcept { return j.handler ? plugin_host::isolation::in_process : j.isolation; }

lost_policy on_lost_of(const job& j) noexcept { return j.on_lost.value_or(j.handler ? lost_policy::report : lost_policy::abort); }

std::vector<observe::job_labels> labels_of(const std::string& cluster, const std::vector<job>& jobs) {
  std::vector<observe::job_labels> list;
  list.reserve(jobs.size());
  for (const auto& j : jobs) {
    list.push_back({j.name, j.schedule ? j.schedule->text() : "", j.schedule ? j.schedule->time_zone().name() : "", j.plugin,
                    lock::scheduler_name(cluster, j.lock_name.empty() ? j.name : j.lock_name)});
  }
  return list;
}

}  // namespace baton::runtime

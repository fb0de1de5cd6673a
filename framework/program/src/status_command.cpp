#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdio>

#include "baton/ledger/run_id.hpp"
#include "control_commands.hpp"
#include "exit_codes.hpp"
#include "fleet_source.hpp"
#include "output.hpp"
#include "table.hpp"

namespace baton::program {
namespace {

namespace json = boost::json;

constexpr std::size_t most_next = 10;

std::string text(const json::object& of, std::string_view key) {
  const auto* value = of.if_contains(key);
  return value != nullptr && value->is_string() ? std::string{value->get_string().c_str()} : "";
}

bool is(const json::object& of, std::string_view key) {
  const auto* value = of.if_contains(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

json::array list(const json::object& of, std::string_view key) {
  const auto* value = of.if_contains(key);
  return value != nullptr && value->is_array() ? value->get_array() : json::array{};
}

std::string short_instant(const std::string& instant) {
  const auto t = from_rfc3339(instant);
  return t ? ledger::short_time(std::chrono::floor<std::chrono::seconds>(*t)) : "-";
}

/// The jobs that `which` is true of.
template <typename Which>
json::array jobs_that(const json::array& jobs, Which which) {
  json::array out;
  for (const auto& job : jobs) {
    if (which(job.get_object())) out.push_back(job);
  }
  return out;
}

json::array next_ticks(const json::array& jobs) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& job : jobs) {
    const auto& one = job.get_object();
    const auto tick = text(one, "next_tick");
    if (!tick.empty() && is(one, "enabled") && !is(one, "paused")) all.emplace_back(tick, text(one, "job"));
  }
  std::ranges::sort(all);
  if (all.size() > most_next) all.resize(most_next);
  json::array out;
  for (const auto& [tick, job] : all) out.push_back(json::object{{"job", job}, {"tick", tick}});
  return out;
}

json::array names_of(const json::array& jobs) {
  json::array out;
  for (const auto& job : jobs) out.push_back(job.get_object().at("job"));
  return out;
}

json::object summary(const json::object& jobs_answer, const json::object& instances_answer) {
  const auto jobs = list(jobs_answer, "jobs");
  const auto instances = list(instances_answer, "instances");
  const auto count = [&](std::string_view key) { return jobs_that(jobs, [&](const auto& job) { return is(job, key); }).size(); };
  const auto alive = std::ranges::count_if(instances, [](const auto& i) { return is(i.get_object(), "alive"); });
  const auto differ =
      std::ranges::count_if(instances, [](const auto& i) { return is(i.get_object(), "alive") && is(i.get_object(), "drift"); });
  const bool is_stale = is(jobs_answer, "stale") || is(instances_answer, "stale");
  return {{"cluster", text(jobs_answer, "cluster")},
          {"as_of", jobs_answer.at("as_of")},
          {"stale", is_stale},
          {"reason", is_stale ? jobs_answer.at("reason") : json::value(nullptr)},
          {"healthy", alive > 0 && !is_stale && count("failing") == 0 && differ == 0},
          {"alive", alive},
          {"other_configuration", differ},
          {"jobs", jobs.size()},
          {"running", count("running")},
          {"failing", names_of(jobs_that(jobs, [](const auto& job) { return is(job, "failing"); }))},
          {"paused", names_of(jobs_that(jobs, [](const auto& job) { return is(job, "paused"); }))},
          {"next", next_ticks(jobs)},
          {"instances", instances}};
}

std::string result_of(const json::object& job) {
  const auto* run = job.if_contains("last_run");
  if (run == nullptr || !run->is_object()) return "-";
  const auto& row = run->get_object();
  return text(row, "state") == "finished" ? text(row, "outcome") : text(row, "state");
}

std::string error_of(const json::object& job) {
  const auto* run = job.if_contains("last_run");
  const auto error = run != nullptr && run->is_object() ? text(run->get_object(), "error") : "";
  return error.substr(0, error.find('\n'));
}

std::string run_of(const json::object& job) {
  const auto* run = job.if_contains("last_run");
  return run != nullptr && run->is_object() ? text(run->get_object(), "run") : "-";
}

void print_status(const json::object& s, const json::array& jobs) {
  const auto number = [&](std::string_view key) { return std::to_string(s.at(key).to_number<std::uint64_t>()); };
  const auto failing = list(s, "failing").size();
  const auto paused = list(s, "paused").size();
  const auto instances = list(s, "instances");
  std::printf("%s: %s; %s of %zu instances alive, %s jobs, %s running, %zu failing, %zu paused\n", printable(text(s, "cluster")).c_str(),
              is(s, "healthy") ? "healthy" : "needs a look", number("alive").c_str(), instances.size(), number("jobs").c_str(),
              number("running").c_str(), failing, paused);
  if (is(s, "stale")) std::printf("The store does not answer: this is old. %s\n", printable(text(s, "reason")).c_str());
  if (number("other_configuration") != "0")
    std::printf("%s instances have another configuration.\n", number("other_configuration").c_str());
  table next{{"NEXT TICK", "JOB"}};
  for (const auto& one : list(s, "next")) next.add({short_instant(text(one.get_object(), "tick")), text(one.get_object(), "job")});
  std::printf("\n");
  next.print();
  if (failing + paused > 0) {
    table attention{{"JOB", "STATE", "LAST RUN", "RESULT", "ERROR"}};
    for (const auto& job : jobs) {
      const auto& one = job.get_object();
      if (!is(one, "failing") && !is(one, "paused")) continue;
      attention.add({text(one, "job"), is(one, "paused") ? "paused" : "failing", run_of(one), result_of(one), error_of(one)});
    }
    std::printf("\n");
    attention.print();
  }
  table all{{"INSTANCE", "ALIVE", "VERSION", "STARTED", "HEARTBEAT", "CONFIGURATION"}};
  for (const auto& i : instances) {
    const auto& one = i.get_object();
    all.add({text(one, "instance"), is(one, "alive") ? "yes" : "no", text(one, "version"), short_instant(text(one, "started")),
             short_instant(text(one, "heartbeat")), text(one, "config_hash") + (is(one, "drift") ? " (another)" : "")});
  }
  std::printf("\n");
  all.print();
}

}  // namespace

int status_command(const fleet_place& where, const std::string& format) {
  int code = exit_ok;
  auto from = reach_fleet(where, code);
  if (!from) return code;
  const auto jobs = from->answer("jobs");
  if (!jobs) return tell(jobs.error());
  const auto instances = from->answer("instances");
  if (!instances) return tell(instances.error());
  const auto found = summary(*jobs, *instances);
  if (format == "table") {
    print_status(found, list(*jobs, "jobs"));
  } else {
    print_object(found, format == "yaml");
  }
  return found.at("alive").to_number<std::uint64_t>() > 0 ? exit_ok : exit_negative;
}

int locks_command(const fleet_place& where, const std::string& format) {
  int code = exit_ok;
  auto from = reach_fleet(where, code);
  if (!from) return code;
  const auto answer = from->answer("locks");
  if (!answer) return tell(answer.error());
  const auto locks = list(*answer, "locks");
  if (format != "table") {
    print_list(locks, format == "yaml");
    return exit_ok;
  }
  table t{{"LOCK", "HELD BY", "SINCE", "FENCE", "RUN"}};
  for (const auto& one : locks) {
    const auto& lock = one.get_object();
    const auto* holder = lock.at("holder").if_object();
    const auto& fence = lock.at("fence");
    t.add({text(lock, "lock_name"), holder == nullptr ? "-" : text(*holder, "instance"),
           holder == nullptr ? "-" : short_instant(text(*holder, "since")),
           fence.is_null() ? "-" : std::to_string(fence.to_number<std::uint64_t>()), holder == nullptr ? "-" : text(*holder, "run")});
  }
  t.print();
  return exit_ok;
}

}  // namespace baton::program

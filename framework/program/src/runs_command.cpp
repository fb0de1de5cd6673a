#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdio>

#include "baton/base/utf8.hpp"
#include "baton/ledger/run_id.hpp"
#include "control.hpp"
#include "control_commands.hpp"
#include "exit_codes.hpp"
#include "output.hpp"
#include "run_view.hpp"
#include "table.hpp"

namespace baton::program {
namespace {

using ledger::short_time;

constexpr std::uint32_t page = 500;

/// Fit for a part of a target.
std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    std::array<char, 4> escaped{};
    (void)std::snprintf(escaped.data(), escaped.size(), "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += is_plain ? std::string{c} : std::string{escaped.data()};
  }
  return out;
}

void tell_if_stale(const boost::json::object& told) {
  const auto* reason = told.if_contains("reason");
  if (reason != nullptr && reason->is_string()) std::fprintf(stderr, "baton: this is old: %s\n", reason->as_string().c_str());
}

result<std::vector<ledger::tick_row>> newest(ledger::control& control, const std::string& cluster, ledger::row_query query,
                                             std::size_t count) {
  std::vector<ledger::tick_row> all;
  while (all.size() < count) {
    query.limit = static_cast<std::uint32_t>(std::min<std::size_t>(page, count - all.size()));
    auto some = control.rows(cluster, query);
    if (!some) return some;
    std::ranges::move(*some, std::back_inserter(all));
    if (some->size() < query.limit) break;
    query.after = all.back().key;
  }
  return all;
}

void print_table(const std::vector<ledger::tick_row>& rows) {
  table t{{"RUN", "RESULT", "ATTEMPT", "INSTANCE", "STARTED", "TOOK", "NOTE"}};
  for (const auto& row : rows) {
    const auto began = row.started ? row.started : row.claimed;
    t.add({run_id(row.key), std::string{result_word(row)}, row.attempt == 0 ? "-" : std::to_string(row.attempt),
           row.attempt == 0 ? "-" : row.instance, began ? short_time(std::chrono::floor<milliseconds>(*began)) : "-",
           row.started && row.finished ? to_text(std::chrono::floor<milliseconds>(*row.finished - *row.started)) : "-", note(row)});
  }
  t.print();
}

/// The same of the runs that an instance tells.
void print_table(const boost::json::array& runs) {
  std::vector<ledger::tick_row> rows;
  for (const auto& one : runs) {
    if (auto row = row_of(one)) rows.push_back(std::move(*row));
  }
  print_table(rows);
}

/// What an instance tells, a page at a time.
result<boost::json::array> told_runs(const fleet_source& from, const ledger::row_query& query, std::size_t count) {
  boost::json::array all;
  for (std::string after; all.size() < count;) {
    std::string target = "/api/v1/runs?limit=" + std::to_string(std::min<std::size_t>(page, count - all.size()));
    if (!query.job.empty()) target += "&job=" + percent_encoded(query.job);
    if (query.from) target += "&from=" + to_rfc3339(*query.from);
    if (query.to) target += "&to=" + to_rfc3339(*query.to);
    if (!after.empty()) target += "&after=" + percent_encoded(after);
    auto told = from.get(target);
    if (!told) return std::move(told).error();
    tell_if_stale(*told);
    for (auto& run : told->at("runs").as_array()) all.push_back(std::move(run));
    const auto& next = told->at("next");
    if (!next.is_string()) break;
    after = next.get_string().c_str();
  }
  return all;
}

/// The newest row of a job that is or was a run.
result<std::optional<ledger::tick_row>> last_run(ledger::control& control, const std::string& cluster, const std::string& job) {
  ledger::row_query query;
  query.job = job;
  query.limit = 10;
  auto rows = control.rows(cluster, query);
  if (!rows) return std::move(rows).error();
  for (auto& row : *rows) {
    if (row.attempt > 0) return std::optional{std::move(row)};
  }
  return std::optional<ledger::tick_row>{};
}

/// What is stored in microseconds, and read as a word.
std::string_view word(const ledger::job_standing& s) { return s.stopped == ledger::reason_code::none ? "runs" : to_string(s.stopped); }

/// The jobs that an instance tells of, as those of the ledger are listed.
int list_told(const fleet_source& from, const std::string& format) {
  const auto told = from.get("/api/v1/jobs");
  if (!told) return tell(told.error());
  tell_if_stale(*told);
  table t{{"JOB", "STATE", "NEXT TICK", "LAST RUN", "RESULT"}};
  boost::json::array all;
  for (const auto& entry : told->at("jobs").as_array()) {
    const auto& job = entry.as_object();
    if (!job.at("known_here").as_bool()) continue;
    const std::string name{job.at("job").as_string().c_str()};
    const auto* const state = !job.at("enabled").as_bool() ? "disabled" : job.at("paused").as_bool() ? "paused" : "runs";
    boost::json::object one{{"job", name}, {"state", state}};
    if (job.at("next_tick").is_string()) one["next_tick"] = job.at("next_tick");
    const auto last = row_of(job.at("last_run"));
    if (last) one["last_run"] = run_id(last->key);
    if (last) one["last_result"] = result_word(*last);
    const auto next = job.at("next_tick").is_string() ? from_rfc3339(std::string{job.at("next_tick").as_string().c_str()}) : std::nullopt;
    t.add({name, state, next ? short_time(*next) : "-", last ? short_time(last->key.tick) : "-",
           last ? std::string{result_word(*last)} : "-"});
    all.push_back(std::move(one));
  }
  format == "table" ? t.print() : print_list(all, format == "yaml");
  return exit_ok;
}

}  // namespace

int runs_command(const runs_options& o) {
  ledger::row_query query;
  query.job = o.job;
  if (!o.from.empty() && !(query.from = instant("--from", o.from))) return exit_usage;
  if (!o.to.empty() && !(query.to = instant("--to", o.to))) return exit_usage;
  int code = exit_ok;
  const auto from = reach_fleet(o.where, code);
  if (!from) return code;
  boost::json::array all;
  if (from->ledger) {
    auto rows = newest(*from->ledger->control, from->ledger->cluster(), query, static_cast<std::size_t>(o.count));
    if (!rows) return tell(rows.error());
    for (const auto& row : *rows) all.push_back(as_json(row));
  } else {
    auto told = told_runs(*from, query, static_cast<std::size_t>(o.count));
    if (!told) return tell(told.error());
    all = std::move(*told);
  }
  o.format == "table" ? print_table(all) : print_list(all, o.format == "yaml");
  return exit_ok;
}

int list_command(const fleet_place& where, const std::string& format) {
  int code = exit_ok;
  auto from = reach_fleet(where, code);
  if (!from) return code;
  if (!from->ledger) return list_told(*from, format);
  const auto& at = from->ledger;
  const auto now = at->control->now();
  if (!now) return tell(now.error());
  const auto known = at->control->jobs(at->cluster());
  if (!known) return tell(known.error());
  table t{{"JOB", "STATE", "NEXT TICK", "LAST RUN", "RESULT"}};
  boost::json::array all;
  for (const auto& job : at->settings.jobs) {
    const auto record = std::ranges::find(*known, job.name, &ledger::job_record::job);
    const auto next = job.schedule ? job.schedule->next_run(*now) : std::nullopt;
    auto last = result<std::optional<ledger::tick_row>>{std::nullopt};
    if (record != known->end()) last = last_run(*at->control, at->cluster(), job.name);
    if (!last) return tell(last.error());
    const std::string state{record == known->end() ? "unregistered" : word(record->standing)};
    const auto& row = *last;
    t.add({job.name, state, next ? short_time(*next) : "-", row ? short_time(row->key.tick) : "-",
           row ? std::string{result_word(*row)} : "-"});
    boost::json::object one{{"job", job.name}, {"state", state}};
    if (next) one["next_tick"] = to_rfc3339(*next);
    if (row) one["last_run"] = run_id(row->key);
    if (row) one["last_result"] = result_word(*row);
    all.push_back(std::move(one));
  }
  format == "table" ? t.print() : print_list(all, format == "yaml");
  return exit_ok;
}

int instances_command(const fleet_place& where, const std::string& format) {
  int code = exit_ok;
  auto from = reach_fleet(where, code);
  if (!from) return code;
  const auto found = from->answer("instances");
  if (!found) return tell(found.error());
  tell_if_stale(*found);
  table t{{"INSTANCE", "ALIVE", "VERSION", "STARTED", "HEARTBEAT", "TZDATA", "INCARNATION"}};
  boost::json::array all;
  for (const auto& entry : found->at("instances").as_array()) {
    const auto& i = entry.as_object();
    const auto second = [&](const char* key) {
      const auto instant = from_rfc3339(std::string{i.at(key).as_string().c_str()});
      return instant ? short_time(std::chrono::floor<std::chrono::seconds>(*instant)) : "-";
    };
    const auto text = [&](const char* key) { return std::string{i.at(key).as_string().c_str()}; };
    t.add({text("instance"), i.at("alive").as_bool() ? "yes" : "no", text("version"), second("started"), second("heartbeat"),
           text("tzdata"), text("incarnation")});
    boost::json::object one;
    for (const auto* key : {"instance", "alive", "version", "started", "heartbeat", "tzdata", "config_hash", "incarnation"})
      one[key] = i.at(key);
    one["config_hash"] = std::stoull(text("config_hash"), nullptr, 16);  // a number here since the first release
    all.push_back(std::move(one));
  }
  format == "table" ? t.print() : print_list(all, format == "yaml");
  return exit_ok;
}

}  // namespace baton::program

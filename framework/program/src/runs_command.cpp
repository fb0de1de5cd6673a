#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

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

}  // namespace

int runs_command(const runs_options& o) {
  ledger::row_query query;
  query.job = o.job;
  if (!o.from.empty() && !(query.from = instant("--from", o.from))) return exit_usage;
  if (!o.to.empty() && !(query.to = instant("--to", o.to))) return exit_usage;
  int code = exit_ok;
  const auto at = reach_ledger(o.file, code);
  if (!at) return code;
  auto rows = newest(*at->control, at->cluster(), query, static_cast<std::size_t>(o.count));
  if (!rows) return tell(rows.error());
  if (o.format == "table") {
    print_table(*rows);
    return exit_ok;
  }
  boost::json::array all;
  for (const auto& row : *rows) all.push_back(as_json(row));
  print_list(all, o.format == "yaml");
  return exit_ok;
}

int list_command(const std::string& file, const std::string& format) {
  int code = exit_ok;
  const auto at = reach_ledger(file, code);
  if (!at) return code;
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

int instances_command(const std::string& file, const std::string& format) {
  int code = exit_ok;
  const auto at = reach_ledger(file, code);
  if (!at) return code;
  const auto found = at->control->instances(at->cluster());
  if (!found) return tell(found.error());
  table t{{"INSTANCE", "ALIVE", "VERSION", "STARTED", "HEARTBEAT", "TZDATA", "INCARNATION"}};
  boost::json::array all;
  for (const auto& i : *found) {
    t.add({i.instance, i.alive ? "yes" : "no", i.version, short_time(std::chrono::floor<std::chrono::seconds>(i.started)),
           short_time(std::chrono::floor<std::chrono::seconds>(i.heartbeat)), i.tzdata, i.incarnation});
    all.push_back(boost::json::object{{"instance", boost::json::string{valid_utf8(i.instance)}},
                                      {"alive", i.alive},
                                      {"version", i.version},
                                      {"started", to_rfc3339(i.started)},
                                      {"heartbeat", to_rfc3339(i.heartbeat)},
                                      {"tzdata", i.tzdata},
                                      {"config_hash", i.config_hash},
                                      {"incarnation", i.incarnation}});
  }
  format == "table" ? t.print() : print_list(all, format == "yaml");
  return exit_ok;
}

}  // namespace baton::program

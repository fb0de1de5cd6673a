#include <algorithm>
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
#include "story.hpp"

namespace baton::program {
namespace {

/// The newest that there is something to say about: a row, or a due tick without one.
result<wall_time> newest_tick(ledger::control& control, const std::string& cluster, const tick_facts& facts) {
  ledger::row_query query;
  query.job = facts.job;
  query.limit = 1;
  auto rows = control.rows(cluster, query);
  if (!rows) return std::move(rows).error();
  std::optional<wall_time> newest;
  if (!rows->empty()) newest = rows->front().until.value_or(rows->front().key.tick);
  auto due = facts.schedule ? facts.schedule->previous(facts.now + microseconds{1}) : std::nullopt;
  while (due && facts.schedule->due(*due) > facts.now) due = facts.schedule->previous(*due);
  if (facts.record && due && *due < facts.record->effective_since) due = facts.schedule->next(facts.now);
  newest = std::max(newest, due);
  if (!newest && facts.schedule) newest = facts.schedule->next(facts.now);
  return newest.value_or(facts.now);
}

/// A run under way under the job's lock name, of another tick.
result<std::optional<ledger::tick_row>> busy_with(ledger::control& control, const std::string& cluster, const tick_facts& facts) {
  ledger::row_query query;
  query.only_open = true;
  query.newest_first = false;
  query.limit = 1000;
  auto open = control.rows(cluster, query);
  if (!open) return std::move(open).error();
  for (auto& row : *open) {
    const bool is_other = row.key.job != facts.job || row.key.tick != facts.tick;
    if (row.state == ledger::row_state::running && row.lock_name == facts.record->lock_name && is_other)
      return std::optional{std::move(row)};
  }
  return std::optional<ledger::tick_row>{};
}

/// nullopt: all facts are there.
std::optional<failure> gather(reached_ledger& at, const why_options& o, tick_facts& facts) {
  auto now = at.control->now();
  if (!now) return std::move(now).error();
  facts.now = *now;
  auto jobs = at.control->jobs(at.cluster());
  if (!jobs) return std::move(jobs).error();
  const auto record = std::ranges::find(*jobs, o.job, &ledger::job_record::job);
  if (record != jobs->end()) facts.record = *record;
  if (!o.tick.empty()) {
    facts.tick = *from_rfc3339(o.tick);
  } else if (facts.record) {
    auto newest = newest_tick(*at.control, at.cluster(), facts);
    if (!newest) return std::move(newest).error();
    facts.tick = *newest;
  } else {
    facts.tick = (facts.schedule ? facts.schedule->next(facts.now) : std::nullopt).value_or(facts.now);
  }
  if (!facts.record) return std::nullopt;
  ledger::row_query query;
  query.job = o.job;
  query.from = facts.tick;
  query.to = facts.tick + microseconds{1};
  auto rows = at.control->rows(at.cluster(), query);
  if (!rows) return std::move(rows).error();
  facts.rows = std::move(*rows);
  auto busy = busy_with(*at.control, at.cluster(), facts);
  if (!busy) return std::move(busy).error();
  facts.busy = std::move(*busy);
  return std::nullopt;
}

void print(const tick_facts& facts, const std::vector<std::string>& story, const std::string& format) {
  if (format == "table") {
    const auto where = facts.schedule ? schedule::to_local_text(facts.tick, facts.schedule->time_zone()) : ledger::short_time(facts.tick);
    std::printf("%s, tick %s\n", facts.job.c_str(), where.c_str());
    for (const auto& sentence : story) std::printf("  %s\n", sentence.c_str());
    for (const auto& row : facts.rows) {
      if (!row.output.empty()) std::printf("The end of its output:\n%s%s", row.output.c_str(), row.output.ends_with('\n') ? "" : "\n");
    }
    return;
  }
  boost::json::array sentences;
  for (const auto& sentence : story) sentences.emplace_back(valid_utf8(sentence));
  boost::json::array rows;
  for (const auto& row : facts.rows) rows.push_back(as_json(row));
  print_list({boost::json::object{{"job", facts.job}, {"tick", to_rfc3339(facts.tick)}, {"story", sentences}, {"rows", rows}}},
             format == "yaml");
}

}  // namespace

int why_command(const why_options& o) {
  if (!o.tick.empty() && !instant("TICK", o.tick)) return exit_usage;
  int code = exit_ok;
  auto at = reach_ledger(o.file, code);
  if (!at) return code;
  tick_facts facts;
  facts.job = o.job;
  const auto* job = at->find(o.job);
  if (job != nullptr) facts.schedule = job->schedule;
  if (auto why = gather(*at, o, facts)) return tell(*why);
  if (job == nullptr && !facts.record) return tell_usage("there is no job '" + o.job + "' in " + o.file + ", nor in the ledger");
  print(facts, story_of(facts), o.format);
  return exit_ok;
}

}  // namespace baton::program

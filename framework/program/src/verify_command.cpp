#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <deque>
#include <map>

#include "baton/ledger/run_id.hpp"
#include "baton/ledger/verify.hpp"
#include "baton/lock/name.hpp"
#include "baton/schedule/duration.hpp"
#include "control.hpp"
#include "control_commands.hpp"
#include "exit_codes.hpp"
#include "output.hpp"
#include "table.hpp"

namespace baton::program {
namespace {

using ledger::finding;
using ledger::tick_row;

constexpr std::uint32_t page = 1000;
constexpr std::size_t findings_limit = 10'000;

/// The rows of a few jobs as one ascending sequence, a page of each in memory at a time.
class merged_rows {
 public:
  merged_rows(ledger::control& control, const std::string& cluster, const std::vector<std::string>& jobs, wall_time from, wall_time to)
      : control_(control), cluster_(cluster) {
    for (const auto& job : jobs) {
      source s;
      s.query.job = job;
      s.query.from = from;
      s.query.to = to;
      s.query.newest_first = false;
      s.query.limit = page;
      sources_.push_back(std::move(s));
    }
  }

  result<std::optional<tick_row>> next() {
    source* first = nullptr;
    for (auto& s : sources_) {
      if (auto filled = fill(s); !filled) return std::move(filled).error();
      const auto order = [](const source& a) { return std::tie(a.rows.front().key.tick, a.rows.front().key.job, a.rows.front().key.kind); };
      if (!s.rows.empty() && (first == nullptr || order(s) < order(*first))) first = &s;
    }
    if (first == nullptr) return std::optional<tick_row>{};
    std::optional row{std::move(first->rows.front())};
    first->rows.pop_front();
    return row;
  }

 private:
  struct source {
    ledger::row_query query;
    std::deque<tick_row> rows;
    bool is_last = false;
  };
  status fill(source& s) {
    if (!s.rows.empty() || s.is_last) return {};
    auto some = control_.rows(cluster_, s.query);
    if (!some) return std::move(some).error();
    s.is_last = some->size() < page;
    if (!some->empty()) s.query.after = some->back().key;
    s.rows.assign(std::make_move_iterator(some->begin()), std::make_move_iterator(some->end()));
    return {};
  }

  ledger::control& control_;
  const std::string& cluster_;
  std::vector<source> sources_;
};

/// The jobs of a lock name.
struct lock_group {
  std::vector<const settings::job*> jobs;
  std::optional<wall_time> busy_since;
};

struct verdict {
  ledger::verify_counts counts;
  std::vector<finding> findings;  ///< the first ones
};

class checker {
 public:
  checker(reached_ledger& at, wall_time from, wall_time to, microseconds late_limit, microseconds grace)
      : at_(at), from_(from), to_(to), late_limit_(late_limit), grace_(grace) {}

  result<verdict> check() {
    auto now = at_.control->now();
    if (!now) return std::move(now).error();
    now_ = *now;
    auto records = at_.control->jobs(at_.cluster());
    if (!records) return std::move(records).error();
    records_ = std::move(*records);
    for (const auto& job : at_.settings.jobs) {
      if (record_of(job.name) != nullptr) {
        groups_[lock::scheduler_name(at_.cluster(), job.lock_name.empty() ? job.name : job.lock_name)].jobs.push_back(&job);
      } else {
        std::fprintf(stderr, "baton: job '%s' is not verified: no instance has registered it yet\n", job.name.c_str());
      }
    }
    for (const auto& record : records_) {
      if (at_.find(record.job) == nullptr)
        std::fprintf(stderr, "baton: job '%s' is not verified: it is in the ledger, and not in the file\n", record.job.c_str());
    }
    if (auto known = look_for_open_runs(); !known) return std::move(known).error();
    verdict all;
    for (const auto& [name, group] : groups_) {
      auto counts = check(group, all.findings);
      if (!counts) return std::move(counts).error();
      all.counts += *counts;
    }
    return all;
  }

 private:
  [[nodiscard]] const ledger::job_record* record_of(const std::string& job) const {
    const auto found = std::ranges::find(records_, job, &ledger::job_record::job);
    return found == records_.end() ? nullptr : &*found;
  }

  status look_for_open_runs() {
    ledger::row_query query;
    query.only_open = true;
    query.limit = page;
    query.newest_first = false;
    for (;;) {
      auto some = at_.control->rows(at_.cluster(), query);
      if (!some) return std::move(some).error();
      for (const auto& row : *some) {
        if (row.state == ledger::row_state::pending) continue;
        const auto group = groups_.find(row.lock_name);
        if (group == groups_.end()) continue;
        auto& since = group->second.busy_since;
        // What waits its turn may have been due long before this run was claimed: behind an older tick, or an older request.
        const auto turn = row.key.kind == ledger::tick_kind::schedule ? row.key.tick : row.requested.value_or(row.key.tick);
        since = since ? std::min(*since, turn) : turn;
      }
      if (some->size() < page) return {};
      query.after = some->back().key;
    }
  }

  result<ledger::verify_counts> check(const lock_group& group, std::vector<finding>& findings) {
    ledger::verify_request request;
    std::vector<std::string> names;
    for (const auto* job : group.jobs) {
      names.push_back(job->name);
      const auto& record = *record_of(job->name);
      ledger::verified_job checked{job->name, ticks_of(*job, record.effective_since), record.effective_since, record.standing,
                                   record.low_water};
      request.jobs.push_back(std::move(checked));
    }
    merged_rows rows{*at_.control, at_.cluster(), names, from_, to_};
    request.next_row = [&rows] { return rows.next(); };
    request.from = from_;
    request.now = now_;
    request.busy_since = group.busy_since;
    request.late_limit = late_limit_;
    request.grace = grace_;
    request.on_finding = [&findings](const finding& f) {
      if (findings.size() < findings_limit) findings.push_back(f);
    };
    return ledger::verify(request);
  }

  [[nodiscard]] std::function<std::optional<ledger::due_tick>()> ticks_of(const settings::job& job, wall_time since) const {
    if (!job.schedule) return [] { return std::optional<ledger::due_tick>{}; };
    return [&schedule = *job.schedule, last = std::max(from_, since) - microseconds{1},
            to = to_]() mutable -> std::optional<ledger::due_tick> {
      const auto tick = schedule.next(last);
      if (!tick || *tick >= to) return std::nullopt;
      last = *tick;
      return ledger::due_tick{*tick, schedule.due(*tick), schedule.is_excluded(*tick)};
    };
  }

  reached_ledger& at_;
  wall_time from_;
  wall_time to_;
  microseconds late_limit_;
  microseconds grace_;
  wall_time now_{};
  std::vector<ledger::job_record> records_;
  std::map<std::string, lock_group, std::less<>> groups_;
};

std::string sentence(const finding& f) {
  switch (f.what) {
    case finding::kind::missing:
      return f.until ? std::to_string(f.count) + " ticks until " + ledger::short_time(*f.until) + " were due, and have no row"
                     : "was due, and has no row";
    case finding::kind::extra: return "is no tick that the schedule of the file would run";
    case finding::kind::late: return "started " + to_text(std::chrono::floor<milliseconds>(f.by)) + " after it was due";
    case finding::kind::overlapping:
      return "ran for " + to_text(std::chrono::floor<milliseconds>(f.by)) + " beside " + run_id(*f.other) + ", under one lock name";
  }
  return "";
}

boost::json::object as_json(const finding& f) {
  boost::json::object one{{"finding", to_string(f.what)}, {"run", run_id(f.run)}, {"job", f.run.job}, {"tick", to_rfc3339(f.run.tick)}};
  if (f.what == finding::kind::missing) one["ticks"] = f.count;
  if (f.until) one["until"] = to_rfc3339(*f.until);
  if (f.by != microseconds{0}) one["seconds"] = std::chrono::duration<double>(f.by).count();
  if (f.other) one["other"] = run_id(*f.other);
  return one;
}

void print(const verdict& v, const std::string& format) {
  if (format == "table") {
    table t{{"FINDING", "RUN", "WHAT"}};
    for (const auto& f : v.findings) t.add({std::string{to_string(f.what)}, run_id(f.run), sentence(f)});
    if (!v.findings.empty()) t.print();
    return;
  }
  boost::json::array all;
  for (const auto& f : v.findings) all.push_back(as_json(f));
  print_list(all, format == "yaml");
}

void print_counts(const verdict& v) {
  const auto& c = v.counts;
  std::fprintf(stderr,
               "%llu ticks: %llu run, %llu skipped, %llu missed, %llu not decided yet, %llu purged, %llu missing; %llu other runs; "
               "%llu finding%s\n",
               static_cast<unsigned long long>(c.due), static_cast<unsigned long long>(c.run), static_cast<unsigned long long>(c.skipped),
               static_cast<unsigned long long>(c.missed), static_cast<unsigned long long>(c.undecided),
               static_cast<unsigned long long>(c.purged), static_cast<unsigned long long>(c.missing),
               static_cast<unsigned long long>(c.other_runs), static_cast<unsigned long long>(c.findings), c.findings == 1 ? "" : "s");
  if (c.findings > v.findings.size()) std::fprintf(stderr, "baton: the first %zu findings are shown\n", v.findings.size());
}

}  // namespace

int verify_command(const verify_options& o) {
  const auto from = instant("--from", o.from);
  const auto to = from ? instant("--to", o.to) : std::nullopt;
  if (!to) return exit_usage;
  if (*to <= *from) return tell_usage("--to must be later than --from");
  const auto late = schedule::parse_duration(o.late);
  if (!std::holds_alternative<microseconds>(late)) return tell_usage("--late: " + std::get<schedule::syntax_error>(late).message);
  const auto grace = schedule::parse_duration(o.grace);
  if (!std::holds_alternative<microseconds>(grace)) return tell_usage("--grace: " + std::get<schedule::syntax_error>(grace).message);
  int code = exit_ok;
  auto at = reach_ledger(o.file, code);
  if (!at) return code;
  const auto found = checker{*at, *from, *to, std::get<microseconds>(late), std::get<microseconds>(grace)}.check();
  if (!found) return tell(found.error());
  print(*found, o.format);
  print_counts(*found);
  return found->counts.findings == 0 ? exit_ok : exit_negative;
}

}  // namespace baton::program

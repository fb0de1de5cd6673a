#include "dev_checker.hpp"

#include <algorithm>
#include <set>
#include <tuple>

namespace baton::program {
namespace {

using ledger::row_state;
using ledger::run_outcome;

std::string clock_text(wall_time t) { return to_rfc3339(t).substr(11, 12); }

std::string named(const attempt_record& a) {
  return a.start.job + " at " + to_rfc3339(a.start.tick) + ", attempt " + std::to_string(a.start.attempt) + " on " + a.start.instance;
}

/// The schedule's rows of the ledger, by job and tick.
class row_index {
 public:
  explicit row_index(const std::vector<ledger::tick_row>& rows) {
    for (const auto& row : rows) {
      if (row.key.kind == ledger::tick_kind::schedule) by_job_[row.key.job][row.key.tick] = &row;
    }
  }

  /// The row that decides a tick: its own, or a range that covers it.
  [[nodiscard]] const ledger::tick_row* find(const std::string& job, wall_time tick) const {
    const auto rows = by_job_.find(job);
    if (rows == by_job_.end()) return nullptr;
    const auto after = rows->second.upper_bound(tick);
    if (after == rows->second.begin()) return nullptr;
    const auto* row = std::prev(after)->second;
    return tick <= row->until.value_or(row->key.tick) ? row : nullptr;
  }

 private:
  std::map<std::string, std::map<wall_time, const ledger::tick_row*>> by_job_;
};

class judging {
 public:
  explicit judging(const evidence& seen) : seen_(seen), attempts_(attempts_of(seen.entries)), rows_(seen.rows) {}

  verdict run() {
    for (const auto& job : seen_.jobs) {
      auto& out = verdict_.jobs.emplace_back();
      out.name = job.name;
      look_at_attempts(job, out);
      look_at_ticks(job, out);
    }
    look_for_strangers();
    look_for_overlaps();
    look_at_fences();
    return std::move(verdict_);
  }

 private:
  void found(std::string sentence) { verdict_.findings.push_back(std::move(sentence)); }

  void look_at_attempts(const watched_job& job, job_verdict& out) {
    std::set<std::pair<wall_time, std::uint32_t>> known;
    for (const auto& a : attempts_) {
      const auto& s = a.start;
      if (s.job != job.name) continue;
      ++verdict_.starts[s.instance];
      if (!known.emplace(s.tick, s.attempt).second) {
        ++out.duplicates;
        found("duplicate: " + named(a) + " had been started before");
      }
      if (job.schedule.next(s.tick - microseconds{1}) != s.tick) found("stray: " + named(a) + " ran, but its schedule has no such tick");
      if (s.at.wall < s.tick) found("early: " + named(a) + " started " + to_text(s.tick - s.at.wall) + " before its tick");
      if (s.attempt > 1) {
        ++out.retried;
      } else {
        out.lateness.push_back(s.at.wall - s.tick);
      }
    }
    std::ranges::sort(out.lateness);
  }

  void look_at_ticks(const watched_job& job, job_verdict& out) {
    std::set<wall_time> started;
    for (const auto& a : attempts_) {
      if (a.start.job == job.name) started.insert(a.start.tick);
    }
    for (auto tick = job.schedule.next(seen_.from); tick && *tick < seen_.to; tick = job.schedule.next(*tick)) {
      ++out.due;
      const auto* row = rows_.find(job.name, *tick);
      const bool has_reason = row != nullptr && row->reason != ledger::reason_code::none;
      if (started.contains(*tick) || (row != nullptr && !job.has_journal && row->state == row_state::finished)) {
        ++out.ran;
      } else if (row != nullptr && ended_badly(*row)) {
        ++out.failed;
      } else if (has_reason && row->state == row_state::skipped) {
        ++out.skipped;
      } else if (has_reason && row->state == row_state::missed) {
        ++out.missed;
      } else {
        ++out.missing;
        found("missing: " + job.name + " at " + to_rfc3339(*tick) + ": " + why_missing(row));
      }
    }
  }

  /// A run that ended, or crashed, before its handler wrote anything: the ledger accounts for it, and not as a success.
  static bool ended_badly(const ledger::tick_row& row) {
    return row.state == row_state::retry_due || (row.state == row_state::finished && row.outcome != run_outcome::success);
  }

  static std::string why_missing(const ledger::tick_row* row) {
    if (row == nullptr) return "no handler saw it and the ledger has no row";
    if (row->state == row_state::running) return "the ledger says it runs, but no handler saw it";
    if (row->state == row_state::finished) return "the ledger says it succeeded, but no handler saw it";
    return "the ledger says " + std::string{to_string(row->state)} + " without a reason";
  }

  void look_for_strangers() {
    for (const auto& a : attempts_) {
      if (lock_of(a.start.job) == nullptr) found("stray: " + named(a) + " ran, but there is no such job");
    }
  }

  const std::string* lock_of(const std::string& job) const {
    const auto at = std::ranges::find(seen_.jobs, job, &watched_job::name);
    return at == seen_.jobs.end() ? nullptr : &at->lock_name;
  }

  job_verdict& of(const std::string& job) { return *std::ranges::find(verdict_.jobs, job, &job_verdict::name); }

  void look_for_overlaps() {
    std::map<std::string, const attempt_record*> latest;  // by lock name: of those before, the one that lasted longest
    for (const auto& a : attempts_) {
      const auto* lock = lock_of(a.start.job);
      if (lock == nullptr) continue;
      auto& before = latest[*lock];
      if (before != nullptr && a.start.at.steady < before->last.at.steady) {
        ++of(a.start.job).overlaps;
        found("overlap: " + named(a) + " started at " + clock_text(a.start.at.wall) + ", but " + named(*before) + " was at work until " +
              clock_text(before->last.at.wall));
      }
      if (before == nullptr || before->last.at.steady < a.last.at.steady) before = &a;
    }
  }

  void look_at_fences() {
    std::map<std::string, std::uint64_t> highest;
    for (const auto& a : attempts_) {
      const auto* lock = lock_of(a.start.job);
      if (lock == nullptr) continue;
      auto& fence = highest[*lock];
      if (a.start.fence <= fence)
        found("fence: " + named(a) + " has fence " + std::to_string(a.start.fence) + " after " + std::to_string(fence));
      fence = std::max(fence, a.start.fence);
    }
  }

  const evidence& seen_;
  std::vector<attempt_record> attempts_;
  row_index rows_;
  verdict verdict_;
};

}  // namespace

std::vector<attempt_record> attempts_of(const std::vector<journal_entry>& entries) {
  std::vector<attempt_record> attempts;
  std::map<std::tuple<std::string, wall_time, pid_t>, std::size_t> under_way;  // a process is one attempt
  for (const auto& e : entries) {
    const auto process = std::tuple{e.job, e.tick, e.pid};
    if (e.what == sign::start) {
      under_way.insert_or_assign(process, attempts.size());
      attempts.push_back({e, e});
    } else if (const auto at = under_way.find(process); at != under_way.end()) {
      attempts[at->second].last = e;
    }
  }
  std::ranges::stable_sort(attempts, {}, [](const attempt_record& a) { return a.start.at.steady; });
  return attempts;
}

verdict judge(const evidence& seen) { return judging{seen}.run(); }

}  // namespace baton::program

#include "baton/ledger/verify.hpp"

#include <algorithm>
#include <map>

namespace baton::ledger {
namespace {

/// One job's ticks beside its rows of kind schedule.
class job_check {
 public:
  job_check(const verify_request& request, const verified_job& job, verify_counts& counts)
      : request_(request), job_(job), counts_(counts), begin_(std::max(request.from, job.effective_since)) {
    advance();
  }
  job_check(const job_check&) = delete;
  job_check& operator=(const job_check&) = delete;

  void row(const tick_row& row) {
    const auto last = row.until.value_or(row.key.tick);
    while (tick_ && tick_->tick < row.key.tick) without_row();
    report_missing();
    if (still_to_come_ && row.key.tick >= *still_to_come_) return;  // claimed since `now` was asked for
    const bool is_tick = tick_ && tick_->tick == row.key.tick;
    if (!is_tick && row.key.tick >= begin_) report({finding::kind::extra, row.key});
    if (is_tick && tick_->excluded && row.attempt > 0) report({finding::kind::extra, row.key});
    if (is_tick && row.attempt == 1 && row.started && *row.started - tick_->due > request_.late_limit) {
      finding late{finding::kind::late, row.key};
      late.by = *row.started - tick_->due;
      report(late);
    }
    for (; tick_ && tick_->tick <= last; advance()) count(row);
  }

  void end() {
    while (tick_) without_row();
    report_missing();
  }

 private:
  void advance() {
    do {
      tick_ = job_.next_tick();
    } while (tick_ && tick_->tick < begin_);
    if (!tick_ || tick_->due <= request_.now) return;
    still_to_come_ = tick_->tick;  // as are all after it
    tick_.reset();
  }

  void count(const tick_row& row) {
    ++counts_.due;
    ++(row.state == row_state::skipped ? counts_.skipped : row.state == row_state::missed ? counts_.missed : counts_.run);
  }

  void without_row() {
    const auto t = *tick_;
    advance();
    ++counts_.due;
    if (job_.low_water && t.tick <= *job_.low_water) {
      ++counts_.purged;
    } else if (may_be_undecided(t.due)) {
      ++counts_.undecided;
    } else {
      ++counts_.missing;
      if (!missing_) missing_ = finding{finding::kind::missing, {job_.job, t.tick, tick_kind::schedule}, std::nullopt, 0};
      if (++missing_->count > 1) missing_->until = t.tick;
      return;
    }
    report_missing();
  }

  [[nodiscard]] bool may_be_undecided(wall_time due) const {
    if (request_.now - due < request_.grace) return true;
    if (request_.busy_since && due >= *request_.busy_since) return true;
    const auto& s = job_.standing;  // what was due in a pause is decided some time after
    const bool was_over_long_ago = s.stopped == reason_code::none && s.stopped_until && request_.now - *s.stopped_until >= request_.grace;
    return s.reason_at(due) != reason_code::none && !was_over_long_ago;
  }

  void report(const finding& f) {
    ++counts_.findings;
    request_.on_finding(f);
  }
  void report_missing() {
    if (!missing_) return;
    report(*missing_);
    missing_.reset();
  }

  const verify_request& request_;
  const verified_job& job_;
  verify_counts& counts_;
  wall_time begin_;
  std::optional<due_tick> tick_;  ///< the next one to be accounted for
  std::optional<wall_time> still_to_come_;
  std::optional<finding> missing_;  ///< told when it is over
};

/// Runs under one lock name that may still overlap one to come.
class overlap_check {
 public:
  overlap_check(const verify_request& request, verify_counts& counts) : request_(request), counts_(counts) {}

  void row(const tick_row& row) {
    if (row.attempt == 0 || !row.started) return;
    const run own{row.key, *row.started, row.finished.value_or(request_.now)};
    auto& runs = of_name_[row.lock_name];
    std::erase_if(runs, [&](const run& r) { return r.end + request_.clock_error < row.key.tick; });
    for (const auto& r : runs) {
      const auto common = std::min(r.end, own.end) - std::max(r.start, own.start);
      if (common <= request_.clock_error) continue;
      const bool is_second = r.start <= own.start;
      finding f{finding::kind::overlapping, is_second ? own.key : r.key};
      f.by = common;
      f.other = is_second ? r.key : own.key;
      ++counts_.findings;
      request_.on_finding(f);
    }
    runs.push_back(own);
  }

 private:
  struct run {
    tick_key key;
    wall_time start;
    wall_time end;
  };
  const verify_request& request_;
  verify_counts& counts_;
  std::map<std::string, std::vector<run>, std::less<>> of_name_;
};

}  // namespace

std::string_view to_string(finding::kind k) noexcept {
  switch (k) {
    case finding::kind::missing: return "missing";
    case finding::kind::extra: return "extra";
    case finding::kind::late: return "late";
    case finding::kind::overlapping: return "overlapping";
  }
  return "unknown";
}

verify_counts& verify_counts::operator+=(const verify_counts& more) noexcept {
  due += more.due;
  run += more.run;
  skipped += more.skipped;
  missed += more.missed;
  undecided += more.undecided;
  purged += more.purged;
  missing += more.missing;
  other_runs += more.other_runs;
  findings += more.findings;
  return *this;
}

result<verify_counts> verify(const verify_request& request) {
  verify_counts counts;
  std::map<std::string, job_check, std::less<>> jobs;
  for (const auto& job : request.jobs) jobs.try_emplace(job.job, request, job, counts);
  overlap_check overlaps{request, counts};
  for (;;) {
    auto next = request.next_row();
    if (!next) return std::move(next).error();
    if (!*next) break;
    const auto& row = **next;
    overlaps.row(row);
    if (row.key.kind != tick_kind::schedule) {
      counts.other_runs += row.attempt > 0 ? 1 : 0;
    } else if (const auto job = jobs.find(row.key.job); job != jobs.end()) {
      job->second.row(row);
    }
  }
  for (auto& [name, job] : jobs) job.end();
  return counts;
}

}  // namespace baton::ledger

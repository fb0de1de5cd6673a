#include "baton/ledger/claim.hpp"

#include <algorithm>

#include "baton/base/result.hpp"

namespace baton::ledger {
namespace {

using std::chrono::seconds;

/// A tick is late, and simply runs, until the earlier of this and its job's next tick; after that it is missed.
constexpr microseconds late_limit = seconds{60};

bool covers(const tick_row& row, wall_time t) { return row.key.tick <= t && t <= row.until.value_or(row.key.tick); }

/// A run of the job was under way at `t`. A crashed one is no evidence: nobody knows when it ended, and losing a tick is worse.
bool was_running(const tick_row& row, wall_time t) {
  if (row.state != row_state::finished || row.outcome == run_outcome::crashed || row.outcome == run_outcome::lock_lost) return false;
  // A due retry counts as a run: of a run with several attempts only the last one's start is known, so it counts from its tick on.
  const auto started = row.attempt > 1 ? std::optional{row.key.tick} : row.started ? row.started : row.claimed;
  return started && row.finished && *started <= t && t < *row.finished;
}

/// The rules of one name, applied in order: resolve what is open, then decide what is due.
class decider {
 public:
  decider(const claim_request& request, const name_claim& name, const name_snapshot& seen, wall_time now)
      : request_(request), name_(name), seen_(seen), now_(now) {
    plan_.reply.lock_name = name.lock_name;
    plan_.reply.verdict = name_verdict::nothing_due;
  }

  name_plan decide() && {
    for (const auto& open : seen_.open) resolve(open);
    if (is_unresolved_) {
      plan_.reply.verdict = name_verdict::unresolved;
      plan_.updates.clear();
      plan_.inserts.clear();
      plan_.reply.decisions.clear();
      plan_.reply.run.reset();
      return std::move(plan_);
    }
    // A run that is taken up again comes first; what else is due is decided when it has ended.
    plan_.reply.run ? defer_due_ticks() : decide_due_ticks();
    if (plan_.reply.run || !plan_.updates.empty()) plan_.new_fence = next_fence();
    return std::move(plan_);
  }

 private:
  [[nodiscard]] std::uint64_t next_fence() const {
    const auto floor = static_cast<std::uint64_t>(std::max<std::int64_t>(0, now_.time_since_epoch().count()));
    return std::max(seen_.fence + 1, floor);
  }

  [[nodiscard]] const job_claim* find_job(const std::string& job) const {
    const auto it = std::ranges::find(name_.jobs, job, &job_claim::job);
    return it == name_.jobs.end() ? nullptr : &*it;
  }

  void resolve(const name_snapshot::open_row& open) {
    const auto& row = open.row;
    if (row.state == row_state::pending) return;
    const auto* job = find_job(row.key.job);
    if (row.state == row_state::retry_due) {
      // An instance that was being stopped claimed it and never started it: no attempt was spent.
      if (job != nullptr && row.outcome == run_outcome::cancelled && !row.started) return claim_again(row, row.attempt);
      if (job != nullptr) retry_or_close(row, *job);
      return;
    }
    if (row.incarnation == request_.incarnation) {
      // Ours, and we have no process for it: its claim was committed, but the reply got lost. It never started.
      if (job != nullptr) return claim_again(row, row.attempt);
      return leave_to_others(row);
    }
    if (!owner_is_gone(open)) return;
    if (job != nullptr) return retry_or_close(row, *job);
    leave_to_others(row);
  }

  /// True once whatever the owner of an open row was doing is over for sure; else says how long to wait.
  bool owner_is_gone(const name_snapshot::open_row& open) {
    auto remaining = request_.living_owner_wait - name_.held_for;
    const bool known_gone = !open.owner_alive && request_.takeover == takeover_policy::fast;
    if (known_gone) {
      const auto gone_for = std::min(name_.held_for, name_.owner_free_for.value_or(microseconds{0}));
      remaining = std::min(remaining, request_.dead_owner_wait - gone_for);
    }
    remaining = std::max(remaining, request_.young_session - name_.lock_session_age);
    if (remaining <= microseconds{0}) return true;
    auto& reply = plan_.reply;
    reply.owner_seen_free = !open.owner_alive && (!is_unresolved_ || reply.owner_seen_free);
    is_unresolved_ = true;
    // The owner may be back on another session, and write the end of its run at any moment: look again before the whole wait is over.
    reply.wait = std::min(remaining, std::max(microseconds{1}, request_.dead_owner_wait / 2));
    return false;
  }

  void retry_or_close(const tick_row& row, const job_claim& job) {
    if (job.policy.on_crash == crash_policy::retry && row.attempt < job.policy.crash_attempts) {
      if (plan_.reply.run) return;  // its turn comes when the other run has ended
      note(row.key, row_state::retry_due, run_outcome::crashed);
      return claim_again(row, row.attempt + 1);
    }
    auto closed = row;
    closed.state = row_state::finished;
    closed.outcome = run_outcome::crashed;
    closed.finished = now_;
    closed.error = "its instance " + row.instance + " ended, or lost its lock, before the run did";
    update(row, std::move(closed));
    note(row.key, row_state::finished, run_outcome::crashed);
  }

  /// At most one run a name: what else is open stays as it is, and is looked at again when that one has ended.
  void claim_again(const tick_row& row, std::uint32_t attempt) {
    if (plan_.reply.run) return;
    auto mine = row;
    mine.state = row_state::running;
    mine.outcome = run_outcome::none;
    mine.incarnation = request_.incarnation;
    mine.instance = request_.instance;
    mine.attempt = attempt;
    mine.claimed = now_;
    mine.fence = next_fence();
    plan_.reply.run = claimed_run{row.key, name_.lock_name, mine.fence, attempt, now_, false};
    plan_.reply.verdict = name_verdict::claimed;
    update(row, std::move(mine));
  }

  /// A job that this instance does not know: its rules are not ours to apply.
  void leave_to_others(const tick_row& row) {
    auto open = row;
    open.state = row_state::retry_due;
    open.outcome = run_outcome::crashed;
    update(row, std::move(open));
    note(row.key, row_state::retry_due, run_outcome::crashed);
  }

  struct job_plan {
    const job_claim* job = nullptr;
    std::optional<wall_time> to_run;
    bool caught_up = false;
    name_reply::progress progress;
  };

  void defer_due_ticks() {
    for (const auto& job : name_.jobs) plan_.reply.jobs.push_back({job.job, job.decided_until, 0, {}, !job.ticks.empty()});
  }

  void decide_due_ticks() {
    std::vector<job_plan> plans;
    for (const auto& job : name_.jobs) plans.push_back(sort_out(job));

    job_plan* chosen = nullptr;
    for (auto& p : plans) {
      if (p.to_run && (chosen == nullptr || *p.to_run < *chosen->to_run)) chosen = &p;
    }
    for (auto& p : plans) {
      if (p.to_run && &p == chosen) {
        insert_run(p);
      } else if (p.to_run) {
        p.progress.undecided = true;
      }
      plan_.reply.jobs.push_back(std::move(p.progress));
    }
  }

  job_plan sort_out(const job_claim& job) {
    job_plan p{&job, {}, false, {job.job, job.decided_until, 0, {}, false}};
    const auto state = std::ranges::find(seen_.jobs, job.job, &name_snapshot::job_state::job);
    const auto since = state == seen_.jobs.end() ? wall_time{} : state->effective_since;
    const bool paused = state != seen_.jobs.end() && state->paused;

    // Groups of neighbours with one fate become one range row.
    std::vector<wall_time> group;
    auto group_state = row_state::skipped;
    auto group_reason = reason_code::none;
    const auto flush = [&] {
      if (!group.empty()) insert_gap(job.job, group, group_state, group_reason);
      group.clear();
    };
    const auto decide_as = [&](wall_time t, row_state s, reason_code r) {
      if (!group.empty() && (group_state != s || group_reason != r)) flush();
      group.push_back(t);
      group_state = s;
      group_reason = r;
      p.progress.decided_until = t;
    };

    const auto following_of = next_that_runs(job);
    for (std::size_t i = 0; i < job.ticks.size(); ++i) {
      const auto& [t, due, excluded] = job.ticks[i];
      if (t < since) {
        p.progress.decided_until = t;
        continue;
      }
      if (due > now_) {
        for (auto rest = i; rest < job.ticks.size(); ++rest) p.progress.early.push_back(job.ticks[rest].due);
        break;
      }
      const auto rows_of_job = [&, at = t](const tick_row& row) { return row.key.job == job.job && covers(row, at); };
      if (const auto row = std::ranges::find_if(seen_.rows, rows_of_job); row != seen_.rows.end()) {
        flush();
        ++p.progress.duplicates;
        // To the row's end: the next claim reads rows by their beginning, and would not see this one from its middle.
        p.progress.decided_until = row->until.value_or(t);
        continue;
      }
      const auto following = following_of[i];
      const bool is_latest = following ? *following > now_ : !job.more;
      const auto overlapped = [&, at = due](const tick_row& row) { return row.key.job == job.job && was_running(row, at); };
      if (excluded) {
        decide_as(t, row_state::skipped, reason_code::calendar);
      } else if (paused) {
        decide_as(t, row_state::skipped, reason_code::paused);
      } else if (std::ranges::any_of(seen_.rows, overlapped)) {
        decide_as(t, row_state::skipped, reason_code::overlap);
      } else {
        const auto late_until = following ? std::min(due + late_limit, *following) : due + late_limit;
        const bool missed = now_ >= late_until;
        if (!missed || (is_latest && now_ - due <= job.policy.catch_up_window)) {
          p.to_run = t;
          p.caught_up = missed;
          break;  // nothing that runs comes after it: it is the latest
        }
        decide_as(t, row_state::missed, now_ - due > job.policy.catch_up_window ? reason_code::outside_window : reason_code::over_limit);
      }
    }
    flush();
    return p;
  }

  /// For each tick of a job, when the next one that runs is due; nullopt where there is none, or it was left out.
  static std::vector<std::optional<wall_time>> next_that_runs(const job_claim& job) {
    std::vector<std::optional<wall_time>> next(job.ticks.size());
    auto following = job.next;
    for (auto i = job.ticks.size(); i-- > 0;) {
      next[i] = following;
      if (!job.ticks[i].excluded) following = job.ticks[i].due;
    }
    return next;
  }

  void insert_gap(const std::string& job, const std::vector<wall_time>& ticks, row_state state, reason_code reason) {
    tick_row row;
    row.key = {job, ticks.front(), tick_kind::schedule};
    row.lock_name = name_.lock_name;
    row.state = state;
    row.reason = reason;
    row.incarnation = request_.incarnation;
    row.instance = request_.instance;
    row.finished = now_;
    row.count = ticks.size();
    if (ticks.size() > 1) row.until = ticks.back();
    plan_.reply.decisions.push_back({row.key, state, run_outcome::none, reason, row.count});
    plan_.inserts.push_back(std::move(row));
  }

  void insert_run(job_plan& p) {
    tick_row row;
    row.key = {p.job->job, *p.to_run, tick_kind::schedule};
    row.lock_name = name_.lock_name;
    row.state = row_state::running;
    row.fence = next_fence();
    row.incarnation = request_.incarnation;
    row.instance = request_.instance;
    row.attempt = 1;
    row.claimed = now_;
    plan_.reply.run = claimed_run{row.key, name_.lock_name, row.fence, 1, now_, p.caught_up};
    plan_.reply.verdict = name_verdict::claimed;
    p.progress.decided_until = *p.to_run;
    plan_.inserts.push_back(std::move(row));
  }

  void update(const tick_row& before, tick_row after) {
    if (after.state != row_state::running) after.fence = before.fence;
    plan_.updates.push_back({std::move(after), before.state, before.fence});
  }

  void note(const tick_key& key, row_state state, run_outcome outcome) {
    plan_.reply.decisions.push_back({key, state, outcome, reason_code::none, 1});
  }

  const claim_request& request_;
  const name_claim& name_;
  const name_snapshot& seen_;
  wall_time now_;
  bool is_unresolved_ = false;
  name_plan plan_;
};

}  // namespace

name_plan decide(const claim_request& request, const name_claim& name, const name_snapshot& seen, wall_time store_now) {
  return decider{request, name, seen, store_now}.decide();
}

}  // namespace baton::ledger

#include "baton/ledger/claim.hpp"

#include <algorithm>
#include <tuple>

#include "baton/base/result.hpp"

namespace baton::ledger {
namespace {

using std::chrono::seconds;

/// A tick is late, and simply runs, until the earlier of this and its job's next tick; after that it is missed.
constexpr microseconds late_limit = seconds{60};

bool covers(const tick_row& row, wall_time t) { return row.key.tick <= t && t <= row.until.value_or(row.key.tick); }

/// From when on a row's run counts as under way. A due retry counts as a run: of a run with several attempts only the last one's start is
/// known, so it counts from its tick on.
std::optional<wall_time> began(const tick_row& row) {
  return row.attempt > 1 ? std::optional{row.key.tick} : row.started ? row.started : row.claimed;
}

/// A run of the job was under way at `t`. A crashed one is no evidence: nobody knows when it ended, and losing a tick is worse.
bool was_running(const tick_row& row, wall_time t) {
  if (row.state != row_state::finished || row.outcome == run_outcome::crashed || row.outcome == run_outcome::lock_lost) return false;
  const auto started = began(row);
  return started && row.finished && *started <= t && t < *row.finished;
}

tick_row pending_row(tick_key key, std::string lock_name, wall_time requested) {
  tick_row row;
  row.key = std::move(key);
  row.lock_name = std::move(lock_name);
  row.state = row_state::pending;
  row.requested = requested;
  return row;
}

/// The rules of one name, applied in order: resolve what is open, then decide what is due.
class decider {
 public:
  decider(const claim_request& request, const name_claim& name, const name_snapshot& seen, wall_time now, tag_room& room)
      : request_(request), name_(name), seen_(seen), now_(now), room_(room) {
    plan_.reply.lock_name = name.lock_name;
    plan_.reply.verdict = name_verdict::nothing_due;
  }

  name_plan decide() && {
    for (const auto& open : seen_.open) resolve(open);
    if (is_unresolved_) {
      plan_.reply.verdict = name_verdict::unresolved;
      plan_.updates.clear();
      plan_.inserts.clear();
      plan_.followers.clear();
      plan_.new_names.clear();
      plan_.reply.asked.clear();
      plan_.reply.decisions.clear();
      plan_.reply.run.reset();
      return std::move(plan_);
    }
    // A run that is taken up again comes first; what else is due is decided when it has ended.
    plan_.reply.run ? defer_due_ticks() : decide_due_ticks();
    if (plan_.reply.run && !has_place_already_) {
      for (const auto tag : find_job(plan_.reply.run->key.job)->tags) room_[tag] -= std::min<std::uint32_t>(room_[tag], 1);
    }
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
    const auto* job = find_job(row.key.job);
    if (row.state == row_state::pending) {
      if (job != nullptr) pending_.push_back(&row);
      return;
    }
    if (row.state == row_state::retry_due) {
      if (job == nullptr) return;
      if (row.cancel) return close_cancelled(row, *job);
      // An instance that was being stopped claimed it and never started it: no attempt was spent.
      if (row.outcome == run_outcome::cancelled && !row.started) return start_at_last(row, *job);
      row.retry_at ? retry_in_time(row, *job) : retry_or_close(row, *job);
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

  void start_at_last(const tick_row& row, const job_claim& job) {
    if (is_stopped(row) || (!plan_.reply.run && !has_room(job))) return waiting_.push_back(&row);
    claim_again(row, row.attempt);
  }

  void retry_or_close(const tick_row& row, const job_claim& job) {
    if (job.policy.on_crash == crash_policy::retry && row.attempt < job.policy.crash_attempts && !row.cancel) {
      if (is_stopped(row)) return row.state == row_state::running ? leave_to_others(row) : waiting_.push_back(&row);
      if (plan_.reply.run) {  // its turn comes when the other run has ended
        plan_.reply.more = true;
        return;
      }
      if (row.state != row_state::running && !has_room(job)) return waiting_.push_back(&row);  // a running one has its place
      note(row.key, row_state::retry_due, run_outcome::crashed);
      return claim_again(row, row.attempt + 1);
    }
    auto closed = row;
    closed.outcome = run_outcome::crashed;
    closed.finished = now_;
    closed.error = "its instance " + row.instance + " ended, or lost its lock, before the run did";
    close(row, std::move(closed), job);
  }

  /// After a failure: when its time has come.
  void retry_in_time(const tick_row& row, const job_claim& job) {
    if (row.attempt >= job.policy.retry.attempts) return close(row, row, job);  // fewer than when it was decided
    if (is_superseded(row, job)) return close_cancelled(row, job);
    if (now_ < *row.retry_at || is_stopped(row) || (!plan_.reply.run && !has_room(job))) return waiting_.push_back(&row);
    claim_again(row, row.attempt + 1);
  }

  /// `overlap: cancel_running`: a newer tick is due, and there is no run to cancel, only attempts to come.
  [[nodiscard]] bool is_superseded(const tick_row& row, const job_claim& job) const {
    const auto is_newer = [&](const due_tick& t) { return !t.excluded && t.due <= now_ && t.tick > row.key.tick; };
    return row.key.kind == tick_kind::schedule && job.policy.overlap == overlap_policy::cancel_running &&
           std::ranges::any_of(job.ticks, is_newer);
  }

  /// Between two attempts, of which somebody wants no more.
  void close_cancelled(const tick_row& row, const job_claim& job) {
    auto closed = row;
    closed.outcome = run_outcome::cancelled;
    closed.finished = now_;
    close(row, std::move(closed), job);
  }

  /// The final end of a run.
  void close(const tick_row& row, tick_row closed, const job_claim& job) {
    closed.state = row_state::finished;
    closed.retry_at.reset();
    note(row.key, row_state::finished, closed.outcome);
    for (const auto& f : job.policy.followers) {
      if (f.follows(closed.outcome)) plan_.followers.push_back(follower_row(f, row.key.tick, now_));
    }
    update(row, std::move(closed));
  }

  [[nodiscard]] const name_snapshot::job_state& state_of(const std::string& job) const {
    static const name_snapshot::job_state unknown{};
    const auto state = std::ranges::find(seen_.jobs, job, &name_snapshot::job_state::job);
    return state == seen_.jobs.end() ? unknown : *state;
  }
  [[nodiscard]] const job_standing& standing_of(const std::string& job) const { return state_of(job).standing; }

  /// Its job is paused or disabled: what somebody asked for runs all the same, further attempts of the rest wait.
  [[nodiscard]] bool is_stopped(const tick_row& row) const {
    return row.key.kind != tick_kind::trigger && standing_of(row.key.job).stopped != reason_code::none;
  }

  /// Whether the tags of a job allow a further run.
  [[nodiscard]] bool has_room(const job_claim& job) {
    const bool room = std::ranges::all_of(job.tags, [this](std::size_t tag) { return room_[tag] > 0; });
    if (!room) is_held_back_ = true;
    return room;
  }

  /// At most one run a name: what else is open stays as it is, and is looked at again when that one has ended.
  void claim_again(const tick_row& row, std::uint32_t attempt) {
    if (plan_.reply.run) {
      plan_.reply.more = true;
      return;
    }
    has_place_already_ = row.state == row_state::running;
    auto mine = row;
    mine.state = row_state::running;
    mine.outcome = run_outcome::none;
    mine.incarnation = request_.incarnation;
    mine.instance = request_.instance;
    mine.attempt = attempt;
    mine.claimed = now_;
    mine.retry_at.reset();
    mine.fence = next_fence();
    const bool caught_up = row.key.kind == tick_kind::schedule && row.requested && *row.requested - row.key.tick >= late_limit;
    plan_.reply.run = claimed_run{row.key, name_.lock_name, mine.fence, attempt, now_, caught_up, row.parameters};
    plan_.reply.verdict = name_verdict::claimed;
    update(row, std::move(mine));
  }

  /// Of a job that this instance does not know, so that its rules are not ours to apply, or of one that is paused.
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

  /// What waits longest runs: a tick since it was due, what was asked for since then.
  void decide_due_ticks() {
    std::vector<job_plan> plans;
    for (const auto& job : name_.jobs) plans.push_back(sort_out(job));

    job_plan* chosen = nullptr;
    for (auto& p : plans) {
      if (p.to_run && has_room(*p.job) && (chosen == nullptr || *p.to_run < *chosen->to_run)) chosen = &p;
    }
    if (const auto* asked_for = oldest_pending(); asked_for != nullptr && (chosen == nullptr || *asked_for->requested < *chosen->to_run)) {
      plan_.reply.more = pending_.size() > 1;
      claim_again(*asked_for, 1);
      chosen = nullptr;
    } else if (asked_for != nullptr) {
      plan_.reply.more = true;
    }
    for (auto& p : plans) {
      if (p.to_run && &p == chosen) {
        insert_run(p);
      } else if (p.to_run) {
        p.progress.undecided = true;
      }
      plan_.reply.jobs.push_back(std::move(p.progress));
    }
    if (!plan_.reply.run && is_held_back_) plan_.reply.verdict = name_verdict::held_back;
  }

  /// A trigger runs while its job is paused: somebody wants it so. What follows another job does not, and a tick waits for the resume.
  const tick_row* oldest_pending() {
    const tick_row* oldest = nullptr;
    for (const auto* row : pending_) {
      const auto stopped = standing_of(row->key.job).stopped;
      if (row->key.kind == tick_kind::after && stopped != reason_code::none) {
        auto closed = *row;
        closed.state = row_state::skipped;
        closed.reason = stopped;
        closed.finished = now_;
        plan_.reply.decisions.push_back({row->key, row_state::skipped, run_outcome::none, stopped, 1});
        update(*row, std::move(closed));
        continue;
      }
      if (is_stopped(*row)) continue;
      const auto& job = *find_job(row->key.job);
      if (job.run_name && job.run_name(row->key) != name_.lock_name) {
        auto moved = *row;
        moved.lock_name = ask_for(job, row->key);
        update(*row, std::move(moved));
        continue;
      }
      if (!row->requested || !has_room(job)) continue;
      if (row->key.kind == tick_kind::schedule && *row->requested > now_) {  // a tick, on a server whose clock is behind the last one's
        is_held_back_ = true;
        continue;
      }
      const auto order = [](const tick_row& r) { return std::tie(*r.requested, r.key); };
      if (oldest == nullptr || order(*row) < order(*oldest)) oldest = row;
    }
    return oldest;
  }

  job_plan sort_out(const job_claim& job) {
    job_plan p{&job, {}, false, {job.job, job.decided_until, 0, {}, false}};
    const auto& state = state_of(job.job);

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

    const auto ahead = look_ahead_of(job);
    for (std::size_t i = 0; i < job.ticks.size(); ++i) {
      const auto& [t, due, excluded] = job.ticks[i];
      if (t < state.effective_since || (state.low_water && t <= *state.low_water)) {
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
      const auto& [following, later] = ahead[i];
      const bool is_latest = following ? *following > now_ : later == 0;
      const auto ran_until = job.run_name ? std::nullopt : end_of_overlap(job.job, due);
      const bool waits = !job.run_name && has_waiting_retry(job.job, due);
      if (excluded) {
        decide_as(t, row_state::skipped, reason_code::calendar);
      } else if (const auto stopped = state.standing.reason_at(due); stopped != reason_code::none) {
        decide_as(t, row_state::skipped, stopped);
      } else if ((ran_until || waits) && job.policy.overlap == overlap_policy::skip) {
        decide_as(t, row_state::skipped, reason_code::overlap);
      } else if (ran_until && job.policy.overlap == overlap_policy::cancel_running && !is_latest) {
        decide_as(t, row_state::skipped, reason_code::overlap);
      } else if (ran_until && job.policy.overlap != overlap_policy::cancel_running && is_queue_full(job, due)) {
        decide_as(t, row_state::skipped, reason_code::queue_full);
      } else if (waits) {
        is_held_back_ = true;
        break;  // its turn comes after the last attempt of the run that it waits for
      } else {
        // What had to wait for a run of its own job is late from the end of that on.
        const auto late_until = ran_until ? *ran_until + late_limit : following ? std::min(due + late_limit, *following) : due + late_limit;
        const bool missed = now_ >= late_until;
        const auto why = missed ? reason_to_miss(job.policy, due, later, is_latest) : reason_code::none;
        if (why == reason_code::none && job.run_name) {
          flush();
          auto row = pending_row({job.job, t, tick_kind::schedule}, {}, now_);
          row.lock_name = ask_for(job, row.key);
          plan_.followers.push_back(std::move(row));
          p.progress.decided_until = t;
          continue;
        }
        if (why == reason_code::none) {
          p.to_run = t;
          p.caught_up = missed;
          break;  // what comes after it is decided when it has run
        }
        decide_as(t, row_state::missed, why);
      }
    }
    flush();
    return p;
  }

  /// When the last of the job's runs that were under way at `t`, and of those that had waited for them, ended.
  [[nodiscard]] std::optional<wall_time> end_of_overlap(const std::string& job, wall_time t) const {
    std::optional<wall_time> end;
    for (const auto& row : seen_.rows) {
      if (row.key.job == job && was_running(row, t)) end = std::max(end, row.finished);
    }
    if (!end) return end;
    for (const auto& row : seen_.rows) {
      if (row.key.job == job && row.state == row_state::finished && row.key.tick <= t) end = std::max(end, row.finished);
    }
    return end;
  }

  /// As many ticks as may were waiting for a run to end when another one came at `t`.
  [[nodiscard]] bool is_queue_full(const job_claim& job, wall_time t) const {
    const auto waited = std::ranges::count_if(seen_.rows, [&](const tick_row& row) {
      // Of several attempts only the last claim is known: no evidence of having waited.
      return row.key.job == job.job && row.attempt == 1 && row.key.tick < t && row.claimed && t < *row.claimed;
    });
    return static_cast<std::uint64_t>(waited) >= job.policy.waiting_limit();
  }

  /// What comes after a tick of a job.
  struct look_ahead {
    std::optional<wall_time> following;  ///< when the next one that runs is due; nullopt: there is none
    std::uint64_t later = 0;             ///< how many that run are due too
  };
  /// For each tick of a job.
  [[nodiscard]] std::vector<look_ahead> look_ahead_of(const job_claim& job) const {
    std::vector<look_ahead> ahead(job.ticks.size());
    // The next one may have come due since the claim was written down: it counts, as it does for `latest`.
    look_ahead next{job.next, std::max<std::uint64_t>(job.beyond, job.next && *job.next <= now_ ? 1 : 0)};
    for (auto i = job.ticks.size(); i-- > 0;) {
      ahead[i] = next;
      if (job.ticks[i].excluded) continue;
      next.following = job.ticks[i].due;
      if (job.ticks[i].due <= now_) ++next.later;
    }
    return ahead;
  }

  /// Why a tick that was not run in time is not caught up; `none`: it is.
  [[nodiscard]] reason_code reason_to_miss(const job_policy& policy, wall_time due, std::uint64_t later, bool is_latest) const {
    if (policy.catch_up == catch_up_policy::none) return reason_code::no_catch_up;
    if (now_ - due > policy.catch_up_window) return reason_code::outside_window;
    const bool is_within = policy.catch_up == catch_up_policy::latest ? is_latest : later < policy.catch_up_limit;
    return is_within ? reason_code::none : reason_code::over_limit;
  }

  /// An attempt is still to come of a tick's run that had begun by `t`.
  [[nodiscard]] bool has_waiting_retry(const std::string& job, wall_time t) const {
    return std::ranges::any_of(waiting_, [&](const tick_row* row) {
      return row->key.kind == tick_kind::schedule && row->key.job == job && began(*row).value_or(t) <= t;
    });
  }

  /// A run gets a lock name of its own.
  std::string ask_for(const job_claim& job, const tick_key& key) {
    auto name = job.run_name(key);
    plan_.new_names.push_back(name);
    plan_.reply.asked.push_back({key, name});
    return name;
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
    plan_.reply.run = claimed_run{row.key, name_.lock_name, row.fence, 1, now_, p.caught_up, {}};
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
  tag_room& room_;
  bool is_unresolved_ = false;
  bool is_held_back_ = false;
  bool has_place_already_ = false;  ///< the run counts in its tags
  std::vector<const tick_row*> pending_;
  std::vector<const tick_row*> waiting_;  ///< retries whose time has not come
  name_plan plan_;
};

}  // namespace

std::size_t look_back(const job_claim& job) noexcept {
  if (job.ticks.empty()) return 0;
  const std::size_t caught_up = job.policy.catch_up == catch_up_policy::all ? job.policy.catch_up_limit : 0;
  const std::size_t runs = std::max<std::size_t>(caught_up, job.policy.waiting_limit());
  return runs == 0 ? 0 : 2 * runs + 2;  // each run, and a row of what was not run before it
}

std::size_t look_further_back(const job_claim& job, const std::vector<tick_row>& rows) noexcept {
  constexpr std::size_t further = 8;  // a run, and what was not run meanwhile, by one claim after the other
  if (job.ticks.empty() || look_back(job) > 0) return 0;
  const auto was_not_run = [&](const tick_row& row) {
    return row.key.job == job.job && covers(row, job.decided_until) && (row.state == row_state::skipped || row.state == row_state::missed);
  };
  return std::ranges::any_of(rows, was_not_run) ? further : 0;
}

tick_row follower_row(const follower& who, wall_time tick, wall_time store_now) {
  return pending_row({who.job, tick, tick_kind::after}, who.lock_name, store_now);
}

name_plan decide(const claim_request& request, const name_claim& name, const name_snapshot& seen, wall_time store_now, tag_room& room) {
  return decider{request, name, seen, store_now, room}.decide();
}

}  // namespace baton::ledger

#include <algorithm>
#include <iterator>

#include "core.hpp"

namespace baton::engine {

using std::chrono::seconds;

void scheduler::core::start(name_index n, const ledger::claimed_run& run, wall_time store_now) {
  auto& name = names_[n];
  const auto j = job_by_name_.at(run.key.job);
  const run_id id{next_run_++};
  const auto& job = jobs_[j];
  runs_.emplace(id, run_state{j, n, run, job.policy, job.grace, job.hold_at_least, std::nullopt});
  name.run = id;
  claims_of_late_.claimed(j, run, now_.steady);
  move_to(name, phase::running);
  const bool is_tick = run.key.kind == ledger::tick_kind::schedule && jobs_[j].schedule;
  const auto due = is_tick ? jobs_[j].schedule->due(run.key.tick) : run.key.tick;
  tell(run_claimed{j, run, std::max(microseconds{0}, store_now - due)});
  act(start_run{id, j, run, options_.timing.deadline(sessions_.at(name.session).last_proof)});
}

/// The token at once, SIGTERM and SIGKILL in the job's own time.
void scheduler::core::cancel(run_id id, bool by_next_tick) {
  auto& run = runs_.at(id);
  if (run.cancelled || run.lease_lost) return;
  run.cancelled = true;
  tell(run_cancelled{run.job, run.run.key, by_next_tick});
  order_stop(id, run.grace / 2, run.grace, true);
}

/// `overlap: cancel_running`: a newer tick of the job is due.
void scheduler::core::cancel_if_superseded(name_index n) {
  if (names_[n].at != phase::running) return;
  const auto& run = runs_.at(names_[n].run);
  if (is_superseded(run.job, run.run.key, run.run.claimed)) cancel(names_[n].run, true);
}

/// By a tick that runs, and came due after the run was claimed: what was due before waits for its turn.
bool scheduler::core::is_superseded(job_index j, const ledger::tick_key& run, wall_time claimed) const {
  const auto& state = job_states_[j];
  const auto& schedule = jobs_[j].schedule;
  const bool may_be = jobs_[j].policy.overlap == ledger::overlap_policy::cancel_running && run.kind == ledger::tick_kind::schedule;
  if (!may_be || !schedule || !state.is_due()) return false;
  for (auto t = std::optional{state.due_until}; t && *t > run.tick && *t > state.decided_until; t = schedule->previous(*t)) {
    if (!schedule->is_excluded(*t)) return schedule->due(*t) > claimed;
  }
  return false;
}

void scheduler::core::end_lingering(name_index n) {
  std::erase_if(lingering_, [n](const auto& entry) { return entry.second == n; });
}

void scheduler::core::order_stop(run_id id, microseconds terminate_after, microseconds kill_after, bool is_cancel) {
  runs_.at(id).stop_ordered = true;
  act(stop_run{id, terminate_after, kill_after, is_cancel});
}

void scheduler::core::handle(run_started&& e) {
  const auto it = runs_.find(e.id);
  if (it == runs_.end()) return;
  it->second.started = clock_.now(now_.steady);
}

void scheduler::core::handle(run_ended&& e) {
  const auto it = runs_.find(e.id);
  if (it == runs_.end()) return;
  auto run = std::move(it->second);
  runs_.erase(it);
  auto& name = names_[run.name];
  const auto session = name.session;

  const auto ended = clock_.now(now_.steady).value_or(now_.wall);
  if (run.started) run.started = std::min(*run.started, ended - e.took);  // the news of a short run's start and end arrive together
  ledger::finish_record record{run.run.key, run.run.fence,      e.outcome,           e.reason, run.started,
                               ended,       std::move(e.error), std::move(e.output), false};
  if (run.lease_lost) record.outcome = ledger::run_outcome::lock_lost;
  const auto& policy = run.policy;
  if (run.cancelled && record.outcome != ledger::run_outcome::success && record.outcome != ledger::run_outcome::lock_lost)
    record.outcome = ledger::run_outcome::cancelled;
  const bool crashed = record.outcome == ledger::run_outcome::crashed || record.outcome == ledger::run_outcome::lock_lost;
  record.open_again = crashed && policy.on_crash == ledger::crash_policy::retry && run.run.attempt < policy.crash_attempts;
  const bool failed = record.outcome == ledger::run_outcome::failure || record.outcome == ledger::run_outcome::timeout;
  if (failed && run.run.attempt < policy.retry.attempts) record.retry_at = ended + policy.retry.delay(run.run.attempt);
  if (record.state() == ledger::row_state::finished) {
    std::ranges::copy_if(policy.followers, std::back_inserter(record.followers), [&](const auto& f) { return f.follows(record.outcome); });
  }
  tell(run_over{run.job, record, run.run.attempt, e.took});
  claims_of_late_.ended(run.job, run.run, record, now_.steady);

  name.lease_lost = run.lease_lost;
  name.hold_until = name.granted + run.hold_at_least;
  move_to(name, phase::finishing);
  to_finish_.push_back(std::move(record));
  to_finish_names_.push_back(run.name);
  close_if_unused(session);
  close_abandoned();
}

void scheduler::core::handle(finished&& e) {
  auto* s = reply_of(e.id, call_kind::finish);
  if (s == nullptr) return;
  tell(call_took{"finish", e.when.received - e.when.sent});
  const auto count = std::exchange(finishing_now_, 0);
  if (!e.reply) {
    const auto& why = e.reply.error();
    if (is_dead(why)) return ledger_failed(why, why.code == errc::store_unavailable);
    // Kept: a row is closed before its name is released.
    if (why.code != errc::store_busy) tell(session_trouble{false, why});
    ledger_pause_until_ = now_.steady + (why.code == errc::store_busy ? microseconds{10'000} : seconds{1});
    return;
  }
  const auto split = static_cast<std::ptrdiff_t>(count);
  const std::vector<ledger::finish_record> records{std::make_move_iterator(to_finish_.begin()),
                                                   std::make_move_iterator(to_finish_.begin() + split)};
  const std::vector<name_index> names{to_finish_names_.begin(), to_finish_names_.begin() + split};
  to_finish_.erase(to_finish_.begin(), to_finish_.begin() + split);
  to_finish_names_.erase(to_finish_names_.begin(), to_finish_names_.begin() + split);
  for (std::size_t i = 0; i < records.size(); ++i) {
    if ((*e.reply)[i] == ledger::finish_outcome::fenced) tell(finish_refused{job_by_name_.at(records[i].key.job), records[i].key});
    auto& name = names_[names[i]];
    name.resolve = name.resolve || records[i].open_again;  // a retry after a failure has a time, at which a reconcile finds it
    // Others with its tag try again every so often; who has just run lets them go first.
    if (const auto j = job_by_name_.find(records[i].key.job); j != job_by_name_.end() && !jobs_[j->second].tags.empty())
      name.not_before = now_.steady + held_back_pause * 3 / 2;
    if (name.hold_until > now_.steady && !stopping_ && !name.lease_lost) {
      move_to(name, phase::lingering);
      lingering_.emplace(name.hold_until, names[i]);
    } else {
      give_back(names[i]);
    }
    for (const auto& f : records[i].followers) {
      const auto it = job_by_name_.find(f.job);
      if (it == job_by_name_.end() || !jobs_[it->second].runs_here) continue;
      auto& next = names_[job_states_[it->second].name];
      next.resolve = true;
      want(job_states_[it->second].name);
    }
  }
}

void scheduler::core::handle(stop_requested&& e) {
  const bool again = std::exchange(stopping_, true);
  const bool was_draining = std::exchange(draining_, e.drain && (!again || draining_));
  if (again && e.drain) return;
  if (again && was_draining) return limit_runs();
  if (again) {
    for (const auto& [at, id] : std::exchange(stop_at_, {})) {
      if (runs_.contains(id)) order_stop(id, options_.timing.stop, 2 * options_.timing.stop);
    }
    return;
  }
  for (const auto& key : std::exchange(ready_, {})) move_to(names_[std::get<name_index>(key)], phase::idle);
  ready_key_.clear();
  for (const auto n : std::exchange(parked_, {})) move_to(names_[n], phase::idle);
  for (const auto& [at, n] : std::exchange(delayed_, {})) move_to(names_[n], phase::idle);
  for (const auto& [at, n] : std::exchange(claims_, {})) give_back(n);
  for (const auto& [at, n] : std::exchange(lingering_, {})) give_back(n);
  if (leader_ && names_[*leader_].at == phase::leading) {
    tell(leadership{false});
    give_back(*leader_);
  }
  if (!draining_) limit_runs();
}

/// From now on each has its grace.
void scheduler::core::limit_runs() {
  for (const auto& [id, run] : runs_) {
    if (!run.stop_ordered) stop_at_.emplace(now_.steady + run.grace, id);
  }
}

/// No new run; running ones end by themselves within their grace, or are stopped; rows are closed, then names released, then the store
/// closed.
void scheduler::core::pump_stop() {
  while (!stop_at_.empty() && stop_at_.begin()->first <= now_.steady) {
    const auto id = stop_at_.begin()->second;
    stop_at_.erase(stop_at_.begin());
    if (runs_.contains(id)) order_stop(id, options_.timing.stop, 2 * options_.timing.stop);
  }
  // Claims that came back after the stop, and names that fell back to `held`.
  for (const auto& [at, n] : std::exchange(claims_, {})) give_back(n);
  if (!runs_.empty()) return;

  if (!stop_store_deadline_) stop_store_deadline_ = now_.steady + 2 * std::max<microseconds>(options_.timing.probe_timeout, seconds{2});
  const bool store_is_done = in_hand_ == 0 && to_finish_.empty();
  if (!store_is_done && now_.steady < *stop_store_deadline_) return;
  if (auto* s = ledger(); s != nullptr && !signed_off_ && now_.steady < *stop_store_deadline_) {
    if (s->call == call_kind::none) {
      act(sign_off{*ledger_});
      begin_call(*s, call_kind::sign_off);
    }
    return;
  }
  for (const auto& [id, s] : sessions_) act(close_session{id});
  sessions_.clear();
  ledger_.reset();
  abandoned_.clear();
  exited_ = true;
  act(exit_now{});
}

}  // namespace baton::engine

#include <algorithm>
#include <limits>
#include <map>

#include "baton/lock/name.hpp"
#include "core.hpp"

namespace baton::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t claims_at_once = 512;
constexpr std::size_t ticks_at_once = 10'000;                 // of one job in one claim; the rest follows in the next
constexpr microseconds reconcile_pause = milliseconds{1050};  ///< with a heartbeat now and then: one statement a second
constexpr microseconds heartbeat_pause = seconds{20};
constexpr microseconds lock_error_pause = milliseconds{250};
constexpr microseconds holder_first = seconds{3};  ///< how long a run's own instance has for cancelling it

/// Of all tags, those that the jobs of a request have; the jobs' indices follow.
void keep_used_tags(ledger::claim_request& request, const std::vector<ledger::tag_limit>& all) {
  std::map<std::size_t, std::size_t> used;
  for (auto& name : request.names) {
    for (auto& job : name.jobs) {
      for (auto& tag : job.tags) {
        const auto [it, is_new] = used.try_emplace(tag, request.tags.size());
        if (is_new) request.tags.push_back(all[tag]);
        tag = it->second;
      }
    }
  }
}

bool is_in_hand(phase p) { return p != phase::idle && p != phase::wanted; }

}  // namespace

void scheduler::core::move_to(name_state& n, phase to) {
  in_hand_ = in_hand_ + (is_in_hand(to) ? 1 : 0) - (is_in_hand(n.at) ? 1 : 0);
  n.at = to;
}

bool scheduler::core::has_due(const name_state& n) const {
  return std::ranges::any_of(n.jobs, [this](job_index j) { return job_states_[j].is_due(); });
}

/// Takes every tick that the store's clock has reached off the queue, and every name whose pause is over.
void scheduler::core::collect_due() {
  while (!delayed_.empty() && delayed_.begin()->first <= now_.steady) {
    const auto n = delayed_.begin()->second;
    delayed_.erase(delayed_.begin());
    want(n);
  }
  while (!lingering_.empty() && lingering_.begin()->first <= now_.steady) {
    const auto n = lingering_.begin()->second;
    lingering_.erase(lingering_.begin());
    give_back(n);
  }
  const auto store_now = clock_.now(now_.steady);
  if (!store_now || stopping_) return;
  while (queue_.next() && *queue_.next() <= *store_now) {
    const auto j = queue_.pop();
    auto& state = job_states_[j];
    const auto& schedule = *jobs_[j].schedule;
    // After a pause of the machine there may be millions: the last one is found, not walked to.
    auto last = schedule.previous(*store_now + microseconds{1});
    if (last && schedule.due(*last) > *store_now) last = schedule.previous(*last);  // jitter ends before the next tick
    state.due_until = std::max(state.due_until, last.value_or(state.due_until));
    await_tick_after(j, state.due_until);
    if (!state.is_due()) continue;
    cancel_if_superseded(state.name);
    want(state.name);
  }
}

void scheduler::core::rearm(job_index j) {
  const auto& state = job_states_[j];
  const auto& job = jobs_[j];
  if (!job.schedule || job.setting == ledger::job_setting::disabled || !job.runs_here || job.is_retired || !state.registered) return;
  await_tick_after(j, std::max(state.decided_until, state.due_until));
}

void scheduler::core::await_tick_after(job_index j, wall_time t) {
  const auto& schedule = *jobs_[j].schedule;
  const auto next = schedule.next(t);
  if (!next) return queue_.remove(j);
  queue_.set(j, schedule.due(*next));
  tell(next_tick_known{j, *next});
}

void scheduler::core::decided(job_index j, wall_time until) {
  auto& state = job_states_[j];
  if (until <= state.decided_until && state.due_until >= state.decided_until) return;
  state.decided_until = std::max(state.decided_until, until);
  if (state.due_until > state.decided_until) return;
  state.due_until = state.decided_until;
  rearm(j);
}

/// Due, or to be resolved: as soon as a slot is free. Oldest tick first, then in an order of this instance's own.
void scheduler::core::want(name_index n) {
  auto& name = names_[n];
  const bool is_of_use = name.resolve || !name.jobs.empty() || is_leader_name(name);
  if (stopping_ || is_in_hand(name.at) || !is_of_use) return;
  parked_.erase(n);
  if (name.at == phase::wanted && ready_key_.contains(n)) return;
  move_to(name, phase::wanted);
  if (name.not_before > now_.steady) {
    delayed_.emplace(name.not_before, n);
    return;
  }
  auto oldest = wall_time::max();
  auto priority = is_leader_name(name) ? std::numeric_limits<std::int32_t>::max() : std::numeric_limits<std::int32_t>::min();
  for (const auto j : name.jobs) {
    if (!job_states_[j].is_due() && !name.resolve) continue;
    priority = std::max(priority, jobs_[j].priority);
    if (!job_states_[j].is_due()) continue;
    oldest = std::min(oldest, jobs_[j].schedule->next(job_states_[j].decided_until).value_or(oldest));
  }
  if (name.resolve) oldest = wall_time::min();
  const ready_key key{-1 - priority, oldest, name.spread, n};
  ready_.insert(key);
  ready_key_.emplace(n, key);
}

void scheduler::core::park(name_index n) {
  move_to(names_[n], phase::wanted);
  parked_.insert(n);
}

void scheduler::core::settle(name_index n) {
  auto& name = names_[n];
  move_to(name, phase::idle);
  name.lease_lost = false;
  name.owner_free_since.reset();
  if (name.resolve || has_due(name) || is_leader_name(name)) want(n);
  drop_if_done(n);
}

std::vector<name_index> scheduler::core::take_wanted(std::size_t at_most) {
  std::vector<name_index> names;
  const bool leads = leader_ && names_[*leader_].at == phase::leading;
  const auto in_use = in_hand_ - lingering_.size() - (leads ? 1 : 0);
  const auto free = options_.max_concurrent_runs - std::min<std::size_t>(in_use, options_.max_concurrent_runs);
  at_most = std::min(at_most, free);
  if (leader_ && !leads) {  // nothing else is ours to run
    if (!ready_key_.contains(*leader_)) return names;
    ready_.erase(ready_key_.at(*leader_));
    ready_key_.erase(*leader_);
    return {*leader_};
  }
  // What waits for the ledger's session runs no sooner for a few more: after a race that others won, not a few at a time.
  const auto* const s = ledger();
  const bool ledger_is_busy = s == nullptr || s->call != call_kind::none;
  const auto waiting = std::distance(claims_.begin(), claims_.upper_bound({now_.steady, std::numeric_limits<name_index>::max()}));
  if (ledger_is_busy && std::min(at_most, ready_.size()) < static_cast<std::size_t>(waiting)) return names;
  while (names.size() < at_most && !ready_.empty()) {
    const auto n = std::get<name_index>(*ready_.begin());
    ready_.erase(ready_.begin());
    ready_key_.erase(n);
    if (names_[n].resolve || has_due(names_[n])) {
      names.push_back(n);
    } else {
      move_to(names_[n], phase::idle);  // another instance was there first
      drop_if_done(n);
    }
  }
  return names;
}

void scheduler::core::hold(name_index n, microseconds for_how_long) {
  auto& name = names_[n];
  if (name.lease_lost) return settle(n);
  move_to(name, phase::held);
  name.claim_at = now_.steady + for_how_long;
  claims_.emplace(name.claim_at, n);
}

void scheduler::core::give_back(name_index n) {
  auto& name = names_[n];
  auto* s = find(name.session);
  if (name.lease_lost || s == nullptr || !s->names.contains(n)) return settle(n);
  move_to(name, phase::releasing);
  s->to_release.push_back(n);
}

void scheduler::core::handle(acquired&& e) {
  auto* s = reply_of(e.id, call_kind::acquire);
  if (s == nullptr) return;
  const auto names = std::exchange(s->called, {});
  const auto took = e.when.received - e.when.sent;
  const auto tell_attempt = [&](const name_state& name, lock_attempted::outcome what) {
    if (name.of_one_run && name.label != name_state::no_job)
      tell_of(name, lock_attempted{name.label, what, took, job_states_[name.label].due_until});
    for (const auto j : name.jobs) {
      if (job_states_[j].is_due()) tell(lock_attempted{j, what, took, job_states_[j].due_until});
    }
  };
  tell(call_took{"acquire", took});
  if (!e.reply) {
    last_trouble_ = e.reply.error();
    tell(session_trouble{true, last_trouble_});
    for (const auto n : names) {
      tell_attempt(names_[n], lock_attempted::outcome::error);
      move_to(names_[n], phase::asking);
      s->to_ask.push_back(n);
    }
    if (is_dead(last_trouble_)) condemn(e.id, lock::loss::connection);
    return;
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto& name = names_[names[i]];
    if ((*e.reply)[i] == lock::try_outcome::busy) {
      tell_attempt(name, lock_attempted::outcome::busy);
      park(names[i]);
      continue;
    }
    tell_attempt(name, lock_attempted::outcome::acquired);
    tell_of(name, lock_taken{name.label});
    name.granted = now_.steady;
    s->names.insert(names[i]);
    if (stopping_) {
      give_back(names[i]);
    } else if (is_leader_name(name)) {
      move_to(name, phase::leading);
      tell(leadership{true});
    } else {
      hold(names[i], {});
    }
  }
}

void scheduler::core::handle(owned_known&& e) {
  auto* s = reply_of(e.id, call_kind::ask_owned);
  if (s == nullptr) return;
  const auto names = std::exchange(s->called, {});
  if (!e.reply) {
    s->called = names;
    return condemn(e.id, lock::loss::connection);
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    names_[names[i]].not_before = now_.steady + lock_error_pause;
    if ((*e.reply)[i]) {
      s->names.insert(names[i]);
      give_back(names[i]);
    } else {
      settle(names[i]);
    }
  }
}

void scheduler::core::handle(released&& e) {
  auto* s = reply_of(e.id, call_kind::release);
  if (s == nullptr) return;
  const auto names = std::exchange(s->called, {});
  tell(call_took{"release", e.when.received - e.when.sent});
  if (!e.reply) {
    // What the server still holds for us ends with the connection, and only so.
    last_trouble_ = e.reply.error();
    tell(session_trouble{true, last_trouble_});
    return condemn(e.id, lock::loss::connection);
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto& name = names_[names[i]];
    s->names.erase(names[i]);
    if ((*e.reply)[i] == lock::release_outcome::released) {
      tell_of(name, lock_given_back{name.label, now_.steady - name.granted});
    } else {
      tell_of(name, lock_was_lost{name.label, lock::loss::released_elsewhere, false});
    }
    settle(names[i]);
  }
}

ledger::name_claim scheduler::core::build_claim(name_index n, wall_time store_now) {
  const auto& name = names_[n];
  const auto& s = sessions_.at(name.session);
  ledger::name_claim c;
  c.lock_name = name.text;
  c.lock_connection = s.connection_id;
  c.held_for = now_.steady - name.granted;
  c.lock_session_age = now_.steady - s.opened;
  if (name.owner_free_since) c.owner_free_for = now_.steady - *name.owner_free_since;
  for (const auto j : name.jobs) {
    const auto& state = job_states_[j];
    if (!state.registered) continue;
    ledger::job_claim jc{jobs_[j].name, jobs_[j].policy, state.decided_until, {}, 0, std::nullopt, jobs_[j].tags, run_names_of(j)};
    if (state.is_due() && jobs_[j].schedule) {
      const auto& schedule = *jobs_[j].schedule;
      auto t = schedule.next(state.decided_until);
      for (; t && *t <= store_now && jc.ticks.size() < ticks_at_once; t = schedule.next(*t)) {
        const auto due = schedule.due(*t);
        if (due > store_now) break;
        jc.ticks.emplace_back(*t, due, schedule.is_excluded(*t));
      }
      if (t && schedule.is_excluded(*t)) t = schedule.next_run(*t);  // what is excluded makes no tick missed
      if (t) jc.next = schedule.due(*t);
      const std::uint64_t enough = jobs_[j].policy.catch_up == ledger::catch_up_policy::all ? jobs_[j].policy.catch_up_limit : 1;
      for (; t && schedule.due(*t) <= store_now && jc.beyond < enough; t = schedule.next_run(*t)) ++jc.beyond;
    }
    c.jobs.push_back(std::move(jc));
  }
  for (const auto j : name.former)
    c.jobs.push_back({jobs_[j].name, jobs_[j].policy, job_states_[j].decided_until, {}, 0, std::nullopt, jobs_[j].tags, run_names_of(j)});
  return c;
}

std::function<std::string(const ledger::tick_key&)> scheduler::core::run_names_of(job_index j) const {
  if (jobs_[j].policy.overlap != ledger::overlap_policy::allow) return {};
  return [cluster = options_.cluster](const ledger::tick_key& run) {
    auto which = run.job;
    which.append(1, '\0').append(std::to_string(run.tick.time_since_epoch().count())).append(1, '\0');
    return lock::run_name(cluster, which.append(ledger::to_string(run.kind)));
  };
}

void scheduler::core::send_claims(session_id id, session_state& s) {
  const auto store_now = clock_.now(now_.steady).value_or(now_.wall);
  ledger::claim_request request{options_.cluster,
                                options_.incarnation,
                                options_.instance,
                                options_.takeover,
                                options_.timing.living_owner_wait(),
                                options_.timing.dead_owner_wait(),
                                options_.timing.wait_timeout,
                                {},
                                {}};
  std::vector<name_index> names;
  while (!claims_.empty() && claims_.begin()->first <= now_.steady && names.size() < claims_at_once) {
    const auto n = claims_.begin()->second;
    claims_.erase(claims_.begin());
    request.names.push_back(build_claim(n, store_now));
    move_to(names_[n], phase::claiming);
    names.push_back(n);
  }
  keep_used_tags(request, tags_);
  request.upcoming = look_ahead();
  act(claim{id, std::move(request)});
  begin_call(s, call_kind::claim, std::move(names));
}

/// What is to be acquired next.
std::vector<ledger::upcoming_tick> scheduler::core::look_ahead() const {
  std::vector<ledger::upcoming_tick> next;
  for (const auto& key : ready_) {
    if (next.size() >= names_per_session) break;
    for (const auto j : names_[std::get<name_index>(key)].jobs) {
      const auto tick = job_states_[j].is_due() ? jobs_[j].schedule->next(job_states_[j].decided_until) : std::nullopt;
      if (tick) next.push_back({jobs_[j].name, *tick});
    }
  }
  return next;
}

void scheduler::core::handle(claimed&& e) {
  auto* s = reply_of(e.id, call_kind::claim);
  if (s == nullptr) return;
  tell(call_took{"claim", e.when.received - e.when.sent});
  if (!e.reply) {
    const auto& why = e.reply.error();
    if (is_dead(why)) return ledger_failed(why, why.code == errc::store_unavailable);
    const auto names = std::exchange(s->called, {});
    // A deadlock or a lock wait that ran out is nobody's fault; anything else will not be better at once.
    const microseconds pause = why.code == errc::store_busy ? milliseconds{10} : seconds{1};
    if (why.code != errc::store_busy) tell(session_trouble{false, why});
    for (const auto n : names) hold(n, pause);
    return;
  }
  s->called.clear();
  sample_clock(e.when, e.reply->store_now);
  for (const auto& known : e.reply->upcoming) {
    const auto it = job_by_name_.find(known.job);
    if (it != job_by_name_.end() && job_states_[it->second].registered) decided(it->second, known.until);
  }
  for (auto& reply : e.reply->names) {
    const auto it = name_by_text_.find(reply.lock_name);
    if (it != name_by_text_.end() && names_[it->second].at == phase::claiming) apply(it->second, reply, e.reply->store_now);
  }
}

void scheduler::core::apply(name_index n, ledger::name_reply& reply, wall_time store_now) {
  using verdict = ledger::name_verdict;
  for (const auto& run : reply.asked) {
    const auto it = job_by_name_.find(run.key.job);
    if (it != job_by_name_.end()) resolve_for(it->second, name_of(run.lock_name, it->second));
  }
  auto& name = names_[n];
  for (const auto& d : reply.decisions) {
    if (const auto it = job_by_name_.find(d.key.job); it != job_by_name_.end()) tell(tick_decided{it->second, d});
  }
  for (const auto& p : reply.jobs) {
    const auto it = job_by_name_.find(p.job);
    if (it == job_by_name_.end()) continue;
    if (p.duplicates > 0) tell(ticks_duplicate{it->second, p.duplicates});
    // Our estimate of the store's clock was ahead: not before the tick.
    if (!p.early.empty()) name.not_before = std::max(name.not_before, now_.steady + (p.early.front() - store_now));
    decided(it->second, p.decided_until);
  }
  if (reply.verdict != verdict::unresolved && reply.verdict != verdict::fence_busy) name.resolve = reply.more;
  switch (reply.verdict) {
    case verdict::claimed:
      if (!name.lease_lost && !stopping_ && !jobs_[job_by_name_.at(reply.run->key.job)].is_retired) return start(n, *reply.run, store_now);
      // It never started: whoever has the name next, and we first, takes up our own row again.
      name.resolve = true;
      if (!name.lease_lost) {
        to_finish_.push_back({reply.run->key, reply.run->fence, ledger::run_outcome::cancelled, ledger::reason_code::none, std::nullopt,
                              store_now, "the instance was stopped before the run started", "", true});
        to_finish_names_.push_back(n);
        return move_to(name, phase::finishing);
      }
      return settle(n);
    case verdict::nothing_due: return give_back(n);
    case verdict::held_back: name.not_before = now_.steady + held_back_pause; return give_back(n);
    case verdict::unresolved:
      if (!reply.owner_seen_free) name.owner_free_since.reset();
      if (reply.owner_seen_free && !name.owner_free_since) name.owner_free_since = now_.steady;
      tell_of(name, owner_unresolved{name.label, reply.wait, reply.owner_seen_free});
      return hold(n, reply.wait);
    case verdict::fence_busy: return hold(n, milliseconds{5});
    case verdict::unregistered:
      register_again_ = true;
      name.not_before = now_.steady + lock_error_pause;
      return give_back(n);
    case verdict::not_owner:
      name.not_before = now_.steady + lock_error_pause;
      if (auto* lock_session = find(name.session); lock_session != nullptr) lock_session->probe_at = now_.steady;
      return give_back(n);
  }
}

void scheduler::core::tell_of_peers(const std::vector<ledger::reconcile_reply::peer>& different) {
  std::set<std::string> told;  // of those that are still so: one that changes back and forth is news each time
  for (const auto& peer : different) {
    auto what = peer.incarnation + " " + std::to_string(peer.config_hash) + " " + peer.tzdata;
    const bool has_other_zones = peer.tzdata != options_.tzdata;
    if (!told_of_peers_.contains(what))
      tell(peer_differs{peer.instance, peer.config_hash != options_.config_hash, has_other_zones ? peer.tzdata : ""});
    told.insert(std::move(what));
  }
  told_of_peers_ = std::move(told);
}

void scheduler::core::handle(reconciled&& e) {
  auto* s = reply_of(e.id, call_kind::reconcile);
  if (s == nullptr) return;
  tell(call_took{"reconcile", e.when.received - e.when.sent});
  // From this reply on: instances that started at different times do not ask all at once.
  reconcile_at_ = now_.steady + reconcile_pause;
  if (!e.reply) {
    const auto& why = e.reply.error();
    if (is_dead(why)) return ledger_failed(why, why.code == errc::store_unavailable);
    if (why.code != errc::store_busy) tell(session_trouble{false, why});
    return;
  }
  auto& reply = *e.reply;
  sample_clock(e.when, reply.store_now);
  reconciled_ = reply.store_now;
  if (is_beating_) {
    beat_at_ = now_.steady + heartbeat_pause;
    tell_of_peers(reply.different);
  }
  for (const auto& change : reply.changed) {
    const auto it = job_by_name_.find(change.key.job);
    if (it == job_by_name_.end() || change.key.kind != ledger::tick_kind::schedule) continue;
    if (job_states_[it->second].registered) decided(it->second, change.until.value_or(change.key.tick));
  }
  see_jobs(reply.jobs);
  for (const auto n : parked_) names_[n].resolve = false;  // unless its row is still open
  see_open_rows(reply.open, reply.store_now);
  for (const auto n : std::exchange(parked_, {})) {
    auto& name = names_[n];
    move_to(name, phase::idle);
    if (name.resolve || has_due(name) || is_leader_name(name)) want(n);
    drop_if_done(n);
  }
}

void scheduler::core::see_jobs(const std::vector<ledger::reconcile_reply::job_change>& changed) {
  for (const auto& job : changed) {
    const auto it = job_by_name_.find(job.job);
    if (it == job_by_name_.end() || jobs_[it->second].is_retired) continue;
    set_stopped(it->second, job.stopped);
    auto& state = job_states_[it->second];
    const bool disagrees = job.schedule_hash != jobs_[it->second].schedule_hash;
    if (state.disagrees != disagrees) tell(schedule_disagrees{it->second, state.disagrees = disagrees});
  }
}

/// What came due meanwhile is decided as soon as the job runs again: as skipped, all of it.
void scheduler::core::set_stopped(job_index j, bool stopped) {
  auto& state = job_states_[j];
  if (state.stopped == stopped) return;
  state.stopped = stopped;
  tell(job_stopped{j, stopped});
  if (state.is_due()) want(state.name);
}

/// Only a hint: the verdict is spoken under the lock, in a new snapshot.
void scheduler::core::see_open_rows(const std::vector<ledger::tick_row>& open, wall_time store_now) {
  for (const auto& row : open) {
    const auto job = job_by_name_.find(row.key.job);
    const bool is_known = job != job_by_name_.end() && jobs_[job->second].runs_here && !jobs_[job->second].is_retired;
    const bool is_running = row.state == ledger::row_state::running;
    // What is left running under a name of nobody's has to be resolved all the same: it counts for its tags.
    if (!name_by_text_.contains(row.lock_name) && !is_running && !is_known) continue;
    const auto n = name_of(row.lock_name, job == job_by_name_.end() ? name_state::no_job : job->second);
    auto& name = names_[n];
    if (is_in_hand(name.at)) {
      const auto run = runs_.find(name.run);
      const bool is_its_run = run != runs_.end() && run->second.name == n && run->second.run.fence == row.fence;
      if (is_its_run && row.cancel) cancel(name.run, false);
      continue;
    }
    if (!is_running) {
      if (!is_known || (row.retry_at.value_or(store_now) > store_now && !row.cancel)) continue;
      const bool waits_for_resume = job_states_[job->second].stopped && row.key.kind == ledger::tick_kind::schedule && !row.cancel;
      if (waits_for_resume) continue;
    } else if (is_known && !row.cancel && is_superseded(job->second, row.key, row.claimed.value_or(store_now)) &&
               store_now - job_states_[job->second].due_until > holder_first) {
      to_cancel_.push_back(row.key);  // its instance sees the tick itself, unless it does not know the job any more
    }
    if (is_known) {
      resolve_for(job->second, n);
    } else {
      name.resolve = true;
      want(n);
    }
  }
}

/// A name that is not its job's own - of one run, or from before a reload - knows it for the sake of the row.
void scheduler::core::resolve_for(job_index j, name_index n) {
  auto& name = names_[n];
  if (job_states_[j].name != n && std::ranges::find(name.former, j) == name.former.end()) name.former.push_back(j);
  name.resolve = true;
  want(n);
}

}  // namespace baton::engine

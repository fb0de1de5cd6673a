#include "core.hpp"
#include "spread.hpp"

#include <algorithm>

namespace baton::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr microseconds clock_step_limit = milliseconds{250};
constexpr std::uint32_t purged_at_once = 500;
/// Of batches that are not large an instance asks for a hundred a second, once it has asked for twenty faster than that: to claim and
/// finish one tick takes the store as many statements and commits as ten.
constexpr microseconds acquire_interval = milliseconds{10};
constexpr microseconds acquire_burst = 20 * acquire_interval;
constexpr std::size_t large_batch = 32;
/// A row can commit after a newer one. Of a job's, nothing else tells; a tick's that came later still is read by whoever gets its lock, and
/// ten seconds of all ticks, each second, kept the ledger session busy for 80 ms where 2,000 a second ran.
constexpr microseconds jobs_overlap = seconds{10};
constexpr microseconds ticks_overlap = seconds{1};

/// 50 ms doubling to a second; to five where trying again soon is unlikely to help.
microseconds back_off(const failure& why, std::uint32_t failures, std::uint64_t seed) {
  const microseconds most = is_dead(why) || why.code == errc::store_busy ? seconds{1} : seconds{5};
  const auto step = std::min<microseconds>(most, milliseconds{50} * (1U << std::min(failures, 7U)));
  return step / 2 + microseconds{static_cast<std::int64_t>((seed + failures * 7919U) % static_cast<std::uint64_t>(step.count() / 2 + 1))};
}

}  // namespace

scheduler::core::core(options opts, job_set jobs)
    : options_(std::move(opts)), jobs_(std::move(jobs.jobs)), tags_(std::move(jobs.tags)), job_states_(jobs_.size()), queue_(jobs_.size()) {
  for (job_index j = 0; j < jobs_.size(); ++j) place(j);
  if (!options_.leader_name.empty()) {
    leader_ = name_of(options_.leader_name, name_state::no_job);
    want(*leader_);
  }
}

std::vector<action> scheduler::core::advance(time_point now) {
  out_.clear();
  check_time(now);
  pump();
  return std::move(out_);
}

std::vector<action> scheduler::core::on(std::vector<event> events, time_point now) {
  out_.clear();
  check_time(now);  // a lease that has run out is lost before anything else is looked at
  for (auto& e : events) std::visit([this](auto&& what) { handle(std::forward<decltype(what)>(what)); }, std::move(e));
  pump();
  return std::move(out_);
}

void scheduler::core::check_time(time_point now) {
  now.steady = std::max(now.steady, now_.steady);
  if (seen_time_) {
    const auto step = (now.wall - now_.wall) - (now.steady - now_.steady);
    if (step > clock_step_limit || step < -clock_step_limit) tell(clock_stepped{step});
  }
  now_ = now;
  seen_time_ = true;

  std::vector<std::pair<session_id, lock::loss>> lost;
  for (const auto& [id, s] : sessions_) {
    if (!s.is_lock_session || s.at != session_state::state::ready) continue;
    if (now_.steady >= options_.timing.deadline(s.last_proof)) {
      lost.emplace_back(id, lock::loss::deadline);
    } else if (s.call != call_kind::none && now_.steady >= s.call_sent + options_.timing.probe_timeout) {
      lost.emplace_back(id, lock::loss::connection);
    }
  }
  for (const auto& [id, reason] : lost) {
    tell(session_trouble{
        true, {errc::store_timeout, reason == lock::loss::deadline ? "no proof of the leases before their deadline" : "no reply in time"}});
    condemn(id, reason);
  }
  if (auto* s = ledger(); s != nullptr && s->call != call_kind::none && now_.steady >= s->call_sent + options_.timing.ledger_timeout()) {
    ledger_failed({errc::store_timeout, "no reply in time on the ledger session"}, false);
  }
  close_abandoned();
}

void scheduler::core::pump() {
  if (exited_) return;
  if (stopping_) pump_stop();
  if (exited_) return;
  open_sessions();
  catch_up_with_last_server();
  collect_due();
  for (auto& [id, s] : sessions_) {
    if (s.is_lock_session && s.at == session_state::state::ready && s.call == call_kind::none) pump_lock_session(id, s);
  }
  pump_ledger_session();
}

void scheduler::core::open_sessions() {
  const bool needed = !stopping_ || !to_finish_.empty();
  if (!ledger_ && needed && may_open_ledger() && now_.steady >= open_ledger_at_) {
    const session_id id{next_session_++};
    auto& s = sessions_[id];
    s.call_sent = now_.steady;
    ledger_ = id;
    act(open_ledger_session{id});
  }
  if (stopping_ || ledger() == nullptr || now_.steady < open_lock_at_) return;
  const auto names = options_.max_concurrent_runs + lingering_.size() + (leader_ ? 1 : 0);
  const auto wanted = (names + names_per_session - 1) / names_per_session;
  const auto open = static_cast<std::size_t>(std::ranges::count_if(
      sessions_, [](const auto& entry) { return entry.second.is_lock_session && entry.second.at != session_state::state::condemned; }));
  for (auto n = open; n < wanted; ++n) {
    const session_id id{next_session_++};
    auto& s = sessions_[id];
    s.is_lock_session = true;
    s.call_sent = now_.steady;
    act(open_lock_session{id});
  }
}

void scheduler::core::pump_lock_session(session_id id, session_state& s) {
  const auto texts = [this](const std::vector<name_index>& list) {
    std::vector<std::string> result;
    result.reserve(list.size());
    for (const auto n : list) result.push_back(names_[n].text);
    return result;
  };
  if (now_.steady >= s.probe_at) {
    std::vector<name_index> proven;
    for (const auto n : s.names) {
      if (names_[n].at != phase::releasing) proven.push_back(n);
    }
    act(probe{id, texts(proven)});
    return begin_call(s, call_kind::probe, std::move(proven));
  }
  if (!s.to_release.empty()) {
    act(release{id, texts(s.to_release)});
    return begin_call(s, call_kind::release, std::exchange(s.to_release, {}));
  }
  if (!s.to_ask.empty()) {
    act(ask_owned{id, texts(s.to_ask)});
    return begin_call(s, call_kind::ask_owned, std::exchange(s.to_ask, {}));
  }
  if (stopping_ || clock_unfit_ || !store_up_ || !may_take_locks() || s.names.size() >= names_per_session) return;
  if (now_.steady + acquire_burst < acquires_until_ && ready_.size() < large_batch) return;
  auto names = take_wanted(names_per_session - s.names.size());
  if (names.empty()) return;
  for (const auto n : names) {
    names_[n].session = id;
    move_to(names_[n], phase::acquiring);
  }
  if (names.size() < large_batch) acquires_until_ = std::max(acquires_until_, now_.steady) + acquire_interval;
  act(acquire{id, texts(names)});
  begin_call(s, call_kind::acquire, std::move(names));
}

void scheduler::core::pump_ledger_session() {
  auto* s = ledger();
  if (s == nullptr || s->call != call_kind::none || now_.steady < ledger_pause_until_) return;
  const bool reconcile_due = now_.steady >= reconcile_at_;
  const bool reconcile_starves = now_.steady >= reconcile_at_ + seconds{1};
  if (restoring_) return send_restore(*s);
  if (register_again_) {
    register_again_ = false;
    act(register_jobs{*ledger_});
    return begin_call(*s, call_kind::register_jobs);
  }
  if (!to_finish_.empty() && !reconcile_starves) {
    finishing_now_ = std::min<std::size_t>(to_finish_.size(), names_per_session);
    act(finish{*ledger_, {to_finish_.begin(), to_finish_.begin() + static_cast<std::ptrdiff_t>(finishing_now_)}});
    return begin_call(*s, call_kind::finish);
  }
  const bool claims_due = !claims_.empty() && claims_.begin()->first <= now_.steady;
  if (claims_due && !reconcile_starves) return send_claims(*ledger_, *s);
  if (!to_cancel_.empty()) {
    act(request_cancel{*ledger_, std::exchange(to_cancel_, {})});
    return begin_call(*s, call_kind::request_cancel);
  }
  if (reconcile_due) {  // in an orderly stop too: silence would end the session
    const auto since = [this](microseconds overlap) {
      return reconciled_ ? *reconciled_ - overlap : wall_time{std::chrono::sys_days{std::chrono::year{9999} / 1 / 1}};
    };
    ledger::reconcile_request request{options_.cluster,     options_.incarnation, options_.instance,
                                      options_.version,     options_.config_hash, options_.tzdata,
                                      since(ticks_overlap), since(jobs_overlap),  now_.steady >= beat_at_};
    is_beating_ = request.beat;
    act(reconcile{*ledger_, std::move(request)});
    return begin_call(*s, call_kind::reconcile);
  }
  if (options_.history_keep > microseconds{0} && now_.steady >= purge_at_ && !stopping_) {
    act(purge{*ledger_, {options_.cluster, options_.history_keep, purged_at_once}});
    begin_call(*s, call_kind::purge);
  }
}

void scheduler::core::begin_call(session_state& s, call_kind kind, std::vector<name_index> names) {
  s.call = kind;
  s.call_sent = now_.steady;
  s.called = std::move(names);
}

session_state* scheduler::core::find(session_id id) {
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : &it->second;
}

session_state* scheduler::core::ledger() {
  if (!ledger_) return nullptr;
  auto* s = find(*ledger_);
  return s != nullptr && s->at == session_state::state::ready ? s : nullptr;
}

/// The session that asked, its call taken off; nullptr if it has been given up since.
session_state* scheduler::core::reply_of(session_id id, call_kind kind) {
  auto* s = find(id);
  if (s == nullptr || s->at != session_state::state::ready || s->call != kind) return nullptr;
  s->call = call_kind::none;
  return s;
}

void scheduler::core::condemn(session_id id, lock::loss reason) {
  auto* s = find(id);
  if (s == nullptr || s->at == session_state::state::condemned) return;
  s->at = session_state::state::condemned;
  const auto names = std::exchange(s->names, {});
  const auto asked = std::exchange(s->called, {});
  for (const auto n : names) lose(n, reason);
  for (const auto n : asked) {
    if (names_[n].session == id && (names_[n].at == phase::acquiring || names_[n].at == phase::asking)) settle(n);
  }
  for (const auto n : std::exchange(s->to_ask, {})) settle(n);
  s->to_release.clear();
  close_if_unused(id);
  set_store_up();
}

/// A closed session frees its names on the server, so it stays open until the last run that lived by it is dead.
void scheduler::core::close_if_unused(session_id id) {
  const auto it = sessions_.find(id);
  if (it == sessions_.end() || it->second.at != session_state::state::condemned || !it->second.is_lock_session) return;
  for (const auto& [run, r] : runs_) {
    if (names_[r.name].session == id) return;
  }
  sessions_.erase(it);
  act(close_session{id});
}

void scheduler::core::abandon(session_id id) {
  sessions_.at(id).at = session_state::state::condemned;
  abandoned_.emplace_back(id, now_.steady);
  close_abandoned();
}

/// An abandoned ledger session may still carry our incarnation: it is closed only when every run's lease was proven after it was given up.
/// The one that follows it takes the incarnation over.
void scheduler::core::close_abandoned() {
  std::erase_if(abandoned_, [this](const auto& entry) {
    for (const auto& [run, r] : runs_) {
      const auto* s = find(names_[r.name].session);
      if (s == nullptr || s->at != session_state::state::ready || s->last_proof <= entry.second) return false;
    }
    sessions_.erase(entry.first);
    act(close_session{entry.first});
    return true;
  });
}

void scheduler::core::lose(name_index n, lock::loss reason) {
  auto& name = names_[n];
  const bool was_running = name.at == phase::running;
  if (name.at == phase::releasing) {
    tell_of(name, lock_given_back{name.label, now_.steady - name.granted});
  } else {
    tell_of(name, lock_was_lost{name.label, reason, was_running});
  }
  switch (name.at) {
    case phase::running: {
      auto& run = runs_.at(name.run);
      run.lease_lost = true;
      move_to(name, phase::dying);
      // The token at once; the whole of it is over within S.
      order_stop(name.run, options_.timing.stop / 2, options_.timing.stop * 8 / 10);
      break;
    }
    case phase::held:
      claims_.erase({name.claim_at, n});
      settle(n);
      break;
    case phase::claiming:
    case phase::finishing: name.lease_lost = true; break;
    case phase::leading:
      tell(leadership{false});
      settle(n);
      break;
    case phase::lingering: end_lingering(n); [[fallthrough]];
    case phase::releasing: settle(n); break;
    default: break;
  }
}

void scheduler::core::ledger_failed(const failure& why, bool connection_is_dead) {
  if (!ledger_) return;
  const auto id = *ledger_;
  auto& s = sessions_.at(id);
  tell(session_trouble{false, why});
  last_trouble_ = why;
  for (const auto n : std::exchange(s.called, {})) hold(n, {});
  finishing_now_ = 0;
  ledger_.reset();
  if (!ledger_down_since_) ledger_down_since_ = now_.steady;
  open_ledger_at_ = now_.steady + back_off(why, ledger_open_failures_++, spread_hash(options_.incarnation, ""));
  if (connection_is_dead) {
    sessions_.erase(id);
    act(close_session{id});
  } else {
    abandon(id);
  }
  set_store_up();
}

void scheduler::core::set_store_up() {
  const bool up = ledger() != nullptr && std::ranges::any_of(sessions_, [](const auto& entry) {
                    return entry.second.is_lock_session && entry.second.at == session_state::state::ready;
                  });
  if (up == store_up_) return;
  store_up_ = up;
  tell(store_state{up, up ? failure{errc::store_unavailable, ""} : last_trouble_});
}

void scheduler::core::handle(lock_session_opened&& e) {
  auto* s = find(e.id);
  if (s == nullptr) return;
  if (stopping_) {
    sessions_.erase(e.id);
    return act(close_session{e.id});
  }
  s->at = session_state::state::ready;
  s->connection_id = e.connection_id;
  s->identity = e.identity;
  s->opened = now_.steady;
  s->last_proof = s->call_sent;
  s->probe_at = now_.steady + options_.timing.probe;
  lock_open_failures_ = 0;
  tell(session_opened_note{true, e.connection_id});
  meet_server(e.identity);
  set_store_up();
}

void scheduler::core::handle(ledger_session_opened&& e) {
  auto* s = find(e.id);
  if (s == nullptr || ledger_ != e.id) return;
  s->at = session_state::state::ready;
  s->connection_id = e.connection_id;
  s->identity = e.identity;
  s->opened = now_.steady;
  ledger_open_failures_ = 0;
  ledger_down_since_.reset();
  meet_server(e.identity);
  reconcile_at_ = beat_at_ = now_.steady;
  purge_at_ = now_.steady + seconds{spread_hash(options_.incarnation, "purge") % 60};
  tell(session_opened_note{false, e.connection_id});
  apply_registrations(e.jobs, std::exchange(ledger_is_another_, false) ? known_before::is_void : known_before::stays);
  set_store_up();
}

void scheduler::core::apply_registrations(const std::vector<ledger::registered_job>& jobs, known_before what) {
  for (const auto& known : jobs) {
    const auto it = job_by_name_.find(known.job);
    if (it == job_by_name_.end()) continue;
    auto& state = job_states_[it->second];
    const auto from = std::max(known.decided_until.value_or(wall_time::min()), known.effective_since - microseconds{1});
    const bool is_new = !std::exchange(state.registered, true);
    set_stopped(it->second, known.stopped);
    if (known.last_success) tell(success_known{it->second, *known.last_success});
    if (state.disagrees) tell(schedule_disagrees{it->second, state.disagrees = false});
    if (what == known_before::is_void) state.decided_until = std::min(state.decided_until, from);
    decided(it->second, from);
    if (is_new) rearm(it->second);
    if (what == known_before::is_void && state.is_due()) want(state.name);
  }
}

void scheduler::core::handle(session_failed&& e) {
  auto* s = find(e.id);
  if (s == nullptr) return;
  tell(session_trouble{s->is_lock_session, e.why});
  last_trouble_ = e.why;
  const auto seed = spread_hash(options_.incarnation, s->is_lock_session ? "lock" : "ledger");
  if (s->is_lock_session) {
    open_lock_at_ = now_.steady + back_off(e.why, lock_open_failures_++, seed);
  } else {
    open_ledger_at_ = now_.steady + back_off(e.why, ledger_open_failures_++, seed);
    if (ledger_ == e.id) ledger_.reset();
    // Nobody else can run what we hold and cannot claim.
    if (ledger_down_since_ && now_.steady - *ledger_down_since_ > options_.timing.wait_timeout) {
      for (const auto& [at, n] : std::exchange(claims_, {})) give_back(n);
    }
    // It may have taken our incarnation's lock before; one that found it taken has not, and would only delay the next.
    if (e.why.code != errc::store_unavailable && e.why.code != errc::store_busy) return abandon(e.id);
  }
  sessions_.erase(e.id);
  act(close_session{e.id});
}

void scheduler::core::handle(session_ended&& e) {
  auto* s = find(e.id);
  if (s == nullptr || s->at != session_state::state::ready) return;
  if (!s->is_lock_session) return ledger_failed({errc::store_unavailable, "the server closed the ledger session"}, true);
  last_trouble_ = {errc::store_unavailable, "the server closed the lock session"};
  tell(session_trouble{true, last_trouble_});
  condemn(e.id, lock::loss::connection);
}

void scheduler::core::handle(probed&& e) {
  auto* s = reply_of(e.id, call_kind::probe);
  if (s == nullptr) return;
  const auto asked = std::exchange(s->called, {});
  tell(call_took{"probe", e.when.received - e.when.sent});
  if (!e.reply) {
    last_trouble_ = e.reply.error();
    tell(session_trouble{true, last_trouble_});
    return condemn(e.id, lock::loss::connection);
  }
  tell(lease_probed{e.when.received - e.when.sent});
  if (!e.reply->writable || !e.reply->quorum || e.reply->identity != s->identity) {
    const auto reason = !e.reply->writable ? lock::loss::not_primary
                        : !e.reply->quorum ? lock::loss::no_quorum
                                           : lock::loss::server_changed;
    last_trouble_ = {errc::store_unfit, std::string{"the server may not be used any more: "}.append(lock::to_string(reason))};
    tell(session_trouble{true, last_trouble_});
    return condemn(e.id, reason);
  }
  s->last_proof = e.when.sent;
  s->probe_at = e.when.sent + options_.timing.probe;
  for (const auto& text : e.reply->lost) {
    const auto it = name_by_text_.find(text);
    if (it == name_by_text_.end() || s->names.erase(it->second) == 0) continue;
    lose(it->second, lock::loss::released_elsewhere);
  }
  const auto deadline = options_.timing.deadline(s->last_proof);
  for (const auto n : s->names) {
    if (names_[n].at == phase::running) act(extend_run{names_[n].run, deadline});
  }
  close_abandoned();
}

void scheduler::core::handle(jobs_registered&& e) {
  if (reply_of(e.id, call_kind::register_jobs) == nullptr) return;
  if (!e.reply) {
    if (is_dead(e.reply.error())) return ledger_failed(e.reply.error(), e.reply.error().code == errc::store_unavailable);
    tell(session_trouble{false, e.reply.error()});
    register_again_ = true;
    ledger_pause_until_ = now_.steady + seconds{1};
    return;
  }
  apply_registrations(*e.reply);
}

void scheduler::core::handle(signed_off&& e) {
  if (reply_of(e.id, call_kind::sign_off) != nullptr) signed_off_ = true;
}

void scheduler::core::handle(cancel_requested&& e) {
  if (reply_of(e.id, call_kind::request_cancel) == nullptr || e.reply) return;  // still wanted: the next reconcile asks again
  if (is_dead(e.reply.error())) ledger_failed(e.reply.error(), e.reply.error().code == errc::store_unavailable);
}

void scheduler::core::handle(purged&& e) {
  if (reply_of(e.id, call_kind::purge) == nullptr) return;
  tell(call_took{"purge", e.when.received - e.when.sent});
  const bool is_behind = e.reply && *e.reply >= purged_at_once;
  purge_at_ = now_.steady + (is_behind ? seconds{1} : seconds{60});
  if (e.reply && *e.reply > 0) tell(rows_purged{*e.reply});
  if (e.reply || e.reply.error().code == errc::store_busy) return;
  if (is_dead(e.reply.error())) return ledger_failed(e.reply.error(), e.reply.error().code == errc::store_unavailable);
  tell(session_trouble{false, e.reply.error()});
}

void scheduler::core::sample_clock(const span_of_call& when, wall_time store) {
  clock_.sample(when.sent, when.received, store);
  const auto known = clock_.now(now_.steady);
  if (!known) return;
  const auto offset = now_.wall - *known;
  tell(clock_measured{offset});
  const bool unfit = offset > options_.max_clock_offset || offset < -options_.max_clock_offset;
  if (unfit != clock_unfit_) tell(clock_unfit{offset, unfit});
  clock_unfit_ = unfit;
}

std::optional<boot_time> scheduler::core::next_wakeup() const {
  if (exited_) return std::nullopt;
  std::optional<boot_time> wake;
  const auto at = [&wake](std::optional<boot_time> t) {
    if (t && (!wake || *t < *wake)) wake = t;
  };
  if (const auto tick = queue_.next(); tick && !stopping_) at(clock_.when(*tick));
  bool has_ledger = false;
  for (const auto& [id, s] : sessions_) {
    if (s.at != session_state::state::ready) continue;
    if (s.is_lock_session) {
      at(options_.timing.deadline(s.last_proof));
      at(s.call == call_kind::none ? s.probe_at : s.call_sent + options_.timing.probe_timeout);
    } else if (s.call != call_kind::none) {
      has_ledger = true;
      at(s.call_sent + options_.timing.ledger_timeout());
    } else {
      has_ledger = true;
      at(std::max(reconcile_at_, ledger_pause_until_));
      if (!to_cancel_.empty() || restoring_) at(ledger_pause_until_);
      if (!claims_.empty()) at(std::max(claims_.begin()->first, ledger_pause_until_));
      if (!to_finish_.empty()) at(ledger_pause_until_);
    }
  }
  if (!ledger_ && may_open_ledger() && (!stopping_ || !to_finish_.empty())) at(open_ledger_at_);
  if (has_ledger && !stopping_ && open_lock_at_ > now_.steady) at(open_lock_at_);
  if (!ready_.empty() && acquires_until_ > now_.steady + acquire_burst) at(acquires_until_ - acquire_burst);
  if (!delayed_.empty()) at(delayed_.begin()->first);
  if (quiet_until_ > now_.steady) at(quiet_until_);
  if (catch_up_to_) at(clock_.when(*catch_up_to_));
  if (!lingering_.empty()) at(lingering_.begin()->first);
  if (!stop_at_.empty()) at(stop_at_.begin()->first);
  at(stop_store_deadline_);
  return wake;
}

engine::health scheduler::core::health() const {
  engine::health h;
  h.running = runs_.size();
  h.due = ready_.size() + parked_.size() + delayed_.size();
  h.abandoned_sessions = abandoned_.size();
  for (const auto& [id, s] : sessions_) {
    if (s.at != session_state::state::ready) continue;
    ++(s.is_lock_session ? h.lock_sessions : h.ledger_sessions);
    if (s.is_lock_session && (!h.oldest_proof || s.last_proof < *h.oldest_proof)) h.oldest_proof = s.last_proof;
  }
  if (stopping_) h.reasons.emplace_back(draining_ ? "draining" : "stopping");
  if (!store_up_) h.reasons.push_back("the store cannot be used: " + last_trouble_.context);
  if (store_up_ && !clock_.now(now_.steady)) h.reasons.emplace_back("the store's clock is not known yet");
  if (restoring_ || now_.steady < quiet_until_)
    h.reasons.emplace_back("another server is the primary now: what it may have lost is restored before anything new is started");
  if (catch_up_to_) h.reasons.emplace_back("the new server's clock is behind the last one's");
  if (clock_unfit_) h.reasons.emplace_back("this machine's clock is too far from the store's (max_clock_offset)");
  h.ready = h.reasons.empty();
  return h;
}

}  // namespace baton::engine

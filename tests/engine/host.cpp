#include "host.hpp"

#include <algorithm>

#include "baton/lock/name.hpp"

namespace baton::engine {

host::host() {
  clock.advance(1us);  // the tick at the very beginning is none of ours
  opts.cluster = "test";
  opts.incarnation = "us";
  opts.instance = "us-1";
  opts.timing = {500ms, 500ms, 3s, 1500ms, 500ms};
}

job& host::add_job(const std::string& name, microseconds period, const std::string& lock_name) {
  job j;
  j.name = name;
  j.schedule = std::get<schedule::timetable>(schedule::timetable::from_every({period}));
  j.lock_name = lock_name.empty() ? name : lock_name;
  j.schedule_hash = to_text(period);
  j.grace = 2s;
  jobs.push_back(std::move(j));
  return jobs.back();
}

void host::start() {
  engine = std::make_unique<scheduler>(opts, job_set{jobs, tags});
  wake();
}

void host::pass(microseconds how_long) {
  const auto end = clock.now().steady + how_long;
  while (clock.now().steady < end) {
    const auto asked = engine->next_wakeup();
    const auto next = std::clamp(asked.value_or(end), clock.now().steady, end);
    clock.advance(next - clock.now().steady);
    ++wakes;
    wake();
    if (next == end) break;
  }
}

void host::perform(std::vector<action> actions) {
  log.insert(log.end(), actions.begin(), actions.end());
  carry_out_all(std::move(actions));
}

void host::carry_out_all(std::vector<action> actions) {
  for (auto& a : actions) {
    if (withheld_.contains(a.index())) {
      kept_.push_back(std::move(a));
      continue;
    }
    if (auto e = carry_out(a)) feed(std::move(*e));
  }
}

std::vector<action> host::take_kept(std::size_t kind) {
  std::vector<action> taken;
  std::erase_if(kept_, [&](const action& a) {
    if (a.index() != kind) return false;
    taken.push_back(a);
    return true;
  });
  return taken;
}

std::optional<event> host::carry_out(const action& a) {
  const span_of_call now{clock.now().steady, clock.now().steady};
  // A call may be let go after its session was closed: the store does not know connection 0.
  const auto connection = [&](session_id id) { return sessions_.contains(id) ? sessions_.at(id).connection : 0; };
  if (const auto* open = std::get_if<open_lock_session>(&a)) {
    sessions_[open->id].is_lock = true;
    if (store_refuses) return session_failed{open->id, {errc::store_unavailable, "refused"}};
    sessions_[open->id].connection = store.connect(opts.timing.wait_timeout);
    return lock_session_opened{open->id, connection(open->id), store.identity()};
  }
  if (const auto* open = std::get_if<open_ledger_session>(&a)) {
    sessions_[open->id].is_lock = false;
    if (store_refuses) return session_failed{open->id, {errc::store_unavailable, "refused"}};
    sessions_[open->id].connection = store.connect(opts.timing.wait_timeout);
    if (!*store.hold_incarnation(connection(open->id), opts.cluster, opts.incarnation))
      return session_failed{open->id, {errc::store_busy, "another session holds the incarnation"}};
    return ledger_session_opened{open->id, connection(open->id), store.identity(),
                                 *store.register_jobs(connection(open->id), opts.cluster, registrations())};
  }
  if (const auto* close = std::get_if<close_session>(&a)) {
    store.disconnect(connection(close->id));
    sessions_.erase(close->id);
  }
  if (const auto* call = std::get_if<acquire>(&a)) return acquired{call->id, now, store.get_locks(connection(call->id), call->names)};
  if (const auto* call = std::get_if<ask_owned>(&a)) return owned_known{call->id, now, store.owned(connection(call->id), call->names)};
  if (const auto* call = std::get_if<probe>(&a)) return probed{call->id, now, store.probe(connection(call->id), call->names)};
  if (const auto* call = std::get_if<release>(&a)) return released{call->id, now, store.release_locks(connection(call->id), call->names)};
  if (const auto* call = std::get_if<claim>(&a)) {
    testing::memory_store::claim_transaction transaction{store, connection(call->id), call->request};
    while (transaction.next() != testing::memory_store::claim_transaction::step::done) transaction.advance();
    return claimed{call->id, now, transaction.reply()};
  }
  if (const auto* call = std::get_if<finish>(&a))
    return finished{call->id, now, store.finish(connection(call->id), opts.cluster, call->records)};
  if (const auto* call = std::get_if<reconcile>(&a)) return reconciled{call->id, now, store.reconcile(connection(call->id), call->request)};
  if (const auto* call = std::get_if<register_jobs>(&a))
    return jobs_registered{call->id, now, store.register_jobs(connection(call->id), opts.cluster, registrations())};
  if (const auto* call = std::get_if<sign_off>(&a)) {
    static_cast<void>(store.sign_off(connection(call->id), opts.cluster, opts.incarnation));
    return signed_off{call->id};
  }
  if (const auto* call = std::get_if<request_cancel>(&a)) {
    const auto done = store.request_cancel(connection(call->id), opts.cluster, call->runs);
    return cancel_requested{call->id, now, done ? result<bool>{true} : result<bool>{done.error()}};
  }
  if (const auto* call = std::get_if<restore>(&a))
    return restored{call->id, now, store.restore(connection(call->id), opts.cluster, call->claims)};
  if (const auto* call = std::get_if<purge>(&a)) return purged{call->id, now, store.purge(connection(call->id), call->request)};
  if (const auto* start = std::get_if<start_run>(&a)) {
    running.push_back(*start);
    return run_started{start->id};
  }
  if (std::holds_alternative<exit_now>(a)) exited = true;
  return std::nullopt;
}

void host::end_run(run_id id, ledger::run_outcome outcome) {
  std::erase_if(running, [id](const auto& r) { return r.id == id; });
  feed(run_ended{id, outcome, {}, "", "", {}});
}

ledger::tick_row host::row(const std::string& job, microseconds tick_after_start) const {
  return store.row(opts.cluster, {job, began + tick_after_start, ledger::tick_kind::schedule}).value();
}

bool host::has_row(const std::string& job, microseconds tick_after_start) const {
  return store.row(opts.cluster, {job, began + tick_after_start, ledger::tick_kind::schedule}).has_value();
}

void host::kill(session_id id) {
  store.kill(sessions_.at(id).connection);
  feed(session_ended{id});
}

session_id host::session_of(bool is_lock) const {
  for (auto it = sessions_.rbegin(); it != sessions_.rend(); ++it) {
    if (it->second.is_lock == is_lock && it->second.connection != 0) return it->first;
  }
  return session_id{0};
}

std::vector<ledger::job_registration> host::registrations() const {
  std::vector<ledger::job_registration> all;
  for (const auto& j : jobs) {
    if (j.is_retired) continue;
    all.push_back({j.name, j.lock_name, j.schedule_hash, j.setting});
    for (const auto tag : j.tags) all.back().tag_fences.push_back(tags[tag].fence_name);
  }
  return all;
}

}  // namespace baton::engine

#include "observer.hpp"

#include "baton/ledger/run_id.hpp"
#include "job.hpp"

namespace baton::runtime {

using ledger::row_state;
using ledger::run_outcome;
using ledger::to_string;

observer::observer(const std::vector<job>& jobs, observe::log& log, observe::metrics& metrics, observe::recorder* recorder)
    : jobs_(jobs), log_(log), metrics_(metrics), recorder_(recorder), running_(jobs.size()), held_(jobs.size()) {}

void observer::note(const engine::note& n, time_point now) {
  now_ = now.steady;
  wall_now_ = now.wall;
  std::visit([this](const auto& what) { on(what); }, n);
}

bool observer::is_repeated(const std::string& line) {
  if (said_.size() > 256) said_.clear();
  const auto [it, is_new] = said_.try_emplace(line, now_);
  if (is_new) return false;
  if (now_ - it->second < std::chrono::minutes{1}) return true;
  it->second = now_;
  return false;
}

void observer::on(const engine::lock_attempted& n) {
  using outcome = engine::lock_attempted::outcome;
  const auto* const what = n.what == outcome::acquired ? "acquired" : n.what == outcome::busy ? "busy" : "error";
  metrics_.lock_attempt(name(n.job), what, n.took);
  if (recorder_ != nullptr) recorder_->lock_attempt(wall_now_, name(n.job), n.tick, what, n.took);
}

void observer::on(const engine::ticks_duplicate& n) {
  for (std::uint32_t i = 0; i < n.count; ++i) metrics_.duplicate_tick(name(n.job));
  if (recorder_ != nullptr) recorder_->duplicate_tick(wall_now_, name(n.job));
}

/// With `overlap: allow` a job has a lock for each run.
void observer::count_lock(engine::job_index j, std::int64_t change) {
  if (held_.size() < jobs_.size()) held_.resize(jobs_.size());
  held_[j] += change;
  metrics_.lock_held(name(j), held_[j] > 0);
}

void observer::on(const engine::lock_taken& n) { count_lock(n.job, 1); }

void observer::on(const engine::lock_given_back& n) {
  count_lock(n.job, -1);
  metrics_.lock_hold(name(n.job), n.held_for);
}

void observer::on(const engine::lock_was_lost& n) {
  count_lock(n.job, -1);
  metrics_.lock_lost(name(n.job), lock::to_string(n.reason));
  if (n.reason == lock::loss::released_elsewhere) metrics_.overlap_suspected(name(n.job));  // since when, nobody knows
  const auto reason = std::string{lock::to_string(n.reason)};
  if (recorder_ != nullptr) recorder_->lock_lost(wall_now_, name(n.job), reason);
  if (n.was_running) {
    log_.error("lock lost while the job runs: stopping it", {{"job", name(n.job)}, {"reason", reason}});
  } else {
    log_.warning("lock lost", {{"job", name(n.job)}, {"reason", reason}});
  }
}

void observer::on(const engine::lease_probed& n) { metrics_.lease_probe(n.took); }

void observer::on(const engine::tick_decided& n) {
  const auto& d = n.what;
  const auto tick = to_rfc3339(d.key.tick);
  const auto reason = std::string{to_string(d.reason)};
  if (d.state == row_state::skipped) {
    metrics_.tick(name(n.job), "skipped", d.count);
    metrics_.skip(name(n.job), reason, d.count);
    log_.info("tick skipped", {{"job", name(n.job)}, {"tick", tick}, {"count", std::to_string(d.count)}, {"reason", reason}});
  } else if (d.state == row_state::missed) {
    metrics_.tick(name(n.job), "missed", d.count);
    log_.warning("tick missed", {{"job", name(n.job)}, {"tick", tick}, {"count", std::to_string(d.count)}, {"reason", reason}});
  } else if (d.outcome == run_outcome::crashed) {
    const bool given_up = d.state == row_state::finished;
    if (given_up) metrics_.run_ended(name(n.job), "crashed", microseconds{0});
    log_.error(given_up ? "found a crashed run and gave it up (on_crash)" : "found a crashed run: it will be run again (on_crash)",
               {{"job", name(n.job)}, {"tick", tick}});
  }
}

void observer::on(const engine::run_claimed& n) {
  const bool is_first = n.run.attempt == 1;
  if (!is_first) metrics_.retried(name(n.job));
  if (is_first && n.run.key.kind == ledger::tick_kind::schedule) {
    metrics_.tick(name(n.job), n.run.caught_up ? "caught_up" : "run");
    metrics_.tick_lateness(name(n.job), n.late);
  }
  metrics_.run_started(name(n.job), trigger_of(n.run));
  if (running_.size() < jobs_.size()) running_.resize(jobs_.size());
  metrics_.running(name(n.job), ++running_[n.job]);
  if (!log_.is_enabled(observe::log_level::info)) return;
  log_.info("run claimed", {{"job", name(n.job)},
                            {"tick", to_rfc3339(n.run.key.tick)},
                            {"attempt", std::to_string(n.run.attempt)},
                            {"fence", std::to_string(n.run.fence)},
                            {"late", to_text(n.late)},
                            {"run", ledger::run_id(n.run.key)}});
}

void observer::on(const engine::run_over& n) {
  const auto& r = n.record;
  const auto outcome = to_string(r.outcome);
  metrics_.run_ended(name(n.job), outcome, n.took);
  metrics_.running(name(n.job), --running_[n.job]);
  metrics_.job_times(name(n.job), r.finished, r.outcome == run_outcome::success ? r.finished : wall_time{});
  const auto level = r.outcome == run_outcome::success                                          ? observe::log_level::info
                     : r.outcome == run_outcome::cancelled || r.outcome == run_outcome::failure ? observe::log_level::warning
                                                                                                : observe::log_level::error;
  if (!log_.is_enabled(level)) return;
  std::vector<observe::log_field> fields{{"job", name(n.job)},
                                         {"tick", to_rfc3339(r.key.tick)},
                                         {"attempt", std::to_string(n.attempt)},
                                         {"outcome", std::string{outcome}},
                                         {"took", to_text(n.took)},
                                         {"run", ledger::run_id(r.key)}};
  if (!r.error.empty()) fields.emplace_back("error", r.error);
  if (r.open_again) fields.emplace_back("again", "yes");
  if (r.retry_at) fields.emplace_back("again_at", to_rfc3339(*r.retry_at));
  log_.write(level, "run ended", fields);
}

void observer::on(const engine::finish_refused& n) {
  metrics_.fenced_write_rejected();
  metrics_.overlap_suspected(name(n.job));  // whoever has the row may have run beside it
  log_.warning("the end of a run was not written: its row is not ours any more",
               {{"job", name(n.job)}, {"tick", to_rfc3339(n.key.tick)}, {"run", ledger::run_id(n.key)}});
}

void observer::on(const engine::owner_unresolved& n) {
  if (is_repeated("unresolved " + name(n.job))) return;
  log_.warning("an earlier run's owner may still be at work: waiting before taking over",
               {{"job", name(n.job)}, {"wait", to_text(n.wait)}, {"owner", n.owner_seen_free ? "gone" : "alive"}});
}

void observer::on(const engine::next_tick_known& n) { metrics_.job_next_tick(name(n.job), n.tick); }

void observer::on(const engine::store_state& n) {
  metrics_.store_up(n.up);
  if (recorder_ != nullptr) recorder_->store_up(n.up);
  if (n.up) {
    if (std::exchange(was_up_, true)) metrics_.store_reconnect();
    said_.clear();
    log_.info("the store is in use");
  } else {
    log_.error("the store cannot be used: nothing new is started until it is back", {{"error", n.why.context}});
  }
}

void observer::on(const engine::session_trouble& n) {
  const auto kind = n.is_lock_session ? "lock session" : "ledger session";
  if (is_repeated(std::string{kind}.append(n.why.context))) return;
  log_.warning("store trouble; trying again", {{"session", kind}, {"code", std::string{to_string(n.why.code)}}, {"error", n.why.context}});
}

void observer::on(const engine::session_opened_note& n) {
  log_.debug("session opened", {{"kind", n.is_lock_session ? "lock" : "ledger"}, {"connection", std::to_string(n.connection_id)}});
}

void observer::on(const engine::peer_differs& n) {
  if (n.in_configuration) log_.warning("an instance of this cluster has another configuration", {{"other", n.instance}});
  if (!n.tzdata.empty())
    log_.warning("an instance of this cluster has other time zone data: where clocks change, they may not agree on ticks",
                 {{"other", n.instance}, {"its_version", n.tzdata}});
}

void observer::on(const engine::job_stopped& n) {
  metrics_.job_paused(name(n.job), n.stopped);
  log_.info(n.stopped ? "job is paused" : "job goes on", {{"job", name(n.job)}});
}

void observer::on(const engine::schedule_disagrees& n) {
  metrics_.schedule_disagreement(name(n.job), n.disagrees);
  if (n.disagrees) {
    log_.warning("another instance has another schedule of the job", {{"job", name(n.job)}});
  } else {
    log_.info("the instances agree on the job's schedule again", {{"job", name(n.job)}});
  }
}

void observer::on(const engine::success_known& n) { metrics_.job_times(name(n.job), n.at, n.at); }

void observer::on(const engine::leadership& n) {
  metrics_.leader(n.is_ours);
  metrics_.leader_change();
  log_.info(n.is_ours ? "this instance leads" : "this instance does not lead any more");
}

void observer::on(const engine::run_cancelled& n) {
  log_.warning(n.by_next_tick ? "cancelling a run: its job's next tick is due" : "cancelling a run, as somebody asked",
               {{"job", name(n.job)}, {"tick", to_rfc3339(n.run.tick)}});
}

void observer::on(const engine::rows_purged& n) { log_.debug("old rows deleted", {{"count", std::to_string(n.count)}}); }

void observer::on(const engine::server_changed& /*unused*/) {
  metrics_.store_identity_change();
  log_.warning("the server was restarted, or is another one: every lock held before is gone");
}

void observer::on(const engine::claims_restored& n) {
  const auto of = std::to_string(n.remembered);
  if (n.lost == 0) return log_.info("the new server has every claim of this instance's last ten minutes", {{"claims", of}});
  log_.error("a failover lost claims of this instance: they are in the ledger again", {{"lost", std::to_string(n.lost)}, {"of", of}});
}

void observer::on(const engine::clock_measured& n) {
  metrics_.clock_offset(-n.offset);
  if (recorder_ != nullptr) recorder_->clock_offset(-n.offset);
}

void observer::on(const engine::clock_stepped& n) {
  metrics_.clock_step();
  log_.warning("this machine's clock was set; ticks follow the store's", {{"by", to_text(n.by)}});
}

void observer::on(const engine::clock_unfit& n) {
  if (n.unfit) {
    log_.error("this machine's clock is further from the store's than max_clock_offset: nothing new is started",
               {{"offset", to_text(n.offset)}});
  } else {
    log_.info("this machine's clock agrees with the store's again", {{"offset", to_text(n.offset)}});
  }
}

void observer::on(const engine::call_took& n) { metrics_.store_query(n.operation, n.took); }

}  // namespace baton::runtime

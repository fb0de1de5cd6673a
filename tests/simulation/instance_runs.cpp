#include "baton/lock/name.hpp"
#include "instance.hpp"

namespace baton::simulation {

using namespace std::chrono_literals;

// ---- runners

void instance::perform(const engine::start_run& a) {
  auto r = std::make_shared<run>();
  r->id = a.id;
  r->job = jobs_[a.job];
  r->claimed = a.run;
  r->deadline = a.lease_deadline;
  r->who = incarnation_.substr(lock::incarnation_length - 6) + "/" + std::to_string(static_cast<std::uint64_t>(a.id));
  r->life = life_;
  runs_[a.id] = r;
  const auto spawning =
      world_.random.one_in(100) ? world_.random.between(0us, world_.timing.wait_timeout) : world_.random.between(0us, 10ms);
  world_.loop.after(spawning, [this, r] { begin(r); });
}

void instance::begin(const run_ptr& r) {
  if (r->ended) return;
  if (r->stopped || local().steady >= r->deadline) {  // looked at once more just before the handler starts
    r->executing = false;
    return die(r, 0us, r->stopped ? ledger::run_outcome::cancelled : ledger::run_outcome::lock_lost);
  }
  r->executing = true;
  world_.say(r->who + " of " + label_ + " runs " + r->claimed.key.job + " " + to_rfc3339(r->claimed.key.tick) + " #" +
             std::to_string(r->claimed.attempt));
  const auto& plan = world_.jobs[r->job];
  world_.check.run_begins(r->who, r->claimed, *plan.job.schedule, world_.loop.now());
  post([id = r->id] { return engine::run_started{id}; });
  watch_deadline(r);
  const auto chance_of_outcome = world_.random.below(100);
  const auto outcome = chance_of_outcome < 90   ? ledger::run_outcome::success
                       : chance_of_outcome < 95 ? ledger::run_outcome::failure
                                                : ledger::run_outcome::crashed;
  die(r, world_.random.between(plan.shortest_run, plan.longest_run), outcome);
}

void instance::watch_deadline(const run_ptr& r) {
  world_.loop.at(r->deadline.time_since_epoch() - boot_offset_, [this, r] {
    if (r->ended) return;
    if (local().steady < r->deadline) return watch_deadline(r);
    world_.say(r->who + " reaches its deadline");
    die(r, world_.random.between(0us, world_.timing.stop - 1us), ledger::run_outcome::lock_lost);
  });
}

/// The first death counts.
void instance::die(const run_ptr& r, microseconds in, ledger::run_outcome outcome) {
  const auto death = [this, r, outcome] {
    if (std::exchange(r->ended, true)) return;
    if (r->executing) world_.check.run_is_over(r->claimed.lock_name, r->who, world_.loop.now());
    world_.say(r->who + " is over: " + std::string{to_string(outcome)});
    if (r->life != life_) return;
    runs_.erase(r->id);
    post([id = r->id, outcome] { return engine::run_ended{id, outcome, {}, "", "", {}}; });
  };
  if (in <= 0us) {
    death();
  } else {
    world_.loop.after(in, death);
  }
}

void instance::perform(const engine::extend_run& a) {
  const auto it = runs_.find(a.id);
  if (it != runs_.end()) it->second->deadline = a.lease_deadline;
}

void instance::perform(const engine::stop_run& a) {
  const auto it = runs_.find(a.id);
  if (it == runs_.end()) return;
  const auto r = it->second;
  r->stopped = true;
  if (world_.random.one_in(3)) die(r, world_.random.between(0us, 10ms), ledger::run_outcome::cancelled);  // it heeds the token
  die(r, a.kill_after + world_.random.between(0us, world_.timing.stop / 5), ledger::run_outcome::cancelled);
}

void instance::perform(const engine::exit_now& /*unused*/) {
  world_.say(label_ + " exits");
  if (!runs_.empty()) world_.check.broken("G11", label_ + " exits with " + std::to_string(runs_.size()) + " runs", world_.loop.now());
  if (!sessions_.empty()) world_.check.broken("G11", label_ + " exits with open sessions", world_.loop.now());
  ++life_;
  world_.loop.after(0us, [this, life = life_] {
    if (life == life_) engine_.reset();
  });
}

void instance::perform(const engine::note& n) {
  if (std::holds_alternative<engine::finish_refused>(n)) ++finishes_refused_;
  if (!world_.trace) return;
  if (const auto* cancelled = std::get_if<engine::run_cancelled>(&n))
    world_.say(label_ + " cancels " + cancelled->run.job + (cancelled->by_next_tick ? " for its next tick" : ""));
  if (const auto* lost = std::get_if<engine::lock_was_lost>(&n))
    world_.say(label_ + " lost a lock: " + std::string{lock::to_string(lost->reason)});
  if (const auto* trouble = std::get_if<engine::session_trouble>(&n)) world_.say(label_ + ": " + trouble->why.context);
  if (const auto* decided = std::get_if<engine::tick_decided>(&n))
    world_.say(label_ + " decides " + decided->what.key.job + " " + to_rfc3339(decided->what.key.tick) + ": " +
               std::string{to_string(decided->what.state)} + " " + std::string{to_string(decided->what.outcome)} + " " +
               std::string{to_string(decided->what.reason)});
  if (const auto* waits = std::get_if<engine::owner_unresolved>(&n))
    world_.say(label_ + " waits " + to_text(waits->wait) + " for an owner that is " + (waits->owner_seen_free ? "gone" : "alive"));
}

}  // namespace baton::simulation

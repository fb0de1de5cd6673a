#include "fleet.hpp"

#include <algorithm>

namespace baton::simulation {

using namespace std::chrono_literals;

namespace {
constexpr microseconds furthest_clock = 15s;  ///< of a server from the others'
}

void verdict::add(const verdict& other) {
  ticks += other.ticks;
  runs += other.runs;
  events += other.events;
  fast += other.fast;
  overlaps += other.overlaps;
  longest_overlap = std::max(longest_overlap, other.longest_overlap);
  failovers += other.failovers;
  lost_writes += other.lost_writes;
  restored += other.restored;
  judged += other.judged;
  simulated += other.simulated;
}

fleet::fleet(std::uint64_t seed, bool trace) : fleet(seed, std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + 12h, {}) {
  world_.trace = trace;
}

fleet::fleet(std::uint64_t seed, wall_time begins, std::vector<job_plan> jobs) : world_(seed, begins) {
  world_.store.on_commit = [this](const auto* before, const auto& after) {
    world_.check.committed(before, after, now(), store_now());
    written_.emplace_back(after, world_.claim_sent[after.incarnation]);
  };
  world_.store.on_restore = [this](const auto& claim, const auto& row) { world_.check.restored(claim, row); };
  draw_timing();
  if (seed % 4 == 0 && world_.takeover == ledger::takeover_policy::fast) {
    meets_two_faults_ = true;
    world_.check.allow_overlaps(world_.timing.wait_timeout - world_.timing.margin + world_.timing.stop);
  }
  world_.jobs = std::move(jobs);
  if (world_.jobs.empty()) {
    draw_jobs();
    draw_links();
  }
  draw_instances();
}

void fleet::draw_timing() {
  const lock::lease_timing tightest{500ms, 500ms, 3s, 1500ms, 500ms};
  const lock::lease_timing middle{1s, 2s, 6s, 2s, 500ms};
  const lock::lease_timing defaults{};
  const lock::lease_timing unhurried{5s, 5s, 15s, 3s, 500ms};  // a lost lock goes unnoticed for long
  const auto which = world_.random.below(5);
  world_.timing = which == 0 ? defaults : which == 1 ? middle : which == 2 ? unhurried : tightest;
  BATON_ASSERT(world_.timing.validate().has_value());
  world_.takeover = world_.random.one_in(2) ? ledger::takeover_policy::safe : ledger::takeover_policy::fast;
}

void fleet::draw_jobs() {
  auto& random = world_.random;
  const auto add = [&](const std::string& name, const std::string& lock_name, microseconds period, microseconds shortest,
                       microseconds longest, ledger::crash_policy on_crash) {
    job_plan plan;
    plan.job.name = name;
    plan.job.schedule = std::get<schedule::timetable>(schedule::timetable::from_every({period}));
    if (random.one_in(3))
      plan.job.schedule =
          plan.job.schedule->refined({{}, schedule::zone::utc(), random.between(1us, std::min<microseconds>(2 * period, 20s)), name});
    plan.job.lock_name = "baton:sim:" + lock_name;
    plan.job.schedule_hash = to_text(period);
    plan.job.policy.on_crash = on_crash;
    plan.job.policy.catch_up_window = random.one_in(2) ? 1h : 5s;
    if (random.one_in(2)) plan.job.policy.retry = {static_cast<std::uint32_t>(2 + random.below(3)), random.between(0s, 4s), 5s, 2};
    const auto which = random.below(4);
    plan.job.policy.catch_up = which == 0   ? ledger::catch_up_policy::none
                               : which == 1 ? ledger::catch_up_policy::all
                                            : ledger::catch_up_policy::latest;
    plan.job.policy.catch_up_limit = static_cast<std::uint32_t>(1 + random.below(8));
    plan.job.grace = random.between(0s, 3s);
    const bool shares_lock = lock_name == "pair";
    plan.job.policy.overlap = static_cast<ledger::overlap_policy>(1 + random.below(shares_lock ? 4 : 5));
    plan.job.policy.queue_limit = longest > period ? 1 : static_cast<std::uint32_t>(1 + random.below(5));
    plan.job.priority = static_cast<std::int32_t>(random.below(3)) - 1;
    const bool holds = !shares_lock && plan.job.policy.overlap != ledger::overlap_policy::allow;
    if (holds && random.one_in(4)) plan.job.hold_at_least = random.between(0s, 4s);
    plan.ticks = [period](wall_time from, wall_time until) {
      std::vector<wall_time> all;  // multiples of the period since the epoch
      auto tick = wall_time{from.time_since_epoch() / period * period};
      if (tick < from) tick += period;
      for (; tick <= until; tick += period) all.push_back(tick);
      return all;
    };
    plan.period = period;
    plan.shortest_run = shortest;
    plan.longest_run = longest;
    world_.jobs.push_back(std::move(plan));
  };
  const auto give_up = ledger::crash_policy::give_up;
  const auto retry = ledger::crash_policy::retry;
  add("quick", "quick", 1s, 5ms, 40ms, give_up);
  add("steady", "steady", 2s, 300ms, 1500ms, give_up);
  add("long", "long", 5s, 1s, 14s, give_up);
  add("eager", "eager", 7s, 1s, 6s, retry);
  add("pair-a", "pair", 3s, 50ms, 2s, give_up);
  add("pair-b", "pair", 4s, 50ms, 3s, retry);
  add("rare", "rare", 1h, 50ms, 1s, retry);  // runs when it is asked for
  add("holiday", random.one_in(2) ? "pair" : "holiday", 2s, 50ms, 2s, give_up);
  const auto today = std::chrono::floor<std::chrono::days>(world_.store_epoch);
  const auto days = std::make_shared<const schedule::calendar>("today", std::vector{schedule::calendar::range{today, today}});
  auto& on_holiday = world_.jobs.back().job;
  on_holiday.schedule = on_holiday.schedule->refined({{{days}, {}}, schedule::zone::utc(), 1s, "holiday"});
  for (auto n = random.below(8); n > 0; --n)
    add("more-" + std::to_string(n), random.one_in(3) ? "pair" : "more-" + std::to_string(n), 1s * static_cast<int>(1 + random.below(10)),
        5ms, 5s, random.one_in(2) ? retry : give_up);
}

/// Chains and tags.
void fleet::draw_links() {
  auto& random = world_.random;
  auto& jobs = world_.jobs;
  for (std::size_t j = 0; j + 1 < jobs.size(); ++j) {
    if (!random.one_in(3)) continue;
    auto& next = jobs[j + 1 + random.below(jobs.size() - j - 1)];
    // No more than can be run: what is asked for and what is due take turns by how long they wait.
    next.job.hold_at_least = {};
    const bool is_sustainable = jobs[j].period >= 5s && next.longest_run <= 2s;
    const auto when = is_sustainable ? static_cast<ledger::follower::when>(1 + random.below(3)) : ledger::follower::when::failure;
    jobs[j].job.policy.followers.push_back({next.job.name, next.job.lock_name, when});
  }
  for (std::size_t t = random.below(3); t > 0; --t) {
    ledger::tag_limit tag{"baton:sim:~t:" + std::to_string(t), static_cast<std::uint32_t>(1 + random.below(2)), {}};
    double load = 0;
    for (auto& plan : jobs) {
      const auto share = static_cast<double>((plan.shortest_run + plan.longest_run).count()) / 2 / static_cast<double>(plan.period.count());
      if (!random.one_in(3) || load + share > 0.4 * tag.max_running) continue;
      load += share;
      tag.jobs.push_back(plan.job.name);
      plan.job.tags.push_back(world_.tags.size());
    }
    world_.check.limit(tag);
    world_.tags.push_back(std::move(tag));
  }
}

void fleet::draw_instances() {
  auto& random = world_.random;
  const auto count = 3 + random.below(3);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::size_t> jobs;
    const bool is_older_release = i == 0 && random.one_in(4);  // it does not know every job
    for (std::size_t j = 0; j < world_.jobs.size(); ++j) {
      if (!is_older_release || !random.one_in(3)) jobs.push_back(j);
    }
    const auto slots = static_cast<std::uint32_t>(random.one_in(3) ? 3 + random.below(4) : 16);
    instances_.push_back(std::make_unique<instance>(world_, "i" + std::to_string(i), std::move(jobs), slots));
  }
  if (random.one_in(3)) {  // beside others that do not: a rolling change
    for (const auto& i : instances_) {
      if (random.one_in(2)) i->elect_a_leader();
    }
  } else if (random.one_in(3)) {  // the first instances have every label; a leader has to
    for (std::size_t j = 0; j < world_.jobs.size(); ++j) {
      const bool is_shared = world_.jobs[j].job.lock_name == "baton:sim:pair";  // whoever has all of its jobs would seldom let it go
      if (!is_shared && random.one_in(4)) instances_.back()->lack_a_label_for(j);
    }
  }
  kill_until_.resize(count);
  impair_until_.resize(count);
}

void fleet::run_until(microseconds t) {
  world_.loop.run_until(t, [this] { world_.store_time.set({store_now(), boot_time{now()}}); });
}

verdict fleet::run() {
  auto& random = world_.random;
  for (const auto& i : instances_) {
    world_.loop.after(random.between(0s, 3s), [&i] {
      if (!i->is_alive()) i->start();
    });
  }
  faults_end_ = random.between(30s, 90s);
  schedule_faults();
  run_until(faults_end_);
  end_faults();
  const auto& t = world_.timing;
  run_until(faults_end_ + 4 * t.wait_timeout + 90s);  // runs of the longest job fit in, one after the other, with all their attempts
  expect_recovery();
  stop_all();
  run_until(now() + 60s);
  expect_clean_store();
  expect_every_tick();
  expect_policies();

  verdict v;
  v.violations = world_.check.violations();
  v.runs = world_.check.runs();
  v.events = world_.loop.happened();
  v.fast = world_.takeover == ledger::takeover_policy::fast ? 1 : 0;
  v.overlaps = world_.check.overlaps();
  v.longest_overlap = world_.check.longest_overlap();
  v.failovers = failovers_;
  v.lost_writes = lost_writes_;
  v.judged = judged_;
  v.restored = world_.check.claims_restored();
  v.simulated = now();
  for (const auto& row : world_.store.rows(cluster)) v.ticks += row.count;
  return v;
}

// ---- faults

void fleet::schedule_faults() {
  auto& random = world_.random;
  world_.loop.at(random.between(0s, 10s), [this] { world_.calls_fail = world_.random.one_in(2); });
  const auto mean = random.between(500ms, 6s);
  for (auto t = random.between(1s, 8s); t < faults_end_ - 1s; t += random.between(10ms, 2 * mean)) world_.loop.at(t, [this] { strike(); });
}

instance& fleet::any() { return *instances_[world_.random.below(instances_.size())]; }

void fleet::strike() {
  auto& random = world_.random;
  if (random.one_in(14)) return restart_store();
  if (random.one_in(16)) return fail_over();
  if (random.one_in(25)) return slow_down();
  if (random.one_in(30)) {
    world_.say("the server is read-only");
    world_.store.set_writable(false);
    world_.loop.after(random.between(0s, 5s), [this] { world_.store.set_writable(true); });
    return;
  }
  if (random.one_in(4)) return ask_for_something();
  strike_instance(any());
}

/// What people do meanwhile.
void fleet::ask_for_something() {
  auto& random = world_.random;
  const auto& job = world_.jobs[random.below(world_.jobs.size())].job.name;
  if (world_.store_is_down || !world_.store.registered(cluster, job)) return;
  switch (random.below(5)) {
    case 0:
    case 1: {
      const bool pauses = random.one_in(2);
      world_.say(std::string{pauses ? "pause " : "resume "} + job);
      return set_paused(job, pauses);
    }
    case 2:
      for (auto n = 1 + random.below(4); n > 0; --n) world_.store.order(cluster, job, store_now() - random.between(0s, 100s));
      return world_.say("trigger " + job);
    case 3: return any().reload();
    default: {
      const auto rows = world_.store.rows(cluster);
      std::vector<ledger::tick_key> open;
      for (const auto& row : rows) {
        if (ledger::is_open(row.state)) open.push_back(row.key);
      }
      if (open.empty()) return;
      const auto& run = open[random.below(open.size())];
      world_.say("cancel " + run.job);
      world_.store.cancel(cluster, run);
    }
  }
}

void fleet::set_paused(const std::string& job, bool pauses) {
  world_.store.set_paused(cluster, job, pauses);
  world_.check.paused(job, pauses, now());
  auto& of_job = pauses_[job];
  const bool is_paused = !of_job.empty() && !of_job.back().until;
  if (pauses && !is_paused) of_job.push_back({store_now(), {}});
  if (!pauses && is_paused) of_job.back().until = store_now();
}

void fleet::strike_instance(instance& i) {
  auto& random = world_.random;
  const auto index =
      static_cast<std::size_t>(std::ranges::find(instances_, &i, [](const auto& p) { return p.get(); }) - instances_.begin());
  const auto w = world_.timing.wait_timeout;
  // What `takeover: fast` does not promise to survive: all sessions of an instance killed while it is stopped or cut off.
  const bool is_fast = world_.takeover == ledger::takeover_policy::fast && !meets_two_faults_;
  const bool may_kill_ledger = !is_fast || (!i.is_impaired() && impair_until_[index] <= now());
  const bool may_impair = !is_fast || kill_until_[index] <= now();
  const auto impaired_for = random.between(10ms, 2 * w);
  const auto restart_in = random.between(10ms, w);
  const auto later = [&](microseconds in, auto what) { world_.loop.after(in, [this, &i, what] { what(i); }); };
  switch (meets_two_faults_ && random.one_in(2) ? 11 : random.below(14)) {
    case 0:
    case 1: {
      const bool locks = !random.one_in(3);
      const bool ledger = may_kill_ledger && !random.one_in(3);
      if (ledger) kill_until_[index] = std::max(kill_until_[index], now() + 3s);
      if (ledger || kill_until_[index] <= now()) i.kill_sessions(locks, ledger);
      return;
    }
    case 2:
    case 3: {
      const bool host_too = random.one_in(3);
      i.crash(host_too);
      return later(restart_in, [](instance& it) {
        if (!it.is_alive()) it.start();
      });
    }
    case 4:
    case 5:
      if (!may_impair) return;
      impair_until_[index] = std::max(impair_until_[index], now() + impaired_for + w);
      i.pause();
      return later(impaired_for, [](instance& it) { it.resume(); });
    case 6:
    case 7: {
      if (!may_impair) return;
      impair_until_[index] = std::max(impair_until_[index], now() + impaired_for + w);
      const auto direction = random.below(3);
      i.cut(direction != 0, direction != 1);
      return later(impaired_for, [](instance& it) { it.heal(); });
    }
    case 11:
    case 12:
    case 13: {
      // The worst pair: nobody there to notice, and the locks go. A third fault may come before the two.
      if (!may_impair) return;
      const bool is_third = random.one_in(2);
      if (is_third) i.lose_a_link(instance::link_kind::ledger);
      const auto begins_in = is_third ? random.between(0s, w) : 0s;
      impair_until_[index] = std::max(impair_until_[index], now() + begins_in + impaired_for + w);
      const bool pauses = random.one_in(2);
      const bool to_server = random.one_in(3);
      const bool ledger = !is_fast && !random.one_in(3);
      later(begins_in, [pauses, to_server](instance& it) { pauses ? it.pause() : it.cut(to_server, true); });
      later(begins_in + random.between(0s, w / 2), [ledger, is_fast](instance& it) {
        if (!is_fast || it.holds_its_incarnation()) it.kill_sessions(true, ledger);  // else these are all it has
      });
      return later(begins_in + impaired_for, [](instance& it) {
        it.resume();
        it.heal();
      });
    }
    case 8: return i.step_wall(random.between(-2s, 2s));
    case 9:
      if (!may_impair) return;
      impair_until_[index] = std::max(impair_until_[index], now() + 2 * w);
      return i.lose_a_link(instance::link_kind::lock);
    default:
      if (!random.one_in(3)) return;
      i.stop();  // a rolling change
      return later(restart_in, [this](instance& it) { start_again(it); });
  }
}

/// Once it has stopped.
void fleet::start_again(instance& i) {
  if (!i.is_alive()) return i.start();
  if (i.is_stopping()) world_.loop.after(100ms, [this, &i] { start_again(i); });
}

void fleet::restart_store() {
  if (world_.store_is_down) return;
  world_.say("the server restarts");
  world_.store.restart();
  take_store_away();
}

/// To a server with another clock, which may lack the last commits.
void fleet::fail_over() {
  if (world_.store_is_down) return;
  auto& random = world_.random;
  const auto lost_commits = random.one_in(2) ? 0 : 1 + random.below(12);
  const auto last_servers_time = store_now();
  world_.store_offset = random.one_in(2)   ? random.between(-500ms, 500ms)
                        : random.one_in(3) ? random.between(-furthest_clock, furthest_clock)
                                           : 0us;
  world_.say("fail-over, " + std::to_string(lost_commits) + " commits are lost, the clock is off by " + to_text(world_.store_offset));
  const auto lost = world_.store.fail_over(lost_commits);
  for (const auto& write : lost)
    world_.say("lost: " + write.was.key.job + " " + to_rfc3339(write.was.key.tick) + " " + std::string{to_string(write.was.state)});
  world_.check.failed_over(lost, world_.store.rows(cluster), now(), last_servers_time, world_.timing.wait_timeout);
  for (const auto& write : lost) jobs_that_lost_.insert(write.was.key.job);
  clock_jumped_ = clock_jumped_ || world_.store_offset != 0us;
  ++failovers_;
  lost_writes_ += lost.size();
  for (const auto& i : instances_) {
    if (random.one_in(4)) i->lose_every_link();
  }
  take_store_away();
}

void fleet::take_store_away() {
  world_.store_is_down = true;
  world_.check.store_went_away(now(), world_.timing.wait_timeout - world_.timing.margin);
  for (const auto& i : instances_) i->server_has_ended_sessions();
  world_.loop.after(world_.random.between(0s, 10s), [this] {
    world_.say("the server is back");
    world_.store_is_down = false;
    world_.check.store_came_back(now());
  });
}

void fleet::slow_down() {
  auto& random = world_.random;
  world_.slowness = random.between(10ms, random.one_in(3) ? 3s : 500ms);
  world_.say("every call takes up to " + to_text(world_.slowness));
  world_.loop.after(random.between(1s, 10s), [this] { world_.slowness = {}; });
}

void fleet::end_faults() {
  world_.say("no more faults");
  world_.calls_fail = false;
  world_.store_is_down = false;
  world_.slowness = {};
  world_.check.store_came_back(now());
  world_.store.set_writable(true);
  for (const auto& plan : world_.jobs) {
    if (!world_.store.registered(cluster, plan.job.name)) continue;
    set_paused(plan.job.name, false);
  }
  for (const auto& i : instances_) {
    i->heal();
    i->resume();
    if (!i->knows_every_job()) i->upgrade();
    if (!i->is_alive()) i->start();
  }
}

// ---- what has to be true at the end

void fleet::expect_recovery() {
  const auto rows = world_.store.rows(cluster);
  // The server notices a silent session after W; an owner is waited for up to W - M + S, and a lock session declares nothing crashed before
  // W. After a failover nobody takes a lock before W, nor while the new clock is behind.
  const auto recovered = world_.store_epoch + faults_end_ + 4 * world_.timing.wait_timeout + furthest_clock;
  for (const auto& plan : world_.jobs) {
    if (plan.ticks(recovered, store_now() - 20s).empty()) continue;
    const bool ticks_again = std::ranges::any_of(rows, [&](const auto& row) {  // one lock name can have more to do than time
      return (row.lock_name == plan.job.lock_name || row.key.job == plan.job.name) && row.state != ledger::row_state::missed &&
             (row.until.value_or(row.key.tick) > recovered || row.claimed.value_or(wall_time{}) > recovered);
    });
    if (!ticks_again) world_.check.broken("G7", plan.job.name + " has not ticked again since the faults ended", now());
  }
  // A fleet whose draw asks for more than it can run gets to what is rare in its turn.
  const auto backlog = std::ranges::count_if(rows, [](const auto& row) { return row.state == ledger::row_state::pending; });
  for (const auto& row : rows) {
    if (backlog < 30 && row.key.job == "rare" && ledger::is_open(row.state) && row.requested && *row.requested < recovered)
      world_.check.broken("G3", "what was asked for at " + to_rfc3339(*row.requested) + " still waits", now());
  }
  for (const auto& i : instances_) {
    if (!i->is_alive()) world_.check.broken("simulation", "an instance is not alive", now());
  }
}

void fleet::stop_all() {
  for (const auto& i : instances_) {
    world_.loop.after(world_.random.between(0s, 3s), [this, &i] {
      i->stop();
      if (world_.random.one_in(3)) world_.loop.after(world_.random.between(0s, 4s), [&i] { i->stop(); });
    });
  }
}

void fleet::expect_clean_store() {
  auto& check = world_.check;
  for (const auto& i : instances_) {
    if (i->is_alive()) check.broken("G11", i->incarnation() + " has not exited", now());
    if (world_.store.heartbeats(cluster).contains(i->incarnation()))
      check.broken("G11", i->incarnation() + " has left its heartbeat", now());
  }
  if (world_.store.locks_held() != 0) check.broken("G11", "a lock is left", now());
  if (!world_.store.connections().empty()) check.broken("G11", "a session is left", now());
  for (const auto& row : world_.store.rows(cluster)) {
    if (row.state == ledger::row_state::running)
      check.broken("G11", row.key.job + " " + to_rfc3339(row.key.tick) + " is left running", now());
  }
}

void fleet::expect_every_tick() {
  const auto rows = world_.store.rows(cluster);
  std::map<std::string, std::vector<ledger::follower>> followers;
  for (const auto& plan : world_.jobs) {
    const auto known = world_.store.registered(cluster, plan.job.name);
    if (!known) {
      world_.check.broken("G3", plan.job.name + " was never registered", now());
      continue;
    }
    std::vector<ledger::tick_row> of_job;
    std::ranges::copy_if(rows, std::back_inserter(of_job),
                         [&](const auto& row) { return row.key.job == plan.job.name && row.key.kind == ledger::tick_kind::schedule; });
    // What is due while the last instance stops is for the next start.
    const auto until = world_.store_epoch + world_.store_offset + faults_end_ + 3 * world_.timing.wait_timeout;
    world_.check.expect_every_tick(plan.job.name, plan.ticks(known->effective_since, until), of_job);
    followers[plan.job.name] = plan.job.policy.followers;
  }
  world_.check.expect_followers(followers, rows);
}

/// Of jobs whose history is whole, by a clock that never jumped.
void fleet::expect_policies() {
  if (clock_jumped_) return;
  const auto rows = world_.store.rows(cluster);
  for (const auto& plan : world_.jobs) {
    const auto known = world_.store.registered(cluster, plan.job.name);
    if (!known || jobs_that_lost_.contains(plan.job.name)) continue;
    std::vector<policy_model::tick> ticks;
    for (const auto t : plan.ticks(known->effective_since, store_now()))
      ticks.push_back({t, plan.job.schedule->due(t), plan.job.schedule->is_excluded(t)});
    policy_model model{plan.job.name, plan.job.policy, std::move(ticks), pauses_[plan.job.name]};
    for (const auto& [row, asked] : written_) {
      if (row.key.job == plan.job.name) model.wrote(row, asked);
    }
    for (const auto& wrong : model.judge(rows)) world_.check.broken("policy", wrong, now());
    judged_ += static_cast<std::uint64_t>(std::ranges::count(rows, plan.job.name, [](const auto& row) { return row.key.job; }));
  }
}

}  // namespace baton::simulation

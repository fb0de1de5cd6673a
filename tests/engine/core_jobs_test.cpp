#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host.hpp"

namespace baton::engine {
namespace {

using ledger::row_state;
using ledger::run_outcome;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct policies : host, ::testing::Test {
  [[nodiscard]] ledger::tick_row trigger_row(const std::string& job, wall_time tick, ledger::tick_kind kind = ledger::tick_kind::trigger) {
    return store.row(opts.cluster, {job, tick, kind}).value();
  }
  [[nodiscard]] std::string running_jobs() const {
    std::string names;
    for (const auto& r : running) names += jobs[r.job].name + " ";
    return names;
  }
};

// ---- pause, resume

TEST_F(policies, a_pause_is_one_range_row_once_it_is_over_and_nothing_runs_meanwhile) {
  add_job("a", 10s);
  start();
  pass(5s);
  store.set_paused(opts.cluster, "a", true);
  pass(60s);
  EXPECT_THAT(running, IsEmpty());
  EXPECT_THAT(all<claim>(), IsEmpty()) << "a paused job costs no claims";
  EXPECT_THAT(notes<job_stopped>(), SizeIs(1));
  store.set_paused(opts.cluster, "a", false);
  pass(2s);
  const auto gap = row("a", 10s);
  EXPECT_EQ(gap.state, row_state::skipped);
  EXPECT_EQ(gap.reason, ledger::reason_code::paused);
  EXPECT_EQ(gap.count, 6U);
  EXPECT_THAT(running, IsEmpty()) << "what was due in the pause is not caught up";
  pass(4s);
  EXPECT_EQ(running_jobs(), "a ");
}

// ---- overlap: allow

TEST_F(policies, overlapping_runs_have_each_a_lock_of_its_own_and_leave_nothing_behind) {
  add_job("a", 10s).policy.overlap = ledger::overlap_policy::allow;
  start();
  pass(31s);
  ASSERT_EQ(running_jobs(), "a a a ");
  EXPECT_EQ(store.locks_held(), 3U + 1U) << "one for each run, and the incarnation's";
  std::set<std::string> names;
  for (const auto& r : running) names.insert(r.run.lock_name);
  EXPECT_THAT(names, SizeIs(3));
  end_run(running[1].id);
  pass(2s);
  EXPECT_EQ(store.locks_held(), 3U);
  EXPECT_EQ(row("a", 20s).outcome, run_outcome::success);
  EXPECT_EQ(row("a", 10s).state, row_state::running);
  pass(8s);
  EXPECT_EQ(running_jobs(), "a a a ") << "and the next tick";
  forget();
  pass(5s);
  EXPECT_THAT(all<claim>(), IsEmpty()) << "a run that goes on costs no claims";
}

TEST_F(policies, an_overlapping_run_whose_session_is_killed_is_stopped_alone) {
  add_job("a", 10s).policy.overlap = ledger::overlap_policy::allow;
  start();
  pass(21s);
  ASSERT_THAT(running, SizeIs(2));
  const std::vector<std::string> lost{running[0].run.lock_name};
  (void)store.release_locks(lock_connection(), lost);
  pass(1s);
  const auto stops = all<stop_run>();
  ASSERT_THAT(stops, SizeIs(1));
  EXPECT_EQ(stops[0].id, running[0].id);
}

TEST_F(policies, a_trigger_of_a_job_whose_runs_may_overlap_runs_beside_them) {
  add_job("a", 10s).policy.overlap = ledger::overlap_policy::allow;
  start();
  pass(11s);
  store.order(opts.cluster, "a", clock.now().wall);
  pass(2s);
  EXPECT_EQ(running_jobs(), "a a ");
}

// ---- triggers, cancels

TEST_F(policies, a_trigger_runs_within_two_seconds_and_leaves_the_schedule_alone) {
  add_job("a", 1h);
  start();
  pass(5s);
  const auto asked = clock.now().wall;
  store.order(opts.cluster, "a", asked);
  pass(1100ms);
  ASSERT_EQ(running_jobs(), "a ");
  EXPECT_EQ(running[0].run.key.kind, ledger::tick_kind::trigger);
  end_run(running[0].id);
  EXPECT_EQ(trigger_row("a", asked).outcome, run_outcome::success);
  EXPECT_FALSE(has_row("a", 0s));
}

TEST_F(policies, triggers_run_one_after_the_other_without_waiting_for_a_reconcile) {
  add_job("a", 1h);
  start();
  pass(5s);
  for (int i = 0; i < 3; ++i) store.order(opts.cluster, "a", clock.now().wall + microseconds{i});
  pass(1100ms);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(running_jobs(), "a ") << i;
    end_run(running[0].id);
  }
  EXPECT_THAT(running, IsEmpty());
}

TEST_F(policies, a_cancelled_run_is_stopped_within_two_seconds_and_not_tried_again) {
  add_job("a", 10s).policy.retry.attempts = 3;
  start();
  pass(10s);
  store.cancel(opts.cluster, running[0].run.key);
  pass(1100ms);
  ASSERT_THAT(all<stop_run>(), SizeIs(1));
  EXPECT_EQ(all<stop_run>()[0].kill_after, 2s) << "the job's grace";
  pass(2s);
  EXPECT_THAT(all<stop_run>(), SizeIs(1)) << "once";
  end_run(running[0].id, run_outcome::failure);
  EXPECT_EQ(row("a", 10s).state, row_state::finished);
  EXPECT_EQ(row("a", 10s).outcome, run_outcome::cancelled);
}

TEST_F(policies, a_run_that_ended_well_before_its_cancel_reached_it_has_ended_well) {
  add_job("a", 10s);
  start();
  pass(10s);
  store.cancel(opts.cluster, running[0].run.key);
  pass(1100ms);
  end_run(running[0].id);
  EXPECT_EQ(row("a", 10s).outcome, run_outcome::success);
}

TEST_F(policies, cancel_running_makes_way_for_the_next_tick) {
  add_job("a", 10s).policy.overlap = ledger::overlap_policy::cancel_running;
  start();
  pass(10s);
  EXPECT_THAT(all<stop_run>(), IsEmpty());
  pass(10s);
  ASSERT_THAT(all<stop_run>(), SizeIs(1));
  EXPECT_TRUE(notes<run_cancelled>()[0].by_next_tick);
  end_run(running[0].id, run_outcome::cancelled);
  EXPECT_EQ(row("a", 10s).outcome, run_outcome::cancelled);
  EXPECT_EQ(row("a", 20s).state, row_state::running);
}

TEST_F(policies, cancel_running_spares_what_catches_up_and_what_somebody_asked_for) {
  auto& job = add_job("a", 10s);
  job.policy.overlap = ledger::overlap_policy::cancel_running;
  start();
  pass(5s);
  store.order(opts.cluster, "a", clock.now().wall);
  pass(2s);
  ASSERT_EQ(running_jobs(), "a ");
  pass(20s);
  EXPECT_THAT(all<stop_run>(), IsEmpty());
}

// ---- chains

TEST_F(policies, a_follower_runs_at_once_with_the_tick_of_what_it_follows) {
  add_job("a", 10s);
  add_job("b", 1h);
  jobs[0].policy.followers = {{"b", "b", ledger::follower::when::failure}};
  start();
  pass(10s);
  end_run(running[0].id);
  pass(5s);
  EXPECT_THAT(running, IsEmpty()) << "it has succeeded";
  pass(5s);
  end_run(running[0].id, run_outcome::timeout);
  ASSERT_EQ(running_jobs(), "b ");
  EXPECT_EQ(running[0].run.key, (ledger::tick_key{"b", began + 20s, ledger::tick_kind::after}));
}

TEST_F(policies, a_run_with_attempts_left_has_no_followers_yet) {
  add_job("a", 10s).policy.retry = {2, 3s, 3s, 1};
  add_job("b", 1h);
  jobs[0].policy.followers = {{"b", "b", ledger::follower::when::any}};
  start();
  pass(10s);
  end_run(running[0].id, run_outcome::failure);
  pass(1s);
  EXPECT_THAT(running, IsEmpty());
  pass(4s);
  ASSERT_EQ(running_jobs(), "a ");
  end_run(running[0].id, run_outcome::failure);
  EXPECT_EQ(running_jobs(), "b ");
}

// ---- who runs what, and when

TEST_F(policies, the_higher_priority_goes_first_when_slots_are_short) {
  opts.max_concurrent_runs = 1;
  for (const auto* name : {"a", "b", "c"}) add_job(name, 10s);
  jobs[1].priority = 5;
  jobs[2].priority = -5;
  start();
  pass(10s);
  std::string order;
  while (!running.empty()) {
    order += running_jobs();
    end_run(running[0].id);
  }
  EXPECT_EQ(order, "b a c ");
}

TEST_F(policies, a_job_that_asks_for_other_labels_is_left_to_others) {
  add_job("a", 10s).runs_here = false;
  start();
  pass(5s);
  store.order(opts.cluster, "a", clock.now().wall);
  pass(30s);
  EXPECT_THAT(running, IsEmpty());
  EXPECT_THAT(all<acquire>(), IsEmpty());
}

TEST_F(policies, a_tag_limits_runs_of_all_its_jobs_together) {
  for (const auto* name : {"a", "b", "c"}) {
    add_job(name, 10min).tags = {0};
  }
  tags = {{"~t:few", 2, {"a", "b", "c"}}};
  start();
  pass(10min + 5s);
  EXPECT_THAT(running, SizeIs(2));
  end_run(running[0].id);
  pass(2s);
  EXPECT_THAT(running, SizeIs(2)) << "the third had its turn";
}

TEST_F(policies, a_lock_is_held_at_least_so_long_and_takes_no_slot_then) {
  opts.max_concurrent_runs = 1;
  add_job("a", 10min).hold_at_least = 30s;
  add_job("b", 10min);
  jobs[0].priority = 1;
  start();
  pass(10min);
  ASSERT_EQ(running_jobs(), "a ");
  end_run(running[0].id);
  pass(29s);
  EXPECT_EQ(store.owner_of("a"), lock_connection());
  EXPECT_EQ(running_jobs(), "b ");
  pass(1s);
  EXPECT_EQ(store.owner_of("a"), std::nullopt);
}

TEST_F(policies, a_lock_that_is_held_longer_is_given_back_when_the_instance_stops) {
  add_job("a", 10min).hold_at_least = 30s;
  start();
  pass(10min);
  end_run(running[0].id);
  feed(stop_requested{});
  EXPECT_TRUE(exited);
  EXPECT_EQ(store.locks_held(), 0U);
}

TEST_F(policies, only_the_leader_starts_runs_and_another_takes_over_within_a_second) {
  opts.leader_name = "~leader";
  const auto other = store.connect(1h);
  const std::vector<std::string> name{"~leader"};
  ASSERT_TRUE(store.get_locks(other, name));
  add_job("a", 10s);
  start();
  pass(30s);
  EXPECT_THAT(running, IsEmpty());
  EXPECT_THAT(notes<leadership>(), IsEmpty());
  store.disconnect(other);
  pass(1100ms);
  ASSERT_THAT(notes<leadership>(), SizeIs(1));
  EXPECT_EQ(running_jobs(), "a ");
  kill(lock_session());
  ASSERT_GE(notes<leadership>().size(), 2U);
  EXPECT_FALSE(notes<leadership>()[1].is_ours);
}

TEST_F(policies, a_leader_that_stops_resigns_at_once) {
  opts.leader_name = "~leader";
  add_job("a", 10s);
  start();
  pass(11s);
  ASSERT_EQ(running_jobs(), "a ");
  feed(stop_requested{});
  EXPECT_EQ(store.owner_of("~leader"), std::nullopt);
  EXPECT_EQ(running_jobs(), "a ") << "the run has its grace";
}

TEST_F(policies, old_rows_are_purged_once_a_minute_and_at_once_again_while_there_are_many) {
  opts.history_keep = 1h;
  add_job("a", 1s);
  start();
  pass(10min);
  EXPECT_THAT(all<purge>(), SizeIs(10));
  EXPECT_EQ(all<purge>()[0].request.keep, 1h);
}

// ---- another configuration

TEST_F(policies, a_changed_configuration_leaves_running_runs_their_old_rules) {
  add_job("a", 10s).policy.on_crash = ledger::crash_policy::give_up;
  start();
  pass(10s);
  jobs[0].policy.on_crash = ledger::crash_policy::retry;
  add_job("b", 10s);
  feed(jobs_changed{{jobs, tags}, 2, 16});
  end_run(running[0].id, run_outcome::crashed);
  EXPECT_EQ(row("a", 10s).state, row_state::finished);
  pass(10s);
  EXPECT_THAT(running, SizeIs(2));
  for (const auto& r : std::vector{running}) end_run(r.id, run_outcome::crashed);
  EXPECT_EQ(row("a", 20s).attempt, 2U) << "the new rule";
  EXPECT_EQ(row("b", 20s).state, row_state::finished);
}

TEST_F(policies, a_job_that_is_gone_does_not_tick_and_ends_what_runs) {
  add_job("a", 10s);
  add_job("b", 10s);
  start();
  pass(10s);
  ASSERT_THAT(running, SizeIs(2));
  jobs[0].is_retired = true;
  feed(jobs_changed{{jobs, tags}, 2, 16});
  for (const auto& r : std::vector{running}) end_run(r.id);
  EXPECT_EQ(row("a", 10s).outcome, run_outcome::success);
  pass(10s);
  EXPECT_EQ(running_jobs(), "b ");
}

TEST_F(policies, a_new_schedule_begins_when_it_is_registered) {
  add_job("a", 10s);
  start();
  pass(25s);
  end_run(running[0].id);
  jobs[0].schedule = std::get<schedule::timetable>(schedule::timetable::from_every({7s}));
  jobs[0].schedule_hash = "7s";
  feed(jobs_changed{{jobs, tags}, 2, 16});
  pass(2s);
  EXPECT_THAT(running, IsEmpty());
  pass(2s);
  ASSERT_THAT(running, SizeIs(1));
  EXPECT_EQ(running[0].run.key.tick, began + 28s);
}

TEST_F(policies, what_is_left_under_a_jobs_former_lock_name_is_taken_up) {
  add_job("a", 10min).policy.retry = {2, 5s, 5s, 1};
  start();
  pass(10min);
  end_run(running[0].id, run_outcome::failure);
  jobs[0].lock_name = "elsewhere";
  feed(jobs_changed{{jobs, tags}, 2, 16});
  pass(7s);
  ASSERT_EQ(running_jobs(), "a ");
  EXPECT_EQ(running[0].run.attempt, 2U);
}

TEST_F(policies, a_dead_run_of_a_job_that_is_for_others_is_resolved_all_the_same) {
  auto& job = add_job("a", 10s);
  job.runs_here = false;
  start();
  pass(16s);  // a lock session declares nothing crashed before it is W old
  const auto other = store.connect(1h);
  const std::vector<std::string> name{"a"};
  ASSERT_TRUE(store.get_locks(other, name));
  ledger::claim_request request;
  request.cluster = opts.cluster;
  request.incarnation = "them";
  request.young_session = 0s;
  request.names.push_back({"a", other, 1h, 1h, std::nullopt, {{"a", {}, began, {began + 10s}, 0, std::nullopt}}});
  testing::memory_store::claim_transaction transaction{store, other, request};
  while (transaction.next() != testing::memory_store::claim_transaction::step::done) transaction.advance();
  ASSERT_EQ(row("a", 10s).state, row_state::running);
  store.disconnect(other);
  pass(10s);
  EXPECT_EQ(row("a", 10s).state, row_state::retry_due) << "for those who know the job, and in no tag's way";
}

TEST_F(policies, a_job_that_another_instance_knows_with_another_schedule_is_told_of_once) {
  add_job("a", 10min);
  start();
  pass(5s);
  const auto other = store.connect(1h);
  const std::vector<ledger::job_registration> theirs{{"a", "a", "another"}};
  ASSERT_TRUE(store.register_jobs(other, opts.cluster, theirs));
  pass(5s);
  ASSERT_THAT(notes<schedule_disagrees>(), SizeIs(1));
  EXPECT_TRUE(notes<schedule_disagrees>()[0].disagrees);
  const std::vector<ledger::job_registration> again{{"a", "a", jobs[0].schedule_hash}};
  ASSERT_TRUE(store.register_jobs(other, opts.cluster, again));
  pass(5s);
  ASSERT_THAT(notes<schedule_disagrees>(), SizeIs(2));
  EXPECT_FALSE(notes<schedule_disagrees>()[1].disagrees);
}

}  // namespace
}  // namespace baton::engine

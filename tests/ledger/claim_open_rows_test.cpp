#include <gtest/gtest.h>

#include "baton/ledger/claim.hpp"
#include "claim_fixture.hpp"

namespace baton::ledger {
namespace {

const job_policy retries{.on_crash = crash_policy::retry};

struct open_row : ::testing::Test {
  open_row() { c.add_job("a", 1h, noon); }
  claim_case c;
};

// ---- whose row is it

TEST_F(open_row, of_our_own_without_a_process_is_claimed_again_as_the_same_attempt) {
  auto& row = c.add_open("a", noon, row_state::running, true);
  row.incarnation = "us";
  row.attempt = 2;
  c.name.held_for = 0s;
  c.name.lock_session_age = 0s;
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "update a 12:00:00 running #2");
  EXPECT_EQ(plan.reply.verdict, name_verdict::claimed);
  EXPECT_GT(plan.reply.run->fence, 41U);
  EXPECT_EQ(plan.updates[0].row.fence, plan.reply.run->fence);
  EXPECT_EQ(plan.updates[0].expected_fence, 41U);
  EXPECT_EQ(plan.updates[0].expected_state, row_state::running);
  EXPECT_EQ(plan.new_fence, plan.reply.run->fence);
}

TEST_F(open_row, that_waits_for_its_trigger_is_left_alone) {
  c.add_open("a", noon, row_state::pending);
  EXPECT_EQ(text(c.decide()), "");
  EXPECT_EQ(c.decide().reply.verdict, name_verdict::nothing_due);
}

TEST_F(open_row, defers_the_due_ticks_until_its_new_attempt_is_over) {
  c.now = noon + 1h;
  c.name.jobs[0].ticks = {noon + 1h};
  c.add_open("a", noon, row_state::running, true).incarnation = "us";
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "update a 12:00:00 running #1");
  EXPECT_TRUE(plan.reply.jobs[0].undecided);
  EXPECT_EQ(plan.reply.jobs[0].decided_until, noon);
}

// ---- how long to wait: W - M + S = 13 s, 2 S = 2 s, W = 15 s

TEST_F(open_row, of_a_dead_owner_waits_twice_the_stop_time) {
  c.add_open("a", noon, row_state::running, false);
  c.name.held_for = 10s;
  c.name.owner_free_for = 1999ms;
  auto plan = c.decide();
  EXPECT_EQ(plan.reply.verdict, name_verdict::unresolved);
  EXPECT_EQ(plan.reply.wait, 1ms);
  EXPECT_TRUE(plan.reply.owner_seen_free);
  EXPECT_FALSE(plan.new_fence);
  c.name.owner_free_for = 2s;
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 finished crashed");
}

TEST_F(open_row, of_an_owner_first_seen_dead_waits_the_whole_of_it) {
  c.add_open("a", noon, row_state::running, false);
  c.name.held_for = 5s;
  c.name.owner_free_for.reset();
  EXPECT_EQ(c.decide().reply.verdict, name_verdict::unresolved);
  c.name.owner_free_for = 2s - 1us;
  EXPECT_EQ(c.decide().reply.wait, 1us);
  c.name.owner_free_for = 2s;
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 finished crashed");
}

TEST_F(open_row, waits_from_the_grant_on_however_long_its_owner_was_dead_before) {
  c.add_open("a", noon, row_state::running, false);
  c.name.held_for = 2s - 1us;
  c.name.owner_free_for = 1h;
  EXPECT_EQ(c.decide().reply.wait, 1us);
  c.name.held_for = 2s;
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 finished crashed");
}

TEST_F(open_row, is_looked_at_again_long_before_the_wait_is_over) {
  c.add_open("a", noon, row_state::running, false);
  c.name.held_for = 0s;
  c.name.lock_session_age = 0s;
  EXPECT_EQ(c.decide().reply.wait, 1s) << "its owner may be back, and close the row itself";
}

TEST_F(open_row, of_a_living_owner_waits_for_its_runners_deadline) {
  c.add_open("a", noon, row_state::running, true);
  c.name.owner_free_for = 1h;  // it was gone, and is back
  c.name.held_for = 13s - 1us;
  EXPECT_EQ(c.decide().reply.verdict, name_verdict::unresolved);
  EXPECT_EQ(c.decide().reply.wait, 1us);
  EXPECT_FALSE(c.decide().reply.owner_seen_free);
  c.name.held_for = 13s;
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 finished crashed");
}

TEST_F(open_row, of_a_living_owner_is_looked_at_again_before_the_wait_is_over) {
  c.add_open("a", noon, row_state::running, true);
  c.name.held_for = 1s;
  EXPECT_EQ(c.decide().reply.wait, 1s);
}

TEST_F(open_row, of_a_dead_owner_waits_like_a_living_one_if_takeover_is_safe) {
  c.request.takeover = takeover_policy::safe;
  c.add_open("a", noon, row_state::running, false);
  c.name.owner_free_for = 1h;
  c.name.held_for = 13s - 1us;
  EXPECT_EQ(c.decide().reply.verdict, name_verdict::unresolved);
  c.name.held_for = 13s;
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 finished crashed");
}

TEST_F(open_row, is_not_declared_crashed_by_a_young_lock_session) {
  c.add_open("a", noon, row_state::running, false);
  c.name.owner_free_for = 1h;
  c.name.lock_session_age = 14s;
  EXPECT_EQ(c.decide().reply.verdict, name_verdict::unresolved);
  EXPECT_EQ(c.decide().reply.wait, 1s);
  c.name.lock_session_age = 15s;
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 finished crashed");
}

TEST_F(open_row, g2_that_is_unresolved_holds_up_everything_under_its_name) {
  c.now = noon + 1h;
  c.name.jobs[0].ticks = {noon + 1h};
  c.name.jobs[0].policy = retries;
  c.add_open("a", noon - 1h, row_state::retry_due);
  c.add_open("a", noon, row_state::running, true);
  c.name.held_for = 0s;
  for (const auto* order : {"the retry first", "the running one first"}) {
    const auto plan = c.decide();
    EXPECT_EQ(text(plan), "") << order;
    EXPECT_TRUE(plan.reply.decisions.empty()) << order;
    EXPECT_FALSE(plan.reply.run) << order;
    EXPECT_FALSE(plan.new_fence) << order;
    EXPECT_EQ(plan.reply.verdict, name_verdict::unresolved) << order;
    std::swap(c.seen.open[0], c.seen.open[1]);
  }
}

TEST_F(open_row, between_attempts_belongs_to_nobody_and_is_not_waited_for) {
  c.add_open("a", noon, row_state::retry_due).outcome = run_outcome::crashed;
  c.name.held_for = 0s;
  c.name.lock_session_age = 0s;
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 finished crashed");
}

// ---- on_crash

TEST_F(open_row, is_closed_as_crashed_by_default) {
  c.add_open("a", noon, row_state::running).started = noon;
  c.name.owner_free_for = 1h;
  const auto plan = c.decide();
  ASSERT_EQ(plan.updates.size(), 1U);
  const auto& row = plan.updates[0].row;
  EXPECT_EQ(row.finished, c.now);
  EXPECT_EQ(row.fence, 41U);  // it stays the crashed attempt's
  EXPECT_EQ(row.incarnation, "them");
  EXPECT_NE(row.error.find("them-1"), std::string::npos);
  EXPECT_EQ(plan.reply.decisions[0].outcome, run_outcome::crashed);
}

TEST_F(open_row, closed_lets_the_due_tick_run_in_the_same_claim) {
  c.now = noon + 1h;
  c.name.jobs[0].ticks = {noon + 1h};
  c.name.jobs[0].next = noon + 2h;
  c.add_open("a", noon, row_state::running);
  c.name.owner_free_for = 1h;
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 finished crashed; insert a 13:00:00 running #1");
}

TEST_F(open_row, is_tried_again_up_to_the_limit) {
  c.name.jobs[0].policy = retries;
  c.name.owner_free_for = 1h;
  auto& row = c.add_open("a", noon, row_state::running);
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 running #2");
  row.attempt = 2;
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 running #3");
  EXPECT_EQ(c.decide().updates[0].row.incarnation, "us");
  row.attempt = 3;
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 finished crashed");
}

TEST_F(open_row, between_attempts_is_taken_up_with_the_next_one) {
  c.name.jobs[0].policy = retries;
  c.add_open("a", noon, row_state::retry_due).attempt = 2;
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 running #3");
  EXPECT_EQ(c.decide().updates[0].expected_state, row_state::retry_due);
}

TEST_F(open_row, that_never_started_runs_as_the_same_attempt_whatever_on_crash_says) {
  auto& row = c.add_open("a", noon, row_state::retry_due);
  row.outcome = run_outcome::cancelled;  // claimed by an instance that was being stopped
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 running #1");
  row.started = noon;
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 finished crashed");
}

TEST_F(open_row, of_a_paused_job_waits_for_its_next_attempt) {
  c.name.jobs[0].policy = retries;
  c.name.owner_free_for = 1h;
  c.pause(0);
  auto& row = c.add_open("a", noon, row_state::running);
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 retry_due crashed");
  row.state = row_state::retry_due;
  EXPECT_EQ(text(c.decide()), "");
  row.outcome = run_outcome::cancelled;  // and has not started
  EXPECT_EQ(text(c.decide()), "");
  row.key.kind = tick_kind::trigger;
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 running #1");
}

TEST_F(open_row, of_an_unknown_job_is_left_to_others_as_a_due_retry) {
  c.now = noon + 1h;
  c.name.jobs[0].ticks = {noon + 1h};
  c.name.jobs[0].next = noon + 2h;
  c.name.owner_free_for = 1h;
  c.add_open("not ours", noon, row_state::running);
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "update not ours 12:00:00 retry_due crashed; insert a 13:00:00 running #1");
  EXPECT_EQ(plan.updates[0].row.fence, 41U);
}

TEST_F(open_row, of_an_unknown_job_that_is_a_due_retry_already_is_not_touched) {
  c.add_open("not ours", noon, row_state::retry_due);
  EXPECT_EQ(text(c.decide()), "");
}

TEST_F(open_row, beside_another_waits_its_turn_with_its_attempts_kept) {
  c.add_job("b", 1h, noon);
  for (auto& job : c.name.jobs) job.policy = retries;
  c.add_open("a", noon, row_state::retry_due);
  c.add_open("b", noon, row_state::retry_due);
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 running #2");
}

TEST_F(open_row, of_our_own_is_never_started_beside_another_run) {
  c.add_job("b", 1h, noon);
  c.name.jobs[0].policy = retries;
  c.add_open("a", noon, row_state::retry_due);
  c.add_open("b", noon, row_state::running, true).incarnation = "us";
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "update a 12:00:00 running #2");
  EXPECT_EQ(plan.reply.run->key.job, "a");
}

TEST_F(open_row, is_waited_for_from_when_the_last_of_the_owners_was_seen_free) {
  c.add_open("a", noon - 1h, row_state::running, true);
  c.add_open("a", noon, row_state::running, false);
  c.name.held_for = 5s;
  EXPECT_FALSE(c.decide().reply.owner_seen_free);
  std::swap(c.seen.open[0], c.seen.open[1]);
  EXPECT_FALSE(c.decide().reply.owner_seen_free);
}

// ---- retries after a failure

/// A job with four attempts, of which the first failed at noon; the second is due ten seconds later.
struct failed_once : claim_case {
  failed_once() {
    auto& job = add_job("a", 1h, noon - 1h);
    job.policy.retry.attempts = 4;
    job.ticks.clear();
    auto& row = add_open("a", noon - 1h, row_state::retry_due);
    row.outcome = run_outcome::failure;
    row.started = noon - 1h;
    row.finished = noon;
    row.retry_at = noon + 10s;
  }
};

TEST(claim_retry, waits_for_its_time_and_takes_the_next_attempt) {
  failed_once c;
  c.now = noon + 10s - 1us;
  const auto early = c.decide();
  EXPECT_EQ(text(early), "");
  EXPECT_EQ(early.reply.verdict, name_verdict::nothing_due);
  c.now = noon + 10s;
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "update a 11:00:00 running #2");
  EXPECT_EQ(plan.updates[0].row.retry_at, std::nullopt);
  EXPECT_GT(plan.reply.run->fence, 41U);
}

TEST(claim_retry, counts_as_a_run_of_its_job_meanwhile) {
  failed_once c;
  c.name.jobs[0].ticks = {noon};
  c.name.jobs[0].next = noon + 1h;
  c.now = noon + 1s;
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 skipped overlap");
  c.add_job("b", 1h, noon - 1h);
  c.name.jobs[1].ticks = {noon};
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 skipped overlap; insert b 12:00:00 running #1") << "of another job it is in nobody's way";
}

TEST(claim_retry, is_for_those_who_know_the_job) {
  failed_once c;
  c.now = noon + 1h;
  c.name.jobs.clear();
  EXPECT_EQ(text(c.decide()), "");
}

TEST(claim_retry, waits_while_its_job_is_paused) {
  failed_once c;
  c.now = noon + 1h;
  c.pause(0);
  EXPECT_EQ(text(c.decide()), "");
}

TEST(claim_retry, is_closed_with_its_failure_when_the_rules_allow_no_more) {
  failed_once c;
  c.now = noon + 1s;
  c.name.jobs[0].policy.retry.attempts = 1;
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "update a 11:00:00 finished failure");
  EXPECT_EQ(plan.updates[0].row.retry_at, std::nullopt);
}

TEST(claim_retry, delays_grow_up_to_a_bound) {
  const retry_policy p{9, 10s, 65s, 2};
  EXPECT_EQ(p.delay(1), 10s);
  EXPECT_EQ(p.delay(2), 20s);
  EXPECT_EQ(p.delay(3), 40s);
  EXPECT_EQ(p.delay(4), 65s);
  EXPECT_EQ(p.delay(1000), 65s);
  EXPECT_EQ((retry_policy{2, 0s, 1s, 2}.delay(50)), 0s);
  EXPECT_EQ((retry_policy{2, 1h, 1s, 2}.delay(1)), 1s);
}

}  // namespace
}  // namespace baton::ledger

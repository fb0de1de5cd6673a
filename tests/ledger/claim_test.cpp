#include "baton/ledger/claim.hpp"

#include <gtest/gtest.h>

#include "claim_fixture.hpp"

namespace baton::ledger {
namespace {

TEST(claim, runs_the_tick_that_is_due) {
  claim_case c;
  c.add_job("a", 1min, noon - 1min);
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "insert a 12:00:00 running #1");
  EXPECT_EQ(plan.reply.verdict, name_verdict::claimed);
  ASSERT_TRUE(plan.reply.run);
  EXPECT_EQ(*plan.reply.run, (claimed_run{{"a", noon, tick_kind::schedule}, "lock", *plan.new_fence, 1, noon, false}));
  EXPECT_EQ(plan.inserts[0].fence, *plan.new_fence);
  EXPECT_EQ(plan.inserts[0].incarnation, "us");
  EXPECT_EQ(plan.inserts[0].claimed, noon);
  EXPECT_EQ(plan.reply.jobs[0].decided_until, noon);
}

TEST(claim, g1_a_tick_that_has_a_row_is_a_duplicate) {
  claim_case c;
  c.add_job("a", 1min, noon - 1min);
  c.add_finished("a", noon, noon, noon + 20ms);
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "");
  EXPECT_EQ(plan.reply.verdict, name_verdict::nothing_due);
  EXPECT_FALSE(plan.new_fence);
  EXPECT_EQ(plan.reply.jobs[0].duplicates, 1U);
  EXPECT_EQ(plan.reply.jobs[0].decided_until, noon);
}

TEST(claim, g1_a_tick_inside_a_range_row_is_a_duplicate) {
  claim_case c;
  c.add_job("a", 1min, noon - 3min);
  auto range = claim_case::row("a", noon - 5min, row_state::missed);
  range.until = noon - 1min;
  c.seen.rows.push_back(range);
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 running #1");
  EXPECT_EQ(c.decide().reply.jobs[0].duplicates, 2U);
}

TEST(claim, g1_is_told_of_a_range_row_to_its_end) {
  // Another instance's clock was ahead, and its range goes further than what we ask for. The next claim reads rows by their beginning.
  claim_case c;
  c.add_job("a", 1min, noon - 2min);
  auto range = claim_case::row("a", noon - 1min, row_state::missed);
  range.until = noon + 1min;
  c.seen.rows.push_back(range);
  EXPECT_EQ(text(c.decide()), "");
  EXPECT_EQ(c.decide().reply.jobs[0].decided_until, noon + 1min);
}

TEST(claim, g1_the_row_of_another_job_is_no_duplicate) {
  claim_case c;
  c.add_job("a", 1min, noon - 1min);
  c.seen.rows.push_back(claim_case::row("b", noon, row_state::skipped));
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 running #1");
}

TEST(claim, g12_a_tick_that_the_stores_clock_has_not_reached_waits) {
  claim_case c;
  c.add_job("a", 1min, noon - 1min).ticks = {noon, noon + 1min};
  c.now = noon - 1us;
  const auto early = c.decide();
  EXPECT_EQ(text(early), "");
  EXPECT_EQ(early.reply.jobs[0].early, (std::vector{noon, noon + 1min}));
  EXPECT_EQ(early.reply.jobs[0].decided_until, noon - 1min);
  c.now = noon;
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 running #1");
}

TEST(claim, ticks_before_effective_since_do_not_exist) {
  claim_case c;
  c.add_job("a", 1min, noon - 5min);
  c.seen.jobs[0].effective_since = noon - 30s;
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 running #1");
  c.seen.jobs[0].effective_since = noon + 1us;
  EXPECT_EQ(text(c.decide()), "");
  EXPECT_EQ(c.decide().reply.jobs[0].decided_until, noon);
}

// ---- skipped

TEST(claim, skips_a_tick_during_which_a_run_of_the_job_was_under_way) {
  claim_case c;
  c.add_job("a", 1min, noon - 1min);
  c.add_finished("a", noon - 1min, noon - 1min, noon + 30s);
  c.now = noon + 31s;
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "insert a 12:00:00 skipped overlap");
  EXPECT_EQ(plan.reply.verdict, name_verdict::nothing_due);
  ASSERT_EQ(plan.reply.decisions.size(), 1U);
  EXPECT_EQ(plan.reply.decisions[0].reason, reason_code::overlap);
}

TEST(claim, a_run_overlaps_from_its_start_until_before_its_end) {
  for (const auto& [started, finished, overlaps] :
       {std::tuple{noon, noon + 1s, true}, {noon + 1us, noon + 1s, false}, {noon - 1min, noon, false}, {noon - 1min, noon + 1us, true}}) {
    claim_case c;
    c.add_job("a", 1min, noon - 1min);
    c.add_finished("a", noon - 1min, started, finished);
    EXPECT_EQ(text(c.decide()), overlaps ? "insert a 12:00:00 skipped overlap" : "insert a 12:00:00 running #1");
  }
}

TEST(claim, a_run_that_never_told_its_start_counts_from_its_claim) {
  claim_case c;
  c.add_job("a", 1min, noon - 1min);
  c.add_finished("a", noon - 1min, noon, noon + 1s).started.reset();
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 skipped overlap");
}

TEST(claim, a_run_with_retries_counts_from_its_tick_on) {
  claim_case c;
  c.add_job("a", 1min, noon - 1min);
  auto& retried = c.add_finished("a", noon - 1min, noon + 10s, noon + 20s);
  retried.attempt = 2;
  c.now = noon + 21s;
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 skipped overlap");
}

TEST(claim, a_run_of_another_job_under_the_name_only_delays) {
  claim_case c;
  c.add_job("a", 1min, noon - 1min);
  c.add_finished("b", noon - 1min, noon - 1min, noon + 30s);
  c.now = noon + 31s;
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 running #1");
}

TEST(claim, nobody_knows_when_a_crashed_run_ended_so_it_skips_nothing) {
  for (const auto outcome : {run_outcome::crashed, run_outcome::lock_lost}) {
    claim_case c;
    c.add_job("a", 1min, noon - 1min);
    c.add_finished("a", noon - 1min, noon - 1min, noon + 30s).outcome = outcome;
    c.now = noon + 31s;
    EXPECT_EQ(text(c.decide()), "insert a 12:00:00 running #1");
  }
}

TEST(claim, skip_is_decided_before_missed) {
  claim_case c;
  c.now = noon + 10min;
  c.add_job("a", 1min, noon - 1min);
  c.add_finished("a", noon - 1min, noon - 1min, noon + 2min + 1s);
  EXPECT_EQ(text(c.decide()),
            "insert a 12:00:00..12:02:00 x3 skipped overlap; insert a 12:03:00..12:09:00 x7 missed over_limit; "
            "insert a 12:10:00 running #1");
}

TEST(claim, a_paused_jobs_gap_is_one_range_row) {
  claim_case c;
  c.now = noon + 3min;
  c.add_job("a", 1min, noon - 1min);
  c.pause(0);
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "insert a 12:00:00..12:03:00 x4 skipped paused");
  EXPECT_EQ(plan.reply.jobs[0].decided_until, noon + 3min);
  EXPECT_EQ(plan.reply.decisions[0].count, 4U);
}

TEST(claim, rows_in_the_middle_of_a_gap_cut_it) {
  claim_case c;
  c.now = noon + 4min;
  c.add_job("a", 1min, noon - 1min);
  c.pause(0);
  c.seen.rows.push_back(claim_case::row("a", noon + 2min, row_state::skipped));
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00..12:01:00 x2 skipped paused; insert a 12:03:00..12:04:00 x2 skipped paused");
}

// ---- late, missed, caught up

TEST(claim, a_late_tick_simply_runs_for_up_to_a_minute) {
  claim_case c;
  c.add_job("a", 1h, noon - 1h);
  c.now = noon + 59'999'999us;
  ASSERT_TRUE(c.decide().reply.run);
  EXPECT_FALSE(c.decide().reply.run->caught_up);
  c.now = noon + 60s;
  ASSERT_TRUE(c.decide().reply.run);
  EXPECT_TRUE(c.decide().reply.run->caught_up);
}

TEST(claim, a_tick_is_missed_once_its_jobs_next_one_is_due) {
  claim_case c;
  c.now = noon + 1s;
  c.add_job("a", 1s, noon - 1s);
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 missed over_limit; insert a 12:00:01 running #1");
  EXPECT_FALSE(c.decide().reply.run->caught_up);
}

TEST(claim, catches_up_the_latest_missed_tick_inside_the_window_only) {
  claim_case c;
  c.add_job("a", 24h, noon - 24h).policy.catch_up_window = 1h;
  c.now = noon + 1h;
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 running #1");
  EXPECT_TRUE(c.decide().reply.run->caught_up);
  c.now = noon + 1h + 1us;
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 missed outside_window");
  EXPECT_EQ(c.decide().reply.verdict, name_verdict::nothing_due);
}

TEST(claim, says_of_each_missed_tick_whether_it_was_too_old_or_too_many) {
  claim_case c;
  c.now = noon + 3h;
  c.add_job("a", 30min, noon - 30min).policy.catch_up_window = 1h;
  EXPECT_EQ(text(c.decide()),
            "insert a 12:00:00..13:30:00 x4 missed outside_window; insert a 14:00:00..14:30:00 x2 missed over_limit; "
            "insert a 15:00:00 running #1");
}

TEST(claim, without_catching_up_runs_what_is_late_and_nothing_that_is_missed) {
  claim_case c;
  c.now = noon + 59s;
  auto& job = c.add_job("a", 1h, noon - 2h);
  job.policy.catch_up = catch_up_policy::none;
  EXPECT_EQ(text(c.decide()), "insert a 11:00:00 missed no_catch_up; insert a 12:00:00 running #1");
  c.now = noon + 60s;
  EXPECT_EQ(text(c.decide()), "insert a 11:00:00..12:00:00 x2 missed no_catch_up");
}

TEST(claim, catches_up_all_that_window_and_limit_allow_the_oldest_first) {
  claim_case c;
  c.now = noon + 2h;
  auto& job = c.add_job("a", 10min, noon - 1h);
  job.policy.catch_up = catch_up_policy::all;
  job.policy.catch_up_window = 100min;  // from 12:20 on
  job.policy.catch_up_limit = 4;
  EXPECT_EQ(text(c.decide()),
            "insert a 11:10:00..12:10:00 x7 missed outside_window; insert a 12:20:00..13:20:00 x7 missed over_limit; "
            "insert a 13:30:00 running #1");
  job.decided_until = noon + 90min;
  std::erase_if(job.ticks, [](const due_tick& t) { return t.tick <= noon + 90min; });
  const auto next = c.decide();
  EXPECT_EQ(text(next), "insert a 13:40:00 running #1");
  EXPECT_TRUE(next.reply.run->caught_up);
  for (auto& t : job.ticks) t.excluded = t.tick != noon + 2h;
  EXPECT_EQ(text(c.decide()), "insert a 13:40:00..13:50:00 x2 skipped calendar; insert a 14:00:00 running #1");
}

TEST(claim, counts_what_was_left_out_of_a_batch_towards_the_limit) {
  claim_case c;
  c.now = noon + 5min;
  auto& job = c.add_job("a", 1min, noon - 1min);
  job.policy.catch_up = catch_up_policy::all;
  job.policy.catch_up_limit = 3;
  job.ticks = {noon, noon + 1min, noon + 2min, noon + 3min};
  job.next = noon + 4min;
  job.beyond = 1;
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00..12:01:00 x2 missed over_limit; insert a 12:02:00 running #1");
  job.beyond = 3;
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00..12:03:00 x4 missed over_limit");
}

TEST(claim, counts_the_next_tick_towards_the_limit_when_it_came_due_on_the_way_to_the_store) {
  claim_case c;
  c.now = noon + 1min + 1s;
  auto& job = c.add_job("a", 1min, noon - 1min);
  job.policy.catch_up = catch_up_policy::all;
  job.policy.catch_up_limit = 1;
  job.ticks = {noon};
  job.next = noon + 1min;
  job.beyond = 0;
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 missed over_limit");
}

TEST(claim, a_tick_that_came_due_while_an_older_one_was_caught_up_is_skipped) {
  claim_case c;
  c.now = noon + 2min;
  auto& job = c.add_job("a", 1min, noon);
  job.policy.catch_up = catch_up_policy::all;
  EXPECT_GE(look_back(job), 100U);
  c.add_finished("a", noon - 10min, noon + 30s, noon + 90s);
  EXPECT_EQ(text(c.decide()), "insert a 12:01:00 skipped overlap; insert a 12:02:00 running #1");
  job.policy.catch_up = catch_up_policy::latest;
  EXPECT_EQ(look_back(job), 0U);
}

TEST(claim, while_ticks_are_left_out_none_is_the_latest) {
  claim_case c;
  c.now = noon + 2min;
  auto& job = c.add_job("a", 1min, noon - 1min);
  job.ticks = {noon, noon + 1min};
  job.next = noon + 2min;
  job.beyond = 1;
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00..12:01:00 x2 missed over_limit");
}

TEST(claim, the_last_tick_of_a_schedule_has_no_next_one) {
  claim_case c;
  c.add_job("a", 1h, noon - 1h).next.reset();
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 running #1");
}

// ---- calendars and jitter

TEST(claim, skips_what_a_calendar_excludes_and_says_so) {
  claim_case c;
  c.now = noon + 2h;
  auto& job = c.add_job("a", 1h, noon - 1h);
  job.policy.catch_up_window = 10h;
  for (auto& t : job.ticks) t.excluded = t.tick != noon;
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 running #1") << "no tick that runs has come since";
  c.pause(0);
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 skipped paused; insert a 13:00:00..14:00:00 x2 skipped calendar");
}

TEST(claim, a_tick_is_missed_when_the_next_that_runs_is_due_and_not_before) {
  claim_case c;
  c.now = noon + 30s;
  auto& job = c.add_job("a", 10s, noon - 10s);
  for (auto& t : job.ticks) t.excluded = t.tick != noon;
  job.next = noon + 1h;
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "insert a 12:00:00 running #1");
  EXPECT_FALSE(plan.reply.run->caught_up);
}

TEST(claim, with_jitter_all_counts_from_when_a_tick_is_due) {
  claim_case c;
  auto& job = c.add_job("a", 1min, noon - 1min);
  job.ticks = {{noon, noon + 50s, false}};
  job.next = noon + 70s;
  c.now = noon + 49s;
  const auto early = c.decide();
  EXPECT_EQ(text(early), "");
  EXPECT_EQ(early.reply.jobs[0].early, std::vector{noon + 50s});
  c.now = noon + 69s;  // its next tick's time has come, but that one is not due yet
  const auto late = c.decide();
  EXPECT_EQ(text(late), "insert a 12:00:00 running #1");
  EXPECT_FALSE(late.reply.run->caught_up);
  c.now = noon + 71s;
  job.policy.catch_up_window = 20s;
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 missed outside_window");
  c.add_finished("a", noon - 1min, noon - 50s, noon + 40s);
  c.now = noon + 50s;
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 running #1") << "the run before was over when this one was due";
}

// ---- several jobs under one name

TEST(claim, runs_the_oldest_tick_of_all_jobs_of_a_name) {
  claim_case c;
  c.add_job("young", 1h, noon - 1h);
  c.now = noon + 5s;
  auto& old = c.add_job("old", 1h, noon - 1h - 5s);
  old.ticks = {noon - 5s};
  old.next = noon + 1h;
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "insert old 11:59:55 running #1");
  ASSERT_EQ(plan.reply.jobs.size(), 2U);
  EXPECT_TRUE(plan.reply.jobs[0].undecided);
  EXPECT_EQ(plan.reply.jobs[0].decided_until, noon - 1h);
  EXPECT_FALSE(plan.reply.jobs[1].undecided);
}

TEST(claim, what_a_name_does_not_run_it_still_decides) {
  claim_case c;
  c.now = noon + 2s;
  c.add_job("a", 1h, noon - 1h);
  c.add_job("b", 1s, noon - 1s);
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "insert b 12:00:00..12:00:01 x2 missed over_limit; insert a 12:00:00 running #1");
  EXPECT_EQ(plan.reply.jobs[1].decided_until, noon + 1s);
  EXPECT_TRUE(plan.reply.jobs[1].undecided);
}

// ---- fences

TEST(claim, g8_a_fence_is_above_the_last_one_and_not_below_the_time) {
  claim_case c;
  c.add_job("a", 1min, noon - 1min);
  const auto floor = static_cast<std::uint64_t>(noon.time_since_epoch().count());
  EXPECT_EQ(c.decide().new_fence, floor);  // so that a lost commit cannot bring an old number back
  c.seen.fence = floor - 1;
  EXPECT_EQ(c.decide().new_fence, floor);
  c.seen.fence = floor;
  EXPECT_EQ(c.decide().new_fence, floor + 1);
  c.seen.fence = floor + 1000;  // the clock was ahead once
  EXPECT_EQ(c.decide().new_fence, floor + 1001);
  c.now = wall_time{-5s};  // a store whose clock is not set
  c.seen.fence = 3;
  c.name.jobs[0].ticks = {wall_time{-6s}};
  c.seen.jobs[0].effective_since = wall_time::min();
  EXPECT_EQ(c.decide().new_fence, 4U);
}

}  // namespace
}  // namespace baton::ledger

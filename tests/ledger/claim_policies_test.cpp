#include <gtest/gtest.h>

#include "baton/ledger/claim.hpp"
#include "claim_fixture.hpp"

namespace baton::ledger {
namespace {

// ---- overlap: ticks that come while a run is under way

/// A job with a tick a minute whose run of 12:00 took until 12:03:30.
struct long_run : claim_case {
  explicit long_run(job_policy policy) {
    now = noon + 3min + 30s;
    auto& job = add_job("a", 1min, noon, std::move(policy));
    job.decided_until = noon;
    add_finished("a", noon, noon, now);
  }
};

TEST(claim_overlap, queue_one_lets_the_first_wait_and_skips_the_others) {
  const long_run c{{.overlap = overlap_policy::queue_one}};
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "insert a 12:01:00 running #1");
  EXPECT_FALSE(plan.reply.run->caught_up) << "it waited in a queue, it was not missed";
}

TEST(claim_overlap, queue_one_is_full_while_one_waits) {
  long_run c{{.overlap = overlap_policy::queue_one}};
  // What had waited has run, until 12:03:45; 12:02 and 12:03 came while it waited.
  auto& waited = c.add_finished("a", noon + 1min, c.now, c.now + 15s);
  waited.claimed = c.now;
  c.name.jobs[0].decided_until = noon + 1min;
  c.name.jobs[0].ticks.erase(c.name.jobs[0].ticks.begin());
  c.now += 15s;
  EXPECT_EQ(text(c.decide()), "insert a 12:02:00..12:03:00 x2 skipped queue_full");
}

TEST(claim_overlap, queue_all_runs_one_after_the_other_up_to_its_limit) {
  long_run c{{.overlap = overlap_policy::queue_all, .queue_limit = 2}};
  EXPECT_EQ(text(c.decide()), "insert a 12:01:00 running #1");
  auto& first = c.add_finished("a", noon + 1min, c.now, c.now + 5s);
  first.claimed = c.now;
  c.now += 5s;
  c.name.jobs[0].ticks.erase(c.name.jobs[0].ticks.begin());
  EXPECT_EQ(text(c.decide()), "insert a 12:02:00 running #1");
  auto& second = c.add_finished("a", noon + 2min, c.now, c.now + 5s);
  second.claimed = c.now;
  c.now += 5s;
  c.name.jobs[0].ticks.erase(c.name.jobs[0].ticks.begin());
  EXPECT_EQ(text(c.decide()), "insert a 12:03:00 skipped queue_full") << "two were waiting when it came";
}

/// As long_run, with a lock name for each run.
struct runs_side_by_side : long_run {
  explicit runs_side_by_side(job_policy policy = {.overlap = overlap_policy::allow}) : long_run(std::move(policy)) {
    name.jobs[0].run_name = [](const tick_key& run) { return "run " + to_rfc3339(run.tick).substr(11, 8); };
  }
};

TEST(claim_overlap, allow_asks_for_each_tick_under_a_name_of_its_own) {
  runs_side_by_side c{{.overlap = overlap_policy::allow, .catch_up = catch_up_policy::all}};
  const auto plan = c.decide();
  EXPECT_FALSE(plan.reply.run);
  EXPECT_EQ(plan.reply.verdict, name_verdict::nothing_due);
  EXPECT_EQ(plan.reply.jobs[0].decided_until, noon + 3min);
  const std::vector<std::string> names{"run 12:01:00", "run 12:02:00", "run 12:03:00"};
  EXPECT_EQ(plan.new_names, names);
  ASSERT_EQ(plan.followers.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(plan.followers[i].state, row_state::pending);
    EXPECT_EQ(plan.followers[i].lock_name, names[i]);
    EXPECT_EQ(plan.reply.asked[i].key, plan.followers[i].key);
  }
  EXPECT_TRUE(plan.writes());
}

TEST(claim_overlap, allow_misses_and_pauses_as_any_other) {
  runs_side_by_side c;
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "insert a 12:01:00..12:02:00 x2 missed over_limit");
  ASSERT_EQ(plan.reply.asked.size(), 1U);
  EXPECT_EQ(plan.reply.asked[0].lock_name, "run 12:03:00");
  c.pause(0);
  EXPECT_EQ(text(c.decide()), "insert a 12:01:00..12:03:00 x3 skipped paused");
  EXPECT_TRUE(c.decide().new_names.empty());
}

TEST(claim_overlap, allow_runs_no_tick_early_by_the_clock_of_another_server) {
  runs_side_by_side c;
  c.name.jobs[0].ticks.clear();
  auto& asked = c.add_open("a", noon + 4min, row_state::pending);
  asked.requested = noon + 4min;
  c.name.lock_name = asked.lock_name = "run 12:04:00";
  EXPECT_EQ(c.decide().reply.verdict, name_verdict::held_back);
  c.now = noon + 4min;
  EXPECT_EQ(c.decide().reply.verdict, name_verdict::claimed);
}

TEST(claim_overlap, allow_runs_no_tick_that_waited_when_its_job_was_paused) {
  runs_side_by_side c;
  c.name.jobs[0].ticks.clear();
  auto& asked = c.add_open("a", noon, row_state::pending);
  asked.requested = noon;
  c.name.lock_name = asked.lock_name = "run 12:00:00";
  c.pause(0);
  EXPECT_EQ(text(c.decide()), "");
  EXPECT_EQ(c.decide().reply.verdict, name_verdict::nothing_due);
  c.seen.jobs[0].standing.stopped = reason_code::none;
  EXPECT_EQ(c.decide().reply.verdict, name_verdict::claimed);
}

TEST(claim_overlap, allow_moves_a_trigger_to_a_name_of_its_own) {
  runs_side_by_side c;
  c.name.jobs[0].ticks.clear();
  c.seen.rows.clear();
  auto& asked = c.add_open("a", noon + 17s, row_state::pending);
  asked.key.kind = tick_kind::trigger;
  asked.requested = noon + 17s;
  const auto plan = c.decide();
  EXPECT_FALSE(plan.reply.run);
  ASSERT_EQ(plan.updates.size(), 1U);
  EXPECT_EQ(plan.updates[0].row.lock_name, "run 12:00:17");
  EXPECT_EQ(plan.updates[0].row.state, row_state::pending);
  EXPECT_EQ(plan.new_names, std::vector<std::string>{"run 12:00:17"});
  // And there it runs.
  c.name.lock_name = asked.lock_name = "run 12:00:17";
  const auto own = c.decide();
  ASSERT_TRUE(own.reply.run);
  EXPECT_EQ(own.reply.run->key, asked.key);
  EXPECT_TRUE(own.new_names.empty());
}

TEST(claim_overlap, what_has_waited_too_long_after_its_turn_is_missed) {
  long_run c{{.overlap = overlap_policy::queue_all, .catch_up = catch_up_policy::none}};
  c.now += 59s;
  EXPECT_EQ(text(c.decide()), "insert a 12:01:00 running #1");
  c.now += 1s;
  EXPECT_EQ(text(c.decide()), "insert a 12:01:00..12:03:00 x3 missed no_catch_up");
}

TEST(claim_overlap, cancel_running_runs_the_newest_and_skips_what_it_overtook) {
  const long_run c{{.overlap = overlap_policy::cancel_running}};
  EXPECT_EQ(text(c.decide()), "insert a 12:01:00..12:02:00 x2 skipped overlap; insert a 12:03:00 running #1");
}

TEST(claim_overlap, a_queued_tick_waits_for_the_last_attempt_too) {
  claim_case c;
  c.now = noon + 70s;
  c.add_job("a", 1min, noon, {.overlap = overlap_policy::queue_one, .retry = {.attempts = 3}});
  auto& row = c.add_open("a", noon, row_state::retry_due);
  row.retry_at = noon + 5min;
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "");
  EXPECT_EQ(plan.reply.verdict, name_verdict::held_back);
}

TEST(claim_overlap, a_run_with_two_attempts_is_no_evidence_of_having_waited) {
  claim_case c;
  c.now = noon + 18min;
  c.add_job("a", 10min, noon, {.overlap = overlap_policy::queue_one, .retry = {.attempts = 2}});
  auto& row = c.add_finished("a", noon, noon + 15min, c.now);
  row.attempt = 2;
  row.claimed = noon + 15min;
  EXPECT_EQ(text(c.decide()), "insert a 12:10:00 running #1");
}

TEST(claim_overlap, cancel_running_ends_a_run_that_waits_for_another_attempt) {
  claim_case c;
  c.now = noon + 10min;
  c.add_job("a", 10min, noon, {.overlap = overlap_policy::cancel_running, .retry = {.attempts = 3}});
  auto& row = c.add_open("a", noon, row_state::retry_due);
  row.retry_at = noon + 1h;
  EXPECT_EQ(text(c.decide()), "update a 12:00:00 finished cancelled; insert a 12:10:00 running #1");
}

TEST(claim_overlap, a_triggers_retry_stands_in_no_ticks_way_and_waits_for_no_resume) {
  claim_case c;
  c.add_job("a", 1h, noon - 1h, {.retry = {.attempts = 3}});
  auto& row = c.add_open("a", noon - 5h, row_state::retry_due);
  row.key.kind = tick_kind::trigger;
  row.retry_at = noon + 1min;
  EXPECT_EQ(text(c.decide()), "insert a 12:00:00 running #1");
  c.pause(0);
  c.now = noon + 1min;
  EXPECT_EQ(text(c.decide()), "update a 07:00:00 running #2");
}

// ---- pauses are intervals

TEST(claim_pause, skips_what_was_due_in_it_whenever_that_is_decided) {
  claim_case c;
  c.now = noon + 5min;
  c.add_job("a", 1min, noon);
  c.pause(0, noon + 90s);
  c.seen.jobs[0].standing.paused = false;
  c.seen.jobs[0].standing.settle(noon + 4min);
  EXPECT_EQ(text(c.decide()),
            "insert a 12:01:00 missed over_limit; insert a 12:02:00..12:03:00 x2 skipped paused; insert a 12:04:00 missed over_limit; "
            "insert a 12:05:00 running #1");
}

TEST(claim_pause, of_a_disabled_job_says_so) {
  claim_case c;
  c.now = noon + 1min;
  c.add_job("a", 1min, noon);
  c.seen.jobs[0].standing.configured = job_setting::disabled;
  c.seen.jobs[0].standing.paused = false;
  c.seen.jobs[0].standing.settle(noon);
  EXPECT_EQ(text(c.decide()), "insert a 12:01:00 skipped disabled") << "nobody resumes what the configuration disables";
}

TEST(job_standing, a_command_overrides_the_configuration) {
  job_standing s{.configured = job_setting::paused};
  s.settle(noon);
  EXPECT_EQ(s.stopped, reason_code::paused);
  s.paused = false;
  s.settle(noon + 1h);
  EXPECT_EQ(s.stopped, reason_code::none);
  EXPECT_EQ(s.reason_at(noon + 59min), reason_code::paused);
  EXPECT_EQ(s.reason_at(noon + 1h), reason_code::none);
  s.configured = job_setting::runs;
  s.paused = true;
  s.settle(noon + 2h);
  EXPECT_EQ(s.reason_at(noon + 30min), reason_code::none) << "an older pause was decided long ago";
  EXPECT_EQ(s.reason_at(noon + 3h), reason_code::paused);
}

TEST(job_standing, a_pause_soon_after_another_is_the_same_one) {
  job_standing s{.paused = true};
  s.settle(noon);
  s.paused = false;
  s.settle(noon + 1h);
  s.paused = true;
  s.settle(noon + 1h + 5s);
  EXPECT_EQ(s.reason_at(noon + 30min), reason_code::paused) << "what was due in the first may be undecided";
}

// ---- what was asked for

struct asked_for : claim_case {
  tick_row& add_pending(const std::string& job, wall_time tick, tick_kind kind, wall_time requested) {
    auto& row = add_open(job, tick, row_state::pending);
    row.key.kind = kind;
    row.attempt = 0;
    row.claimed.reset();
    row.requested = requested;
    row.incarnation.clear();
    return row;
  }
};

TEST(claim_pending, runs_what_somebody_asked_for) {
  asked_for c;
  c.add_job("a", 1h, noon);
  auto& row = c.add_pending("a", noon - 5h, tick_kind::trigger, noon);
  row.parameters = R"({"day":"monday"})";
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "update a 07:00:00 running #1");
  EXPECT_EQ(plan.reply.run->parameters, row.parameters);
  EXPECT_EQ(plan.updates[0].expected_state, row_state::pending);
  EXPECT_FALSE(plan.reply.more);
}

TEST(claim_pending, takes_turns_with_ticks_by_how_long_they_wait) {
  asked_for c;
  c.now = noon + 10s;
  c.add_job("a", 1h, noon - 1h);
  c.add_pending("a", noon - 5h, tick_kind::trigger, noon + 1s);
  auto plan = c.decide();
  EXPECT_EQ(text(plan), "insert a 12:00:00 running #1");
  EXPECT_TRUE(plan.reply.more);
  c.seen.open[0].row.requested = noon - 1s;
  EXPECT_EQ(text(c.decide()), "update a 07:00:00 running #1");
}

TEST(claim_pending, a_trigger_runs_while_its_job_is_paused_and_a_follower_does_not) {
  asked_for c;
  c.add_job("a", 1h, noon);
  c.pause(0);
  c.add_pending("a", noon - 1h, tick_kind::after, noon - 1s);
  c.add_pending("a", noon - 2h, tick_kind::trigger, noon);
  EXPECT_EQ(text(c.decide()), "update a 11:00:00 skipped paused; update a 10:00:00 running #1");
}

TEST(claim_pending, of_a_job_that_is_not_known_here_waits) {
  asked_for c;
  c.add_job("b", 1h, noon);
  c.add_pending("a", noon, tick_kind::trigger, noon);
  EXPECT_EQ(text(c.decide()), "");
}

TEST(claim_cancel, closes_a_run_between_two_attempts) {
  asked_for c;
  c.add_job("a", 1h, noon, {.retry = {.attempts = 3}, .followers = {{"b", "lock-b", follower::when::any}}});
  auto& row = c.add_open("a", noon - 1h, row_state::retry_due);
  row.retry_at = noon + 1h;
  row.cancel = true;
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "update a 11:00:00 finished cancelled");
  EXPECT_EQ(plan.followers.size(), 1U);
}

TEST(claim_cancel, allows_no_attempt_after_a_crash) {
  asked_for c;
  c.add_job("a", 1h, noon, {.on_crash = crash_policy::retry});
  c.add_open("a", noon - 1h, row_state::running).cancel = true;
  EXPECT_EQ(text(c.decide()), "update a 11:00:00 finished crashed");
}

// ---- chains

TEST(claim_followers, are_asked_for_when_a_crashed_run_is_given_up) {
  claim_case c;
  c.add_job("a", 1h, noon,
            {.followers = {{"on-success", "s"}, {"on-failure", "f", follower::when::failure}, {"always", "x", follower::when::any}}});
  c.add_open("a", noon - 1h, row_state::running);
  const auto plan = c.decide();
  ASSERT_EQ(plan.followers.size(), 2U);
  EXPECT_EQ(plan.followers[0].key, (tick_key{"on-failure", noon - 1h, tick_kind::after}));
  EXPECT_EQ(plan.followers[0].lock_name, "f");
  EXPECT_EQ(plan.followers[0].state, row_state::pending);
  EXPECT_EQ(plan.followers[1].key.job, "always");
}

TEST(claim_followers, are_not_asked_for_while_an_attempt_is_to_come) {
  claim_case c;
  c.add_job("a", 1h, noon, {.on_crash = crash_policy::retry, .followers = {{"b", "b", follower::when::any}}});
  c.add_open("a", noon - 1h, row_state::running);
  EXPECT_TRUE(c.decide().followers.empty());
}

// ---- tags

TEST(claim_tags, hold_a_run_back_when_as_many_are_under_way_as_may) {
  claim_case c;
  c.add_job("a", 1h, noon - 1h).tags = {0};
  c.room = {0};
  const auto plan = c.decide();
  EXPECT_EQ(text(plan), "");
  EXPECT_EQ(plan.reply.verdict, name_verdict::held_back);
}

TEST(claim_tags, are_counted_down_by_each_run_of_a_batch) {
  claim_case c;
  c.add_job("a", 1h, noon - 1h).tags = {1};
  tag_room room{0, 1};
  EXPECT_EQ(text(ledger::decide(c.request, c.name, c.seen, c.now, room)), "insert a 12:00:00 running #1");
  EXPECT_EQ(room, (tag_room{0, 0}));
}

TEST(claim_tags, a_crashed_run_keeps_its_place_for_its_next_attempt) {
  claim_case c;
  c.add_job("a", 1h, noon, {.on_crash = crash_policy::retry}).tags = {0};
  c.add_open("a", noon - 1h, row_state::running);
  c.room = {0};
  EXPECT_EQ(text(c.decide()), "update a 11:00:00 running #2");
}

TEST(claim_tags, of_one_job_do_not_hold_back_another_under_its_name) {
  claim_case c;
  c.add_job("a", 1h, noon - 2h).tags = {0};
  c.add_job("b", 1h, noon - 1h);
  c.room = {0};
  EXPECT_EQ(c.decide().reply.run->key.job, "b");
}

TEST(claim_tags, a_run_that_was_claimed_and_never_started_needs_a_place_too) {
  claim_case c;
  c.add_job("a", 1h, noon).tags = {0};
  auto& row = c.add_open("a", noon - 1h, row_state::retry_due);
  row.outcome = run_outcome::cancelled;
  row.started.reset();
  tag_room room{0};
  EXPECT_EQ(ledger::decide(c.request, c.name, c.seen, c.now, room).reply.verdict, name_verdict::held_back);
  EXPECT_EQ(room, (tag_room{0}));
  room = {1};
  EXPECT_EQ(text(ledger::decide(c.request, c.name, c.seen, c.now, room)), "update a 11:00:00 running #1");
  EXPECT_EQ(room, (tag_room{0}));
}

// ---- purged rows

TEST(claim_low_water, what_was_purged_never_runs_again) {
  claim_case c;
  c.now = noon + 2min;
  c.add_job("a", 1min, noon - 1min);
  c.seen.jobs[0].low_water = noon + 1min;
  EXPECT_EQ(text(c.decide()), "insert a 12:02:00 running #1");
}

}  // namespace
}  // namespace baton::ledger

#include "story.hpp"

#include <gmock/gmock.h>

namespace baton::program {
namespace {

using ledger::reason_code;
using ledger::row_state;
using ledger::run_outcome;
using ledger::tick_kind;
using ledger::tick_row;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const wall_time two = *from_rfc3339("2026-11-26T02:00:00Z");

/// A nightly job, asked about on the morning after.
class story : public ::testing::Test {
 protected:
  story() {
    facts.job = "nightly";
    facts.tick = two;
    facts.schedule = std::get<schedule::timetable>(schedule::timetable::from_cron("0 2 * * *"));
    facts.record.emplace();
    facts.record->job = "nightly";
    facts.record->effective_since = two - hours{24 * 30};
    facts.now = two + hours{6};
  }
  tick_row& row(row_state state, tick_kind kind = tick_kind::schedule) {
    auto& r = facts.rows.emplace_back();
    r.key = {"nightly", two, kind};
    r.state = state;
    r.lock_name = "baton:c:nightly";
    return r;
  }
  tick_row& ran(run_outcome outcome) {
    auto& r = row(row_state::finished);
    r.outcome = outcome;
    r.attempt = 1;
    r.instance = "east-1";
    r.claimed = r.started = two + milliseconds{20};
    r.finished = two + minutes{3};
    return r;
  }
  std::string told() {
    std::string all;
    for (const auto& sentence : story_of(facts)) all += sentence + "\n";
    return all;
  }

  tick_facts facts;
};

TEST_F(story, of_a_run_tells_where_when_and_how_it_ended) {
  ran(run_outcome::success);
  EXPECT_EQ(told(),
            "It ran: attempt 1 on east-1 began at 2026-11-26T02:00:00.02Z and ended well at 2026-11-26T02:03:00Z, after 179.98s.\n"
            "Its next tick is 2026-11-27T02:00:00+00:00.\n");
}

TEST_F(story, of_a_failure_tells_the_error_and_of_a_late_run_how_late_it_was) {
  auto& r = ran(run_outcome::failure);
  r.started = two + minutes{1};
  r.error = "exit code 3";
  EXPECT_THAT(told(), AllOf(HasSubstr("and failed at"), HasSubstr("That was 1m after it was due."), HasSubstr("The error: exit code 3")));
}

TEST_F(story, tells_every_way_in_which_a_run_ends) {
  for (const auto& [outcome, words] : std::vector<std::pair<run_outcome, std::string>>{{run_outcome::timeout, "longer than its timeout"},
                                                                                       {run_outcome::cancelled, "was cancelled"},
                                                                                       {run_outcome::crashed, "crashed"},
                                                                                       {run_outcome::lock_lost, "lost the job's lock"}}) {
    facts.rows.clear();
    ran(outcome);
    EXPECT_THAT(told(), HasSubstr(words));
  }
  facts.rows.clear();
  auto& never = row(row_state::finished, tick_kind::trigger);
  never.outcome = run_outcome::cancelled;
  EXPECT_THAT(told(), HasSubstr("It was cancelled before it began"));
}

TEST_F(story, of_several_attempts_says_that_the_last_one_is_kept) {
  ran(run_outcome::success).attempt = 3;
  EXPECT_THAT(told(), AllOf(HasSubstr("attempt 3 on east-1"), HasSubstr("Of its 3 attempts the ledger keeps the last.")));
}

TEST_F(story, of_a_run_under_way_and_of_one_between_attempts) {
  auto& r = ran(run_outcome::failure);
  r.state = row_state::running;
  r.cancel = true;
  EXPECT_THAT(told(), AllOf(HasSubstr("It is under way: attempt 1 on east-1"), HasSubstr("Its end has been asked for.")));
  r.state = row_state::retry_due;
  r.retry_at = two + minutes{9};
  EXPECT_THAT(told(), AllOf(HasSubstr("attempt 1 on east-1 failed"), HasSubstr("The next attempt is due at 2026-11-26T02:09:00Z.")));
  r.retry_at.reset();
  EXPECT_THAT(told(), HasSubstr("on_crash"));
}

TEST_F(story, of_skipped_ticks_tells_why) {
  for (const auto& [reason, words] : std::vector<std::pair<reason_code, std::string>>{{reason_code::overlap, "overlap: skip"},
                                                                                      {reason_code::paused, "the job was paused"},
                                                                                      {reason_code::calendar, "not_on"},
                                                                                      {reason_code::queue_full, "queue_limit"},
                                                                                      {reason_code::disabled, "enabled: false"}}) {
    facts.rows.clear();
    row(row_state::skipped).reason = reason;
    EXPECT_THAT(told(), AllOf(HasSubstr("It was skipped: "), HasSubstr(words)));
  }
}

TEST_F(story, of_missed_ticks_tells_why_and_how_many_they_were) {
  for (const auto& [reason, words] : std::vector<std::pair<reason_code, std::string>>{{reason_code::no_catch_up, "policy: none"},
                                                                                      {reason_code::outside_window, "catch_up.window"},
                                                                                      {reason_code::over_limit, "catch_up.limit"}}) {
    facts.rows.clear();
    auto& r = row(row_state::missed);
    r.reason = reason;
    r.until = two + hours{48};
    r.count = 3;
    EXPECT_THAT(told(),
                AllOf(HasSubstr("With 3 ticks from 2026-11-26T02:00:00Z to 2026-11-28T02:00:00Z it was missed: "), HasSubstr(words)));
  }
}

TEST_F(story, of_a_trigger_tells_what_it_was_given_and_what_it_waits_for) {
  facts.tick = two + seconds{7};
  auto& r = row(row_state::pending, tick_kind::trigger);
  r.requested = two + seconds{7};
  r.parameters = R"({"day":"monday"})";
  facts.busy = tick_row{};
  facts.busy->key = {"other", two, tick_kind::schedule};
  facts.busy->instance = "west-2";
  const auto text = told();
  EXPECT_THAT(text, AllOf(HasSubstr("triggered by command at 2026-11-26T02:00:07Z"), HasSubstr(R"({"day":"monday"})"),
                          HasSubstr("waits for a free slot and for the lock baton:c:nightly"),
                          HasSubstr("held for other@2026-11-26T02:00:00Z, which west-2 runs")));
  EXPECT_THAT(text, Not(HasSubstr("is no tick"))) << "it need not be one";
}

TEST_F(story, of_a_tick_to_come_tells_when_and_whether_calendars_exclude_it) {
  facts.now = two - minutes{90};
  EXPECT_THAT(told(), HasSubstr("It is not due yet: it will be in 90m, at 2026-11-26T02:00:00+00:00."));
  using namespace std::chrono;
  const auto days = std::make_shared<const schedule::calendar>(
      "c", std::vector<schedule::calendar::range>{{sys_days{2026y / 11 / 26}, sys_days{2026y / 11 / 26}}});
  facts.schedule = facts.schedule->refined({.days = {{days}, {}}});
  EXPECT_THAT(told(), HasSubstr("It will be skipped"));
}

TEST_F(story, of_what_is_no_tick_names_the_neighbours) {
  facts.tick = two + hours{1};
  EXPECT_THAT(told(), AllOf(HasSubstr("is no tick of the schedule `0 2 * * *` (UTC)"), HasSubstr("before is 2026-11-26T02:00:00+00:00"),
                            HasSubstr("after 2026-11-27T02:00:00+00:00")));
}

TEST_F(story, of_ticks_before_the_ledger_knew_the_schedule_and_of_purged_ones) {
  facts.record->effective_since = two + seconds{1};
  EXPECT_THAT(told(), HasSubstr("Ticks before 2026-11-26T02:00:01Z do not exist for the ledger"));
  facts.record->effective_since = two - hours{1};
  facts.record->low_water = two;
  EXPECT_THAT(told(), HasSubstr("have been purged (history.keep)"));
}

TEST_F(story, of_an_undecided_tick_says_what_it_waits_for) {
  EXPECT_THAT(told(), AllOf(HasSubstr("nobody has decided about it yet"), HasSubstr("baton instances")));
  facts.busy = tick_row{};
  facts.busy->key = {"nightly", two - hours{24}, tick_kind::schedule};
  EXPECT_THAT(told(), HasSubstr("It is decided when nightly@2026-11-25T02:00:00Z has ended"));
  facts.record->standing.stopped = facts.record->standing.last_stopped = reason_code::paused;
  facts.record->standing.stopped_from = two - hours{1};
  EXPECT_THAT(told(), AllOf(HasSubstr("It will be recorded as skipped: the job was paused."),
                            HasSubstr("The job is paused since 2026-11-26T01:00:00Z.")));
}

TEST_F(story, of_a_job_that_nobody_registered_and_of_one_without_a_schedule) {
  facts.record.reset();
  EXPECT_THAT(told(), HasSubstr("No instance has registered the job"));
  facts.record.emplace();
  facts.schedule.reset();
  EXPECT_THAT(told(), HasSubstr("has no schedule"));
}

}  // namespace
}  // namespace baton::program

#include "dev_checker.hpp"

#include <gmock/gmock.h>

namespace baton::program {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const wall_time noon = *from_rfc3339("2026-11-22T12:00:00Z");

schedule::timetable every_second() { return std::get<schedule::timetable>(schedule::timetable::from_every({seconds{1}})); }

/// A fleet of one job, due each second, watched from 12:00:00 to 12:00:03: its ticks are :01 and :02.
class dev_checker : public testing::Test {
 protected:
  dev_checker() {
    seen.jobs.push_back({"pulse", "pulse", every_second()});
    seen.from = noon;
    seen.to = noon + seconds{3};
  }

  /// A run that starts `late` after its tick and takes `took`; 0: no sign after its start.
  void run(const std::string& job, int tick, milliseconds late = milliseconds{10}, milliseconds took = milliseconds{100},
           std::uint32_t attempt = 1, const std::string& instance = "a") {
    journal_entry e;
    e.what = sign::start;
    e.at = at(seconds{tick} + late);
    e.pid = ++pid_;
    e.job = job;
    e.tick = noon + seconds{tick};
    e.attempt = attempt;
    e.fence = ++fence_;
    e.instance = instance;
    e.run_id = "r";
    seen.entries.push_back(e);
    if (took.count() == 0) return;
    e.what = sign::end;
    e.at = at(seconds{tick} + late + took);
    seen.entries.push_back(e);
  }

  ledger::tick_row& row(const std::string& job, int tick, ledger::row_state state) {
    ledger::tick_row r;
    r.key = {job, noon + seconds{tick}, ledger::tick_kind::schedule};
    r.state = state;
    return seen.rows.emplace_back(r);
  }

  static time_point at(microseconds since_noon) { return {noon + since_noon, boot_time{seconds{1000} + since_noon}}; }

  evidence seen;

 private:
  pid_t pid_ = 100;
  std::uint64_t fence_ = 0;
};

TEST_F(dev_checker, is_content_when_every_tick_ran_once) {
  run("pulse", 1, milliseconds{20}, milliseconds{100}, 1, "a");
  run("pulse", 2, milliseconds{10}, milliseconds{100}, 1, "b");
  const auto v = judge(seen);
  EXPECT_THAT(v.findings, IsEmpty());
  EXPECT_EQ(v.jobs[0].due, 2U);
  EXPECT_EQ(v.jobs[0].ran, 2U);
  EXPECT_THAT(v.jobs[0].lateness, ElementsAre(milliseconds{10}, milliseconds{20}));
  EXPECT_THAT(v.starts, ElementsAre(testing::Pair("a", 1U), testing::Pair("b", 1U)));
}

TEST_F(dev_checker, leaves_out_ticks_on_the_edges_of_the_window) {
  seen.from = noon + seconds{1};
  seen.to = noon + seconds{2};
  EXPECT_EQ(judge(seen).jobs[0].due, 0U);
  seen.from -= microseconds{1};
  seen.to += microseconds{1};
  EXPECT_EQ(judge(seen).jobs[0].missing, 2U);
}

TEST_F(dev_checker, finds_a_tick_whose_first_attempt_started_twice) {
  run("pulse", 1);
  run("pulse", 1, milliseconds{300}, milliseconds{100}, 1, "b");
  run("pulse", 2);
  const auto v = judge(seen);
  EXPECT_EQ(v.jobs[0].duplicates, 1U);
  EXPECT_THAT(v.findings, ElementsAre(HasSubstr("duplicate: pulse at 2026-11-22T12:00:01.000000Z, attempt 1 on b")));
}

TEST_F(dev_checker, takes_a_second_attempt_for_a_retry) {
  run("pulse", 1);
  run("pulse", 1, milliseconds{300}, milliseconds{100}, 2, "b");
  run("pulse", 2);
  const auto v = judge(seen);
  EXPECT_TRUE(v.is_good());
  EXPECT_EQ(v.jobs[0].retried, 1U);
  EXPECT_EQ(v.jobs[0].lateness.size(), 2U);
}

TEST_F(dev_checker, finds_runs_of_one_lock_name_that_overlap) {
  seen.jobs = {{"left", "shared", every_second()}, {"right", "shared", every_second()}};
  seen.to = noon + seconds{2};
  run("left", 1, milliseconds{0}, milliseconds{500});
  run("right", 1, milliseconds{499});
  const auto v = judge(seen);
  EXPECT_EQ(v.jobs[1].overlaps, 1U);
  EXPECT_THAT(v.findings, ElementsAre(HasSubstr("overlap: right")));
}

TEST_F(dev_checker, takes_runs_that_touch_for_runs_in_turn) {
  seen.jobs = {{"left", "shared", every_second()}, {"right", "shared", every_second()}};
  seen.to = noon + seconds{2};
  run("left", 1, milliseconds{0}, milliseconds{500});
  run("right", 1, milliseconds{500});
  EXPECT_TRUE(judge(seen).is_good());
}

TEST_F(dev_checker, lets_jobs_of_different_lock_names_overlap) {
  seen.jobs.push_back({"other", "other", every_second()});
  seen.to = noon + seconds{2};
  run("pulse", 1);
  run("other", 1);
  EXPECT_TRUE(judge(seen).is_good());
}

TEST_F(dev_checker, remembers_the_longest_run_behind_a_shorter_one) {
  run("pulse", 1, milliseconds{0}, milliseconds{2500});
  run("pulse", 2, milliseconds{0}, milliseconds{100});
  seen.to = noon + seconds{4};
  run("pulse", 3, milliseconds{0}, milliseconds{100});
  EXPECT_EQ(judge(seen).jobs[0].overlaps, 2U);
}

TEST_F(dev_checker, lets_an_interrupted_run_last_until_its_last_sign_of_life) {
  run("pulse", 1, milliseconds{0}, milliseconds{0});
  auto alive = seen.entries.back();
  alive.what = sign::alive;
  alive.at = at(seconds{1} + milliseconds{600});
  seen.entries.push_back(alive);
  run("pulse", 1, milliseconds{500}, milliseconds{100}, 2);
  run("pulse", 2);
  EXPECT_EQ(judge(seen).jobs[0].overlaps, 1U);
}

TEST_F(dev_checker, finds_a_tick_that_left_no_trace) {
  run("pulse", 2);
  const auto v = judge(seen);
  EXPECT_EQ(v.jobs[0].missing, 1U);
  EXPECT_THAT(v.findings, ElementsAre("missing: pulse at 2026-11-22T12:00:01.000000Z: no handler saw it and the ledger has no row"));
}

TEST_F(dev_checker, accepts_skipped_and_missed_with_a_reason_alone) {
  row("pulse", 1, ledger::row_state::skipped).reason = ledger::reason_code::overlap;
  auto& missed = row("pulse", 2, ledger::row_state::missed);
  EXPECT_THAT(judge(seen).findings, ElementsAre(HasSubstr("missed without a reason")));
  missed.reason = ledger::reason_code::no_catch_up;
  seen.rows[0].reason = ledger::reason_code::overlap;
  const auto v = judge(seen);
  EXPECT_TRUE(v.is_good());
  EXPECT_EQ(v.jobs[0].skipped, 1U);
  EXPECT_EQ(v.jobs[0].missed, 1U);
}

TEST_F(dev_checker, reads_a_range_row_as_all_its_ticks) {
  auto& range = row("pulse", 1, ledger::row_state::missed);
  range.until = noon + seconds{2};
  range.reason = ledger::reason_code::no_catch_up;
  EXPECT_EQ(judge(seen).jobs[0].missed, 2U);
}

TEST_F(dev_checker, does_not_believe_a_success_that_no_handler_saw) {
  row("pulse", 1, ledger::row_state::finished).outcome = ledger::run_outcome::success;
  run("pulse", 2);
  EXPECT_THAT(judge(seen).findings, ElementsAre(HasSubstr("succeeded, but no handler saw it")));
  seen.jobs[0].has_journal = false;
  EXPECT_TRUE(judge(seen).is_good());
}

TEST_F(dev_checker, accepts_a_run_that_crashed_before_its_handler_began) {
  row("pulse", 1, ledger::row_state::finished).outcome = ledger::run_outcome::crashed;
  run("pulse", 2);
  const auto v = judge(seen);
  EXPECT_TRUE(v.is_good());
  EXPECT_EQ(v.jobs[0].ran, 1U);
  EXPECT_EQ(v.jobs[0].failed, 1U);
}

TEST_F(dev_checker, takes_no_trigger_for_a_tick) {
  auto& triggered = row("pulse", 1, ledger::row_state::skipped);
  triggered.reason = ledger::reason_code::overlap;
  triggered.key.kind = ledger::tick_kind::trigger;
  run("pulse", 2);
  EXPECT_EQ(judge(seen).jobs[0].missing, 1U);
}

TEST_F(dev_checker, finds_a_start_before_its_tick) {
  run("pulse", 1, milliseconds{-1});
  run("pulse", 2);
  EXPECT_THAT(judge(seen).findings, ElementsAre(HasSubstr("early: pulse")));
}

TEST_F(dev_checker, finds_a_fence_that_does_not_rise) {
  run("pulse", 1);
  run("pulse", 2);
  seen.entries[2].fence = seen.entries[0].fence;
  EXPECT_THAT(judge(seen).findings, ElementsAre(HasSubstr("has fence 1 after 1")));
}

TEST_F(dev_checker, finds_runs_that_no_schedule_asked_for) {
  run("pulse", 1);
  run("pulse", 2);
  seen.entries[2].tick += milliseconds{500};
  run("ghost", 2, milliseconds{200});
  row("pulse", 2, ledger::row_state::skipped).reason = ledger::reason_code::overlap;
  EXPECT_THAT(judge(seen).findings, testing::Contains(HasSubstr("no such tick")));
  EXPECT_THAT(judge(seen).findings, testing::Contains(HasSubstr("stray: ghost")));
}

}  // namespace
}  // namespace baton::program

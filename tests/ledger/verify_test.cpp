#include "baton/ledger/verify.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <memory>

namespace baton::ledger {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using kind = finding::kind;

const wall_time start = *from_rfc3339("2026-11-26T00:00:00Z");

/// A job with a tick each minute of an hour, every one of them run in time, three hours ago.
class verify_test : public ::testing::Test {
 protected:
  verify_test() {
    for (int i = 0; i < 60; ++i) {
      ticks.emplace_back(at(i));
      rows.push_back(run(at(i)));
    }
  }
  static wall_time at(int minute) { return start + minutes{minute}; }
  static tick_row run(wall_time tick, const std::string& job = "job") {
    tick_row row;
    row.key = {job, tick, tick_kind::schedule};
    row.lock_name = "lock";
    row.state = row_state::finished;
    row.outcome = run_outcome::success;
    row.attempt = 1;
    row.claimed = tick + milliseconds{5};
    row.started = tick + milliseconds{10};
    row.finished = tick + seconds{20};
    return row;
  }
  static tick_row gap(wall_time tick, wall_time until, std::uint64_t count, row_state state) {
    tick_row row;
    row.key = {"job", tick, tick_kind::schedule};
    row.lock_name = "lock";
    row.state = state;
    row.until = until;
    row.count = count;
    row.finished = until;
    return row;
  }
  tick_row& row(int minute) {
    return *std::ranges::find(rows, at(minute), [](const auto& r) { return r.key.tick; });
  }
  void remove(int first, int last) {
    std::erase_if(rows, [&](const auto& r) { return r.key.tick >= at(first) && r.key.tick <= at(last); });
  }
  void sort() {
    std::ranges::sort(rows, {}, [](const auto& r) { return std::tuple{r.key.tick, r.key.job, r.key.kind}; });
  }

  verify_counts check() {
    sort();
    found.clear();
    job.job = "job";
    job.next_tick = [this, i = std::size_t{0}]() mutable { return i < ticks.size() ? std::optional{ticks[i++]} : std::nullopt; };
    request.jobs = {job};
    if (second) request.jobs.push_back(*second);
    request.next_row = [this, i = std::size_t{0}]() mutable -> result<std::optional<tick_row>> {
      return i < rows.size() ? std::optional{rows[i++]} : std::nullopt;
    };
    request.from = start;
    request.now = now;
    request.on_finding = [this](const finding& f) { found.push_back(f); };
    auto counts = verify(request);
    EXPECT_TRUE(counts);
    EXPECT_EQ(counts->findings, found.size());
    return *counts;
  }

  std::vector<due_tick> ticks;
  std::vector<tick_row> rows;
  verified_job job;
  std::optional<verified_job> second;
  verify_request request;
  wall_time now = start + hours{3};
  std::vector<finding> found;
};

TEST_F(verify_test, finds_nothing_where_all_is_well) {
  const auto counts = check();
  EXPECT_THAT(found, IsEmpty());
  EXPECT_EQ(counts, (verify_counts{.due = 60, .run = 60}));
}

TEST_F(verify_test, finds_a_tick_without_a_row) {
  remove(30, 30);
  const auto counts = check();
  EXPECT_THAT(found, ElementsAre(finding{kind::missing, {"job", at(30), tick_kind::schedule}}));
  EXPECT_EQ(counts.missing, 1U);
  EXPECT_EQ(counts.due, 60U);
}

TEST_F(verify_test, tells_neighbouring_missing_ticks_as_one_and_others_apart) {
  remove(10, 14);
  remove(16, 16);
  remove(59, 59);
  check();
  ASSERT_THAT(found, SizeIs(3));
  EXPECT_EQ(found[0].run.tick, at(10));
  EXPECT_EQ(found[0].until, at(14));
  EXPECT_EQ(found[0].count, 5U);
  EXPECT_EQ(found[1].run.tick, at(16));
  EXPECT_EQ(found[1].until, std::nullopt);
  EXPECT_EQ(found[2].run.tick, at(59)) << "after the last row";
}

TEST_F(verify_test, a_trigger_of_the_same_tick_does_not_stand_for_it) {
  row(30).key.kind = tick_kind::trigger;
  const auto counts = check();
  EXPECT_THAT(found, ElementsAre(finding{kind::missing, {"job", at(30), tick_kind::schedule}}));
  EXPECT_EQ(counts.other_runs, 1U);
}

TEST_F(verify_test, waits_for_a_tick_that_was_due_a_moment_ago) {
  remove(59, 59);
  now = at(59) + request.grace - microseconds{1};
  EXPECT_EQ(check().undecided, 1U);
  EXPECT_THAT(found, IsEmpty());
  now = at(59) + request.grace;
  EXPECT_EQ(check().undecided, 0U);
  EXPECT_THAT(found, SizeIs(1));
}

TEST_F(verify_test, does_not_ask_for_ticks_to_come) {
  remove(40, 59);
  now = at(40) - microseconds{1};
  const auto counts = check();
  EXPECT_THAT(found, IsEmpty());
  EXPECT_EQ(counts.due, 40U);
  EXPECT_EQ(counts.undecided, 0U);
}

TEST_F(verify_test, takes_a_tick_that_was_claimed_since_it_looked_for_no_extra_one) {
  ticks[59].due += seconds{30};
  now = at(59) + seconds{1};
  check();
  EXPECT_THAT(found, IsEmpty());
}

TEST_F(verify_test, ticks_before_effective_since_do_not_exist) {
  remove(0, 19);
  rows.push_back(run(at(5) + seconds{7}));  // of the schedule before
  job.effective_since = at(20);
  EXPECT_EQ(check().due, 40U);
  EXPECT_THAT(found, IsEmpty());
  job.effective_since = at(19);
  check();
  EXPECT_THAT(found, ElementsAre(finding{kind::missing, {"job", at(19), tick_kind::schedule}}));
}

TEST_F(verify_test, what_was_purged_is_not_missing) {
  remove(0, 19);
  job.low_water = at(19);
  EXPECT_EQ(check().purged, 20U);
  EXPECT_THAT(found, IsEmpty());
  job.low_water = at(18);
  check();
  EXPECT_THAT(found, ElementsAre(finding{kind::missing, {"job", at(19), tick_kind::schedule}}));
}

TEST_F(verify_test, what_was_due_in_a_pause_is_not_missing_while_it_lasts_and_a_little_longer) {
  remove(50, 59);
  job.standing.stopped = job.standing.last_stopped = reason_code::paused;
  job.standing.stopped_from = at(50);
  EXPECT_EQ(check().undecided, 10U);
  EXPECT_THAT(found, IsEmpty());
  job.standing.stopped_from = at(51);
  check();
  EXPECT_THAT(found, ElementsAre(finding{kind::missing, {"job", at(50), tick_kind::schedule}})) << "due before the pause";

  job.standing.stopped = reason_code::none;
  job.standing.stopped_from = at(50);
  job.standing.stopped_until = now - request.grace + microseconds{1};
  check();
  EXPECT_THAT(found, IsEmpty());
  job.standing.stopped_until = now - request.grace;
  check();
  EXPECT_THAT(found, SizeIs(1)) << "it is over, and they should have been recorded";
}

TEST_F(verify_test, what_came_due_during_a_run_is_decided_at_its_end) {
  remove(50, 59);
  request.busy_since = at(50);
  EXPECT_EQ(check().undecided, 10U);
  EXPECT_THAT(found, IsEmpty());
  request.busy_since = at(51);
  check();
  EXPECT_THAT(found, SizeIs(1));
}

TEST_F(verify_test, a_gap_stands_for_its_ticks) {
  remove(10, 19);
  rows.push_back(gap(at(10), at(14), 5, row_state::missed));
  rows.push_back(gap(at(15), at(19), 5, row_state::skipped));
  const auto counts = check();
  EXPECT_THAT(found, IsEmpty());
  EXPECT_EQ(counts, (verify_counts{.due = 60, .run = 50, .skipped = 5, .missed = 5}));
  remove(15, 19);
  check();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].run.tick, at(15));
  EXPECT_EQ(found[0].count, 5U);
}

TEST_F(verify_test, a_gap_may_begin_before_and_end_after_what_is_asked_for) {
  remove(0, 9);
  remove(50, 59);
  rows.push_back(gap(start - minutes{30}, at(9), 40, row_state::missed));
  rows.push_back(gap(at(50), at(99), 50, row_state::missed));
  EXPECT_EQ(check().missed, 20U);
  EXPECT_THAT(found, IsEmpty());
}

TEST_F(verify_test, finds_a_row_that_is_no_tick) {
  rows.push_back(run(at(30) + seconds{30}));
  rows.push_back(run(at(59) + seconds{30}));
  const auto counts = check();
  EXPECT_THAT(found, ElementsAre(finding{kind::extra, {"job", at(30) + seconds{30}, tick_kind::schedule}},
                                 finding{kind::extra, {"job", at(59) + seconds{30}, tick_kind::schedule}}));
  EXPECT_EQ(counts.run, 60U);
}

TEST_F(verify_test, triggers_and_followers_are_no_ticks_and_no_extras) {
  for (const auto k : {tick_kind::trigger, tick_kind::after}) {
    rows.push_back(run(at(30) + seconds{30}));
    rows.back().key.kind = k;
    rows.back().lock_name = std::string{to_string(k)};
  }
  EXPECT_EQ(check().other_runs, 2U);
  EXPECT_THAT(found, IsEmpty());
}

TEST_F(verify_test, finds_a_run_of_a_tick_that_calendars_exclude) {
  ticks[30].excluded = ticks[31].excluded = true;
  row(31).state = row_state::skipped;
  row(31).reason = reason_code::calendar;
  row(31).attempt = 0;
  check();
  EXPECT_THAT(found, ElementsAre(finding{kind::extra, {"job", at(30), tick_kind::schedule}}));
}

TEST_F(verify_test, finds_what_started_late) {
  row(30).started = at(30) + request.late_limit;
  row(31).started = at(31) + request.late_limit + microseconds{1};
  row(31).finished = *row(31).started + microseconds{1};
  row(30).finished = *row(30).started;
  row(31).lock_name = "another";
  check();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].what, kind::late);
  EXPECT_EQ(found[0].run.tick, at(31));
  EXPECT_EQ(found[0].by, request.late_limit + microseconds{1});
  request.late_limit = minutes{5};
  check();
  EXPECT_THAT(found, IsEmpty());
}

TEST_F(verify_test, lateness_counts_from_when_jitter_makes_it_due) {
  ticks[30].due += seconds{50};
  row(30).started = at(30) + seconds{55};
  row(30).finished = at(30) + seconds{56};
  request.late_limit = seconds{5};
  check();
  EXPECT_THAT(found, IsEmpty());
}

TEST_F(verify_test, a_row_of_several_attempts_is_never_late) {
  row(30).attempt = 2;
  row(30).started = at(30) + minutes{9};
  row(30).finished = at(30) + minutes{9};
  check();
  EXPECT_THAT(found, IsEmpty());
}

TEST_F(verify_test, finds_two_runs_at_once_under_one_name) {
  row(30).finished = at(31) + seconds{5};
  check();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].what, kind::overlapping);
  EXPECT_EQ(found[0].run.tick, at(31));
  EXPECT_EQ(found[0].other, (tick_key{"job", at(30), tick_kind::schedule}));
  EXPECT_EQ(found[0].by, seconds{5} - milliseconds{10});
  row(31).lock_name = "another";
  check();
  EXPECT_THAT(found, IsEmpty());
}

TEST_F(verify_test, what_ends_as_the_next_one_begins_overlaps_nothing) {
  row(30).finished = *row(31).started + request.clock_error;
  check();
  EXPECT_THAT(found, IsEmpty());
  row(30).finished = *row(31).started + request.clock_error + microseconds{1};
  check();
  EXPECT_THAT(found, SizeIs(1));
}

TEST_F(verify_test, finds_overlaps_between_jobs_and_with_triggers_of_old_ticks) {
  second = verified_job{"other", [] { return std::optional<due_tick>{}; }};
  auto backfill = run(at(3), "other");  // of an old tick, run much later
  backfill.key.kind = tick_kind::trigger;
  backfill.started = at(40) + seconds{5};
  backfill.finished = at(40) + seconds{10};
  rows.push_back(backfill);
  check();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].run, backfill.key) << "it began later";
  EXPECT_EQ(found[0].other->tick, at(40));
}

TEST_F(verify_test, a_run_under_way_lasts_until_now) {
  row(40).state = row_state::running;
  row(40).finished.reset();
  now = at(60);
  check();
  EXPECT_THAT(found, SizeIs(19));
  row(40).started.reset();  // claimed, and nobody knows more
  check();
  EXPECT_THAT(found, IsEmpty());
}

TEST_F(verify_test, of_several_attempts_the_last_one_is_looked_at) {
  row(30).attempt = 3;
  row(30).started = at(31) + seconds{10};
  row(30).finished = at(31) + seconds{15};
  check();
  EXPECT_THAT(found, SizeIs(1));
}

TEST_F(verify_test, passes_on_why_rows_cannot_be_read) {
  request.jobs.clear();
  request.next_row = [] { return result<std::optional<tick_row>>{failure{errc::store_unavailable, "gone"}}; };
  const auto counts = verify(request);
  ASSERT_FALSE(counts);
  EXPECT_EQ(counts.error().code, errc::store_unavailable);
}

/// Rows are made one at a time and never kept: what would grow with them is the checker.
TEST(verify_stream, holds_a_million_rows_against_their_ticks) {
  constexpr int rows = 1'000'000;
  verify_request request;
  request.from = start;
  request.now = start + seconds{rows} + hours{1};
  verified_job job;
  job.job = "job";
  job.next_tick = [i = 0]() mutable { return i < rows ? std::optional<due_tick>{start + seconds{i++}} : std::nullopt; };
  request.jobs = {job};
  request.next_row = [i = 0]() mutable -> result<std::optional<tick_row>> {
    if (i == rows) return std::optional<tick_row>{};
    tick_row row;
    row.key = {"job", start + seconds{i++}, tick_kind::schedule};
    row.state = row_state::finished;
    row.attempt = 1;
    row.started = row.key.tick;
    row.finished = row.key.tick + milliseconds{900};
    return std::optional{row};
  };
  request.on_finding = [](const finding& f) { ADD_FAILURE() << to_string(f.what); };
  EXPECT_EQ(*verify(request), (verify_counts{.due = rows, .run = rows}));
}

}  // namespace
}  // namespace baton::ledger

#include "dev_takeover.hpp"

#include <gmock/gmock.h>

namespace baton::program {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Optional;

const wall_time noon = *from_rfc3339("2026-11-22T12:00:00Z");

journal_entry start(int tick, std::uint32_t attempt, const std::string& instance, microseconds since_noon) {
  journal_entry e;
  e.what = sign::start;
  e.at = {noon + since_noon, boot_time{seconds{100} + since_noon}};
  e.job = "backup";
  e.tick = noon + seconds{tick};
  e.attempt = attempt;
  e.instance = instance;
  return e;
}

ledger::tick_row row(ledger::row_state state, std::uint32_t attempt, const std::string& instance) {
  ledger::tick_row r;
  r.key = {"backup", noon, ledger::tick_kind::schedule};
  r.state = state;
  r.attempt = attempt;
  r.instance = instance;
  return r;
}

/// The run of 12:00:00, killed at 12:00:02.
takeover killed_at_two() { return {start(0, 1, "a", {}), {noon + seconds{2}, boot_time{seconds{102}}}}; }

TEST(dev_takeover, measures_from_the_kill_to_the_next_attempt) {
  auto watched = killed_at_two();
  EXPECT_EQ(watched.on(start(0, 1, "a", seconds{0})), std::nullopt);
  EXPECT_THAT(watched.on(start(0, 2, "b", milliseconds{3500})), Optional(HasSubstr("attempt 2 began on b, 1.5s after the kill")));
  EXPECT_EQ(watched.again_after(), milliseconds{1500});
  EXPECT_EQ(watched.on(start(0, 3, "c", seconds{9})), std::nullopt);
}

TEST(dev_takeover, measures_how_late_the_next_tick_is) {
  auto watched = killed_at_two();
  EXPECT_FALSE(watched.next_late());
  EXPECT_THAT(watched.on(start(8, 1, "c", milliseconds{8040})),
              Optional(HasSubstr("the next tick of backup began on c, 40ms after its time")));
  EXPECT_EQ(watched.next_late(), milliseconds{40});
  EXPECT_EQ(watched.on(start(16, 1, "c", seconds{16})), std::nullopt);
}

TEST(dev_takeover, says_once_how_the_row_was_found) {
  auto watched = killed_at_two();
  EXPECT_EQ(watched.on(row(ledger::row_state::running, 1, "a")), std::nullopt);
  EXPECT_THAT(watched.on(row(ledger::row_state::running, 2, "b")), Optional(HasSubstr("closed as crashed; b claimed attempt 2")));
  EXPECT_EQ(watched.on(row(ledger::row_state::finished, 2, "b")), std::nullopt);
}

TEST(dev_takeover, tells_a_run_that_is_given_up_from_one_to_be_tried_again) {
  auto given_up = killed_at_two();
  auto closed = row(ledger::row_state::finished, 1, "a");
  EXPECT_EQ(given_up.on(closed), std::nullopt);
  closed.outcome = ledger::run_outcome::crashed;
  EXPECT_THAT(given_up.on(closed), Optional(HasSubstr("closed as crashed for good")));
  auto due = killed_at_two();
  EXPECT_THAT(due.on(row(ledger::row_state::retry_due, 1, "a")), Optional(HasSubstr("to be tried again")));
}

}  // namespace
}  // namespace baton::program

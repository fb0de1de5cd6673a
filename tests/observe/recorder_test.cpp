#include "baton/observe/recorder.hpp"

#include <gmock/gmock.h>

namespace baton::observe {
namespace {

using namespace std::chrono_literals;
using testing::Each;

const wall_time noon = *from_rfc3339("2026-11-26T12:00:00Z");

TEST(recorder, keeps_the_newest_attempts_and_losses_in_their_order) {
  recorder seen;
  for (int i = 0; i < 600; ++i) seen.lock_attempt(noon + std::chrono::seconds{i}, "a", noon, "busy", 1ms);
  for (int i = 0; i < 150; ++i) seen.lock_lost(noon + std::chrono::seconds{i}, "a", "deadline");
  const auto attempts = seen.attempts();
  ASSERT_EQ(attempts.entries.size(), 500U);
  EXPECT_EQ(attempts.entries.front().at, noon + 100s);
  EXPECT_EQ(attempts.entries.back().at, noon + 599s);
  EXPECT_EQ(seen.losses().entries.size(), 100U);
  EXPECT_EQ(seen.losses().entries.back().reason, "deadline");
}

TEST(recorder, gives_what_came_since_the_last_time) {
  recorder seen;
  seen.lock_attempt(noon, "a", noon, "acquired", 1ms);
  const auto first = seen.attempts();
  EXPECT_EQ(first.entries.size(), 1U);
  EXPECT_TRUE(seen.attempts(first.next).entries.empty());
  seen.lock_attempt(noon, "b", wall_time{}, "error", 1ms);
  const auto second = seen.attempts(first.next);
  ASSERT_EQ(second.entries.size(), 1U);
  EXPECT_EQ(second.entries[0].job, "b");
  EXPECT_FALSE(second.entries[0].tick);
}

TEST(recorder, tells_for_which_tick_a_lock_came_too_late) {
  recorder seen;
  seen.lock_attempt(noon, "a", noon - 1s, "acquired", 2ms);
  seen.lock_attempt(noon, "b", noon, "acquired", 1ms);
  seen.duplicate_tick(noon, "a");
  const auto last = seen.attempts().entries.back();
  EXPECT_EQ(last.outcome, "duplicate_tick");
  EXPECT_EQ(last.tick, noon - 1s);
  EXPECT_EQ(last.took, 2ms);
}

TEST(recorder, counts_how_long_locks_took_minute_by_minute_for_a_day) {
  recorder seen;
  const auto bounds = recorder::latency_bounds();
  seen.lock_attempt(noon, "a", noon, "acquired", 0us);
  seen.lock_attempt(noon + 59s, "a", noon, "busy", 100us);  // a bound belongs to its bucket
  seen.lock_attempt(noon + 60s, "b", noon, "busy", 101us);
  seen.lock_attempt(noon + 60s, "b", noon, "error", 31s);
  const auto slots = seen.latency();
  ASSERT_EQ(slots.size(), 2U);
  EXPECT_EQ(slots[0].at, noon);
  EXPECT_EQ(slots[0].counts.size(), bounds.size() + 1);
  EXPECT_EQ(slots[0].counts.front(), 2U);
  EXPECT_EQ(slots[1].counts[1], 1U);
  EXPECT_EQ(slots[1].counts.back(), 1U);
  EXPECT_EQ(seen.latency_of("a").front(), 2U);
  EXPECT_THAT(seen.latency_of("nobody"), Each(0U));
  for (int minute = 0; minute < 2000; ++minute) seen.lock_attempt(noon + std::chrono::minutes{minute}, "a", noon, "busy", 1ms);
  EXPECT_EQ(seen.latency().size(), 1440U);
}

TEST(recorder, knows_the_clock_and_the_store) {
  recorder seen;
  EXPECT_FALSE(seen.clock_offset());
  EXPECT_FALSE(seen.is_store_up());
  seen.clock_offset(-3ms);
  seen.store_up(true);
  EXPECT_EQ(seen.clock_offset(), -3ms);
  EXPECT_TRUE(seen.is_store_up());
}

}  // namespace
}  // namespace baton::observe

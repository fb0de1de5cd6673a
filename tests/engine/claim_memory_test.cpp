#include "claim_memory.hpp"

#include <gtest/gtest.h>

namespace baton::engine {
namespace {

using namespace std::chrono_literals;

boot_time at(microseconds t) { return boot_time{t}; }

ledger::claimed_run run_of(int tick, std::uint64_t fence = 1) {
  return {{"job", wall_time{} + std::chrono::seconds{tick}, ledger::tick_kind::schedule}, "name", fence, 1, {}, false, {}};
}

TEST(claim_memory, tells_in_the_order_of_keys_and_in_parts) {
  claim_memory memory;
  for (const int tick : {3, 1, 2}) memory.claimed(0, run_of(tick), at(1s));
  const auto first = memory.after(std::nullopt, 2);
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].second->tick, wall_time{} + 1s);
  const auto rest = memory.after(first[1].first, 2);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].second->tick, wall_time{} + 3s);
}

TEST(claim_memory, keeps_the_last_of_a_ticks_attempts_and_how_it_ended) {
  claim_memory memory;
  memory.claimed(0, run_of(1, 5), at(1s));
  memory.claimed(0, run_of(1, 9), at(2s));
  ledger::finish_record end;
  end.outcome = ledger::run_outcome::failure;
  memory.ended(0, run_of(1, 9), end, at(3s));
  const auto all = memory.after(std::nullopt, 10);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].second->fence, 9U);
  EXPECT_EQ(all[0].second->end->outcome, ledger::run_outcome::failure);
  EXPECT_EQ(all[0].second->end->state, ledger::row_state::finished);
}

TEST(claim_memory, forgets_after_ten_minutes_counted_from_the_last_change) {
  claim_memory memory;
  memory.claimed(0, run_of(1), at(0s));
  memory.claimed(0, run_of(2), at(0s));
  memory.ended(0, run_of(2), {}, at(5min));
  memory.forget_old(at(10min));
  EXPECT_EQ(memory.size(), 1U);
  memory.forget_old(at(15min));
  EXPECT_EQ(memory.size(), 0U);
}

TEST(claim_memory, is_bounded_and_forgets_the_oldest_first) {
  claim_memory memory;
  const int many = static_cast<int>(claim_memory::most_claims) + 10;
  for (int tick = 0; tick < many; ++tick) memory.claimed(0, run_of(tick), at(std::chrono::milliseconds{tick}));
  EXPECT_EQ(memory.size(), claim_memory::most_claims);
  EXPECT_EQ(memory.after(std::nullopt, 1)[0].second->tick, wall_time{} + 10s);
}

}  // namespace
}  // namespace baton::engine

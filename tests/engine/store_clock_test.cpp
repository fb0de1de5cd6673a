#include "store_clock.hpp"

#include <gtest/gtest.h>

#include <random>

namespace baton::engine {
namespace {

using namespace std::chrono_literals;

const wall_time noon = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + 12h;
boot_time boot(microseconds t) { return boot_time{t}; }

TEST(store_clock, knows_nothing_before_its_first_sample) {
  const store_clock c;
  EXPECT_EQ(c.now(boot(5s)), std::nullopt);
  EXPECT_EQ(c.when(noon), std::nullopt);
}

TEST(store_clock, takes_the_store_to_have_answered_in_the_middle_of_the_round_trip) {
  store_clock c;
  c.sample(boot(10s), boot(10s + 20ms), noon);
  EXPECT_EQ(c.now(boot(10s + 10ms)), noon);
  EXPECT_EQ(c.now(boot(70s + 10ms)), noon + 1min);
}

TEST(store_clock, when_is_the_inverse_of_now) {
  store_clock c;
  c.sample(boot(10s), boot(10s + 7ms), noon);
  for (const auto ahead : {1us, 3us, 999'999us, 3'600'000'000us}) EXPECT_EQ(c.now(*c.when(noon + 1s + ahead)), noon + 1s + ahead);
}

TEST(store_clock, trusts_the_shortest_round_trip) {
  store_clock c;
  c.sample(boot(10s), boot(10s + 1ms), noon);  // off by 0.5 ms at most
  c.sample(boot(11s), boot(11s + 40ms), noon + 1s + 39ms);
  EXPECT_EQ(c.now(boot(12s)), noon + 2s - 500us);
}

TEST(store_clock, forgets_a_sample_after_a_minute) {
  store_clock c;
  c.sample(boot(10s), boot(10s + 1ms), noon);
  c.sample(boot(60s), boot(60s + 40ms), noon + 50s + 30ms);  // 10 ms ahead of the first, within its error
  EXPECT_EQ(c.now(boot(61s)), noon + 51s - 500us);
  c.sample(boot(71s), boot(71s + 40ms), noon + 61s + 30ms);  // the first is gone
  EXPECT_EQ(c.now(boot(80s)), noon + 70s + 10ms);
}

TEST(store_clock, follows_a_step_of_the_store_at_once) {
  store_clock c;
  c.sample(boot(10s), boot(10s + 1ms), noon);
  c.sample(boot(11s), boot(11s + 40ms), noon + 1h);
  EXPECT_EQ(c.now(boot(12s)), noon + 1h + 980ms);
}

TEST(store_clock, stands_still_rather_than_run_backwards) {
  store_clock c;
  c.sample(boot(10s), boot(10s), noon);
  EXPECT_EQ(c.now(boot(20s)), noon + 10s);
  c.sample(boot(21s), boot(21s), noon + 1s);  // the store's clock was set back by 10 s
  EXPECT_EQ(c.now(boot(21s)), noon + 10s);
  EXPECT_EQ(c.now(boot(30s)), noon + 10s);
  EXPECT_EQ(c.now(boot(31s)), noon + 11s);
}

TEST(store_clock, does_not_run_backwards_over_a_change_of_server_either) {
  store_clock c;
  c.sample(boot(10s), boot(10s), noon);
  EXPECT_EQ(c.now(boot(10s)), noon);
  c.forget();
  EXPECT_EQ(c.now(boot(10s)), std::nullopt);
  c.sample(boot(11s), boot(11s), noon - 5s);
  EXPECT_EQ(c.now(boot(11s)), noon);
}

TEST(store_clock, is_never_off_by_more_than_half_the_best_round_trip_and_never_goes_back) {
  std::mt19937 random{11};
  store_clock c;
  auto steady = 1000s + 0us;
  auto previous = wall_time::min();
  for (int i = 0; i < 5'000; ++i) {
    const microseconds there{static_cast<std::int64_t>(random() % 3000)};
    const microseconds back{static_cast<std::int64_t>(random() % (i % 50 == 49 ? 500'000 : 3000))};
    c.sample(boot(steady), boot(steady + there + back), noon + steady + there);
    steady += there + back + 500ms;
    const auto known = c.now(boot(steady)).value();
    ASSERT_GE(known, previous);
    ASSERT_LE(std::chrono::abs(known - (noon + steady)), 3ms);
    previous = known;
  }
}

}  // namespace
}  // namespace baton::engine

#include "baton/lock/time_limit.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace baton::lock {
namespace {

using namespace std::chrono_literals;

TEST(time_limit, is_for_ever_by_default_and_one_try_for_nothing_and_less) {
  EXPECT_TRUE(time_limit{}.is_infinite());
  EXPECT_TRUE(time_limit{std::nullopt}.is_infinite());
  for (const time_limit none :
       {time_limit{0s}, time_limit{-5s}, time_limit{-400ms}, time_limit{-0.5s},
        time_limit{std::chrono::duration<double>{std::numeric_limits<double>::quiet_NaN()}}, time_limit{std::chrono::hours::min()}})
    EXPECT_TRUE(none.is_zero());
}

TEST(time_limit, honours_fractions_and_rounds_up) {
  EXPECT_EQ(time_limit{1.5s}.value(), 1'500'000us);
  EXPECT_EQ(time_limit{300ms}.value(), 300'000us);
  EXPECT_EQ(time_limit{1ns}.value(), 1us);
  EXPECT_FALSE(time_limit{1ns}.is_zero());
}

TEST(time_limit, takes_what_nobody_waits_for_as_for_ever) {
  for (const time_limit huge : {time_limit{microseconds::max()}, time_limit{std::chrono::hours::max()}, time_limit{std::chrono::years{100}},
                                time_limit{std::chrono::duration<double>{std::numeric_limits<double>::infinity()}}})
    EXPECT_TRUE(huge.is_infinite());
  EXPECT_FALSE(time_limit{std::chrono::years{99}}.is_infinite());
}

}  // namespace
}  // namespace baton::lock

#include "baton/lock/attempt.hpp"

#include <gtest/gtest.h>

namespace baton::lock {
namespace {

TEST(attempt, is_true_when_the_lock_is_held_and_only_then) {
  EXPECT_TRUE(attempt<int>{7});
  EXPECT_EQ(*attempt<int>{7}, 7);
  const attempt<std::string> constant{std::string{"seven"}};
  EXPECT_EQ(*constant, "seven");
  EXPECT_EQ(constant->size(), 5U);
  EXPECT_FALSE(attempt<int>{busy{}});
  EXPECT_TRUE(attempt<int>{busy{}}.is_busy());
  const attempt<> failed{failure{errc::deadlock, "why"}};
  EXPECT_FALSE(failed);
  EXPECT_FALSE(failed.is_busy());
  EXPECT_TRUE(failed.has_failed());
  EXPECT_EQ(failed.error().code, errc::deadlock);
}

TEST(attempt_death, reading_the_side_that_is_not_there_aborts) {
  EXPECT_DEATH((void)*attempt<int>{busy{}}, "");
  EXPECT_DEATH((void)attempt<int>{7}.error(), "");
}

}  // namespace
}  // namespace baton::lock

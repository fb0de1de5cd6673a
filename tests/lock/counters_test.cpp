#include "baton/lock/counters.hpp"

#include <gtest/gtest.h>

namespace baton::lock {
namespace {

TEST(duration_histogram, counts_into_the_first_bucket_that_is_long_enough) {
  duration_histogram h;
  for (const auto d : {microseconds{0}, microseconds{100}, microseconds{101}, microseconds{30'000'000}, microseconds{30'000'001}}) h.add(d);
  EXPECT_EQ(h.count(0), 2U);
  EXPECT_EQ(h.count(1), 1U);
  EXPECT_EQ(h.count(duration_histogram::bounds.size() - 1), 1U);
  EXPECT_EQ(h.count(duration_histogram::bounds.size()), 1U);
  EXPECT_EQ(h.count(), 5U);
  EXPECT_EQ(h.sum(), microseconds{60'000'202});
}

TEST(counters, tell_failures_apart) {
  counters c;
  for (const auto code : {errc::interrupted, errc::cancelled, errc::deadlock, errc::store_unavailable, errc::store_query}) c.failed(code);
  EXPECT_EQ(c.interrupted, 1U);
  EXPECT_EQ(c.cancelled, 1U);
  EXPECT_EQ(c.deadlocks, 1U);
  EXPECT_EQ(c.errors, 2U);
}

}  // namespace
}  // namespace baton::lock

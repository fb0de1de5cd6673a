#include "baton/ledger/run_id.hpp"

#include <gtest/gtest.h>

namespace baton::ledger {
namespace {

const wall_time two = *from_rfc3339("2026-11-26T02:00:00Z");

TEST(run_id, has_no_more_digits_than_needed) {
  EXPECT_EQ(run_id({"nightly", two, tick_kind::schedule}), "nightly@2026-11-26T02:00:00Z");
  EXPECT_EQ(run_id({"a.b-c_d", two + microseconds{250'000}, tick_kind::trigger}), "a.b-c_d@2026-11-26T02:00:00.25Z#trigger");
  EXPECT_EQ(run_id({"x", two + microseconds{1}, tick_kind::after}), "x@2026-11-26T02:00:00.000001Z#after");
  EXPECT_EQ(short_time(two + microseconds{100'000}), "2026-11-26T02:00:00.1Z");
}

TEST(run_id, is_read_back) {
  for (const auto kind : {tick_kind::schedule, tick_kind::trigger, tick_kind::after}) {
    for (const auto fraction : {0, 1, 10, 123'456, 500'000, 999'999}) {
      const tick_key key{"job", two + microseconds{fraction}, kind};
      EXPECT_EQ(parse_run_id(run_id(key)), key) << run_id(key);
    }
  }
}

TEST(run_id, is_refused_when_it_is_anything_else) {
  for (const auto* text : {"", "job", "@2026-11-26T02:00:00Z", "job@", "job@now", "job@2026-11-26T02:00:00", "job@2026-11-26T02:00:00Z#",
                           "job@2026-11-26T02:00:00Z#schedule", "job@2026-11-26T02:00:00Z#trigger#after", "job@2026-13-26T02:00:00Z",
                           "job/2026-11-26T02:00:00Z"})
    EXPECT_EQ(parse_run_id(text), std::nullopt) << text;
}

}  // namespace
}  // namespace baton::ledger

#include "baton/base/time.hpp"

#include <gtest/gtest.h>

#include <random>

namespace baton {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

const wall_time noon = sys_days{2026y / November / 22} + 12h;

TEST(rfc3339, is_written_in_utc_with_microseconds) {
  EXPECT_EQ(to_rfc3339(noon + 5us), "2026-11-22T12:00:00.000005Z");
  EXPECT_EQ(to_rfc3339(wall_time{}), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(to_rfc3339(wall_time{-1us}), "1969-12-31T23:59:59.999999Z");
}

TEST(rfc3339, reads_none_to_six_digits_of_a_fraction) {
  EXPECT_EQ(from_rfc3339("2026-11-22T12:00:00Z"), noon);
  EXPECT_EQ(from_rfc3339("2026-11-22T12:00:00.5Z"), noon + 500ms);
  EXPECT_EQ(from_rfc3339("2026-11-22T12:00:00.000001Z"), noon + 1us);
}

TEST(rfc3339, refuses_what_it_would_not_write) {
  for (const auto* text :
       {"", "Z", "2026-11-22", "2026-11-22T12:00:00", "2026-11-22 12:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T12:60:00Z",
        "2026-11-22T12:00:60Z", "2026-02-29T12:00:00Z", "2026-13-01T12:00:00Z", "2026-11-22T12:00:00.Z", "2026-11-22T12:00:00.1234567Z",
        "2026-11-22T12:00:00.09999999999999Z", "2026-11-22T12:00:00,5Z", "2026-11-22T12:00:00+01:00", "2026-11-22T12:00:00.-1Z",
        "2026-1 -22T12:00:00Z", "+026-11-22T12:00:00Z", "2026-11-22T12:00:00ZZ"})
    EXPECT_EQ(from_rfc3339(text), std::nullopt) << text;
}

TEST(sql_time, is_the_form_of_a_datetime_column) {
  EXPECT_EQ(to_sql(noon + 250ms), "2026-11-22 12:00:00.250000");
  EXPECT_EQ(from_sql("2026-11-22 12:00:00"), noon);
  EXPECT_EQ(from_sql("2026-11-22 12:00:00.250000"), noon + 250ms);
  EXPECT_EQ(from_sql("2026-11-22T12:00:00"), std::nullopt);
  EXPECT_EQ(from_sql("0000-00-00 00:00:00"), std::nullopt);
}

TEST(times, survive_both_forms_from_year_1_to_9999) {
  std::mt19937_64 random{7};
  const auto first = wall_time{sys_days{1y / January / 1}}.time_since_epoch().count();
  const auto last = wall_time{sys_days{10000y / January / 1}}.time_since_epoch().count() - 1;
  std::uniform_int_distribution<std::int64_t> any{first, last};
  for (int i = 0; i < 20'000; ++i) {
    const wall_time t{microseconds{any(random)}};
    ASSERT_EQ(from_rfc3339(to_rfc3339(t)), t) << to_rfc3339(t);
    ASSERT_EQ(from_sql(to_sql(t)), t);
  }
}

TEST(durations, are_short_in_messages) {
  EXPECT_EQ(to_text(0us), "0us");
  EXPECT_EQ(to_text(999us), "999us");
  EXPECT_EQ(to_text(250ms), "250ms");
  EXPECT_EQ(to_text(1500ms), "1.5s");
  EXPECT_EQ(to_text(90s), "90s");
  EXPECT_EQ(to_text(2min), "2m");
  EXPECT_EQ(to_text(-250ms), "-250ms");
}

}  // namespace
}  // namespace baton

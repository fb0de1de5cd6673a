#include "baton/schedule/timetable.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <random>
#include <string>

namespace {
std::atomic<long> allocations{0};
}

// Counts what next() allocates; the only purpose of these replacements.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc{};
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace baton::schedule {
namespace {

using namespace std::chrono_literals;

wall_time at(std::string_view text) { return from_rfc3339(text).value(); }

timetable cron_of(std::string_view text) {
  auto made = timetable::from_cron(text);
  if (auto* error = std::get_if<syntax_error>(&made)) ADD_FAILURE() << text << ": " << error->message;
  return std::get<timetable>(std::move(made));
}

timetable every_of(microseconds period, wall_time anchor = {}) { return std::get<timetable>(timetable::from_every({period, anchor})); }

std::string next_text(const timetable& t, std::string_view from) {
  const auto next = t.next(at(from));
  return next ? to_rfc3339(*next).substr(0, 19) : "none";
}

std::string next_text(std::string_view expression, std::string_view from) { return next_text(cron_of(expression), from); }

TEST(timetable, is_strictly_after_the_instant_it_is_asked_for) {
  EXPECT_EQ(next_text("0 2 * * *", "2026-11-22T01:59:59Z"), "2026-11-22T02:00:00");
  EXPECT_EQ(next_text("0 2 * * *", "2026-11-22T01:59:59.999999Z"), "2026-11-22T02:00:00");
  EXPECT_EQ(next_text("0 2 * * *", "2026-11-22T02:00:00Z"), "2026-11-23T02:00:00");
  EXPECT_EQ(next_text("0 2 * * *", "2026-11-22T02:00:00.000001Z"), "2026-11-23T02:00:00");
  EXPECT_EQ(next_text("* * * * * *", "2026-11-22T02:00:00.5Z"), "2026-11-22T02:00:01");
}

TEST(timetable, crosses_month_and_year_ends) {
  EXPECT_EQ(next_text("*/5 * * * *", "2026-12-31T23:55:00Z"), "2027-01-01T00:00:00");
  EXPECT_EQ(next_text("0 0 31 * *", "2026-03-31T00:00:00Z"), "2026-05-31T00:00:00");
  EXPECT_EQ(next_text("59 59 23 31 12 *", "2026-12-31T23:59:59Z"), "2027-12-31T23:59:59");
  EXPECT_EQ(next_text("0 0 30 * *", "2026-01-30T00:00:00Z"), "2026-03-30T00:00:00");
}

TEST(timetable, knows_leap_years_and_the_centuries_that_are_none) {
  EXPECT_EQ(next_text("0 0 29 2 *", "2026-11-22T00:00:00Z"), "2028-02-29T00:00:00");
  EXPECT_EQ(next_text("0 0 29 2 *", "2096-02-29T00:00:00Z"), "2104-02-29T00:00:00");
  EXPECT_EQ(next_text("0 0 29 2 *", "1999-12-31T00:00:00Z"), "2000-02-29T00:00:00");
  EXPECT_EQ(next_text("0 0 * 2 *", "2100-02-28T00:00:00Z"), "2101-02-01T00:00:00");
}

TEST(timetable, joins_two_restricted_day_fields_with_or_and_one_with_and) {
  EXPECT_EQ(next_text("0 0 13 * 5", "2026-11-13T00:00:00Z"), "2026-11-20T00:00:00");  // a Friday
  EXPECT_EQ(next_text("0 0 13 * 5", "2026-12-11T00:00:00Z"), "2026-12-13T00:00:00");  // a Sunday
  EXPECT_EQ(next_text("0 0 13 * ?", "2026-11-13T00:00:00Z"), "2026-12-13T00:00:00");
  EXPECT_EQ(next_text("0 0 ? * 5", "2026-11-13T00:00:00Z"), "2026-11-20T00:00:00");
  EXPECT_EQ(next_text("0 0 1-31 * mon", "2026-11-17T00:00:00Z"), "2026-11-18T00:00:00");  // 1-31 restricts, so every day
  EXPECT_EQ(next_text("0 0 */2 * mon", "2026-11-15T00:00:00Z"), "2026-11-16T00:00:00");   // */2 restricts too: a Monday, even
  EXPECT_EQ(next_text("0 0 30 2 3", "2026-02-26T00:00:00Z"), "2027-02-03T00:00:00");      // no 30 February, but Wednesdays
}

TEST(timetable, takes_zero_and_seven_for_sunday) {
  for (const auto* text : {"0 0 * * 0", "0 0 * * 7", "0 0 * * sun", "0 0 * * SUN"}) {
    EXPECT_EQ(next_text(text, "2026-11-22T00:00:00Z"), "2026-11-29T00:00:00") << text;
  }
  EXPECT_EQ(next_text("0 0 * * sat-sun", "2026-11-21T00:00:00Z"), "2026-11-22T00:00:00");
  EXPECT_EQ(next_text("0 0 * * 5-0", "2026-11-22T00:00:00Z"), "2026-11-27T00:00:00");
  EXPECT_EQ(next_text("0 0 * * 1/2", "2026-11-20T00:00:00Z"), "2026-11-23T00:00:00");  // 1, 3, 5: no Sunday
}

TEST(timetable, understands_the_macros) {
  EXPECT_EQ(next_text("@yearly", "2026-11-22T12:34:56Z"), "2027-01-01T00:00:00");
  EXPECT_EQ(next_text("@annually", "2026-11-22T12:34:56Z"), "2027-01-01T00:00:00");
  EXPECT_EQ(next_text("@monthly", "2026-11-22T12:34:56Z"), "2026-12-01T00:00:00");
  EXPECT_EQ(next_text("@weekly", "2026-11-22T12:34:56Z"), "2026-11-29T00:00:00");
  EXPECT_EQ(next_text("@daily", "2026-11-22T12:34:56Z"), "2026-11-23T00:00:00");
  EXPECT_EQ(next_text("@Midnight", "2026-11-22T12:34:56Z"), "2026-11-23T00:00:00");
  EXPECT_EQ(next_text(" @HOURLY ", "2026-11-22T12:34:56Z"), "2026-11-22T13:00:00");
  EXPECT_EQ(next_text("@every 90s", "1970-01-01T00:00:00Z"), "1970-01-01T00:01:30");
  EXPECT_EQ(next_text("\t@EVERY\t1h30m ", "1970-01-01T00:00:00Z"), "1970-01-01T01:30:00");
}

TEST(timetable, counts_an_interval_from_its_anchor_in_both_directions) {
  const auto t = every_of(90s, at("2026-01-01T00:00:10Z"));
  EXPECT_EQ(next_text(t, "2026-01-01T00:00:10Z"), "2026-01-01T00:01:40");
  EXPECT_EQ(next_text(t, "2026-01-01T00:00:09.999999Z"), "2026-01-01T00:00:10");
  EXPECT_EQ(next_text(t, "2025-12-31T23:58:40Z"), "2026-01-01T00:00:10");
  EXPECT_EQ(next_text(t, "2025-12-31T23:58:39Z"), "2025-12-31T23:58:40");
  EXPECT_EQ(to_rfc3339(*every_of(1500ms).next(at("1970-01-01T00:00:01Z"))), "1970-01-01T00:00:01.500000Z");
}

TEST(timetable, ends_with_the_year_9999_and_begins_with_the_year_1) {
  EXPECT_EQ(next_text("0 0 1 1 *", "9999-01-01T00:00:00Z"), "none");
  EXPECT_EQ(next_text("* * * * * *", "9999-12-31T23:59:58Z"), "9999-12-31T23:59:59");
  EXPECT_EQ(next_text("* * * * * *", "9999-12-31T23:59:59Z"), "none");
  EXPECT_EQ(next_text(every_of(24h), "9999-12-31T00:00:00Z"), "none");
  EXPECT_EQ(cron_of("0 0 1 1 *").next(wall_time::min()), at("0001-01-01T00:00:00Z"));
  EXPECT_EQ(every_of(24h).next(wall_time::min()), at("0001-01-01T00:00:00Z"));
  EXPECT_EQ(cron_of("0 0 1 1 *").next(wall_time::max()), std::nullopt);
  EXPECT_EQ(every_of(1s).next(wall_time::max()), std::nullopt);
}

TEST(timetable, moves_on_from_every_instant) {
  std::mt19937_64 random{20261122};
  const auto low = at("1950-01-01T00:00:00Z").time_since_epoch().count();
  const auto high = at("2150-01-01T00:00:00Z").time_since_epoch().count();
  std::uniform_int_distribution<std::int64_t> instants{low, high};
  for (const auto* text : {"* * * * * *", "*/7 13 1,15 * 5", "0 0 29 2 *", "30 4 1 */3 *", "0 0 31 * *", "@every 7s", "@every 5d3h"}) {
    const auto t = cron_of(text);
    for (int i = 0; i < 2000; ++i) {
      const wall_time from{microseconds{instants(random)}};
      const auto next = t.next(from);
      ASSERT_TRUE(next) << text;
      ASSERT_GT(*next, from) << text;
      ASSERT_EQ(t.next(*next - 1us), next) << text;  // nothing between an instant and its tick
      ASSERT_GE(t.next(from + 1s), next) << text;    // a later question never has an earlier answer
    }
  }
}

TEST(timetable, says_equal_text_for_equal_ticks) {
  EXPECT_EQ(cron_of(" 0  2 *\t* * ").text(), "0 2 * * *");
  EXPECT_EQ(cron_of("0 00 02 ? * ?").text(), "0 2 * * *");
  EXPECT_EQ(cron_of("@daily").text(), "0 0 * * *");
  EXPECT_EQ(cron_of("15 0 0 1 JAN,mar-Apr Fri-sun,7").text(), "15 0 0 1 1,3-4 5-7,0");
  EXPECT_EQ(cron_of("*/5 1-3/2 * * *").text(), "*/5 1-3/2 * * *");
  EXPECT_EQ(cron_of("@every 5400s").text(), "@every 1h30m");
  EXPECT_EQ(every_of(90s, at("2026-01-01T00:00:00Z")).text(), "@every 1m30s from 2026-01-01T00:00:00.000000Z");
  EXPECT_EQ(cron_of("@daily"), cron_of("0 0 * * *"));
  EXPECT_NE(cron_of("@daily"), cron_of("0 1 * * *"));
  EXPECT_EQ(cron_of("@daily").zone(), "UTC");
}

TEST(timetable, refuses_zones_other_than_utc_and_names_them) {
  const auto made = timetable::from_cron("0 2 * * *", "Europe/Berlin");
  const auto* error = std::get_if<syntax_error>(&made);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->message, "time zone 'Europe/Berlin' is not supported in this release; only UTC is");
}

TEST(timetable, refuses_intervals_out_of_range) {
  EXPECT_TRUE(std::holds_alternative<syntax_error>(timetable::from_every({999'999us, {}})));
  EXPECT_TRUE(std::holds_alternative<syntax_error>(timetable::from_every({-1s, {}})));
  EXPECT_TRUE(std::holds_alternative<syntax_error>(timetable::from_every({microseconds::max(), {}})));
  EXPECT_TRUE(std::holds_alternative<syntax_error>(timetable::from_every({1s, wall_time::max()})));
  EXPECT_TRUE(std::holds_alternative<timetable>(timetable::from_every({1s, {}})));
}

TEST(timetable, allocates_nothing_when_asked_for_the_next_tick) {
  for (const auto* text : {"*/7 13 1,15 * 5", "0 0 29 2 *", "@every 90s"}) {
    const auto t = cron_of(text);
    auto now = at("2026-11-22T00:00:00Z");
    const auto before = allocations.load();
    for (int i = 0; i < 100; ++i) now = t.next(now).value_or(now);
    EXPECT_EQ(allocations.load(), before) << text;
  }
  EXPECT_GT(allocations.load(), 0);  // the counter counts
}

}  // namespace
}  // namespace baton::schedule

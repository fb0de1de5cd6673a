#include "baton/schedule/calendar.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace baton::schedule {
namespace {

using namespace std::chrono;
using range = calendar::range;

sys_days day(std::string_view text) { return parse_day(text).value(); }
range one(std::string_view text) { return {day(text), day(text)}; }

TEST(calendar, merges_what_touches_and_sorts_the_rest) {
  const calendar c{"c",
                   {one("2026-12-31"), {day("2026-12-24"), day("2026-12-26")}, one("2026-12-25"), one("2026-12-27"), one("2026-01-01")}};
  EXPECT_THAT(c.ranges(), ::testing::ElementsAre(one("2026-01-01"), range{day("2026-12-24"), day("2026-12-27")}, one("2026-12-31")));
}

TEST(calendar, contains_both_ends_of_a_range_and_nothing_beside) {
  const calendar c{"c", {{day("2026-12-24"), day("2026-12-26")}, one("2026-12-31")}};
  for (const auto* in : {"2026-12-24", "2026-12-25", "2026-12-26", "2026-12-31"}) EXPECT_TRUE(c.contains(day(in))) << in;
  for (const auto* out : {"2026-12-23", "2026-12-27", "2026-12-30", "2027-01-01", "0001-01-01"}) EXPECT_FALSE(c.contains(day(out))) << out;
  EXPECT_FALSE(calendar("none", {}).contains(day("2026-12-24")));
}

TEST(calendar, reads_days_and_ranges_of_days) {
  EXPECT_EQ(day_text(day("2028-02-29")), "2028-02-29");
  for (const auto* bad : {"", "2026-2-3", "2026-02-30", "2027-02-29", "26-12-25", "2026-12-25 ", "2026/12/25", "2026-13-01"})
    EXPECT_FALSE(parse_day(bad)) << bad;
  EXPECT_EQ(std::get<range>(parse_day_range("2026-12-29..2026-12-31")), (range{day("2026-12-29"), day("2026-12-31")}));
  for (const auto* bad : {"", "2026-12-29", "2026-12-29..", "..2026-12-29", "2026-12-29...2026-12-31", "2026-12-29-2026-12-31"})
    EXPECT_EQ(std::get<syntax_error>(parse_day_range(bad)).message, "must be two days, such as 2026-12-29..2026-12-31") << bad;
  EXPECT_EQ(std::get<syntax_error>(parse_day_range("2026-12-31..2026-12-29")).message, "ends on a day before it begins");
}

TEST(day_rules, allow_the_days_of_any_of_only_on_but_for_those_of_not_on) {
  const auto a = std::make_shared<const calendar>("a", std::vector{range{day("2026-06-01"), day("2026-06-10")}});
  const auto b = std::make_shared<const calendar>("b", std::vector{range{day("2026-06-05"), day("2026-06-06")}, one("2026-07-01")});
  EXPECT_TRUE(day_rules{}.allow(day("2026-06-05")));
  EXPECT_FALSE((day_rules{{a}, {}}.allow(day("2026-06-05"))));
  EXPECT_TRUE((day_rules{{a}, {}}.allow(day("2026-06-11"))));
  EXPECT_TRUE((day_rules{{}, {a, b}}.allow(day("2026-07-01"))));
  EXPECT_FALSE((day_rules{{}, {a, b}}.allow(day("2026-07-02"))));
  EXPECT_FALSE((day_rules{{b}, {a}}.allow(day("2026-06-05"))));
  EXPECT_TRUE((day_rules{{b}, {a}}.allow(day("2026-06-04"))));
}

TEST(day_rules, find_the_first_day_that_is_allowed) {
  const auto june = std::make_shared<const calendar>("a", std::vector{range{day("2026-06-01"), day("2026-06-10")}, one("2026-06-20")});
  const auto part = std::make_shared<const calendar>("b", std::vector{range{day("2026-06-05"), day("2026-06-12")}});
  const auto always = std::make_shared<const calendar>("c", std::vector{range{day("2026-01-01"), day("9999-12-31")}});
  EXPECT_EQ((day_rules{}.first_allowed(day("2026-06-05"))), day("2026-06-05"));
  EXPECT_EQ((day_rules{{june, part}, {}}.first_allowed(day("2026-06-01"))), day("2026-06-13"));
  EXPECT_EQ((day_rules{{}, {june}}.first_allowed(day("2026-05-01"))), day("2026-06-01"));
  EXPECT_EQ((day_rules{{part}, {june}}.first_allowed(day("2026-06-05"))), day("2026-06-20"));
  EXPECT_EQ((day_rules{{part}, {june}}.first_allowed(day("2026-06-21"))), std::nullopt);
  EXPECT_EQ((day_rules{{always}, {}}.first_allowed(day("2026-06-21"))), day("9999-12-31") + days{1});
  EXPECT_EQ((day_rules{{}, {std::make_shared<const calendar>("none", std::vector<range>{})}}.first_allowed(day("2026-06-21"))),
            std::nullopt);
}

}  // namespace
}  // namespace baton::schedule

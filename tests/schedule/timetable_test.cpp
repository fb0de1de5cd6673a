#include "baton/schedule/timetable.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <random>
#include <string>

#include "baton/schedule/duration.hpp"

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
  EXPECT_EQ(cron_of("15 0 0 1 JAN,mar-Apr Fri-sun,7").text(), "15 0 0 1 1,3,4 0,5,6");
  EXPECT_EQ(cron_of("*/5 1,3 * * *").text(), "*/5 1,3 * * *");
  EXPECT_EQ(cron_of("@every 5400s").text(), "@every 1h30m");
  EXPECT_EQ(every_of(90s, at("2026-01-01T00:00:00Z")).text(), "@every 1m30s from 2026-01-01T00:00:00.000000Z");
  EXPECT_EQ(cron_of("@daily"), cron_of("0 0 * * *"));
  EXPECT_NE(cron_of("@daily"), cron_of("0 1 * * *"));
  EXPECT_EQ(cron_of("@daily").time_zone().name(), "UTC");
  EXPECT_EQ(cron_of("30,0 2 * * *"), cron_of("0,30 2 * * *"));
  EXPECT_EQ(cron_of("0 0 * * 1-5"), cron_of("0 0 ? jan-dec mon,tue,wed,thu,fri"));
  // Equal values, but an interval follows the clock where it goes back and a list does not.
  EXPECT_NE(cron_of("*/30 1 * * *"), cron_of("0,30 1 * * *"));
  EXPECT_EQ(cron_of("0/30 1 * * *").text(), "*/30 1 * * *");
  EXPECT_EQ(cron_of("5-5 1 * * *").text(), "5-5 1 * * *");
  EXPECT_EQ(cron_of("0 9-17 * * *").text(), "0 9-17 * * *");
  EXPECT_EQ(cron_of("0 9,10,11 * * *").text(), "0 9,10,11 * * *");
  EXPECT_EQ(cron_of("0 0 15W,L,1,LW,L-2 * 5L,1#2,sun").text(), "0 0 1,L,L-2,LW,15W * 0,1#2,5L");
  EXPECT_EQ(cron_of("0 0 0 1 1 * 2030-2033,2035").text(), "0 0 0 1 1 * 2030-2033,2035");
  EXPECT_EQ(cron_of("0 0 0 1 1 * *").text(), "0 0 1 1 *");
  for (const auto* text : {"0 0 1-31 * *", "0 0 * * 0-6", "0 0 *,L * *", "0 0 1-31 * mon", "0 0 15 * 0-6", "0 0 1/1 * ?"})
    EXPECT_EQ(cron_of(text), cron_of("0 0 * * *")) << text;
  EXPECT_EQ(cron_of("0 0 * * 5,5L,5#1,4#1").text(), "0 0 * * 5,4#1");
  EXPECT_EQ(cron_of("0 0 0 1 1 * 1970-2199").text(), "0 0 0 1 1 * 1970-2199");
}

TEST(timetable, tells_itself_from_others_in_64_characters) {
  const auto berlin = std::get<zone>(zone::find("Europe/Berlin"));
  EXPECT_EQ(cron_of("@daily").identity(), "0 0 * * * UTC");
  const auto identity = [&](std::string_view text) { return std::get<timetable>(timetable::from_cron(text, berlin)).identity(); };
  const auto one = identity("0,10,20,30,40,50 8,9,10,11,12,13,14,15,16,17 * * 1-5");
  EXPECT_EQ(one,
            "0,10,20,30,40,50 8,9,10,11,12,13,14,15,16,17 * ~4dbf7eea988618a0");  // golden: a release that changes it makes schedules new
  EXPECT_EQ(one.size(), 64U);
  EXPECT_NE(one, identity("0,10,20,30,40,50 8,9,10,11,12,13,14,15,16,17 * * 1-6"));
}

TEST(timetable, finds_both_passes_of_the_last_day_there_is) {
  const auto new_york = std::get<zone>(zone::find("America/New_York"));
  const auto both = std::get<timetable>(timetable::from_cron("0 */30 1 1 11 * 2026", new_york));
  std::string seen;
  for (const auto tick : both.between(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")))
    seen += to_local_text(tick, new_york).substr(11) + " ";
  EXPECT_EQ(seen, "01:00:00-04:00 01:30:00-04:00 01:00:00-05:00 01:30:00-05:00 ");
  const auto first = std::get<timetable>(timetable::from_cron("0 30 1 1 11 ? 2026", new_york));
  EXPECT_EQ(first.next(at("2026-01-01T00:00:00Z")), at("2026-11-01T05:30:00Z"));
  EXPECT_EQ(first.next(at("2026-11-01T05:30:00Z")), std::nullopt);
  EXPECT_EQ(first.previous(at("2026-11-01T06:15:00Z")), at("2026-11-01T05:30:00Z"));
  EXPECT_EQ(first.previous(at("2026-12-01T00:00:00Z")), at("2026-11-01T05:30:00Z"));
  EXPECT_EQ(first.previous(at("2026-11-01T05:30:00Z")), std::nullopt);
}

TEST(timetable, knows_last_days_nearest_weekdays_and_weeks) {
  EXPECT_EQ(next_text("0 0 L * *", "2028-02-01T00:00:00Z"), "2028-02-29T00:00:00");
  EXPECT_EQ(next_text("0 0 L-3 * *", "2026-02-01T00:00:00Z"), "2026-02-25T00:00:00");
  EXPECT_EQ(next_text("0 0 L-30 * *", "2026-02-01T00:00:00Z"), "2026-03-01T00:00:00");
  EXPECT_EQ(next_text("0 0 LW * *", "2026-05-01T00:00:00Z"), "2026-05-29T00:00:00");   // the 31st is a Sunday
  EXPECT_EQ(next_text("0 0 LW * *", "2026-10-01T00:00:00Z"), "2026-10-30T00:00:00");   // the 31st is a Saturday
  EXPECT_EQ(next_text("0 0 15W * *", "2026-11-01T00:00:00Z"), "2026-11-16T00:00:00");  // the 15th is a Sunday
  EXPECT_EQ(next_text("0 0 15W * *", "2026-08-01T00:00:00Z"), "2026-08-14T00:00:00");  // a Saturday
  EXPECT_EQ(next_text("0 0 1W * *", "2026-07-31T00:00:00Z"), "2026-08-03T00:00:00");   // Saturday the 1st: not into July
  EXPECT_EQ(next_text("0 0 31W * *", "2026-05-01T00:00:00Z"), "2026-05-29T00:00:00");  // Sunday the 31st: not into June
  EXPECT_EQ(next_text("0 0 * * 5L", "2026-11-01T00:00:00Z"), "2026-11-27T00:00:00");
  EXPECT_EQ(next_text("0 0 * * friL", "2027-01-01T00:00:00Z"), "2027-01-29T00:00:00");
  EXPECT_EQ(next_text("0 0 * * 5#3", "2026-11-01T00:00:00Z"), "2026-11-20T00:00:00");
  EXPECT_EQ(next_text("0 0 * * 7#5", "2026-11-01T00:00:00Z"), "2026-11-29T00:00:00");
  EXPECT_EQ(next_text("0 0 * 2 MON#5", "2072-03-01T00:00:00Z"), "2112-02-29T00:00:00");  // the longest wait there is
  EXPECT_EQ(next_text("0 0 13 * 5L", "2026-11-01T00:00:00Z"), "2026-11-13T00:00:00");    // either
}

TEST(timetable, knows_years) {
  EXPECT_EQ(next_text("0 0 0 29 2 ? 2026-2040", "2029-01-01T00:00:00Z"), "2032-02-29T00:00:00");
  EXPECT_EQ(next_text("0 0 0 1 1 * 2030,2100", "2030-01-01T00:00:00Z"), "2100-01-01T00:00:00");
  EXPECT_EQ(next_text("0 0 0 1 1 * 2030", "2030-01-01T00:00:00Z"), "none");
  EXPECT_EQ(next_text("0 0 0 1 1 * 2199", "1900-01-01T00:00:00Z"), "2199-01-01T00:00:00");
}

TEST(timetable, happens_once_where_a_time_is_given) {
  const auto berlin = std::get<zone>(zone::find("Europe/Berlin"));
  const auto tick = [&](std::string_view text) {
    const auto made = timetable::from_at(text, berlin);
    if (const auto* error = std::get_if<syntax_error>(&made)) return error->message;
    const auto next = std::get<timetable>(made).next(wall_time::min());
    EXPECT_EQ(std::get<timetable>(made).next(*next), std::nullopt);
    EXPECT_EQ(std::get<timetable>(made).previous(wall_time::max()), next);
    return to_rfc3339(*next);
  };
  EXPECT_EQ(tick("2026-12-31T23:59:00"), "2026-12-31T22:59:00.000000Z");
  EXPECT_EQ(tick("2026-12-31T23:59:00Z"), "2026-12-31T23:59:00.000000Z");
  EXPECT_EQ(tick("2026-03-29T02:30:00.5"), "2026-03-29T01:00:00.000000Z");  // there is no such time
  EXPECT_EQ(tick("2026-10-25T02:30:00"), "2026-10-25T00:30:00.000000Z");    // there are two
  EXPECT_EQ(tick("tomorrow"), "at: a time is expected, such as 2026-12-31T23:59:00 in the job's zone or 2026-12-31T23:59:00Z");
}

TEST(timetable, gives_the_ticks_of_a_window) {
  std::string seen;
  const auto t = cron_of("0 */6 * * *");
  for (const auto tick : t.between(at("2026-11-22T00:00:00Z"), at("2026-11-22T18:00:00Z"))) seen += to_rfc3339(tick).substr(11, 2) + " ";
  EXPECT_EQ(seen, "06 12 18 ");
  EXPECT_EQ(t.between(at("2026-11-22T00:00:00Z"), at("2026-11-22T05:59:59Z")).begin(), std::default_sentinel);
}

TEST(timetable, bounds_the_longest_gap) {
  const auto gap = [](std::string_view text, const zone& where = zone::utc()) {
    const auto made = std::get<timetable>(timetable::from_cron(text, where));
    const auto longest = made.longest_gap(at("2026-11-22T00:00:00Z"));
    return longest ? duration_text(*longest) : "none";
  };
  const auto new_york = std::get<zone>(zone::find("America/New_York"));
  EXPECT_EQ(gap("* * * * *"), "1m");
  EXPECT_EQ(gap("*/7 * * * *"), "7m");
  EXPECT_EQ(gap("*/7 * * * *", new_york), "7m");
  EXPECT_EQ(gap("0 9-17 * * *"), "16h");
  EXPECT_EQ(gap("0 2 * * *"), "1d");
  EXPECT_EQ(gap("0 2 * * *", new_york), "1d1h");
  EXPECT_EQ(gap("0 9-17 * * mon-fri"), "2d16h");
  EXPECT_EQ(gap("0 0 31 * *"), "61d");
  EXPECT_EQ(gap("0 0 29 2 *"), "2921d");  // around 2100
  EXPECT_EQ(gap("0 0 0 1 1 * 2030"), "none");
  EXPECT_EQ(gap("0 0 0 1 1 * 2030,2032"), "730d");
  EXPECT_EQ(gap("@every 90s", new_york), "1m30s");
  EXPECT_EQ(gap("0 0 23 31 12 * 2026,2027", new_york), "365d1h");  // the first tick is in January by UTC
  EXPECT_EQ(gap("*/15 * * * 1-5", new_york), "2d1h15m");
  EXPECT_EQ(gap("0 * * * *", std::get<zone>(zone::find("Australia/Lord_Howe"))), "1h30m");
}

// ---- calendars and jitter

std::shared_ptr<const calendar> days_of(std::initializer_list<std::string_view> ranges) {
  std::vector<calendar::range> all;
  for (const auto text : ranges) {
    const auto full = text.find("..") == std::string_view::npos ? std::string{text} + ".." + std::string{text} : std::string{text};
    all.push_back(std::get<calendar::range>(parse_day_range(full)));
  }
  return std::make_shared<const calendar>("c", std::move(all));
}

std::string runs(const timetable& t, std::string_view from, int count) {
  std::string all;
  for (auto tick = t.next_run(at(from)); tick && count-- > 0; tick = t.next_run(*tick))
    all += (all.empty() ? "" : " ") + to_local_text(*tick, t.time_zone()).substr(5, 11);
  return all;
}

TEST(timetable, excludes_ticks_by_the_days_of_the_zone) {
  const auto berlin = std::get<zone>(zone::find("Europe/Berlin"));
  const auto plain = std::get<timetable>(timetable::from_cron("30 0,23 * * *", berlin));
  const auto t = plain.refined({{{days_of({"2026-12-25..2026-12-26"})}, {}}, berlin, {}, "j"});
  EXPECT_EQ(runs(t, "2026-12-24T12:00:00Z", 3), "12-24T23:30 12-27T00:30 12-27T23:30");
  EXPECT_TRUE(t.is_excluded(at("2026-12-24T23:30:00Z")));   // 00:30 of the 25th in Berlin
  EXPECT_FALSE(t.is_excluded(at("2026-12-26T23:30:00Z")));  // 00:30 of the 27th
  EXPECT_FALSE(plain.is_excluded(at("2026-12-24T23:30:00Z")));
  EXPECT_EQ(t.next(at("2026-12-24T23:00:00Z")), at("2026-12-24T23:30:00Z")) << "it stays a tick";
}

TEST(timetable, runs_on_the_days_of_only_on_and_never_after_the_last) {
  const auto daily = cron_of("0 2 * * *").refined({{{}, {days_of({"2026-12-30..2027-01-02", "2028-02-29"})}}, zone::utc(), {}, "j"});
  EXPECT_EQ(runs(daily, "2026-06-01T00:00:00Z", 9), "12-30T02:00 12-31T02:00 01-01T02:00 01-02T02:00 02-29T02:00");
  EXPECT_EQ(daily.next_run(at("2028-02-29T02:00:00Z")), std::nullopt);
  const auto off = cron_of("* * * * * *").refined({{{days_of({"2026-01-01..9999-12-31"})}, {}}, zone::utc(), {}, "j"});
  EXPECT_EQ(off.next_run(at("2026-06-01T00:00:00Z")), std::nullopt) << "and at once";
  const auto never = cron_of("0 2 * * *").refined({{{}, {days_of({})}}, zone::utc(), {}, "j"});
  EXPECT_EQ(never.next_run(at("2026-06-01T00:00:00Z")), std::nullopt);
}

// A day's clocks may begin it at another time than midnight, or skip it as a whole.
TEST(timetable, knows_when_days_begin) {
  const auto beirut = std::get<zone>(zone::find("Asia/Beirut"));  // 2026-03-29: from 00:00 to 01:00
  const auto hourly = std::get<timetable>(timetable::from_cron("0 * * * *", beirut));
  EXPECT_EQ(runs(hourly.refined({{{days_of({"2026-03-28"})}, {}}, beirut, {}, "j"}), "2026-03-27T20:30:00Z", 2), "03-27T23:00 03-29T01:00");
  const auto apia = std::get<zone>(zone::find("Pacific/Apia"));  // had no 2011-12-30
  const auto noon = std::get<timetable>(timetable::from_cron("0 12 * * *", apia));
  EXPECT_EQ(runs(noon.refined({{{days_of({"2011-12-29..2011-12-30"})}, {}}, apia, {}, "j"}), "2011-12-28T12:00:00Z", 2),
            "12-28T12:00 12-31T00:00");
}

TEST(timetable, runs_a_tick_later_by_its_jitter_and_before_the_next_one) {
  const auto minutely = cron_of("* * * * *").refined({{}, zone::utc(), 1h, "j"});
  const auto daily = cron_of("0 2 * * *").refined({{}, zone::utc(), 30s, "j"});
  const auto other = cron_of("0 2 * * *").refined({{}, zone::utc(), 30s, "k"});
  microseconds least = 1h;
  microseconds most{};
  int same = 0;
  auto last_due = wall_time::min();
  for (auto t = at("2026-06-01T00:00:00Z"); t < at("2026-06-02T00:00:00Z"); t = *minutely.next(t)) {
    const auto due = minutely.due(t);
    EXPECT_EQ(due, minutely.due(t));
    EXPECT_GE(due, t);
    EXPECT_LT(due, t + 1min);
    EXPECT_GT(due, last_due);
    last_due = due;
    least = std::min(least, due - t);
    most = std::max(most, due - t);
    EXPECT_LT(daily.due(t) - t, 30s);
    same += daily.due(t) == other.due(t) ? 1 : 0;
  }
  EXPECT_LT(least, 1s) << "it is spread over all of the minute";
  EXPECT_GT(most, 59s);
  EXPECT_LT(same, 3) << "jobs with the same ticks run apart";
  EXPECT_EQ(cron_of("0 2 * * *").due(last_due), last_due);
  // Written into ledgers by every instance: this number never changes.
  EXPECT_EQ((daily.due(at("2026-11-25T02:00:00Z")) - at("2026-11-25T02:00:00Z")).count(), 20'389'980);
}

// No instance goes in: three of them have three objects of the same file, and the same offsets.
TEST(timetable, s20_jitter_is_the_same_everywhere_and_evenly_spread) {
  const auto made = [] { return cron_of("* * * * *").refined({{}, zone::utc(), 30s, "report"}); };
  const std::array nodes{made(), made(), made()};
  constexpr int ticks = 1000;
  constexpr int slots = 20;
  std::array<int, slots> counts{};
  auto t = at("2026-06-01T00:00:00Z");
  for (int i = 0; i < ticks; ++i, t = *nodes[0].next(t)) {
    const auto offset = nodes[0].due(t) - t;
    for (const auto& node : nodes) ASSERT_EQ(node.due(t) - t, offset) << to_rfc3339(t);
    ASSERT_GE(offset, 0s);
    ASSERT_LT(offset, 30s) << "and never reaches the next tick";
    ++counts[static_cast<std::size_t>(offset * slots / 30s)];
  }
  constexpr double expected = 1.0 * ticks / slots;
  double chi_square = 0;
  for (const int count : counts) chi_square += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi_square, 36.19) << "1 % of 19 degrees of freedom";
  EXPECT_GT(chi_square, 7.63) << "99 %: too even to be a hash";
}

TEST(timetable, bounds_the_gap_that_calendars_make) {
  std::mt19937 random{4711};
  for (const auto* text : {"0 2 * * *", "0 9-17 * * mon-fri", "30 * * * *", "0 0 * * sun"}) {
    for (int round = 0; round < 20; ++round) {
      const auto from = at("2026-01-01T00:00:00Z");
      const auto first = std::chrono::floor<std::chrono::days>(from);
      std::vector<calendar::range> ranges;
      for (int i = 0; i < 6; ++i) {
        const auto begin = first + std::chrono::days{random() % 360};
        ranges.push_back({begin, begin + std::chrono::days{random() % 9}});
      }
      const auto days = std::make_shared<const calendar>("c", ranges);
      const auto t = cron_of(text).refined({round % 2 == 0 ? day_rules{{days}, {}} : day_rules{{}, {days}}, zone::utc(), {}, "j"});
      microseconds longest{};
      int count = 0;
      auto before = t.next_run(from);
      for (auto tick = before ? t.next_run(*before) : std::nullopt; tick && *tick < from + 24h * 730; tick = t.next_run(*before)) {
        longest = std::max(longest, *tick - *before);
        before = tick;
        ++count;
      }
      const auto bound = t.longest_gap(from);
      ASSERT_EQ(bound.has_value(), count > 0) << text;
      if (!bound) continue;
      EXPECT_GE(*bound, longest) << text << " round " << round;
      EXPECT_LE(*bound, std::max(longest, *cron_of(text).longest_gap(from))) << text << " round " << round;
    }
  }
}

TEST(timetable, says_itself_in_words) {
  const auto words = [](std::string_view text) { return cron_of(text).in_words(); };
  EXPECT_EQ(words("30 2 * * *"), "at 02:30");
  EXPECT_EQ(words("0,30 2 * * *"), "at 02:00 and 02:30");
  EXPECT_EQ(words("15 30 2 * * *"), "at 02:30:15");
  EXPECT_EQ(words("* * * * *"), "every minute");
  EXPECT_EQ(words("*/15 * * * *"), "every 15 minutes");
  EXPECT_EQ(words("* * * * * *"), "every second");
  EXPECT_EQ(words("*/10 * * * * *"), "every 10 seconds");
  EXPECT_EQ(words("0 * * * *"), "every hour");
  EXPECT_EQ(words("20 */6 * * *"), "at 00:20, 06:20, 12:20 and 18:20");
  EXPECT_EQ(words("20 */2 * * *"), "every 2 hours, 20 minutes past");
  EXPECT_EQ(words("*/5 9-17 * * mon-fri"), "every 5 minutes within 09:00-17:59 on Monday to Friday");
  EXPECT_EQ(words("0 0 L,15W * *"), "at 00:00 on the last day and the weekday (Monday to Friday) nearest to day 15 of the month");
  EXPECT_EQ(words("0 0 13 * 5"), "at 00:00 on day 13 of the month or on Friday");
  EXPECT_EQ(words("0 0 * 3,6-8 5L,1#2"),
            "at 00:00 on the second Monday of the month and the last Friday of the month in March and June to August");
  EXPECT_EQ(words("0 0 0 1 1 * 2030-2032"), "at 00:00 on day 1 of the month in January of 2030 to 2032");
  EXPECT_EQ(words("@every 90s"), "every 1m30s");
  EXPECT_EQ(words("* 0 * * * *"), "every second, at minute 0");
  EXPECT_EQ(words("5 0 * * * *"), "at second 5, every hour");
}

TEST(timetable, refuses_intervals_out_of_range) {
  EXPECT_TRUE(std::holds_alternative<syntax_error>(timetable::from_every({999'999us, {}})));
  EXPECT_TRUE(std::holds_alternative<syntax_error>(timetable::from_every({-1s, {}})));
  EXPECT_TRUE(std::holds_alternative<syntax_error>(timetable::from_every({microseconds::max(), {}})));
  EXPECT_TRUE(std::holds_alternative<syntax_error>(timetable::from_every({1s, wall_time::max()})));
  EXPECT_TRUE(std::holds_alternative<timetable>(timetable::from_every({1s, {}})));
}

TEST(timetable, allocates_nothing_when_asked_for_the_next_tick) {
  const auto new_york = std::get<zone>(zone::find("America/New_York"));
  for (const auto* text : {"*/7 13 1,15 * 5", "0 0 29 2 *", "@every 90s", "0 0 L,15W * 5#3"}) {
    const auto t = std::get<timetable>(timetable::from_cron(text, new_york));
    auto now = at("2026-11-22T00:00:00Z");
    const auto before = allocations.load();
    for (int i = 0; i < 100; ++i) now = t.next(now).value_or(now);
    for (int i = 0; i < 100; ++i) now = t.previous(now).value_or(now);
    EXPECT_EQ(allocations.load(), before) << text;
  }
  EXPECT_GT(allocations.load(), 0);  // the counter counts
}

}  // namespace
}  // namespace baton::schedule

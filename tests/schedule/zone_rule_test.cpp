#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "baton/schedule/timetable.hpp"

namespace baton::schedule {
namespace {

using namespace std::chrono_literals;

wall_time at(std::string_view text) { return from_rfc3339(text).value(); }
zone zone_of(std::string_view name) { return std::get<zone>(zone::find(name)); }
timetable in_zone(std::string_view text, const zone& where) {
  auto made = timetable::from_cron(text, where);
  if (const auto* error = std::get_if<syntax_error>(&made)) ADD_FAILURE() << text << ": " << error->message;
  return std::get<timetable>(std::move(made));
}

struct row {
  const char* zone;
  const char* expression;
  const char* from;
  const char* ticks;  ///< of the 23 hours that follow, in local time
};
std::ostream& operator<<(std::ostream& out, const row& r) { return out << r.zone << " " << r.expression << " " << r.from; }

class zone_rule_rows : public ::testing::TestWithParam<row> {};

TEST_P(zone_rule_rows, g12_ticks_follow_the_documented_rule) {
  const auto& [name, expression, from, want] = GetParam();
  const auto where = zone_of(name);
  const auto t = in_zone(expression, where);
  std::string seen;
  for (const auto tick : t.between(at(from), at(from) + 23h)) {
    if (seen.size() > 400) break;
    const auto mark = to_string(t.mark(tick));
    seen += (seen.empty() ? "" : " ") + to_local_text(tick, where).substr(11);
    if (!mark.empty()) seen += "(" + std::string{mark} + ")";
  }
  EXPECT_EQ(seen, want);
}

constexpr auto spring = "2025-03-09T05:00:00Z";  // midnight in New York, before 02:00 becomes 03:00
constexpr auto autumn = "2025-11-02T04:00:00Z";  // midnight in New York, before 02:00 becomes 01:00
constexpr row rows[] = {
    {"America/New_York", "30 2 * * *", spring, "03:00:00-04:00(skipped)"},
    {"America/New_York", "0,30 2 * * *", spring, "03:00:00-04:00(skipped)"},
    {"America/New_York", "*/15 2 * * *", spring, "03:00:00-04:00(skipped)"},
    {"America/New_York", "0 */8 * * *", spring, "08:00:00-04:00 16:00:00-04:00 00:00:00-04:00"},
    {"America/New_York", "0 1-4 * * *", spring, "01:00:00-05:00 03:00:00-04:00(skipped) 04:00:00-04:00"},
    {"America/New_York", "30 * 9 3 *", spring,
     "00:30:00-05:00 01:30:00-05:00 03:30:00-04:00 04:30:00-04:00 05:30:00-04:00 06:30:00-04:00 07:30:00-04:00 08:30:00-04:00 "
     "09:30:00-04:00 10:30:00-04:00 11:30:00-04:00 12:30:00-04:00 13:30:00-04:00 14:30:00-04:00 15:30:00-04:00 16:30:00-04:00 "
     "17:30:00-04:00 18:30:00-04:00 19:30:00-04:00 20:30:00-04:00 21:30:00-04:00 22:30:00-04:00 23:30:00-04:00"},
    {"America/New_York", "0 2,3 * * *", spring, "03:00:00-04:00(skipped)"},
    {"America/New_York", "30 1 * * *", autumn, "01:30:00-04:00(first pass)"},
    {"America/New_York", "0,30 1 * * *", autumn, "01:00:00-04:00(first pass) 01:30:00-04:00(first pass)"},
    {"America/New_York", "*/30 1 * * *", autumn,
     "01:00:00-04:00(first pass) 01:30:00-04:00(first pass) 01:00:00-05:00(second pass) 01:30:00-05:00(second pass)"},
    {"America/New_York", "0 1-3 * * *", autumn, "01:00:00-04:00(first pass) 01:00:00-05:00(second pass) 02:00:00-05:00 03:00:00-05:00"},
    {"America/New_York", "30 2 * * *", autumn, "02:30:00-05:00"},
    // Half an hour: Lord Howe.
    {"Australia/Lord_Howe", "15 2 * * *", "2025-10-04T13:00:00Z", "02:30:00+11:00(skipped)"},
    {"Australia/Lord_Howe", "*/15 1 * * *", "2025-04-05T13:00:00Z",
     "01:00:00+11:00 01:15:00+11:00 01:30:00+11:00(first pass) 01:45:00+11:00(first pass) 01:30:00+10:30(second pass) "
     "01:45:00+10:30(second pass)"},
    // A day that never was: Samoa went over the date line.
    {"Pacific/Apia", "0 12 * * *", "2011-12-30T00:00:00Z", "00:00:00+14:00(skipped) 12:00:00+14:00"},
    {"Pacific/Apia", "0 12 30 12 *", "2011-12-30T00:00:00Z", "00:00:00+14:00(skipped)"},
    {"Pacific/Apia", "0 12 * * 5", "2011-12-30T00:00:00Z", "00:00:00+14:00(skipped)"},
    // Winter time is the exception by tm_isdst; the offset alone counts.
    {"Europe/Dublin", "30 1 * * *", "2025-03-30T00:00:00Z", "02:00:00+01:00(skipped)"},
    {"Europe/Dublin", "30 1 * * *", "2025-10-25T23:00:00Z", "01:30:00+01:00(first pass)"},
    // Two hours: the Norwegian station Troll.
    {"Antarctica/Troll", "30 1,2 * * *", "2025-03-30T00:00:00Z", "03:00:00+02:00(skipped)"},
    // The clocks change for Ramadan.
    {"Africa/Casablanca", "30 2 * * *", "2025-02-22T23:00:00Z", "02:30:00+01:00(first pass)"},
};

INSTANTIATE_TEST_SUITE_P(zone_rule, zone_rule_rows, ::testing::ValuesIn(rows));

TEST(zone_rule, knows_what_clocks_do_centuries_from_now) {
  const auto new_york = zone_of("America/New_York");
  EXPECT_EQ(to_local_text(at("2038-06-15T16:00:00Z"), new_york), "2038-06-15T12:00:00-04:00");
  EXPECT_EQ(to_local_text(at("2638-06-15T16:00:00Z"), new_york), "2638-06-15T12:00:00-04:00");
  EXPECT_EQ(to_local_text(at("9999-01-15T16:00:00Z"), new_york), "9999-01-15T11:00:00-05:00");
  const auto t = in_zone("30 2 * 3 *", new_york);
  // The second Sunday of March 2500, 2900 and 9700 is the 14th.
  for (const auto* year : {"2500", "2900", "9700"}) {
    const auto tick = t.next(at(std::string{year} + "-03-14T06:00:00Z"));
    EXPECT_EQ(to_local_text(*tick, new_york), std::string{year} + "-03-14T03:00:00-04:00");
    EXPECT_EQ(t.previous(*tick + 1s), tick);
  }
}

}  // namespace
}  // namespace baton::schedule

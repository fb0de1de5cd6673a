#include <gtest/gtest.h>

#include <fstream>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

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
  std::string zone;
  std::string expression;
  std::string from;
  int hours;
  std::string ticks;  ///< in local time
};
std::ostream& operator<<(std::ostream& out, const row& r) { return out << r.zone << " " << r.expression << " " << r.from; }

class zone_rule_rows : public ::testing::TestWithParam<row> {};

TEST_P(zone_rule_rows, g12_ticks_follow_the_documented_rule) {
  const auto& [name, expression, from, hours, want] = GetParam();
  const auto where = zone_of(name);
  const auto t = in_zone(expression, where);
  std::string seen;
  for (const auto tick : t.between(at(from), at(from) + std::chrono::hours{hours})) {
    if (seen.size() > 400) break;
    const auto mark = to_string(t.mark(tick));
    seen += (seen.empty() ? "" : ", ") + to_local_text(tick, where).substr(11);
    if (!mark.empty()) seen += "(" + std::string{mark.substr(0, mark.find(' '))} + ")";
  }
  EXPECT_EQ(seen, want);
}

/// The rows of the table in docs/explanation/time.md.
std::vector<row> documented() {
  std::vector<row> out;
  std::ifstream in{BATON_SOURCE_DIR "/docs/explanation/time.md"};
  for (std::string line; std::getline(in, line);) {
    std::vector<std::string> cells;
    std::istringstream parts{line};
    for (std::string cell; std::getline(parts, cell, '|');) {
      std::erase(cell, '`');
      const auto begin = cell.find_first_not_of(' ');
      cells.push_back(begin == std::string::npos ? "" : cell.substr(begin, cell.find_last_not_of(' ') + 1 - begin));
    }
    if (cells.size() != 6 || cells[3].find('T') == std::string::npos) continue;
    out.push_back({cells[1], cells[2], cells[3], std::stoi(cells[4]), cells[5]});
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(zone_rule, zone_rule_rows, ::testing::ValuesIn(documented()));

TEST(zone_rule, has_a_table_of_examples) { EXPECT_GT(documented().size(), 20U); }

TEST(zone_rule, knows_what_clocks_do_centuries_from_now) {
  const auto new_york = zone_of("America/New_York");
  EXPECT_EQ(to_local_text(at("2038-06-15T16:00:00Z"), new_york), "2038-06-15T12:00:00-04:00");
  EXPECT_EQ(to_local_text(at("2638-06-15T16:00:00Z"), new_york), "2638-06-15T12:00:00-04:00");
  EXPECT_EQ(to_local_text(at("9999-01-15T16:00:00Z"), new_york), "9999-01-15T11:00:00-05:00");
  const auto t = in_zone("30 2 * 3 *", new_york);
  // The second Sunday of March 2500, 2900 and 9700 is the 14th.
  EXPECT_EQ(new_york.offset(at("2438-07-01T12:00:00Z")), -4h);
  EXPECT_EQ(new_york.offset(at("2499-07-01T12:00:00Z")), -4h);
  EXPECT_EQ(new_york.offset(at("2850-07-01T12:00:00Z")), -4h);
  EXPECT_EQ(new_york.offset(at("2850-12-01T12:00:00Z")), -5h);
  for (const auto* year : {"2500", "2900", "9700"}) {
    const auto tick = t.next(at(std::string{year} + "-03-14T06:00:00Z"));
    EXPECT_EQ(to_local_text(*tick, new_york), std::string{year} + "-03-14T03:00:00-04:00");
    EXPECT_EQ(t.previous(*tick + 1s), tick);
  }
}

}  // namespace
}  // namespace baton::schedule

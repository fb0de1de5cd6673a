// Every clock change of every zone, and expressions at random, against a walk that shares no code with the library.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <regex>

#include "baton/schedule/timetable.hpp"
#include "oracle.hpp"

namespace baton::schedule {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

wall_time at(std::int64_t utc) { return wall_time{seconds{utc}}; }
std::int64_t count(wall_time t) { return std::chrono::floor<seconds>(t).time_since_epoch().count(); }
zone zone_of(std::string_view name) { return std::get<zone>(zone::find(name)); }
timetable in_zone(std::string_view text, const zone& where) {
  auto made = timetable::from_cron(text, where);
  if (const auto* error = std::get_if<syntax_error>(&made)) ADD_FAILURE() << text << ": " << error->message;
  return std::get<timetable>(std::move(made));
}

std::vector<std::string> all_zones() {
  std::vector<std::string> out;
  const std::filesystem::path folder = "/usr/share/zoneinfo";
  for (std::filesystem::recursive_directory_iterator i{folder}, end; i != end; ++i) {
    const auto name = i->path().lexically_relative(folder).string();
    if (i.depth() == 0 && (name == "posix" || name == "right")) i.disable_recursion_pending();
    if (i->is_symlink() || !i->is_regular_file()) continue;  // a link is the same zone
    if (std::holds_alternative<zone>(zone::find(name))) out.push_back(name);
  }
  std::ranges::sort(out);
  return out;
}

/// What can be said of two neighbours, whatever the calendar: previous() is the way back of next().
void check_previous(const timetable& t, const oracle::expression& e, const oracle::zone_clock& z, wall_time from) {
  const auto before = t.previous(from);
  if (!before || count(*before) < 0) return;
  ASSERT_LT(*before, from);
  ASSERT_TRUE(oracle::is_tick(e, z, count(*before)))
      << e.text << " in " << z.name() << " before " << to_rfc3339(from) << ": " << to_rfc3339(*before);
  const auto following = t.next(*before);
  ASSERT_TRUE(!following || *following >= from)
      << e.text << " in " << z.name() << " before " << to_rfc3339(from) << ": " << to_rfc3339(*before);
}

TEST(zone_data, g12_agrees_with_a_walk_through_libcs_time_zones) {
  const bool is_long = std::getenv("BATON_LONG") != nullptr;
  const auto seed = is_long ? std::random_device{}() : 20261125U;
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random{seed};
  auto names = all_zones();
  ASSERT_GT(names.size(), 300U);
  std::ranges::shuffle(names, random);
  constexpr int cases = 200'000;
  const auto zones = std::min<std::size_t>(names.size(), 100);
  int found = 0;
  int refused = 0;
  for (std::size_t n = 0; n < zones; ++n) {
    const oracle::zone_clock clock{names[n], 4'417'977'600};  // 2110
    const auto where = zone_of(names[n]);
    for (int i = 0; i < cases / static_cast<int>(zones) / 4; ++i) {
      const auto e = oracle::random_expression(random);
      const auto made = timetable::from_cron(e.text, where);
      if (const auto* error = std::get_if<syntax_error>(&made)) {
        ASSERT_NE(error->message.find("can never fire"), std::string::npos) << e.text << ": " << error->message;
        ++refused;
        continue;
      }
      const auto& t = std::get<timetable>(made);
      for (int j = 0; j < 4; ++j) {
        auto from = std::uniform_int_distribution<std::int64_t>{0, 3'150'000'000}(random);  // 1970 to 2069
        if (j > 0 && clock.pieces().size() > 1) {                                           // near a change of the clocks
          const auto& piece = clock.pieces()[std::uniform_int_distribution<std::size_t>{1, clock.pieces().size() - 1}(random)];
          from = std::clamp<std::int64_t>(piece.begin - 7200 + static_cast<std::int64_t>(random() % 14'400), 0, 3'150'000'000);
        }
        const auto limit = from + 40LL * 366 * 86'400;
        const auto want = oracle::next(e, clock, from, limit);
        const auto got = t.next(at(from));
        ASSERT_EQ(got && count(*got) <= limit ? std::optional{count(*got)} : std::nullopt, want)
            << e.text << " in " << names[n] << " after " << to_rfc3339(at(from)) << ": " << (got ? to_rfc3339(*got) : "none") << ", not "
            << (want ? to_rfc3339(at(*want)) : "none");
        check_previous(t, e, clock, at(from));
        if (HasFatalFailure()) return;
        ++found;
      }
    }
  }
  EXPECT_GT(found, cases * 9 / 10);
  EXPECT_GT(refused, 0);
}

TEST(zone_data, g12_holds_at_every_change_of_every_zones_clocks) {
  constexpr const char* texts[] = {"* * * * *",    "*/15 * * * *", "30 * * * *", "0 * * * *",   "0 */2 * * *", "30 2 * * *",
                                   "0,30 1 * * *", "*/20 2 * * *", "0 0 * * *",  "0 1-4 * * *", "45 23 * * 6", "15 3 L * *"};
  std::vector<oracle::expression> expressions;
  for (const auto* text : texts) {
    oracle::expression e;
    e.text = text;
    const auto all = [](std::set<int>& out, int first, int last, int step = 1) {
      for (int v = first; v <= last; v += step) out.insert(v);
    };
    all(e.months, 1, 12);
    e.any_day = e.any_weekday = true;
    expressions.push_back(e);
  }
  const auto fill = [&](std::size_t i, std::set<int> minutes, std::set<int> hours, bool is_interval) {
    expressions[i].minutes = std::move(minutes);
    expressions[i].hours = std::move(hours);
    expressions[i].is_interval = is_interval;
  };
  std::set<int> sixty;
  std::set<int> day;
  std::set<int> even;
  for (int i = 0; i < 60; ++i) sixty.insert(i);
  for (int i = 0; i < 24; ++i) day.insert(i);
  for (int i = 0; i < 24; i += 2) even.insert(i);
  fill(0, sixty, day, true);
  fill(1, {0, 15, 30, 45}, day, true);
  fill(2, {30}, day, true);
  fill(3, {0}, day, true);
  fill(4, {0}, even, true);
  fill(5, {30}, {2}, false);
  fill(6, {0, 30}, {1}, false);
  fill(7, {0, 20, 40}, {2}, true);
  fill(8, {0}, {0}, false);
  fill(9, {0}, {1, 2, 3, 4}, true);
  fill(10, {45}, {23}, false);
  expressions[10].any_weekday = false;
  expressions[10].weekdays = {6};
  fill(11, {15}, {3}, false);
  expressions[11].any_day = false;
  expressions[11].days_before_last = {0};

  constexpr std::int64_t first = 946'684'800;   // 2000
  constexpr std::int64_t last = 2'145'916'800;  // 2038
  int changes = 0;
  for (const auto& name : all_zones()) {
    const oracle::zone_clock clock{name, last + 366 * 86'400};
    const auto where = zone_of(name);
    std::vector<timetable> tables;
    for (const auto* text : texts) tables.push_back(in_zone(text, where));
    for (const auto& piece : clock.pieces()) {
      if (piece.begin < first || piece.begin >= last) continue;
      ++changes;
      for (std::size_t i = 0; i < expressions.size(); ++i) {
        // From three hours before to three hours after, and to the tick that follows.
        auto t = piece.begin - 3 * 3600;
        for (int steps = 0; steps < 500 && t < piece.begin + 3 * 3600; ++steps) {
          const auto got = tables[i].next(at(t));
          ASSERT_TRUE(got);
          const auto want = oracle::next(expressions[i], clock, t, count(*got));
          ASSERT_EQ(want, count(*got)) << texts[i] << " in " << name << " after " << to_rfc3339(at(t));
          ASSERT_EQ(tables[i].previous(*got + 1us), *got);
          check_previous(tables[i], expressions[i], clock, *got);
          if (HasFatalFailure()) return;
          t = count(*got);
        }
      }
    }
  }
  EXPECT_GT(changes, 8000);
}

// ---- a second opinion: what systemd makes of the same calendar

/// What a command prints.
std::string output_of(const std::string& command) {
  std::string out;
  std::array<char, 4096> part{};
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe{::popen(command.c_str(), "r"), &::pclose};
  while (pipe && std::fgets(part.data(), part.size(), pipe.get()) != nullptr) out += part.data();
  return out;
}

std::vector<std::string> instants_of_systemd(const std::string& calendar, const std::string& base, int count) {
  const auto text = output_of("TZ=UTC systemd-analyze calendar --base-time='" + base + " UTC' --iterations=" + std::to_string(count) +
                              " '" + calendar + "'");
  std::vector<std::string> out;
  const std::regex line{"(Next elapse|Iter[^:]*): [A-Z][a-z][a-z] ([0-9-]{10} [0-9:]{8}) UTC"};
  for (std::sregex_iterator found{text.begin(), text.end(), line}, end; found != end; ++found) out.push_back((*found)[2]);
  return out;
}

/// A field in both ways of writing.
struct both {
  std::string cron;
  std::string systemd;
};
both field(std::mt19937_64& random, int first, int last) {
  const auto any = [&](int from, int to) { return from + static_cast<int>(random() % static_cast<std::uint64_t>(to - from + 1)); };
  const auto two = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  const auto a = any(first, last);
  const auto b = any(a, last);
  const auto step = any(2, 9);
  switch (random() % 5) {
    case 0: return {"*", "*"};
    case 1: return {std::to_string(a), two(a)};
    case 2: return {std::to_string(a) + "-" + std::to_string(b), two(a) + ".." + two(b)};
    case 3: return {std::to_string(a) + "," + std::to_string(b), two(a) + "," + two(b)};
    default:
      if (a + step > last) return {std::to_string(a), two(a)};
      return {std::to_string(a) + "-" + std::to_string(last) + "/" + std::to_string(step),
              two(a) + ".." + two(last) + "/" + std::to_string(step)};
  }
}

TEST(zone_data, agrees_with_systemd_about_calendars) {
  if (output_of("systemd-analyze calendar '*-*-* 00:00:00' 2>&1").find("Next elapse") == std::string::npos)
    GTEST_SKIP() << "cannot here: no systemd-analyze";
  std::mt19937_64 random{std::getenv("BATON_LONG") != nullptr ? std::random_device{}() : 20261126U};
  constexpr int count = 12;
  for (int round = 0; round < 60; ++round) {
    const std::string zone = round % 2 == 0 ? "UTC" : round % 4 == 1 ? "America/New_York" : "Asia/Tokyo";
    const auto minute = field(random, 0, 59);
    const auto hour = field(random, zone == "America/New_York" ? 4 : 0, 23);  // their rules for the hours in which clocks change are others
    const auto month = field(random, 1, 12);
    both day{"*", "*"};
    both week{"*", ""};
    const std::vector<both> weeks{{"*", ""}, {"mon-fri", "Mon..Fri "}, {"0", "Sun "}, {"tue,sat", "Tue,Sat "}};
    std::string date = month.systemd;
    if (round % 3 == 0) {
      week = weeks[random() % weeks.size()];
      date += "-*";
    } else if (round % 3 == 1) {
      const bool is_last = random() % 2 == 0;
      day.cron = is_last ? "L" : "L-3";
      date += is_last ? "~01" : "~04";
    } else {
      day = field(random, 1, 31);
      if (day.cron == "*") day = {"1-28", "01..28"};
      date += "-" + day.systemd;
    }
    const bool is_every_hour = hour.cron == "*" && zone == "America/New_York";
    const auto cron = minute.cron + " " + (is_every_hour ? "4-23" : hour.cron) + " " + day.cron + " " + month.cron + " " + week.cron;
    const auto calendar =
        week.systemd + "*-" + date + " " + (is_every_hour ? "04..23" : hour.systemd) + ":" + minute.systemd + ":00 " + zone;
    auto made = timetable::from_cron(cron, zone_of(zone));
    if (std::holds_alternative<syntax_error>(made)) continue;  // 31 February
    const auto expected = instants_of_systemd(calendar, "2026-02-11 10:17:31", count);
    ASSERT_EQ(expected.size(), static_cast<std::size_t>(count)) << cron << " | " << calendar;
    auto tick = std::optional{from_rfc3339("2026-02-11T10:17:31Z").value()};
    for (const auto& text : expected) {
      tick = std::get<timetable>(made).next(*tick);
      ASSERT_TRUE(tick) << cron << " | " << calendar;
      ASSERT_EQ(to_sql(*tick).substr(0, 19), text) << cron << " | " << calendar;
    }
  }
}

}  // namespace
}  // namespace baton::schedule

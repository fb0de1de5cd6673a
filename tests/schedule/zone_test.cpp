#include "baton/schedule/zone.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace baton::schedule {
namespace {

using ::testing::MatchesRegex;
using namespace std::chrono_literals;

std::string refusal(std::string_view name) {
  const auto found = zone::find(name);
  const auto* error = std::get_if<syntax_error>(&found);
  return error == nullptr ? "accepted" : error->message;
}

TEST(zone, offers_the_nearest_name_for_one_that_it_does_not_know) {
  EXPECT_EQ(refusal("Europe/Berln"), "there is no time zone 'Europe/Berln'; did you mean Europe/Berlin?");
  EXPECT_EQ(refusal("europe/berlin"), "there is no time zone 'europe/berlin'; did you mean Europe/Berlin?");
  EXPECT_EQ(refusal("Berlin"), "there is no time zone 'Berlin'; did you mean Europe/Berlin?");
  EXPECT_EQ(refusal("utc"), "there is no time zone 'utc'; did you mean UTC?");
  EXPECT_EQ(refusal("America/Port-au-Princ"), "there is no time zone 'America/Port-au-Princ'; did you mean America/Port-au-Prince?");
  EXPECT_EQ(refusal("Middle/Earth"),
            "there is no time zone 'Middle/Earth' in /usr/share/zoneinfo; write a name such as Europe/Berlin, or UTC");
}

TEST(zone, lets_no_name_out_of_its_folder) {
  const std::string zero{"UTC\0x", 5};
  const std::vector<std::string_view> names{"",
                                            "/etc/passwd",
                                            "../../../etc/passwd",
                                            "Europe/../../../../etc/passwd",
                                            "file:/etc/localtime",
                                            "libc:localtime",
                                            "Europe//Berlin",
                                            "Europe/",
                                            "Europe",
                                            "zone.tab",
                                            "tzdata.zi",
                                            "Fixed/UTC+01:00:00",
                                            "EST5EDT,M3.2.0,M11.1.0",
                                            zero};
  for (const auto name : names) {
    EXPECT_THAT(refusal(name), MatchesRegex("there is no time zone .*")) << name;
  }
  EXPECT_THAT(refusal(std::string(10'000'000, 'x')), MatchesRegex("there is no time zone .*"));
}

TEST(zone, refuses_what_is_another_zone_on_another_machine_or_counts_leap_seconds) {
  for (const auto* name : {"localtime", "posixrules", "Factory", "right/Europe/Berlin", "posix/Europe/Berlin"}) {
    EXPECT_THAT(refusal(name), MatchesRegex(".*is not the same everywhere.*")) << name;
  }
}

TEST(zone, writes_local_times_with_their_offset) {
  const auto berlin = std::get<zone>(zone::find("Europe/Berlin"));
  const auto t = from_rfc3339("2026-07-01T12:00:00Z").value();
  EXPECT_EQ(to_local_text(t, berlin), "2026-07-01T14:00:00+02:00");
  EXPECT_EQ(to_local_text(t + 500ms, berlin), "2026-07-01T14:00:00.500000+02:00");
  EXPECT_EQ(to_local_text(t, zone::utc()), "2026-07-01T12:00:00+00:00");
  EXPECT_EQ(to_local_text(t, std::get<zone>(zone::find("America/St_Johns"))), "2026-07-01T09:30:00-02:30");
}

TEST(zone, knows_the_release_of_the_systems_data) { EXPECT_THAT(tzdata_version(), MatchesRegex("20[0-9][0-9][a-z]+.*")); }

TEST(zone, sees_what_an_update_of_the_data_changed) {
  namespace fs = std::filesystem;
  auto folder = (fs::temp_directory_path() / "baton-zones-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const auto install = [&](const char* rules) {
    fs::remove(folder + "/Here");
    fs::copy_file(std::string{"/usr/share/zoneinfo/"} + rules, folder + "/Here");
  };
  ASSERT_EQ(::setenv("TZDIR", folder.c_str(), 1), 0);
  install("Europe/Berlin");
  const auto before = std::get<zone>(zone::find("Here"));
  install("Europe/London");
  const auto unread = std::get<zone>(zone::find("Here"));
  const auto after = std::get<zone>(zone::find("Here", 1));
  ::unsetenv("TZDIR");
  fs::remove_all(folder);
  const auto t = from_rfc3339("2026-07-01T12:00:00Z").value();
  EXPECT_EQ(before.offset(t), 2h);
  EXPECT_EQ(unread.offset(t), 2h);
  EXPECT_EQ(after.offset(t), 1h);
  EXPECT_EQ(after.name(), "Here");
  EXPECT_EQ(zone::first_difference(before, unread, t, t + 24h * 3660), std::nullopt);
  EXPECT_EQ(zone::first_difference(before, after, t, t + 24h), t + 1s);
  // Dublin and London are the same but for the years before 1972.
  const auto dublin = std::get<zone>(zone::find("Europe/Dublin"));
  const auto london = std::get<zone>(zone::find("Europe/London"));
  EXPECT_EQ(zone::first_difference(dublin, london, t, t + 24h * 36'600), std::nullopt);
}

}  // namespace
}  // namespace baton::schedule

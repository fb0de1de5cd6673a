#include "tzdata_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace baton::program {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A folder of time zone data that a test updates.
class tzdata_watch_test : public ::testing::Test {
 protected:
  tzdata_watch_test() {
    std::string name = (fs::temp_directory_path() / "baton-tzdata-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    folder_ = name;
    install("2026a", {{"Berlin", "Europe/Berlin"}, {"Rome", "Europe/Rome"}});
    ::setenv("TZDIR", folder_.c_str(), 1);
  }
  ~tzdata_watch_test() override {
    ::unsetenv("TZDIR");
    fs::remove_all(folder_);
  }
  void install(const std::string& version, const std::vector<std::pair<std::string, std::string>>& zones) const {
    std::ofstream{folder_ / "tzdata.zi"} << "# version " << version << "\n";
    for (const auto& [name, like] : zones)
      fs::copy_file(fs::path{"/usr/share/zoneinfo"} / like, folder_ / name, fs::copy_options::overwrite_existing);
  }
  static runtime::job job_in(const std::string& name, const std::string& zone) {
    runtime::job j;
    j.name = name;
    j.schedule =
        std::get<schedule::timetable>(schedule::timetable::from_cron("0 2 * * *", std::get<schedule::zone>(schedule::zone::find(zone))));
    return j;
  }

  fs::path folder_;
  wall_time now_ = from_rfc3339("2026-06-01T00:00:00Z").value();
};

TEST_F(tzdata_watch_test, tells_once_which_jobs_an_update_moves_and_from_when_on) {
  tzdata_watch watch{{job_in("a", "Berlin"), job_in("b", "Rome"), job_in("c", "Berlin"), job_in("d", "UTC")}};
  EXPECT_EQ(watch.version(), "2026a");
  EXPECT_FALSE(watch.look(now_));
  install("2026b", {{"Berlin", "Africa/Tunis"}});  // without summer time: differs at once in June
  EXPECT_FALSE(watch.look(now_)) << "it may be incomplete";
  const auto found = watch.look(now_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->version, "2026b");
  ASSERT_EQ(found->moved.size(), 1U);
  EXPECT_EQ(found->moved[0].name, "Berlin");
  EXPECT_EQ(found->moved[0].from, now_ + std::chrono::seconds{1});
  EXPECT_THAT(found->moved[0].jobs, ElementsAre("a", "c"));
  EXPECT_FALSE(watch.look(now_));
  // Compared with what the schedules go by, not with the update before.
  install("2026c", {{"Berlin", "Europe/Berlin"}});
  EXPECT_FALSE(watch.look(now_));
  const auto back = watch.look(now_);
  ASSERT_TRUE(back);
  EXPECT_THAT(back->moved, IsEmpty());
}

TEST_F(tzdata_watch_test, minds_the_zone_of_calendars_too) {
  install("2026a", {{"Here", "Europe/Berlin"}});
  auto j = job_in("a", "UTC");
  j.schedule = j.schedule->refined({{}, std::get<schedule::zone>(schedule::zone::find("Here")), {}, "a"});
  tzdata_watch watch{{j}};
  install("2026b", {{"Here", "Africa/Tunis"}});
  EXPECT_FALSE(watch.look(now_));
  const auto found = watch.look(now_);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->moved.size(), 1U);
  EXPECT_EQ(found->moved[0].name, "Here");
}

TEST_F(tzdata_watch_test, takes_a_zone_that_is_gone_for_moved) {
  install("2026a", {{"Gone", "Europe/Rome"}});  // the library keeps what it has read, by name
  tzdata_watch watch{{job_in("a", "Gone")}};
  install("2026b", {});
  fs::remove(folder_ / "Gone");
  EXPECT_FALSE(watch.look(now_)) << "it may be incomplete";
  const auto found = watch.look(now_);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->moved.size(), 1U);
  EXPECT_EQ(found->moved[0].from, now_);
}

}  // namespace
}  // namespace baton::program

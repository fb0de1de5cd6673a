#include "test_clock.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace baton::program {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(test_clock, reads_offsets_with_sign_and_unit) {
  EXPECT_EQ(parse_offset("+250ms"), milliseconds{250});
  EXPECT_EQ(parse_offset("-2.5s"), milliseconds{-2500});
  EXPECT_EQ(parse_offset("7us"), microseconds{7});
  EXPECT_EQ(parse_offset("3m"), minutes{3});
  EXPECT_EQ(parse_offset("1h\n"), hours{1});
  EXPECT_EQ(parse_offset("0"), seconds{0});
}

TEST(test_clock, takes_nothing_else_for_an_offset) {
  for (const auto* text : {"", "5", "s", "5 s", "5sec", "/tmp/offset", "+ms", "1h30m"}) EXPECT_EQ(parse_offset(text), std::nullopt) << text;
}

TEST(test_clock, sets_off_the_wall_clock_and_leaves_the_steady_one) {
  const system_clock system;
  const test_clock ahead{"+1h"};
  const auto before = system.now();
  const auto set_off = ahead.now();
  const auto after = system.now();
  EXPECT_GE(set_off.wall, before.wall + hours{1});
  EXPECT_LE(set_off.wall, after.wall + hours{1});
  EXPECT_GE(set_off.steady, before.steady);
  EXPECT_LE(set_off.steady, after.steady);
}

TEST(test_clock, takes_its_offset_from_a_file) {
  std::string name = std::filesystem::temp_directory_path() / "baton-offset-XXXXXX";
  ::close(::mkstemp(name.data()));
  std::ofstream{name} << "-10s\n";
  const system_clock system;
  const test_clock behind{name};
  EXPECT_LT(behind.now().wall, system.now().wall - seconds{9});
  ::unlink(name.c_str());
}

}  // namespace
}  // namespace baton::program

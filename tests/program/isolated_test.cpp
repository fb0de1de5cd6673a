#include "isolated.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace baton::program {
namespace {

using namespace std::chrono_literals;

TEST(isolated, brings_the_answer_home) {
  const auto a = isolated([](checkpoint&) { return check_result::skipped("not here"); }, 10s);
  EXPECT_EQ(a.outcome, check_result::kind::skipped);
  EXPECT_EQ(a.text, "not here");
  EXPECT_EQ(isolated([](checkpoint&) { return check_result::ok(std::string(100'000, 'x')); }, 10s).text.size(), 4095U) << "as much as fits";
}

TEST(isolated, says_where_a_check_crashed_or_hung) {
  const auto crashed = isolated(
      [](checkpoint& at) -> check_result {
        at.reach("the second step");
        std::raise(SIGKILL);
        return check_result::ok({});
      },
      10s);
  EXPECT_EQ(crashed.outcome, check_result::kind::failed);
  EXPECT_EQ(crashed.text, "killed by signal 9 (Killed) in the second step");
  const auto hung = isolated(
      [](checkpoint&) -> check_result {
        while (true) ::pause();
      },
      50ms);
  EXPECT_EQ(hung.text, "hangs: not back after 50ms");
  const auto left = isolated([](checkpoint&) -> check_result { ::_exit(3); }, 10s);
  EXPECT_EQ(left.text, "ended its process with code 3");
  EXPECT_EQ(isolated([](checkpoint&) -> check_result { ::_exit(0); }, 10s).outcome, check_result::kind::failed)
      << "no answer is no good one";
}

TEST(isolated, loses_what_a_check_prints) {
  testing::internal::CaptureStdout();
  (void)isolated(
      [](checkpoint&) {
        std::printf("noise\n");
        std::fflush(stdout);
        return check_result::ok({});
      },
      10s);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace baton::program

#include "supervisor.hpp"

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>

#include "fixture.hpp"

namespace {

using namespace std::chrono_literals;
using baton::test::eventually;
using baton::test::pid_file;

/// Another process that plays the instance and has one run, whose handler flees into the background and ignores SIGTERM.
class fake_instance {
 public:
  fake_instance(const pid_file& pids, std::chrono::milliseconds lease) {
    std::array<std::string, 6> texts{BATON_TEST_FAKE_INSTANCE, BATON_TEST_RUNNER, BATON_TEST_PLUGINS "/misbehave.so",
                                     "daemonize_and_hang",     pids.path(),       std::to_string(lease.count())};
    std::array<char*, 7> arguments{};
    for (std::size_t i = 0; i < texts.size(); ++i) arguments[i] = texts[i].data();
    EXPECT_EQ(::posix_spawn(&process_, arguments[0], nullptr, nullptr, arguments.data(), environ), 0);
  }
  ~fake_instance() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  fake_instance(const fake_instance&) = delete;
  fake_instance& operator=(const fake_instance&) = delete;

  void send(int signal) const { ::kill(process_, signal); }

 private:
  pid_t process_ = -1;
};

TEST(supervisor, g6_kills_everything_at_the_deadline_although_the_instance_is_stopped) {
  pid_file pids;
  const auto begin = std::chrono::steady_clock::now();
  const fake_instance instance{pids, 3s};
  ASSERT_TRUE(eventually([&] { return pids.pids().size() == 2; }));
  instance.send(SIGSTOP);
  EXPECT_EQ(pids.alive(), 2U);
  EXPECT_TRUE(eventually([&] { return pids.alive() == 0; }));
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_GT(took, 2s);  // not because of the stop
  EXPECT_LT(took, 3s + 1s);
}

TEST(supervisor, g5_kills_everything_at_once_when_the_instance_is_killed) {
  pid_file pids;
  const fake_instance instance{pids, 600s};
  ASSERT_TRUE(eventually([&] { return pids.pids().size() == 2; }));
  const auto begin = std::chrono::steady_clock::now();
  instance.send(SIGKILL);
  EXPECT_TRUE(eventually([&] { return pids.alive() == 0; }));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 200ms);
}

}  // namespace

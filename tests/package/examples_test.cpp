// The examples, as a reader would run them: built against the installed library, on a private server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>

#include "baton/testing/fleet_process.hpp"
#include "baton/testing/private_server.hpp"

namespace baton::package {
namespace {

using ::testing::AllOf;
using testing::child_process;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::private_server;
using namespace std::chrono_literals;

class examples : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = private_server::start({});
    ASSERT_TRUE(started) << started.error().context;
    server_ = std::move(*started);
  }
  static void TearDownTestSuite() { server_.reset(); }

  std::unique_ptr<child_process> start(const std::string& program, std::vector<std::string> arguments = {}) {
    const auto output =
        std::filesystem::temp_directory_path() / ("baton-example-" + std::to_string(::getpid()) + "-" + std::to_string(++count_));
    arguments.insert(arguments.begin(), std::string{BATON_EXAMPLES} + "/" + program);
    auto started = child_process::start(
        {arguments,
         {"DB_HOST=127.0.0.1", "DB_PORT=" + std::to_string(server_->port()), "DB_USER=" + std::string{private_server::user()},
          "DB_PASSWORD=" + std::string{private_server::password()}, "DB_NAME=baton"},
         output});
    BATON_ASSERT(started);
    return std::move(*started);
  }
  std::string run(const std::string& program) {
    const auto process = start(program);
    EXPECT_EQ(process->await_exit(30s), 0) << process->output();
    return process->output();
  }

  static inline std::unique_ptr<private_server> server_;
  static inline int count_ = 0;
};

TEST_F(examples, exclusive_holds_and_lets_go) {
  EXPECT_EQ(run("named_locks/exclusive"),
            "nobody else makes the report now: <locked named_lock key=reports:monthly>\n"
            "held until the end of this scope, whatever happens in it\n"
            "<unlocked named_lock key=reports:monthly>\n");
}

TEST_F(examples, exclusive_waits_for_somebody_else) {
  ASSERT_TRUE(server_->exec("CREATE TABLE IF NOT EXISTS baton.x (i INT)"));
  std::thread holder{[] { (void)server_->exec("SELECT GET_LOCK('reports:monthly',0); SELECT SLEEP(4)"); }};
  ASSERT_TRUE(testing::eventually([] { return (*server_->exec("SELECT IS_USED_LOCK('reports:monthly') IS NOT NULL"))[0][0] == "1"; }, 5s));
  EXPECT_THAT(run("named_locks/exclusive"), HasSubstr("somebody else has been making it for the last 2.5 s"));
  holder.join();
}

TEST_F(examples, lease_writes_under_a_fence) { EXPECT_EQ(run("named_locks/lease"), "changed 2 rows under a fence, lock held\n"); }

TEST_F(examples, async_runs_as_a_coroutine) {
  EXPECT_THAT(run("named_locks/async"), HasSubstr("<locked async_named_lock key=example:async>"));
}

TEST_F(examples, adopted_uses_the_programs_connection) { EXPECT_THAT(run("named_locks/adopted"), HasSubstr("which is ours")); }

TEST_F(examples, leader_election_hands_over) {
  const auto one = start("leader_election/leader_election", {"one", "2"});
  ASSERT_TRUE(testing::eventually([&] { return one->output().find("one leads") != std::string::npos; }, 10s)) << one->output();
  const auto two = start("leader_election/leader_election", {"two", "3"});
  ASSERT_TRUE(testing::eventually([&] { return two->output().find("two sees one lead") != std::string::npos; }, 10s)) << two->output();
  EXPECT_EQ(one->await_exit(10s), 0);
  EXPECT_THAT(one->output(), HasSubstr(": resigned"));
  EXPECT_TRUE(testing::eventually([&] { return two->output().find("two leads") != std::string::npos; }, 1s))
      << "at once: " << two->output();
  EXPECT_EQ(two->await_exit(10s), 0);
}

/// The lines that contain `words`, each up to them.
std::vector<std::string> lines_before(const std::string& text, const std::string& words) {
  std::vector<std::string> found;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    if (const auto at = line.find(words); at != std::string::npos) found.push_back(line.substr(0, at));
  }
  return found;
}

TEST_F(examples, g4_embed_goes_on_elsewhere_after_kill_9) {
  auto one = start("embed/embed", {"one"});
  auto two = start("embed/embed", {"two"});
  const std::string begins = " attempt 1 begins";
  ASSERT_TRUE(testing::eventually([&] { return (one->output() + two->output()).find(begins) != std::string::npos; }, 20s));
  const bool one_has_it = one->output().find(begins) != std::string::npos;
  auto& killed = one_has_it ? *one : *two;
  auto& other = one_has_it ? *two : *one;
  const auto tick = lines_before(killed.output(), begins).front().substr(3);  // without who: "report 12:00:05"
  killed.signal(SIGKILL);
  const auto pulses = [&] { return lines_before(other.output(), "pulse").size(); };
  const auto until_now = pulses();
  EXPECT_TRUE(testing::eventually([&] { return other.output().find(tick + " attempt 2 ends") != std::string::npos; }, 20s))
      << tick << "\n"
      << other.output();
  EXPECT_GT(pulses(), until_now) << other.output();
  other.signal(SIGTERM);
  EXPECT_EQ(other.await_exit(10s), 0);
  EXPECT_THAT(other.output(), HasSubstr(" has stopped"));
  EXPECT_EQ((*server_->exec("SELECT COUNT(*) FROM baton.baton_tick WHERE state = 1"))[0][0], "0") << "a row was left open";
  for (const auto& line : lines_before(killed.output(), " attempt 1")) {
    EXPECT_THAT(other.output(), Not(HasSubstr(line.substr(3) + " attempt 1"))) << "a tick ran twice";
  }
}

}  // namespace
}  // namespace baton::package

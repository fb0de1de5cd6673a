// The examples, as a reader would run them: built against the installed library, on a private server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "baton/testing/fleet_process.hpp"
#include "baton/testing/private_server.hpp"

namespace baton::package {
namespace {

using ::testing::AllOf;
using testing::child_process;
using ::testing::HasSubstr;
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

}  // namespace
}  // namespace baton::package

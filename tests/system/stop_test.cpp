#include <csignal>

#include "fixture.hpp"

namespace baton::system_test {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class stops : public on_a_server {
 protected:
  /// One instance with the job `work`, which is running, and a busy bystander; gets SIGTERM.
  void begin(fleet& f, const std::string& arguments, const std::string& grace) {
    f.job("work", "{every: 2s}", arguments, "    grace: " + grace + "\n");
    f.job("bystander", "{every: 1s}", "--for 10");
    f.add("only");
    ASSERT_TRUE(f.await_ready()) << f.logs();
    run_ = await_run(f, "work");
    f[0].signal(SIGTERM);
    told_ = boot_now();
  }

  /// What holds after any stop (G11).
  void expect_clean(fleet& f) {
    EXPECT_THAT(f.runs().violations(), IsEmpty());
    EXPECT_FALSE(is_alive(run_.pid));
    const auto file = f.runs();
    for (const auto& r : file.runs()) EXPECT_LE(r.started, told_ + milliseconds{150}) << r.job << " was started after the stop";
    EXPECT_EQ(ask_one("SELECT COUNT(*) FROM baton.baton_tick WHERE cluster='" + f.cluster() + "' AND state IN (1,2,3)"), "0");
    EXPECT_EQ(ask_one("SELECT COUNT(*) FROM baton.baton_instance WHERE cluster='" + f.cluster() + "'"), "0");
    EXPECT_THAT(locks_left(f, {"work", "bystander"}), IsEmpty());
    // The row is closed before the lock is given back, and that before the end.
    EXPECT_THAT(f[0].log_lines(" stopped"), SizeIs(1)) << f.logs();
  }

  executed_run run_;
  boot_time told_{};
};

TEST_P(stops, g11_s17_a_run_that_ends_within_its_grace_ends_by_itself_and_its_row_says_success) {
  fleet f{fleet_options()};
  ASSERT_NO_FATAL_FAILURE(begin(f, "--for 1500 --beat 10", "6s"));
  EXPECT_EQ(f[0].process().await_exit(seconds{10}), 0) << f.logs();
  const auto run = f.runs().of("work").back();
  EXPECT_TRUE(run.ended);
  EXPECT_FALSE(run.told_to_stop);
  EXPECT_EQ(row_of(f, run), "4/1/1") << "finished, success";
  EXPECT_LE(boot_now() - *run.ended, seconds{1});
  expect_clean(f);
}

TEST_P(stops, g11_s17_a_run_that_outlasts_its_grace_gets_its_token_then_sigterm_then_sigkill) {
  fleet f{fleet_options()};
  ASSERT_NO_FATAL_FAILURE(begin(f, "--for 60000 --beat 10 --ignore-term --children 1 --own-session", "1s"));
  EXPECT_EQ(f[0].process().await_exit(seconds{15}), 0) << f.logs();
  const auto ended = boot_now();
  const auto run = f.runs().of("work").back();
  ASSERT_TRUE(run.told_to_stop) << f.logs();
  EXPECT_GE(*run.told_to_stop - told_, milliseconds{950}) << "before its grace was over";
  EXPECT_LE(*run.told_to_stop - told_, milliseconds{1200});
  EXPECT_GE(run.last_seen - *run.told_to_stop, stop_time) << "it was killed before it could have stopped";
  EXPECT_LE(ended - *run.told_to_stop, 2 * stop_time + seconds{1});
  for (const auto child : run.children) EXPECT_FALSE(is_alive(child));
  EXPECT_EQ(row_of(f, run).substr(0, 2), "4/");
  EXPECT_NE(row_of(f, run), "4/1/1");
  expect_clean(f);
}

TEST_P(stops, g11_s17_a_second_sigterm_cuts_the_grace_short) {
  fleet f{fleet_options()};
  ASSERT_NO_FATAL_FAILURE(begin(f, "--for 60000 --beat 10", "40s"));
  EXPECT_FALSE(f[0].process().await_exit(seconds{1})) << "the first one left no grace";
  EXPECT_EQ(f[0].get("/readyz").status, 503);
  const auto again = boot_now();
  f[0].signal(SIGTERM);
  EXPECT_EQ(f[0].process().await_exit(seconds{5}), 0) << f.logs();
  const auto run = f.runs().of("work").back();
  ASSERT_TRUE(run.told_to_stop);
  EXPECT_LE(*run.told_to_stop - again, milliseconds{100});
  EXPECT_EQ(row_of(f, run), "4/4/1") << "finished, cancelled";
  expect_clean(f);
}

TEST_P(stops, g7_g11_s17_a_stop_while_the_store_is_away_does_not_wait_for_it) {
  fleet f{fleet_options()};
  f.job("work", "{every: 2s}", "--for 60000 --beat 10", "    grace: 1s\n");
  f.add("only");
  ASSERT_TRUE(f.await_ready()) << f.logs();
  run_ = await_run(f, "work");
  ASSERT_TRUE(server().stop());
  ASSERT_TRUE(eventually([&] { return f[0].get("/readyz").status == 503; }, seconds{3}));
  f[0].signal(SIGTERM);
  EXPECT_EQ(f[0].process().await_exit(seconds{8}), 0) << f.logs();
  EXPECT_FALSE(is_alive(run_.pid));

  ASSERT_TRUE(server().start_again());
  EXPECT_THAT(locks_left(f, {"work"}), IsEmpty());
  f.add("next");
  EXPECT_TRUE(eventually([&] { return row_of(f, run_) == "4/5/1"; }, wait_timeout + seconds{10})) << row_of(f, run_) << f.logs();
}

BATON_ON_BOTH_SERVERS(stops);

}  // namespace
}  // namespace baton::system_test

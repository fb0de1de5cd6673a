#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host.hpp"

namespace baton::engine {
namespace {

using ledger::row_state;
using ledger::run_outcome;

struct runs : host, ::testing::Test {
  void run_one(ledger::crash_policy on_crash = ledger::crash_policy::give_up) {
    add_job("a", 10min).policy.on_crash = on_crash;
    start();
    pass(10min);
    ASSERT_EQ(running.size(), 1U);
    forget();
  }
  /// The kinds of the calls and of the last actions, in order.
  [[nodiscard]] std::string order() const {
    std::string text;
    for (const auto& a : log) {
      const char* word = std::holds_alternative<stop_run>(a)        ? "stop "
                         : std::holds_alternative<finish>(a)        ? "finish "
                         : std::holds_alternative<release>(a)       ? "release "
                         : std::holds_alternative<sign_off>(a)      ? "sign_off "
                         : std::holds_alternative<close_session>(a) ? "close "
                         : std::holds_alternative<start_run>(a)     ? "start "
                         : std::holds_alternative<exit_now>(a)      ? "exit"
                                                                    : "";
      text += word;
    }
    return text;
  }
};

TEST_F(runs, g2_release_their_name_only_after_the_end_of_their_row_is_known_to_be_written) {
  run_one();
  withhold<finish>();
  end_run(running[0].id);
  pass(300ms);
  EXPECT_EQ(order(), "finish ");
  EXPECT_EQ(store.owner_of("a"), lock_connection());
  let_go<finish>();
  EXPECT_EQ(order(), "finish release ");
  EXPECT_EQ(store.owner_of("a"), std::nullopt);
}

TEST_F(runs, ended_during_an_outage_of_the_ledger_are_written_after_it_and_only_then_released) {
  run_one();
  store_refuses = true;
  kill(ledger_session());
  end_run(running[0].id);
  pass(10s);
  EXPECT_EQ(row("a", 10min).state, row_state::running);
  EXPECT_EQ(store.owner_of("a"), lock_connection()) << "the lock session lives, and so does the lease";
  store_refuses = false;
  pass(1100ms);
  EXPECT_EQ(row("a", 10min).outcome, run_outcome::success);
  EXPECT_EQ(store.owner_of("a"), std::nullopt);
}

TEST_F(runs, whose_finish_lost_its_reply_are_finished_once) {
  run_one();
  withhold<finish>();
  end_run(running[0].id);
  ASSERT_TRUE(carry_out(action{*take<finish>()}));
  kill(ledger_session());
  let_go<finish>();
  pass(1100ms);
  EXPECT_EQ(row("a", 10min).outcome, run_outcome::success);
  EXPECT_EQ(store.owner_of("a"), std::nullopt);
  EXPECT_TRUE(notes<finish_refused>().empty());
}

TEST_F(runs, whose_finish_met_the_end_of_the_ledger_session_are_finished_on_the_next_one) {
  run_one();
  withhold<finish>();
  end_run(running[0].id);
  const auto sent = take<finish>();
  store.kill(ledger_connection());
  feed(std::move(*carry_out(action{*sent})));
  EXPECT_EQ(store.owner_of("a"), lock_connection());
  let_go<finish>();
  pass(1100ms);
  EXPECT_EQ(row("a", 10min).outcome, run_outcome::success);
  EXPECT_EQ(store.owner_of("a"), std::nullopt);
}

TEST_F(runs, whose_row_is_another_attempts_by_now_say_so_and_let_go) {
  run_one();
  withhold<finish>();
  end_run(running[0].id);
  const auto sent = take<finish>();
  feed(finished{sent->id, {clock.now().steady, clock.now().steady}, std::vector{ledger::finish_outcome::fenced}});
  EXPECT_EQ(notes<finish_refused>().size(), 1U);
  EXPECT_EQ(store.owner_of("a"), std::nullopt);
}

TEST_F(runs, whose_finish_met_a_deadlock_are_finished_a_moment_later) {
  run_one();
  withhold<finish>();
  end_run(running[0].id);
  feed(finished{take<finish>()->id, {clock.now().steady, clock.now().steady}, failure{errc::store_busy, "deadlock"}});
  let_go<finish>();
  EXPECT_EQ(row("a", 10min).state, row_state::running);
  pass(10ms);
  EXPECT_EQ(row("a", 10min).state, row_state::finished);
}

TEST_F(runs, that_lost_their_lock_end_as_lock_lost_whatever_their_handler_said) {
  run_one();
  kill(lock_session());
  end_run(running[0].id, run_outcome::success);
  EXPECT_EQ(row("a", 10min).outcome, run_outcome::lock_lost);
}

TEST_F(runs, g4_that_lost_their_lock_are_tried_again_where_on_crash_says_so) {
  run_one(ledger::crash_policy::retry);
  kill(lock_session());
  end_run(running[0].id, run_outcome::cancelled);
  pass(2s);
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running[0].run.attempt, 2U);
  EXPECT_EQ(running[0].run.key.tick, began + 10min);
}

TEST_F(runs, g4_are_tried_at_most_crash_attempts_times) {
  run_one(ledger::crash_policy::retry);
  for (int n = 0; n < 3; ++n) {
    ASSERT_EQ(running.size(), 1U);
    end_run(running[0].id, run_outcome::crashed);
    pass(2s);
  }
  EXPECT_TRUE(running.empty());
  EXPECT_EQ(row("a", 10min).state, row_state::finished);
  EXPECT_EQ(row("a", 10min).attempt, 3U);
}

// ---- the orderly stop

TEST_F(runs, g11_stop_in_order_their_end_the_row_the_name_the_heartbeat_the_sessions) {
  run_one();
  feed(stop_requested{});
  pass(2s - 1us);
  EXPECT_EQ(order(), "") << "they have their grace";
  pass(1us);
  EXPECT_EQ(order(), "stop ");
  EXPECT_FALSE(exited);
  end_run(running[0].id, run_outcome::cancelled);
  EXPECT_EQ(order(), "stop finish release sign_off close close exit");
  EXPECT_TRUE(exited);
  EXPECT_EQ(store.locks_held(), 0U);
  EXPECT_TRUE(store.connections().empty());
  EXPECT_TRUE(store.heartbeats("test").empty());
  EXPECT_EQ(engine->next_wakeup(), std::nullopt);
}

TEST_F(runs, g11_that_end_within_their_grace_are_not_stopped) {
  run_one();
  feed(stop_requested{});
  pass(1s);
  end_run(running[0].id);
  EXPECT_EQ(order(), "finish release sign_off close close exit");
  EXPECT_EQ(row("a", 10min).outcome, run_outcome::success);
}

TEST_F(runs, g11_nothing_new_starts_after_a_stop) {
  add_job("a", 10min);
  add_job("b", 1s);
  start();
  pass(10min);
  feed(stop_requested{});
  forget();
  pass(1900ms);
  EXPECT_TRUE(all<acquire>().empty());
  EXPECT_TRUE(all<start_run>().empty());
}

TEST_F(runs, g11_a_long_grace_does_not_cost_the_end_of_the_row) {
  add_job("a", 10min).grace = 1min;
  start();
  pass(10min);
  feed(stop_requested{});
  pass(50s);
  EXPECT_FALSE(exited);
  end_run(running[0].id);
  EXPECT_TRUE(exited);
  EXPECT_EQ(row("a", 10min).outcome, run_outcome::success);
}

TEST_F(runs, g11_a_claim_overtaken_by_a_stop_is_left_to_others_with_no_attempt_spent) {
  add_job("a", 10min);
  start();
  withhold<claim>();
  pass(10min);
  auto reply = carry_out(action{*take<claim>()});
  feed(stop_requested{});
  feed(std::move(*reply));
  EXPECT_TRUE(exited);
  EXPECT_TRUE(running.empty());
  EXPECT_EQ(row("a", 10min).state, row_state::retry_due);
  opts.incarnation = "next";
  exited = false;
  withhold<claim>();
  let_go<claim>();
  start();
  pass(1s);
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running[0].run.attempt, 1U);
}

TEST_F(runs, g11_a_second_stop_cuts_the_grace_short_and_minds_not_what_has_ended) {
  add_job("b", 10min);
  add_job("a", 10min);
  start();
  pass(10min);
  ASSERT_EQ(running.size(), 2U);
  forget();
  feed(stop_requested{});
  end_run(running[0].id);
  feed(stop_requested{});
  ASSERT_EQ(all<stop_run>().size(), 1U);
  EXPECT_EQ(all<stop_run>()[0].id, running[0].id);
}

TEST_F(runs, g11_a_drain_gives_them_all_the_time_they_need_and_a_stop_after_it_their_grace) {
  for (const auto* name : {"a", "b"}) add_job(name, 10min);
  start();
  pass(10min);
  ASSERT_EQ(running.size(), 2U);
  feed(stop_requested{true});
  feed(stop_requested{true});
  pass(2h);
  EXPECT_TRUE(all<stop_run>().empty());
  EXPECT_EQ(all<start_run>().size(), 2U) << "nothing new";
  EXPECT_EQ(engine->health().reasons, std::vector<std::string>{"draining"});
  end_run(running[0].id);
  EXPECT_FALSE(exited);
  feed(stop_requested{});
  EXPECT_TRUE(all<stop_run>().empty());
  pass(jobs[0].grace);
  ASSERT_EQ(all<stop_run>().size(), 1U);
  EXPECT_EQ(all<stop_run>()[0].id, running[0].id);
  end_run(running[0].id, run_outcome::cancelled);
  pass(1s);
  EXPECT_TRUE(exited);
}

TEST_F(runs, g11_a_drain_does_not_lengthen_a_stop) {
  run_one();
  feed(stop_requested{});
  feed(stop_requested{true});
  pass(jobs[0].grace);
  EXPECT_EQ(all<stop_run>().size(), 1U);
}

TEST_F(runs, g11_with_the_store_away_the_stop_waits_for_it_a_while_and_then_exits) {
  run_one();
  feed(stop_requested{});
  store_refuses = true;
  kill(ledger_session());
  kill(lock_session());
  end_run(running[0].id, run_outcome::cancelled);
  EXPECT_FALSE(exited);
  wakes = 0;
  pass(4s);
  EXPECT_TRUE(exited);
  EXPECT_LT(wakes, 100);
}

TEST_F(runs, g11_a_store_that_comes_back_during_the_stop_gets_the_rows) {
  run_one();
  feed(stop_requested{});
  store_refuses = true;
  kill(ledger_session());
  end_run(running[0].id);
  pass(2s);
  EXPECT_FALSE(exited);
  store_refuses = false;
  pass(1s);
  EXPECT_TRUE(exited);
  EXPECT_EQ(row("a", 10min).outcome, run_outcome::success);
}

TEST_F(runs, that_fail_are_tried_again_when_their_time_has_come_and_at_most_so_often) {
  auto& j = add_job("a", 10min);
  j.policy.retry = {3, 5s, 1min, 2};
  start();
  pass(10min);
  ASSERT_EQ(running.size(), 1U);
  end_run(running[0].id, run_outcome::failure);
  EXPECT_EQ(row("a", 10min).state, row_state::retry_due);
  EXPECT_EQ(row("a", 10min).retry_at, clock.now().wall + 5s);
  EXPECT_EQ(store.owner_of("a"), std::nullopt) << "between attempts the lock is free";
  pass(4900ms);
  EXPECT_TRUE(running.empty());
  pass(1200ms);
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running[0].run.attempt, 2U);
  end_run(running[0].id, run_outcome::timeout);
  EXPECT_EQ(row("a", 10min).retry_at, clock.now().wall + 10s);
  pass(11100ms);
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running[0].run.attempt, 3U);
  end_run(running[0].id, run_outcome::failure);
  EXPECT_EQ(row("a", 10min).state, row_state::finished);
  EXPECT_EQ(row("a", 10min).outcome, run_outcome::failure);
  EXPECT_EQ(row("a", 10min).attempt, 3U);
  pass(5min);
  EXPECT_TRUE(running.empty());
}

TEST_F(runs, that_failed_are_tried_again_by_whoever_lives) {
  auto& j = add_job("a", 10min);
  j.policy.retry.attempts = 2;
  start();
  pass(10min);
  end_run(running[0].id, run_outcome::failure);
  feed(stop_requested{});
  ASSERT_TRUE(exited);
  opts.incarnation = "next";
  start();
  pass(12s);
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running[0].run.attempt, 2U);
  EXPECT_EQ(running[0].run.key.tick, began + 10min);
}

}  // namespace
}  // namespace baton::engine

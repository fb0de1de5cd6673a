#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host.hpp"

namespace baton::engine {
namespace {

using ledger::row_state;
using ledger::run_outcome;

/// Another server takes the place of the first one.
struct failovers : host, ::testing::Test {
  void run_one() {
    add_job("a", 10s);
    start();
    pass(10s);
    ASSERT_EQ(running.size(), 1U);
    pass(1s);
  }
  void fail_over(std::size_t lost_commits) {
    const auto lock = lock_session();
    const auto ledger = ledger_session();
    forget();
    store.fail_over(lost_commits);
    feed(session_ended{lock});
    feed(session_ended{ledger});
    for (const auto& r : std::vector{running}) end_run(r.id, run_outcome::cancelled);
  }
  /// How many actions came before the first of a kind.
  template <typename A>
  [[nodiscard]] std::ptrdiff_t place_of() const {
    return std::ranges::find_if(log, [](const auto& a) { return std::holds_alternative<A>(a); }) - log.begin();
  }
};

TEST_F(failovers, g1_g8_a_lost_claim_is_back_before_any_lock_is_taken) {
  run_one();
  const auto fence = running[0].run.fence;
  fail_over(1);
  EXPECT_FALSE(has_row("a", 10s));
  pass(2s);
  EXPECT_EQ(row("a", 10s).fence, fence);
  EXPECT_EQ(row("a", 10s).outcome, run_outcome::lock_lost) << "its end was written after that";
  EXPECT_EQ(notes<server_changed>().size(), 1U);
  ASSERT_EQ(notes<claims_restored>().size(), 1U);
  EXPECT_EQ(notes<claims_restored>()[0].lost, 1U);
  pass(10s);
  EXPECT_EQ(running.size(), 1U) << "the next tick";
  EXPECT_EQ(running[0].run.key.tick, began + 20s);
  EXPECT_GT(running[0].run.fence, fence);
  EXPECT_LT(place_of<restore>(), place_of<finish>());
  EXPECT_LT(place_of<restore>(), place_of<acquire>());
}

TEST_F(failovers, g1_a_run_whose_end_was_lost_does_not_run_again) {
  run_one();
  end_run(running[0].id);
  pass(1s);
  ASSERT_EQ(row("a", 10s).outcome, run_outcome::success);
  fail_over(1);
  EXPECT_EQ(row("a", 10s).state, row_state::running);
  pass(5s);
  EXPECT_EQ(row("a", 10s).outcome, run_outcome::success);
  EXPECT_TRUE(running.empty());
}

TEST_F(failovers, a_lost_run_with_a_lock_of_its_own_is_back_under_its_name) {
  add_job("a", 10s).policy.overlap = ledger::overlap_policy::allow;
  start();
  pass(11s);
  ASSERT_EQ(running.size(), 1U);
  const auto name = running[0].run.lock_name;
  end_run(running[0].id);
  pass(2s);  // the name is gone here
  fail_over(3);
  EXPECT_FALSE(has_row("a", 10s));
  pass(2s);
  EXPECT_EQ(row("a", 10s).lock_name, name);
  EXPECT_EQ(row("a", 10s).outcome, run_outcome::success);
}

TEST_F(failovers, g1_a_further_attempt_that_was_lost_is_not_made_again) {
  run_one();
  jobs[0].policy.retry = {2, 1s, 1s, 2};
  feed(jobs_changed{{jobs, {}}, 1, 16});
  end_run(running[0].id);
  pass(9s);
  end_run(running[0].id, run_outcome::failure);
  pass(3s);
  ASSERT_EQ(running.size(), 1U);
  ASSERT_EQ(running[0].run.attempt, 2U);
  end_run(running[0].id, run_outcome::failure);
  fail_over(2);
  EXPECT_EQ(row("a", 20s).state, row_state::retry_due);
  pass(4s);
  EXPECT_EQ(row("a", 20s).state, row_state::finished);
  EXPECT_EQ(row("a", 20s).attempt, 2U);
}

TEST_F(failovers, a_follower_that_was_asked_for_is_asked_for_again) {
  add_job("a", 10s).policy.followers = {{"b", "b", ledger::follower::when::success}};
  add_job("b", 1h);
  start();
  pass(10s);
  withhold<acquire>();
  end_run(running[0].id);
  const ledger::tick_key next{"b", began + 10s, ledger::tick_kind::after};
  ASSERT_TRUE(store.row("test", next));
  fail_over(2);
  EXPECT_FALSE(store.row("test", next));
  pass(1s);
  EXPECT_EQ(store.row("test", next).value().state, row_state::pending);
}

TEST_F(failovers, g2_nothing_is_started_before_others_had_w_to_find_the_new_server) {
  run_one();
  fail_over(0);
  pass(1s);
  EXPECT_THAT(engine->health().reasons, ::testing::Contains(::testing::HasSubstr("another server")));
  const auto there = clock.now().steady;
  pass(9s);
  EXPECT_EQ(notes<claims_restored>().at(0).lost, 0U);
  const auto took = all<acquire>();
  EXPECT_FALSE(took.empty());
  EXPECT_GT(running.size(), 0U);
  EXPECT_GE(running[0].run.claimed.time_since_epoch(),
            (there - 1s + 3s).time_since_epoch() + (clock.now().wall.time_since_epoch() - clock.now().steady.time_since_epoch()));
  EXPECT_TRUE(engine->health().ready);
}

TEST_F(failovers, that_are_mere_restarts_of_the_server_cost_nothing_more) {
  run_one();
  end_run(running[0].id);
  pass(8s);
  forget();
  const auto lock = lock_session();
  const auto ledger = ledger_session();
  store.restart();
  feed(session_ended{lock});
  feed(session_ended{ledger});
  pass(1s);
  EXPECT_EQ(notes<server_changed>().size(), 1U);
  EXPECT_TRUE(all<restore>().empty());
  EXPECT_EQ(running.size(), 1U) << "the tick at 20 s, at once";
}

TEST_F(failovers, are_followed_by_what_the_ledger_knows_of_a_jobs_last_success) {
  run_one();
  EXPECT_TRUE(notes<success_known>().empty()) << "nobody has run it yet";
  end_run(running[0].id);
  pass(1s);
  const auto ledger = ledger_session();
  store.restart();
  feed(session_ended{ledger});
  pass(1s);
  ASSERT_EQ(notes<success_known>().size(), 1U);
  EXPECT_EQ(notes<success_known>()[0].at, row("a", 10s).finished);
}

TEST_F(failovers, g12_nothing_is_started_while_the_new_servers_clock_is_behind) {
  run_one();
  end_run(running[0].id);
  pass(8s);
  store_refuses = true;
  fail_over(0);
  pass(2s);  // the tick at 20 s is due
  store_refuses = false;
  withhold<reconcile>();
  withhold<acquire>();
  const auto answer = [this](microseconds behind) {
    const auto asked = take<reconcile>();
    const auto now = clock.now();
    if (asked) feed(reconciled{asked->id, {now.steady, now.steady}, ledger::reconcile_reply{now.wall - behind, {}, {}}});
  };
  for (int s = 0; s < 7; ++s) {
    pass(1s);
    answer(8s);
    EXPECT_TRUE(all<acquire>().empty()) << s;
  }
  EXPECT_THAT(engine->health().reasons, ::testing::Contains(::testing::HasSubstr("behind")));
  for (int s = 0; s < 5; ++s) {
    pass(1s);
    answer(8s);
  }
  EXPECT_FALSE(all<acquire>().empty());
}

TEST_F(failovers, g8_g12_a_server_whose_clock_was_never_heard_of_had_gone_on_from_the_last_ones_time) {
  run_one();
  end_run(running[0].id);
  pass(1s);
  withhold<reconcile>();
  withhold<acquire>();
  fail_over(0);
  pass(30s);  // at the second server for half a minute, without an answer from its ledger
  fail_over(0);
  const auto left = clock.now().wall;
  pass(5s);
  for (const auto limit = clock.now().steady + 20s; all<acquire>().empty() && clock.now().steady < limit; pass(1s)) {
    const auto now = clock.now();
    while (const auto asked = take<reconcile>())
      feed(reconciled{asked->id, {now.steady, now.steady}, ledger::reconcile_reply{now.wall - 9s, {}, {}}});
  }
  ASSERT_FALSE(all<acquire>().empty());
  EXPECT_GE(clock.now().wall - 9s, left);
}

TEST_F(failovers, found_by_a_lock_session_make_the_ledger_session_follow) {
  run_one();
  const auto old_ledger = ledger_session();
  const auto lock = lock_session();
  store.fail_over(1);
  feed(session_ended{lock});  // of the ledger session nobody has told
  EXPECT_TRUE(all<restore>().empty());
  end_run(running[0].id, run_outcome::cancelled);
  pass(3s);
  EXPECT_NE(ledger_session(), old_ledger);
  EXPECT_EQ(all<restore>().size(), 1U);
  EXPECT_EQ(row("a", 10s).outcome, run_outcome::lock_lost);
}

TEST_F(failovers, in_which_restoring_fails_try_again) {
  run_one();
  withhold<restore>();
  fail_over(1);
  pass(1s);
  const auto first = take<restore>();
  ASSERT_TRUE(first);
  const auto at = [this] { return span_of_call{clock.now().steady, clock.now().steady}; };
  feed(restored{first->id, at(), failure{errc::store_busy, "deadlock"}});
  pass(100ms);
  const auto second = take<restore>();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->claims.size(), 1U);
  feed(restored{second->id, at(), failure{errc::store_unavailable, "gone"}});
  pass(2s);
  EXPECT_TRUE(all<finish>().empty());
  EXPECT_TRUE(all<acquire>().empty());
  let_go<restore>();
  pass(1s);
  EXPECT_EQ(row("a", 10s).outcome, run_outcome::lock_lost);
}

TEST_F(failovers, g3_ticks_whose_decision_was_lost_are_decided_anew) {
  run_one();
  end_run(running[0].id);
  store.set_paused("test", "a", true);
  pass(2s);
  store.set_paused("test", "a", false);
  pass(1s);
  store.set_paused("test", "a", true);
  pass(7s);
  store.set_paused("test", "a", false);
  pass(2s);
  ASSERT_EQ(row("a", 20s).state, row_state::skipped);
  fail_over(1);
  EXPECT_FALSE(has_row("a", 20s));
  pass(5s);
  EXPECT_EQ(row("a", 20s).reason, ledger::reason_code::paused);
}

}  // namespace
}  // namespace baton::engine

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "baton/lock/name.hpp"
#include "host.hpp"

namespace baton::engine {
namespace {

using ledger::row_state;
using ledger::run_outcome;

struct leases : host, ::testing::Test {
  /// Two runs under way, on one lock session.
  void run_two() {
    add_job("a", 10s);
    add_job("b", 10s);
    start();
    pass(10s);
    ASSERT_EQ(running.size(), 2U);
    forget();
  }
  [[nodiscard]] std::vector<session_id> closed() const {
    std::vector<session_id> ids;
    for (const auto& c : all<close_session>()) ids.push_back(c.id);
    return ids;
  }
  void expect_both_stopped(lock::loss reason) {
    ASSERT_EQ(all<stop_run>().size(), 2U);
    for (const auto& s : all<stop_run>()) {
      EXPECT_LT(s.terminate_after, s.kill_after);
      EXPECT_LE(s.kill_after, opts.timing.stop);
    }
    ASSERT_EQ(notes<lock_was_lost>().size(), 2U);
    for (const auto& n : notes<lock_was_lost>()) {
      EXPECT_EQ(n.reason, reason);
      EXPECT_TRUE(n.was_running);
    }
  }
};

TEST_F(leases, are_proven_every_p_and_extend_their_runs) {
  run_two();
  pass(500ms);
  ASSERT_EQ(all<probe>().size(), 1U);
  EXPECT_THAT(all<probe>()[0].names, ::testing::UnorderedElementsAre("a", "b"));
  ASSERT_EQ(all<extend_run>().size(), 2U);
  for (const auto& e : all<extend_run>()) EXPECT_EQ(e.lease_deadline, clock.now().steady + 1500ms);  // W - M after the probe was sent
}

TEST_F(leases, g6_count_from_when_the_proof_was_asked_for_not_from_when_it_came) {
  run_two();
  withhold<probe>();
  pass(500ms);
  const auto sent = clock.now().steady;
  pass(400ms);
  feed(probed{lock_session(), {sent, clock.now().steady}, lock::probe_reply{{}, true, true, store.identity()}});
  ASSERT_EQ(all<extend_run>().size(), 2U);
  EXPECT_EQ(all<extend_run>()[0].lease_deadline, sent + 1500ms);
}

TEST_F(leases, g5_lost_with_their_connection_stop_their_runs_at_once) {
  run_two();
  const auto lost = lock_session();
  kill(lost);
  expect_both_stopped(lock::loss::connection);
}

TEST_F(leases, g2_a_lost_session_is_closed_only_when_the_runs_that_lived_by_it_are_dead) {
  run_two();
  const auto lost = lock_session();
  kill(lost);
  const auto ids = std::vector{running[0].id, running[1].id};
  EXPECT_THAT(closed(), ::testing::Not(::testing::Contains(lost)));
  end_run(ids[0], run_outcome::cancelled);
  EXPECT_THAT(closed(), ::testing::Not(::testing::Contains(lost)));
  end_run(ids[1], run_outcome::cancelled);
  EXPECT_THAT(closed(), ::testing::Contains(lost));
  EXPECT_EQ(row("a", 10s).outcome, run_outcome::lock_lost);
  EXPECT_EQ(row("b", 10s).state, row_state::finished);
}

TEST_F(leases, g5_lost_one_by_one_stop_only_their_own_run) {
  run_two();
  const std::vector<std::string> name{"b"};
  ASSERT_TRUE(store.release_locks(lock_connection(), name));  // RELEASE_ALL_LOCKS by a proxy, say
  pass(500ms);
  ASSERT_EQ(all<stop_run>().size(), 1U);
  EXPECT_EQ(jobs[running[1].job].name, "b");
  EXPECT_EQ(all<stop_run>()[0].id, running[1].id);
  ASSERT_EQ(notes<lock_was_lost>().size(), 1U);
  EXPECT_EQ(notes<lock_was_lost>()[0].reason, lock::loss::released_elsewhere);
  EXPECT_EQ(all<extend_run>().size(), 1U);
}

TEST_F(leases, g5_are_lost_on_a_server_that_is_not_the_primary_any_more) {
  run_two();
  store.set_writable(false);
  pass(500ms);
  expect_both_stopped(lock::loss::not_primary);
}

TEST_F(leases, g5_are_lost_without_a_majority_of_the_group) {
  run_two();
  store.set_quorum(false);
  pass(500ms);
  expect_both_stopped(lock::loss::no_quorum);
}

TEST_F(leases, g5_are_lost_when_another_server_answers) {
  run_two();
  withhold<probe>();
  pass(500ms);
  lock::probe_reply reply{{}, true, true, {"another", 1}};
  feed(probed{lock_session(), {clock.now().steady, clock.now().steady}, reply});
  expect_both_stopped(lock::loss::server_changed);
}

TEST_F(leases, g5_are_lost_when_a_call_has_no_reply_for_r) {
  run_two();
  withhold<probe>();
  pass(500ms);
  pass(499ms);
  EXPECT_TRUE(all<stop_run>().empty());
  pass(1ms);
  expect_both_stopped(lock::loss::connection);
}

TEST_F(leases, g6_are_lost_at_their_deadline_before_anything_else_is_looked_at) {
  run_two();
  const auto id = lock_session();
  withhold<probe>();
  pass(500ms);
  const auto sent = clock.now().steady;
  jump(1h);                                                                                   // SIGSTOP, or a suspend
  feed(probed{id, {sent, sent + 1ms}, lock::probe_reply{{}, true, true, store.identity()}});  // it was in the socket all the time
  expect_both_stopped(lock::loss::deadline);
  EXPECT_TRUE(all<extend_run>().empty());
}

TEST_F(leases, g6_no_run_starts_on_a_lease_that_ran_out_while_the_instance_was_stopped) {
  add_job("a", 10s);
  start();
  withhold<claim>();
  pass(10s);
  auto reply = carry_out(action{*take<claim>()});
  jump(1500ms);
  feed(std::move(*reply));
  EXPECT_TRUE(running.empty());
}

TEST_F(leases, g5_no_run_starts_on_a_lost_session_that_another_run_keeps_open) {
  add_job("a", 10s);
  add_job("b", 20s);
  start();
  pass(10s);
  ASSERT_EQ(running.size(), 1U);
  withhold<claim>();
  pass(10s);
  auto reply = carry_out(action{*take<claim>()});
  kill(lock_session());
  feed(std::move(*reply));
  EXPECT_EQ(running.size(), 1U);
  EXPECT_EQ(row("b", 20s).state, row_state::running) << "to be claimed again";
}

TEST_F(leases, a_name_lost_between_lock_and_claim_is_taken_again) {
  add_job("a", 10s);
  start();
  withhold<claim>();
  pass(10s);
  kill(ledger_session());  // the claim comes to nothing, the name is held
  kill(lock_session());
  let_go<claim>();
  pass(3s);
  EXPECT_EQ(running.size(), 1U);
}

TEST_F(leases, a_run_never_gets_a_deadline_behind_the_last_proof) {
  add_job("a", 1s);
  clock.advance(130ms);
  const boot_time boot_of_began{1000s};
  start();
  for (int i = 0; i < 20; ++i) {
    pass(1s);
    ASSERT_EQ(running.size(), 1U);
    const auto due = boot_of_began + (running[0].run.key.tick - began);
    EXPECT_LE(running[0].lease_deadline, due + 1500ms);
    EXPECT_GE(running[0].lease_deadline, due + 1s);
    end_run(running[0].id);
  }
}

// ---- the ledger session

TEST_F(leases, g2_a_ledger_session_that_timed_out_is_closed_only_after_every_lease_was_proven_again_and_the_next_takes_its_incarnation) {
  run_two();
  const auto old = ledger_session();
  withhold<reconcile>();
  pass_to_next<reconcile>();  // it is sent, and never answered
  withhold<probe>();
  const auto prove = [this] {
    if (const auto p = take<probe>()) {
      auto reply = std::get<probed>(*carry_out(action{*p}));
      reply.when.sent -= 100ms;
      feed(std::move(reply));
    }
  };
  for (int i = 0; i < 9; ++i) {
    pass(100ms);
    prove();
  }
  EXPECT_EQ(engine->health().abandoned_sessions, 0U);
  pass(100ms);
  EXPECT_EQ(engine->health().abandoned_sessions, 1U);
  prove();  // sent before
  EXPECT_EQ(engine->health().abandoned_sessions, 1U);
  pass(50ms);
  EXPECT_EQ(engine->health().ledger_sessions, 1U);
  EXPECT_NE(ledger_session(), old);
  EXPECT_EQ(store.owner_of(lock::incarnation_name(opts.cluster, opts.incarnation)), ledger_connection());
  EXPECT_EQ(engine->health().abandoned_sessions, 1U) << "the next one does not wait for the proof";
  EXPECT_THAT(closed(), ::testing::Not(::testing::Contains(old)));
  let_go<probe>();
  pass(600ms);
  EXPECT_THAT(closed(), ::testing::Contains(old));
  let_go<reconcile>();
  pass(1s);
  EXPECT_EQ(running.size(), 2U);
  EXPECT_TRUE(all<stop_run>().empty());
}

TEST_F(leases, g2_no_more_than_two_ledger_sessions_wait_for_proofs_at_a_time) {
  run_two();
  withhold<reconcile>();
  withhold<probe>();
  for (const auto expected : {1U, 2U}) {
    pass_to_next<reconcile>();
    feed(reconciled{ledger_session(), {clock.now().steady, clock.now().steady}, failure{errc::store_timeout, "read timeout"}});
    EXPECT_EQ(engine->health().abandoned_sessions, expected);
  }
  const auto opened = all<open_ledger_session>().size();
  pass(2s);
  EXPECT_THAT(all<open_ledger_session>(), ::testing::SizeIs(opened));
  EXPECT_EQ(engine->health().ledger_sessions, 0U);
}

TEST_F(leases, g2_a_ledger_call_that_its_client_gave_up_on_is_abandoned_too) {
  run_two();
  const auto old = ledger_session();
  withhold<reconcile>();
  withhold<probe>();
  pass_to_next<reconcile>();
  const auto sent = take<reconcile>();
  ASSERT_TRUE(sent);
  feed(reconciled{old, {clock.now().steady, clock.now().steady}, failure{errc::store_timeout, "read timeout"}});
  EXPECT_THAT(closed(), ::testing::Not(::testing::Contains(old)));
  EXPECT_EQ(engine->health().abandoned_sessions, 1U);
}

TEST_F(leases, g2_a_ledger_session_whose_opening_took_too_long_is_abandoned_too) {
  run_two();
  withhold<open_ledger_session>();
  kill(ledger_session());
  pass_to_next<open_ledger_session>();
  withhold<probe>();
  const auto opening = take<open_ledger_session>();
  ASSERT_TRUE(opening);
  feed(session_failed{opening->id, {errc::store_timeout, "connecting took too long"}});
  EXPECT_THAT(closed(), ::testing::Not(::testing::Contains(opening->id))) << "it may have taken the incarnation's lock before";
  EXPECT_EQ(engine->health().abandoned_sessions, 1U);
  let_go<probe>();
  pass(600ms);
  EXPECT_THAT(closed(), ::testing::Contains(opening->id));
  let_go<open_ledger_session>();
  pass(2s);
  EXPECT_EQ(engine->health().ledger_sessions, 1U);
}

TEST_F(leases, survive_the_loss_of_the_ledger_session) {
  run_two();
  const auto old = ledger_session();
  kill(old);
  EXPECT_THAT(closed(), ::testing::Contains(old)) << "it is dead anyway";
  pass(1s);
  EXPECT_EQ(engine->health().ledger_sessions, 1U);
  EXPECT_TRUE(all<stop_run>().empty());
}

// ---- the store

TEST_F(leases, g7_without_a_store_nothing_starts_nothing_spins_and_all_recovers_alone) {
  add_job("a", 1min);
  store_refuses = true;
  start();
  wakes = 0;
  pass(1h);
  EXPECT_LT(wakes, 2 * 3600 + 100);
  EXPECT_LT(all<open_ledger_session>().size(), 2 * 3600U + 100);
  EXPECT_EQ(all<close_session>().size(), all<open_ledger_session>().size()) << "what could not be opened is closed";
  EXPECT_TRUE(running.empty());
  EXPECT_FALSE(engine->health().ready);
  store_refuses = false;
  pass(1min + 2s);
  EXPECT_TRUE(engine->health().ready);
  EXPECT_EQ(running.size(), 1U);
}

TEST_F(leases, g7_after_a_restart_of_the_server_everything_is_opened_anew) {
  run_two();
  const auto lock = lock_session();
  const auto ledger = ledger_session();
  store.restart();
  feed(session_ended{lock});
  feed(session_ended{ledger});
  for (const auto& r : std::vector{running}) end_run(r.id, run_outcome::cancelled);
  pass(3s);
  EXPECT_EQ(notes<server_changed>().size(), 1U);
  EXPECT_EQ(engine->health().lock_sessions, 1U);
  EXPECT_EQ(engine->health().ledger_sessions, 1U);
  EXPECT_TRUE(engine->health().ready);
  pass(10s);
  EXPECT_EQ(running.size(), 2U);
}

TEST_F(leases, an_idle_hour_costs_probes_and_reconciles_and_nothing_else) {
  add_job("a", 1000h);
  start();
  wakes = 0;
  pass(1h);
  EXPECT_LE(wakes, 7200 + 3600 + 10);
  EXPECT_LE(all<probe>().size(), 7201U);
  const auto asked = all<reconcile>();
  const auto beats = std::ranges::count_if(asked, [](const auto& a) { return a.request.beat; });
  EXPECT_LE(asked.size() + static_cast<std::size_t>(beats), 3610U) << "a statement each, and one more with a heartbeat";
  EXPECT_GE(asked.size(), 3000U) << "orders are to be seen within two seconds";
  EXPECT_GE(beats, 60) << "who is silent for a minute is taken for gone";
  EXPECT_TRUE(all<acquire>().empty());
}

TEST_F(leases, names_over_512_go_to_further_sessions) {
  opts.max_concurrent_runs = 1200;
  for (int i = 0; i < 1100; ++i) add_job("job" + std::to_string(i), 1h);
  start();
  pass(1h);
  EXPECT_EQ(running.size(), 1100U);
  std::map<session_id, std::size_t> names;
  for (const auto& a : all<acquire>()) names[a.id] += a.names.size();
  EXPECT_EQ(names.size(), 3U);
  for (const auto& [id, count] : names) EXPECT_LE(count, 512U);
}

struct peers : host, ::testing::Test {};

TEST_F(peers, are_told_of_once_for_each_way_in_which_they_differ) {
  opts.config_hash = 1;
  opts.tzdata = "2026f";
  start();
  const auto they_are = [&](std::uint64_t config_hash, const std::string& tzdata) {
    const auto them = store.open_ledger_session(1000h);
    ASSERT_TRUE(them->reconcile({"test", "them", "them-1", "", config_hash, tzdata, clock.now().wall}));
    pass(22s);
  };
  they_are(1, "2026f");
  EXPECT_THAT(notes<peer_differs>(), ::testing::IsEmpty());
  they_are(1, "2025b");
  ASSERT_THAT(notes<peer_differs>(), ::testing::SizeIs(1));
  EXPECT_EQ(notes<peer_differs>()[0].instance, "them-1");
  EXPECT_EQ(notes<peer_differs>()[0].tzdata, "2025b");
  EXPECT_FALSE(notes<peer_differs>()[0].in_configuration);
  they_are(2, "2026f");
  ASSERT_THAT(notes<peer_differs>(), ::testing::SizeIs(2));
  EXPECT_TRUE(notes<peer_differs>()[1].in_configuration);
  EXPECT_EQ(notes<peer_differs>()[1].tzdata, "");
}

}  // namespace
}  // namespace baton::engine

#include <algorithm>
#include <thread>

#include "fixture.hpp"
#include "ledger_fixture.hpp"

namespace baton::mysql::testing {
namespace {

using ledger::finish_outcome;
using ledger::name_verdict;
using ledger::row_state;
using ledger::run_outcome;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ledger_session_test : public store_test {};
BATON_ON_BOTH_SERVERS(ledger_session_test);

// G1: a tick's first attempt starts once.
TEST_P(ledger_session_test, claims_a_tick_once_and_reports_it_as_a_duplicate_afterwards) {
  instance a{open_store(), "a"};
  instance b{open_store(), "b"};
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  const auto first = a.claim("job", {tick});
  ASSERT_EQ(first.verdict, name_verdict::claimed) << static_cast<int>(first.verdict);
  EXPECT_EQ(first.run->key.tick, tick);
  EXPECT_EQ(first.run->attempt, 1U);
  EXPECT_EQ(a.finish(*first.run), finish_outcome::written);
  a.release("job");

  const auto second = b.claim("job", {tick});
  EXPECT_EQ(second.verdict, name_verdict::nothing_due);
  ASSERT_THAT(second.jobs, SizeIs(1));
  EXPECT_EQ(second.jobs[0].duplicates, 1U);
  EXPECT_EQ(second.jobs[0].decided_until, tick);
  EXPECT_THAT(b.rows(), SizeIs(1));
}

TEST_P(ledger_session_test, writes_nothing_under_a_name_that_its_lock_session_does_not_hold) {
  instance a{open_store(), "a"};
  const auto tick = a.now() - seconds{1};
  a.register_job("held", tick - seconds{10});
  a.register_job("other", tick - seconds{10});
  auto request = a.request("held", {tick});
  request.names.push_back(a.request("other", {tick}).names[0]);
  ok(a.locks->release(std::vector{a.name("other")}));
  const auto reply = ok(a.ledger->claim(request));
  EXPECT_EQ(reply_of(reply, a.name("held")).verdict, name_verdict::claimed);
  EXPECT_EQ(reply_of(reply, a.name("other")).verdict, name_verdict::not_owner);
  ASSERT_THAT(a.rows(), SizeIs(1));
  EXPECT_EQ(a.rows()[0].key.job, "held");
}

// G8: strictly rising, across hand-offs and restarts.
TEST_P(ledger_session_test, hands_out_rising_fences_even_when_the_row_was_set_ahead_of_the_clock) {
  need_private_server();
  if (IsSkipped()) return;
  std::uint64_t last = 0;
  for (int round = 0; round < 5; ++round) {
    instance a{open_store(), "a" + std::to_string(round)};
    const auto tick = a.now();  // after the end of the run before it
    a.register_job("job", tick - seconds{100});
    const auto reply = a.claim("job", {tick});
    ASSERT_EQ(reply.verdict, name_verdict::claimed);
    EXPECT_GT(reply.run->fence, last);
    last = reply.run->fence;
    EXPECT_EQ(a.finish(*reply.run), finish_outcome::written);
    a.release("job");
    if (round == 1) ok(server()->restart());
    if (round == 3) {
      last += 3'600'000'000;
      account_sql("UPDATE baton_fence SET fence=" + std::to_string(last));
    }
  }
}

TEST_P(ledger_session_test, leaves_a_name_whose_fence_row_is_locked_to_the_next_round) {
  need_private_server();
  if (IsSkipped()) return;
  instance a{open_store(), "a"};
  instance b{open_store(), "b"};
  const auto tick = a.now() - seconds{1};
  a.register_job("one", tick - seconds{10});
  a.register_job("two", tick - seconds{10});
  std::thread holder{[&] {
    sql("START TRANSACTION; SELECT * FROM baton.baton_fence WHERE lock_name='" + a.name("one") + "' FOR UPDATE; DO SLEEP(1); ROLLBACK");
  }};
  EXPECT_TRUE(
      eventually([&] { return sql("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%'")[0][0] == "1"; }));
  auto request = b.request("one", {tick});
  request.names.push_back(b.request("two", {tick}).names[0]);
  const auto reply = ok(b.ledger->claim(request));
  EXPECT_EQ(reply_of(reply, b.name("one")).verdict, name_verdict::fence_busy);
  EXPECT_EQ(reply_of(reply, b.name("two")).verdict, name_verdict::claimed);
  holder.join();
}

TEST_P(ledger_session_test, tells_a_name_without_a_fence_row_from_a_locked_one) {
  instance a{open_store(), "a"};
  EXPECT_EQ(a.claim("unknown", {a.now() - seconds{1}}).verdict, name_verdict::unregistered);
}

// G12: never early by the store's clock.
TEST_P(ledger_session_test, leaves_a_tick_that_is_early_by_the_stores_clock_to_wait) {
  instance a{open_store(), "a"};
  const auto tick = a.now() + seconds{30};
  a.register_job("job", tick - seconds{100});
  const auto reply = a.claim("job", {tick});
  EXPECT_EQ(reply.verdict, name_verdict::nothing_due);
  ASSERT_THAT(reply.jobs, SizeIs(1));
  EXPECT_THAT(reply.jobs[0].early, ElementsAre(tick));
  EXPECT_THAT(a.rows(), IsEmpty());
}

// G2, G4: a run whose instance died is waited for, then closed, and the next tick runs.
TEST_P(ledger_session_test, closes_the_run_of_a_dead_owner_only_after_the_wait) {
  auto a = std::make_unique<instance>(open_store(), "a");
  instance b{open_store(), "b"};
  const auto tick = a->now() - seconds{5};
  a->register_job("job", tick - seconds{10});
  ASSERT_EQ(a->claim("job", {tick}).verdict, name_verdict::claimed);
  ok(a->locks->release(std::vector{a->name("job")}));  // its lock session has ended, its ledger session has not

  auto request = b.request("job", {tick + seconds{4}});
  request.names[0].held_for = milliseconds{100};
  auto alive = ok(b.ledger->claim(request)).names[0];
  EXPECT_EQ(alive.verdict, name_verdict::unresolved);
  EXPECT_FALSE(alive.owner_seen_free);
  a.reset();
  EXPECT_TRUE(eventually([&] { return ok(b.ledger->claim(request)).names[0].owner_seen_free; }));
  EXPECT_EQ(ok(b.ledger->claim(request)).names[0].verdict, name_verdict::unresolved);

  request.names[0].held_for = seconds{2};
  request.names[0].owner_free_for = seconds{2};
  const auto closed = ok(b.ledger->claim(request)).names[0];
  EXPECT_EQ(closed.verdict, name_verdict::claimed);
  const auto rows = b.rows();
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].state, row_state::finished);
  EXPECT_EQ(rows[0].outcome, run_outcome::crashed);
  EXPECT_EQ(rows[1].state, row_state::running);
}

// G8: a guarded write with an older fence changes zero rows.
TEST_P(ledger_session_test, fences_a_finish_after_a_takeover_and_recognises_a_repeated_one) {
  instance a{open_store(), "a"};
  instance b{open_store(), "b"};
  const auto tick = a.now() - seconds{5};
  a.register_job("job", tick - seconds{10});
  const auto taken = *a.claim("job", {tick}).run;
  a.release("job");
  auto request = b.request("job", {tick + seconds{4}});
  request.names[0].held_for = seconds{20};
  const auto next = ok(b.ledger->claim(request)).names[0];
  ASSERT_EQ(next.verdict, name_verdict::claimed);
  EXPECT_EQ(a.finish(taken), finish_outcome::fenced);
  auto stale = *next.run;
  stale.fence -= 1;
  EXPECT_EQ(b.finish(stale), finish_outcome::fenced);
  const auto record = finish_of(*next.run, b.now());
  EXPECT_THAT(ok(b.ledger->finish("t", std::vector{record})), ElementsAre(finish_outcome::written));
  EXPECT_THAT(ok(b.ledger->finish("t", std::vector{record})), ElementsAre(finish_outcome::written)) << "a repeated finish";
  EXPECT_EQ(b.rows()[0].outcome, run_outcome::crashed);
  EXPECT_EQ(b.rows()[1].outcome, run_outcome::success);
}

TEST_P(ledger_session_test, leaves_a_lost_run_open_for_a_further_attempt) {
  instance a{open_store(), "a"};
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  auto record = finish_of(*a.claim("job", {tick}).run, a.now());
  record.outcome = run_outcome::lock_lost;
  record.open_again = true;
  EXPECT_THAT(ok(a.ledger->finish("t", std::vector{record})), ElementsAre(finish_outcome::written));
  EXPECT_THAT(ok(a.ledger->finish("t", std::vector{record})), ElementsAre(finish_outcome::written)) << "a repeated finish";
  EXPECT_EQ(a.rows()[0].state, row_state::retry_due);
  EXPECT_EQ(a.rows()[0].outcome, run_outcome::lock_lost);
}

TEST_P(ledger_session_test, takes_its_own_run_again_when_the_reply_to_its_claim_was_lost) {
  instance a{open_store(), "a"};
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  const auto lost = *a.claim("job", {tick}).run;
  const auto again = ok(a.ledger->claim(a.request("job", {tick}))).names[0];
  ASSERT_EQ(again.verdict, name_verdict::claimed);
  EXPECT_EQ(again.run->key, lost.key);
  EXPECT_EQ(again.run->attempt, 1U);
  EXPECT_GT(again.run->fence, lost.fence);
}

TEST_P(ledger_session_test, stores_any_text_of_a_handler) {
  instance a{open_store(), "a"};
  const auto tick = a.now() - seconds{1};
  a.register_job("it's \"odd\" \\ \xf0\x9f\x8f\x83", tick - seconds{10});
  const auto run = *a.claim("it's \"odd\" \\ \xf0\x9f\x8f\x83", {tick}).run;
  auto record = finish_of(run, a.now());
  record.outcome = run_outcome::failure;
  record.error = std::string{"bad \xff byte, 'quote', \\, and \0 nul", 34};
  record.output = std::string(9000, 'x') + "\xc3\xa9 end";
  EXPECT_THAT(ok(a.ledger->finish("t", std::vector{record})), ElementsAre(finish_outcome::written));
  const auto stored = account_sql("SELECT error, output FROM baton_tick WHERE cluster='t'")[0];
  EXPECT_EQ(stored[0], (std::string{"bad ? byte, 'quote', \\, and \0 nul", 34}));
  EXPECT_EQ(stored[1]->size(), 4096U);
  EXPECT_THAT(*stored[1], ::testing::EndsWith("x\xc3\xa9 end"));
}

TEST_P(ledger_session_test, registers_once_and_restarts_a_job_whose_schedule_changed) {
  instance a{open_store(), "a"};
  const std::vector<ledger::job_registration> jobs{{"x", a.name("x"), std::string(64, 'h')}, {"y", a.name("x"), "hash-1"}};
  const auto first = ok(a.ledger->register_jobs("t", jobs));
  ASSERT_THAT(first, SizeIs(2));
  EXPECT_EQ(first[0].decided_until, std::nullopt);
  EXPECT_EQ(ok(a.ledger->register_jobs("t", jobs))[0].effective_since, first[0].effective_since);
  auto changed = jobs;
  changed[1].schedule_hash = "hash-2";
  const auto second = ok(a.ledger->register_jobs("t", changed));
  EXPECT_EQ(second[0].effective_since, first[0].effective_since);
  EXPECT_GT(second[1].effective_since, first[1].effective_since);
}

TEST_P(ledger_session_test, tells_a_registering_instance_where_a_job_stands) {
  instance a{open_store(), "a"};
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  const auto run = *a.claim("job", {tick}).run;
  EXPECT_EQ(a.finish(run), finish_outcome::written);
  const auto known = ok(a.ledger->register_jobs("t", std::vector<ledger::job_registration>{{"job", a.name("job"), "hash"}}));
  ASSERT_THAT(known, SizeIs(1));
  EXPECT_EQ(known[0].decided_until, tick);
  EXPECT_TRUE(known[0].last_success.has_value());
  EXPECT_FALSE(known[0].stopped);
}

TEST_P(ledger_session_test, sees_the_runs_of_older_ticks_of_a_job_that_catches_up_all) {
  instance a{open_store(), "a"};
  const auto tick = a.now() - seconds{3};
  a.register_job("job", tick - seconds{600});
  const auto old = *a.claim("job", {tick - seconds{300}}).run;
  auto ended = finish_of(old, tick + seconds{1});
  ended.started = tick - seconds{1};
  ASSERT_EQ(ok(a.ledger->finish("t", std::vector{ended})).at(0), finish_outcome::written);
  auto request = a.request("job", {tick});
  request.names[0].jobs[0].policy.catch_up = ledger::catch_up_policy::all;
  const auto reply = ok(a.ledger->claim(request)).names.at(0);
  ASSERT_THAT(reply.decisions, SizeIs(1));
  EXPECT_EQ(reply.decisions[0].reason, ledger::reason_code::overlap);
}

TEST_P(ledger_session_test, keeps_the_time_of_a_retry_and_gives_it_to_whoever_claims) {
  instance a{open_store(), "a"};
  instance b{open_store(), "b"};
  const auto tick = a.now() - seconds{2};
  a.register_job("job", tick - seconds{10});
  const auto run = *a.claim("job", {tick}).run;
  auto failed = finish_of(run, a.now());
  failed.outcome = ledger::run_outcome::failure;
  failed.retry_at = a.now() + std::chrono::hours{1};
  ASSERT_EQ(ok(a.ledger->finish("t", std::vector{failed})).at(0), finish_outcome::written);
  EXPECT_EQ(ok(a.ledger->finish("t", std::vector{failed})).at(0), finish_outcome::written) << "sent again: its own work";
  const auto seen = b.reconcile(a.now()).open;
  ASSERT_THAT(seen, SizeIs(1));
  EXPECT_EQ(seen[0].state, row_state::retry_due);
  EXPECT_EQ(seen[0].retry_at, failed.retry_at);
  a.release("job");
  auto request = b.request("job", {});
  request.names[0].jobs[0].policy.retry.attempts = 2;
  EXPECT_EQ(ok(b.ledger->claim(request)).names.at(0).verdict, ledger::name_verdict::nothing_due);
  account_sql("UPDATE baton_tick SET retry_at=UTC_TIMESTAMP(6) WHERE cluster='t'");
  const auto again = ok(b.ledger->claim(request)).names.at(0);
  ASSERT_EQ(again.verdict, ledger::name_verdict::claimed);
  EXPECT_EQ(again.run->attempt, 2U);
  EXPECT_GT(again.run->fence, run.fence);
  EXPECT_THAT(account_sql("SELECT 1 FROM baton_tick WHERE cluster='t' AND retry_at IS NULL AND state=1"), SizeIs(1));
}

TEST_P(ledger_session_test, shows_who_differs_in_configuration_or_time_zones) {
  instance a{open_store(), "a"};
  instance b{open_store(), "b"};
  EXPECT_THAT(a.reconcile(a.now()).different, IsEmpty());
  EXPECT_THAT(b.reconcile(a.now()).different, IsEmpty()) << "they are alike";
  ledger::reconcile_request other{"t", b.incarnation, "b", "test", 0xffffffffffff, "2025a", a.now()};
  ASSERT_THAT(ok(b.ledger->reconcile(other)).different, SizeIs(1));
  const auto seen = a.reconcile(a.now()).different;
  ASSERT_THAT(seen, SizeIs(1));
  EXPECT_EQ(seen[0].incarnation, b.incarnation);
  EXPECT_EQ(seen[0].tzdata, "2025a");
  account_sql("UPDATE baton_instance SET heartbeat=UTC_TIMESTAMP(6)-INTERVAL 61 SECOND WHERE instance<>'x' AND tzdata='2025a'");
  EXPECT_THAT(a.reconcile(a.now()).different, IsEmpty()) << "not heard of for a minute";
}

TEST_P(ledger_session_test, shows_open_rows_and_changes_at_a_reconcile) {
  instance a{open_store(), "a"};
  instance b{open_store(), "b"};
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  const auto before = b.reconcile(b.now());
  EXPECT_THAT(before.open, IsEmpty());
  const auto run = *a.claim("job", {tick}).run;
  auto seen = b.reconcile(before.store_now);
  ASSERT_THAT(seen.open, SizeIs(1));
  EXPECT_EQ(seen.open[0].key, run.key);
  EXPECT_EQ(seen.open[0].fence, run.fence);
  EXPECT_EQ(seen.open[0].incarnation, a.incarnation);
  ASSERT_THAT(seen.changed, SizeIs(1));
  EXPECT_EQ(seen.changed[0].state, row_state::running);
  EXPECT_EQ(a.finish(run), finish_outcome::written);
  seen = b.reconcile(before.store_now);
  EXPECT_THAT(seen.open, IsEmpty());
  ASSERT_THAT(seen.changed, SizeIs(1));
  EXPECT_EQ(seen.changed[0].state, row_state::finished);
  EXPECT_THAT(b.reconcile(seen.store_now + seconds{1}).changed, IsEmpty());
  ok(b.ledger->sign_off("t", b.incarnation));
}

TEST_P(ledger_session_test, holds_the_lock_of_its_incarnation_once) {
  auto first = ledger_session();
  auto second = ledger_session();
  EXPECT_TRUE(ok(first->hold_incarnation("t", "inc")));
  EXPECT_TRUE(ok(first->hold_incarnation("t", "inc")));
  EXPECT_FALSE(ok(second->hold_incarnation("t", "inc")));
  first.reset();
  EXPECT_TRUE(eventually([&] { return ok(second->hold_incarnation("t", "inc")); }));
}

TEST_P(ledger_session_test, runs_a_paused_job_not_at_all) {
  instance a{open_store(), "a"};
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  account_sql("UPDATE baton_job SET paused=1,stopped=2,last_stopped=2,stopped_from='2000-01-01' WHERE cluster='t'");
  EXPECT_EQ(a.claim("job", {tick}).verdict, name_verdict::nothing_due);
  ASSERT_THAT(a.rows(), SizeIs(1));
  EXPECT_EQ(a.rows()[0].state, row_state::skipped);
  EXPECT_EQ(a.rows()[0].reason, ledger::reason_code::paused);
}

TEST_P(ledger_session_test, reports_a_killed_connection_as_unavailable) {
  need_private_server();
  if (IsSkipped()) return;
  auto session = ledger_session();
  kill_connection(session->connection_id());
  EXPECT_EQ(code_of(session->claim({})), errc::store_unavailable);
  EXPECT_EQ(code_of(session->sign_off("t", "x")), errc::store_unavailable);
}

TEST_P(ledger_session_test, reports_a_row_locked_too_long_as_busy_and_lives_on) {
  need_private_server();
  if (IsSkipped()) return;
  instance a{open_store(), "a"};
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  const auto run = *a.claim("job", {tick}).run;
  std::thread holder{[&] { sql("START TRANSACTION; SELECT * FROM baton.baton_tick FOR UPDATE; DO SLEEP(2); ROLLBACK"); }};
  EXPECT_TRUE(
      eventually([&] { return sql("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'DO SLEEP%'")[0][0] == "1"; }));
  EXPECT_EQ(code_of(a.ledger->finish("t", std::vector{finish_of(run, a.now())})), errc::store_busy);
  holder.join();
  EXPECT_EQ(a.finish(run), finish_outcome::written);
}

}  // namespace
}  // namespace baton::mysql::testing

#include <algorithm>
#include <thread>

#include "fixture.hpp"
#include "ledger_fixture.hpp"

namespace baton::mysql::testing {
namespace {

using ledger::finish_outcome;
using ledger::name_verdict;
using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// What holds for every store is in tests/integration/every_ledger_session.cpp.
class ledger_session_test : public store_test {};
BATON_ON_BOTH_SERVERS(ledger_session_test);

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

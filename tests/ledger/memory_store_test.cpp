#include "baton/testing/memory_store.hpp"

#include <gtest/gtest.h>

#include "baton/lock/name.hpp"
#include "baton/testing/manual_clock.hpp"

namespace baton::testing {
namespace {

using namespace std::chrono_literals;
using ledger::name_verdict;
using step = memory_store::claim_transaction::step;

struct memory_store_test : ::testing::Test {
  manual_clock clock;
  memory_store store{clock};
  std::vector<std::string> name{"n"};
  std::vector<ledger::job_registration> job{{"a", "n", "hash"}};

  std::unique_ptr<ledger::session> ledger_of(const std::string& incarnation) {
    auto session = store.open_ledger_session(15s);
    EXPECT_TRUE(*session->hold_incarnation("test", incarnation));
    EXPECT_TRUE(session->register_jobs("test", job));
    return session;
  }
  ledger::claim_request due_now(const std::string& incarnation, std::uint64_t connection) {
    const auto now = clock.now().wall;
    ledger::claim_request r{"test", incarnation, incarnation, {}, 13s, 2s, 15s, {}};
    r.takeover = ledger::takeover_policy::fast;
    r.names.push_back({"n", connection, 1h, 1h, std::nullopt, {{"a", {}, now - 1s, {now}, false, now + 1h}}});
    return r;
  }
};

TEST_F(memory_store_test, frees_the_names_of_a_session_that_was_silent_for_its_wait_timeout) {
  auto a = store.open_lock_session(15s);
  ASSERT_TRUE(a->try_acquire(name));
  clock.advance(15s - 1us);
  EXPECT_EQ(store.owner_of("n"), a->connection_id());
  ASSERT_TRUE(a->probe(name));
  clock.advance(15s - 1us);
  EXPECT_EQ(store.owner_of("n"), a->connection_id());
  clock.advance(1us);
  EXPECT_EQ(store.owner_of("n"), std::nullopt);
  EXPECT_EQ(a->probe(name).error().code, errc::store_unavailable);
}

TEST_F(memory_store_test, loses_every_lock_and_session_but_no_row_when_it_restarts) {
  auto locks = store.open_lock_session(15s);
  auto ledger = ledger_of("i");
  ASSERT_TRUE(locks->try_acquire(name));
  clock.advance(1s);
  ASSERT_TRUE(ledger->claim(due_now("i", locks->connection_id())));
  const auto before = store.identity();
  store.restart();
  EXPECT_NE(store.identity(), before);
  EXPECT_EQ(store.locks_held(), 0U);
  EXPECT_FALSE(locks->probe(name));
  EXPECT_FALSE(ledger->reconcile({}));
  EXPECT_EQ(store.rows("test").size(), 1U);
}

TEST_F(memory_store_test, a_claim_is_seen_by_others_only_once_it_is_committed) {
  auto locks = store.open_lock_session(15s);
  auto ledger = ledger_of("i");
  ASSERT_TRUE(locks->try_acquire(name));
  memory_store::claim_transaction claim{store, ledger->connection_id(), due_now("i", locks->connection_id())};
  while (claim.next() != step::commit) {
    claim.advance();
    EXPECT_TRUE(store.rows("test").empty());
  }
  claim.advance();
  EXPECT_EQ(claim.reply()->names[0].verdict, name_verdict::claimed);
  EXPECT_EQ(store.rows("test").size(), 1U);
}

TEST_F(memory_store_test, a_name_whose_fence_row_another_claim_has_is_left_out) {
  auto locks = store.open_lock_session(15s);
  auto first = ledger_of("i");
  auto second = ledger_of("j");
  ASSERT_TRUE(locks->try_acquire(name));
  memory_store::claim_transaction claim{store, first->connection_id(), due_now("i", locks->connection_id())};
  claim.advance();
  EXPECT_EQ(second->claim(due_now("j", locks->connection_id()))->names[0].verdict, name_verdict::fence_busy);
  store.kill(first->connection_id());
  claim.advance();
  EXPECT_EQ(claim.reply().error().code, errc::store_unavailable);
  EXPECT_EQ(second->claim(due_now("j", locks->connection_id()))->names[0].verdict, name_verdict::claimed);
}

TEST_F(memory_store_test, a_name_that_is_lost_before_the_commit_is_not_claimed) {
  auto locks = store.open_lock_session(15s);
  auto ledger = ledger_of("i");
  ASSERT_TRUE(locks->try_acquire(name));
  memory_store::claim_transaction claim{store, ledger->connection_id(), due_now("i", locks->connection_id())};
  while (claim.next() != step::ask_owners) claim.advance();
  store.kill(locks->connection_id());
  while (claim.next() != step::done) claim.advance();
  EXPECT_EQ(claim.reply()->names[0].verdict, name_verdict::not_owner);
  EXPECT_TRUE(store.rows("test").empty());
}

TEST_F(memory_store_test, a_job_is_effective_since_it_was_first_seen_or_its_schedule_changed) {
  const auto effective_since = [this] { return store.open_ledger_session(15s)->register_jobs("test", job)->front().effective_since; };
  const auto first = clock.now().wall;
  EXPECT_EQ(effective_since(), first);
  clock.advance(1h);
  EXPECT_EQ(effective_since(), first);
  job[0].schedule_hash = "other";
  EXPECT_EQ(effective_since(), first + 1h);
}

TEST_F(memory_store_test, tells_what_is_open_and_what_has_changed) {
  auto locks = store.open_lock_session(15s);
  auto ledger = ledger_of("i");
  ASSERT_TRUE(locks->try_acquire(name));
  const auto at = clock.now().wall;
  ASSERT_TRUE(ledger->claim(due_now("i", locks->connection_id())));
  ledger::reconcile_request ask{"test", "i", "i", "", 0, "", at, at};
  EXPECT_EQ(ledger->reconcile(ask)->open.size(), 1U);
  EXPECT_EQ(ledger->reconcile(ask)->changed.size(), 1U);
  ask.ticks_since = at + 1us;
  EXPECT_TRUE(ledger->reconcile(ask)->changed.empty());
  EXPECT_EQ(ledger->register_jobs("test", job)->front().decided_until, at);
  EXPECT_EQ(store.heartbeats("test"), std::set<std::string>{"i"});
  ASSERT_TRUE(ledger->sign_off("test", "i"));
  EXPECT_TRUE(store.heartbeats("test").empty());
}

}  // namespace
}  // namespace baton::testing

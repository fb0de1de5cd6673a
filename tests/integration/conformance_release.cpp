// Rows 45 to 62: giving a lock back, and what holds it for a scope.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "conformance_fixture.hpp"

namespace baton::conformance {
namespace {

using lock::blocking;
using lock::named_lock;
using lock::scoped_lock;
using ::testing::HasSubstr;

class conformance_release : public conformance {};
BATON_CONFORMANCE(conformance_release);

TEST_P(conformance_release, r45_the_next_one_in_the_queue_is_served_at_once) {
  const auto one = session();
  const auto two = session();
  named_lock held{*one, key()};
  named_lock wanted{*two, key(), {.threads = lock::thread_use::serialised}};
  std::vector<microseconds> hand_overs;
  for (int go = 0; go < 5; ++go) {
    ASSERT_TRUE(held.acquire());
    auto waiter = start_waiting([&] { EXPECT_TRUE(wanted.acquire()); });
    hand_overs.push_back(time_of([&] {
      ok(held.release());
      waiter.join();
    }));
    EXPECT_FALSE(held.is_locked());
    ok(wanted.release());
  }
  EXPECT_LT(std::ranges::min(hand_overs), 50ms);  // a machine under load may stall any single one
}

TEST_P(conformance_release, r46_r48_release_of_what_is_not_locked_is_an_error) {
  const auto s = session();
  named_lock lock{*s, key()};
  const auto refused = lock.release();
  ASSERT_EQ(code_of(refused), errc::not_locked);
  EXPECT_THAT(refused.error().context, HasSubstr("conformance"));
  ASSERT_TRUE(lock.acquire());
  ok(lock.release());
  EXPECT_EQ(code_of(lock.release()), errc::not_locked);
}

TEST_P(conformance_release, r47_the_loser_of_a_race_cannot_release_the_winners_lock) {
  const auto one = session();
  const auto two = session();
  named_lock winner{*one, key()};
  named_lock loser{*two, key()};
  ASSERT_TRUE(winner.acquire());
  ASSERT_TRUE(loser.acquire(blocking::no).is_busy());
  EXPECT_EQ(code_of(loser.release()), errc::not_locked);
  EXPECT_EQ(holder_of("conformance"), one->connection_id());
}

TEST_P(conformance_release, r49_release_of_a_lock_that_is_gone_says_so_and_leaves_the_object_unlocked) {
  const auto s = session();
  named_lock lock{*s, key()};
  ASSERT_TRUE(lock.acquire());
  ok(s->release(std::vector<std::string>{"conformance"}));  // behind its back
  EXPECT_EQ(code_of(lock.release()), errc::lock_lost);
  EXPECT_FALSE(lock.is_locked());
  EXPECT_EQ(lock.counters().overlap_suspected, 1U);
  ASSERT_TRUE(lock.acquire());
  ok(s->release(std::vector<std::string>{"conformance"}));
  const auto other = session();
  named_lock theirs{*other, key()};
  ASSERT_TRUE(theirs.acquire());
  EXPECT_EQ(code_of(lock.release()), errc::lock_lost) << "held by another";
  EXPECT_EQ(holder_of("conformance"), other->connection_id());
}

TEST_P(conformance_release, r50_release_on_a_dead_connection_reports_the_loss_and_throws_nothing) {
  const auto s = session();
  named_lock lock{*s, key()};
  ASSERT_TRUE(lock.acquire());
  sql("KILL " + std::to_string(s->connection_id()));
  EXPECT_TRUE(eventually([&] { return !lock.is_locked(); })) << "seen on the socket, without asking";
  EXPECT_EQ(code_of(lock.release()), errc::lock_lost);
  ok(lock.close());
}

TEST_P(conformance_release, r51_close_releases_what_is_locked_and_may_be_repeated) {
  const auto s = session();
  named_lock lock{*s, key()};
  ok(lock.close());
  ASSERT_TRUE(lock.acquire());
  ok(lock.close());
  EXPECT_EQ(holder_of("conformance"), 0U);
  ok(lock.close());
}

TEST_P(conformance_release, r52_a_scope_holds_the_lock_and_gives_it_back_exceptions_included) {
  const auto s = session();
  named_lock lock{*s, key()};
  {
    const auto held = scoped_lock::hold(lock);
    ASSERT_TRUE(held);
    EXPECT_TRUE(lock.is_locked());
    EXPECT_EQ(holder_of("conformance"), s->connection_id());
  }
  EXPECT_FALSE(lock.is_locked());
  try {
    const auto held = scoped_lock::hold(lock);
    throw std::runtime_error{"in the middle"};
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(holder_of("conformance"), 0U);
}

TEST_P(conformance_release, r53_the_expiry_of_a_scopes_time_limit_is_an_error) {
  const auto one = session();
  const auto two = session();
  named_lock held{*one, key()};
  named_lock wanted{*two, key(), {.contextual_timeout = 300ms}};
  ASSERT_TRUE(held.acquire());
  expect_time(300ms, 450ms, [&] { EXPECT_EQ(code_of(scoped_lock::hold(wanted)), errc::timed_out); });
  expect_time(0us, 100ms, [&] { EXPECT_EQ(code_of(scoped_lock::hold(wanted, 0s)), errc::timed_out); });
  EXPECT_TRUE(held.is_locked());
  EXPECT_TRUE(wanted.acquire(blocking::yes, 10ms).is_busy()) << "acquire() knows nothing of it";
  auto waiter = start_waiting([&] { ok(two->acquire("conformance", {}, lock::reentry::refuse)); });
  ok(held.release());
  waiter.join();
  ok(two->release(std::vector<std::string>{"conformance"}));
}

TEST_P(conformance_release, r54_a_deferred_scope_releases_what_was_acquired_in_it) {
  const auto s = session();
  named_lock lock{*s, key()};
  {
    const auto closing = scoped_lock::deferred(lock);
    EXPECT_FALSE(lock.is_locked());
    ASSERT_TRUE(lock.acquire());
  }
  EXPECT_EQ(holder_of("conformance"), 0U);
  { const auto closing = scoped_lock::deferred(lock); }
}

TEST_P(conformance_release, r55_a_lock_that_is_destroyed_while_held_is_released_or_its_session_ended) {
  std::vector<std::string> warnings;
  auto wanted = where();
  wanted.on_warning = [&](const std::string& text) { warnings.push_back(text); };
  const auto s = ok(ok(mysql::store::create(wanted)).open_lock_session());
  {
    named_lock lock{*s, key()};
    ASSERT_TRUE(lock.acquire());
  }
  EXPECT_EQ(holder_of("conformance"), 0U);
  EXPECT_TRUE(warnings.empty());
  server().resume();
  {
    named_lock lock{*s, key()};
    ASSERT_TRUE(lock.acquire());
    server().suspend();
    EXPECT_LT(time_of([&] { named_lock moved{std::move(lock)}; }), 2s) << "bounded by the session's time to answer";
    server().resume();
  }
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings.front(), HasSubstr("conformance was destroyed while held"));
  EXPECT_FALSE(s->is_alive());
}

TEST_P(conformance_release, r56_locks_move_and_what_was_moved_from_is_unlocked) {
  static_assert(!std::is_copy_constructible_v<named_lock> && !std::is_copy_assignable_v<named_lock>);
  static_assert(std::is_nothrow_move_constructible_v<named_lock> && std::is_nothrow_move_assignable_v<named_lock>);
  const auto s = session();
  named_lock first{*s, key("a")};
  ASSERT_TRUE(first.acquire());
  named_lock second{std::move(first)};
  EXPECT_FALSE(first.is_locked());  // NOLINT(bugprone-use-after-move): that is the subject
  EXPECT_TRUE(second.is_locked());
  named_lock third{*s, key("b")};
  ASSERT_TRUE(third.acquire());
  third = std::move(second);
  EXPECT_EQ(holder_of("b"), 0U) << "what is assigned to lets go of what it held";
  EXPECT_EQ(holder_of("a"), s->connection_id());
}

TEST_P(conformance_release, r57_another_thread_is_refused_or_waits_for_its_turn) {
  const auto s = session();
  named_lock checked{*s, key("a")};
  ASSERT_TRUE(checked.acquire());
  std::thread{[&] {
    EXPECT_EQ(code_of(checked.release()), errc::wrong_thread);
    EXPECT_EQ(code_of(checked.acquire()), errc::wrong_thread);
    EXPECT_EQ(code_of(checked.close()), errc::wrong_thread);
  }}.join();
  EXPECT_TRUE(checked.is_locked());

  named_lock shared{*s, key("b"), {.threads = lock::thread_use::serialised}};
  std::vector<std::thread> threads;
  std::atomic<int> rounds = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const auto got = shared.acquire();
        EXPECT_TRUE(got || code_of(got) == errc::already_locked);
        if (!got) continue;
        ok(shared.release());
        ++rounds;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_GT(rounds, 0);
  EXPECT_TRUE(s->is_alive()) << "never two statements at once";
}

TEST_P(conformance_release, r59_closing_the_session_frees_its_locks) {
  auto one = session();
  const auto two = session();
  named_lock wanted{*two, key()};
  ok(one->acquire("conformance", {}, lock::reentry::refuse));
  one.reset();
  EXPECT_LT(time_of([&] { EXPECT_TRUE(wanted.acquire(blocking::yes, 5s)); }), 1s);
}

/// Forks, and expects nothing wrong of what the child finds: a bit for each thing.
void expect_in_child(const std::function<int()>& wrong) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(10);
    ::_exit(wrong());
  }
  int state = 0;
  ASSERT_EQ(::waitpid(child, &state, 0), child);
  EXPECT_TRUE(WIFEXITED(state));
  EXPECT_EQ(WEXITSTATUS(state), 0);
}

TEST_P(conformance_release, r61_a_forked_child_keeps_its_hands_off_the_parents_session) {
  auto s = session();
  named_lock lock{*s, key()};
  ASSERT_TRUE(lock.acquire());
  expect_in_child([&] {
    int wrong = 0;
    if (lock.is_locked()) wrong |= 1;
    if (s->is_alive()) wrong |= 2;
    if (code_of(s->owned(std::vector<std::string>{"conformance"})) != errc::wrong_process) wrong |= 4;
    { named_lock mine{std::move(lock)}; }
    s.reset();
    return wrong;
  });
  EXPECT_TRUE(lock.is_locked());
  EXPECT_EQ(ok(s->owned(std::vector<std::string>{"conformance"})).front(), true);
  ok(lock.release());
}

TEST_P(conformance_release, r61_a_child_that_is_forked_during_a_wait_does_not_wait_for_its_end) {
  const auto owner = session();
  named_lock held{*owner, key()};
  ASSERT_TRUE(held.acquire());
  auto s = session();
  named_lock wanted{*s, key(), {.threads = lock::thread_use::serialised}};
  auto waiter = start_waiting([&] { EXPECT_TRUE(wanted.acquire(blocking::yes, 20s)); });
  expect_in_child([&] {
    int wrong = 0;
    if (code_of(wanted.acquire()) != errc::wrong_process) wrong |= 1;
    if (code_of(s->owned(std::vector<std::string>{"conformance"})) != errc::wrong_process) wrong |= 2;
    if (s->is_alive()) wrong |= 4;
    s.reset();
    return wrong;
  });
  ok(held.release());
  waiter.join();
  ok(wanted.release());
}

TEST_P(conformance_release, r62_release_all_counts_recursion_and_unlocks_every_object) {
  const auto s = session();
  const named_lock::options counting{.again = lock::reentry::count};
  named_lock a{*s, key("a"), counting};
  named_lock b{*s, key("b"), counting};
  ASSERT_TRUE(a.acquire());
  ASSERT_TRUE(a.acquire());
  ASSERT_TRUE(b.acquire());
  EXPECT_EQ(ok(s->release_all()), 3U);
  EXPECT_FALSE(a.is_locked());
  EXPECT_FALSE(b.is_locked());
  EXPECT_EQ(code_of(a.release()), errc::lock_lost);
  EXPECT_EQ(code_of(a.release()), errc::not_locked);
  EXPECT_EQ(holder_of("a"), 0U);
  ASSERT_TRUE(a.acquire());
  ok(a.release());
}

}  // namespace
}  // namespace baton::conformance

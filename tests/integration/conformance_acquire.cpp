// Rows 20 to 44: getting a lock.
#include <atomic>
#include <barrier>
#include <optional>
#include <random>

#include "conformance_fixture.hpp"

namespace baton::conformance {
namespace {

using lock::blocking;
using lock::named_lock;
using lock::reentry;
using ::testing::HasSubstr;

/// Two sessions, the first of which holds the lock.
class conformance_acquire : public conformance {
 protected:
  struct contest {
    contest() { EXPECT_TRUE(held.acquire()); }
    std::unique_ptr<lock::waiting_session> owner = session();
    std::unique_ptr<lock::waiting_session> other = session();
    named_lock held{*owner, key()};
    named_lock wanted{*other, key(), {.threads = lock::thread_use::serialised}};  // some wait on a thread of their own
  };
};
BATON_CONFORMANCE(conformance_acquire);

TEST_P(conformance_acquire, r20_a_free_lock_is_acquired) {
  const auto s = session();
  named_lock lock{*s, key()};
  EXPECT_FALSE(lock.is_locked());
  EXPECT_TRUE(lock.acquire());
  EXPECT_TRUE(lock.is_locked());
  ok(lock.release());
  EXPECT_FALSE(lock.is_locked());
}

TEST_P(conformance_acquire, r21_r22_without_blocking_the_answer_comes_at_once_whatever_the_limit) {
  contest c;
  expect_time(0us, 100ms, [&] { EXPECT_TRUE(c.wanted.acquire(blocking::no).is_busy()); });
  expect_time(0us, 100ms, [&] { EXPECT_TRUE(c.wanted.acquire(blocking::no, 60s).is_busy()); });
  EXPECT_FALSE(c.wanted.is_locked());
  ok(c.held.release());
  EXPECT_TRUE(c.wanted.acquire(blocking::no));
}

TEST_P(conformance_acquire, r23_r24_zero_and_negative_limits_are_one_try) {
  contest c;
  for (const lock::time_limit limit : {lock::time_limit{0s}, lock::time_limit{-5s}, lock::time_limit{-400ms}, lock::time_limit{-0.5s}})
    expect_time(0us, 100ms, [&] { EXPECT_TRUE(c.wanted.acquire(blocking::yes, limit).is_busy()); });
  ok(c.held.release());
  for (const lock::time_limit limit : {lock::time_limit{0s}, lock::time_limit{-5s}}) {
    EXPECT_TRUE(c.wanted.acquire(blocking::yes, limit));
    ok(c.wanted.release());
  }
}

TEST_P(conformance_acquire, r25_a_whole_second_is_waited_for) {
  contest c;
  expect_time(1s, 1250ms, [&] { EXPECT_TRUE(c.wanted.acquire(blocking::yes, 1s).is_busy()); });
}

TEST_P(conformance_acquire, r26_a_lock_that_is_released_during_the_wait_is_acquired) {
  expect_time(1s, 1250ms, [] {
    contest c;
    auto waiter = start_waiting([&] { EXPECT_TRUE(c.wanted.acquire(blocking::yes, 3s)); });
    std::this_thread::sleep_for(1s);
    ok(c.held.release());
    waiter.join();
  });
}

TEST_P(conformance_acquire, r27_r28_fractions_of_a_second_are_honoured) {
  contest c;
  expect_time(300ms, 450ms, [&] { EXPECT_TRUE(c.wanted.acquire(blocking::yes, 300ms).is_busy()); });
  expect_time(1500ms, 1650ms, [&] { EXPECT_TRUE(c.wanted.acquire(blocking::yes, 1.5s).is_busy()); });
  expect_time(200us, 100ms, [&] { EXPECT_TRUE(c.wanted.acquire(blocking::yes, 200us).is_busy()); });
}

TEST_P(conformance_acquire, r29_without_a_limit_the_wait_is_for_ever) {
  contest c;
  auto waiter = start_waiting([&] { EXPECT_TRUE(c.wanted.acquire()); });
  for (int half_seconds = 0; half_seconds < 8; ++half_seconds) {  // longer than the waiting session's wait_timeout of 3 s
    std::this_thread::sleep_for(500ms);
    EXPECT_TRUE(c.owner->probe({}));
  }
  EXPECT_EQ(waiting(), 1U);
  ok(c.held.release());
  waiter.join();
  EXPECT_TRUE(c.wanted.is_locked());
}

TEST_P(conformance_acquire, r30_a_huge_limit_is_for_ever) {
  contest c;
  for (const lock::time_limit limit : {lock::time_limit{std::chrono::microseconds::max()}, lock::time_limit{std::chrono::hours::max()},
                                       lock::time_limit{std::chrono::years{50}}, lock::time_limit{1e300s}}) {
    auto waiter = start_waiting([&] { EXPECT_TRUE(c.wanted.acquire(blocking::yes, limit)); });
    ok(c.held.release());
    waiter.join();
    ok(c.wanted.release());
    ASSERT_TRUE(c.held.acquire());
  }
}

TEST_P(conformance_acquire, r31_acquire_of_a_locked_object_is_refused_and_sends_nothing) {
  const auto s = session();
  named_lock lock{*s, key()};
  ASSERT_TRUE(lock.acquire());
  raw_connection root{server()};
  const auto statements = [&] {
    return std::stoll(root.run(std::string{"SELECT VARIABLE_VALUE FROM "} +
                               (on_mariadb() ? "information_schema.GLOBAL_STATUS" : "performance_schema.global_status") +
                               " WHERE VARIABLE_NAME='Questions'"));
  };
  ASSERT_TRUE(eventually([&] {
    const auto one = statements();
    return statements() == one + 1;
  })) << "connections of the test before are still saying good-bye";
  const auto before = statements();
  EXPECT_EQ(code_of(lock.acquire(blocking::no)), errc::already_locked);
  EXPECT_EQ(code_of(named_lock(*s, key()).release()), errc::not_locked);
  EXPECT_EQ(statements(), before + 1) << "the question itself";
  ok(lock.release());
  EXPECT_EQ(holder_of("conformance"), 0U) << "one release was enough";
}

TEST_P(conformance_acquire, r32_an_object_that_was_refused_can_be_used_again) {
  contest c;
  EXPECT_TRUE(c.wanted.acquire(blocking::no).is_busy());
  EXPECT_TRUE(c.wanted.acquire(blocking::yes, 10ms).is_busy());
  ok(c.held.release());
  EXPECT_TRUE(c.wanted.acquire());
}

TEST_P(conformance_acquire, r33_a_second_lock_of_the_session_is_refused_or_counted_never_let_in_silently) {
  const auto s = session();
  named_lock first{*s, key()};
  named_lock second{*s, key()};
  ASSERT_TRUE(first.acquire());
  const auto refused = second.acquire(blocking::yes, 5s);
  EXPECT_EQ(code_of(refused), errc::held_by_this_session);
  EXPECT_FALSE(second.is_locked());
  ok(first.release());
  EXPECT_EQ(holder_of("conformance"), 0U);

  const named_lock::options counting{.again = reentry::count};
  named_lock one{*s, key(), counting};
  named_lock two{*s, key(), counting};
  ASSERT_TRUE(one.acquire());
  ASSERT_TRUE(one.acquire());
  ASSERT_TRUE(two.acquire());
  ok(one.release());
  ok(two.release());
  EXPECT_EQ(holder_of("conformance"), s->connection_id()) << "n acquires need n releases";
  EXPECT_TRUE(one.is_locked());
  ok(one.release());
  EXPECT_EQ(holder_of("conformance"), 0U);
  EXPECT_EQ(code_of(one.release()), errc::not_locked);
}

TEST_P(conformance_acquire, r34_those_who_wait_are_served_in_the_order_in_which_they_came) {
  contest c;
  std::vector<std::unique_ptr<lock::waiting_session>> sessions;
  std::vector<std::thread> waiters;
  std::mutex mutex;
  std::vector<int> served;
  const lock::time_limit limits[]{30s, 30500ms, {}, 31s, 30250ms};  // a fraction does not cost the place
  for (int i = 0; i < 5; ++i) {
    sessions.push_back(session());
    waiters.push_back(start_waiting([&, i] {
      named_lock lock{*sessions[static_cast<std::size_t>(i)], key(), {.threads = lock::thread_use::serialised}};
      ASSERT_TRUE(lock.acquire(blocking::yes, limits[i]));
      {
        const std::lock_guard guard{mutex};
        served.push_back(i);
      }
      ok(lock.release());
    }));
  }
  ok(c.held.release());
  for (auto& waiter : waiters) waiter.join();
  EXPECT_THAT(served, ::testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST_P(conformance_acquire, r35_a_deadlock_is_told_to_one_side_whose_other_locks_stay) {
  const auto one = session();
  const auto two = session();
  const named_lock::options any{.threads = lock::thread_use::serialised};
  named_lock a1{*one, key("a"), any};
  named_lock b1{*one, key("b"), any};
  named_lock a2{*two, key("a"), any};
  named_lock b2{*two, key("b"), any};
  ASSERT_TRUE(a1.acquire());
  ASSERT_TRUE(b2.acquire());
  errc first{};
  errc second{};
  auto waiter = start_waiting([&] {
    first = code_of(b1.acquire(blocking::yes, 20s));
    if (first == errc::deadlock) ok(a1.release());
  });
  second = code_of(a2.acquire(blocking::yes, 20s));
  if (second == errc::deadlock) {
    EXPECT_TRUE(b2.is_locked());
    EXPECT_EQ(holder_of("b"), two->connection_id());
    ok(b2.release());
  }
  waiter.join();
  EXPECT_TRUE((first == errc::deadlock) != (second == errc::deadlock)) << "one of the two, and not both";
}

TEST_P(conformance_acquire, r36_r37_a_wait_that_somebody_ends_is_an_error_and_not_a_busy_lock) {
  contest c;
  auto waiter = start_waiting([&] { EXPECT_EQ(code_of(c.wanted.acquire(blocking::yes, 20s)), errc::interrupted); });
  sql("KILL QUERY " + std::to_string(c.other->connection_id()));
  waiter.join();
  EXPECT_TRUE(c.other->is_alive());
  EXPECT_EQ(c.wanted.counters().interrupted, 1U);
  ok(c.held.release());
  EXPECT_TRUE(c.wanted.acquire(blocking::no)) << "the session goes on";
}

TEST_P(conformance_acquire, r38_a_wait_whose_connection_is_killed_is_a_lost_connection) {
  contest c;
  auto waiter = start_waiting([&] { EXPECT_EQ(code_of(c.wanted.acquire()), errc::store_unavailable); });
  sql("KILL " + std::to_string(c.other->connection_id()));
  waiter.join();
  EXPECT_FALSE(c.other->is_alive());
  EXPECT_EQ(code_of(c.wanted.acquire(blocking::no)), errc::store_unavailable) << "it does not reconnect by itself";
}

TEST_P(conformance_acquire, r39_statement_time_limits_of_the_server_do_not_end_a_wait) {
  sql(on_mariadb() ? "SET GLOBAL max_statement_time=0.2" : "SET GLOBAL max_execution_time=200");
  {
    contest c;
    expect_time(600ms, 850ms, [&] { EXPECT_TRUE(c.wanted.acquire(blocking::yes, 600ms).is_busy()); });
    expect_time(1s, 1250ms, [&] { EXPECT_TRUE(c.wanted.acquire(blocking::yes, 1s).is_busy()); });
  }
  sql(on_mariadb() ? "SET GLOBAL max_statement_time=0" : "SET GLOBAL max_execution_time=0");
}

TEST_P(conformance_acquire, r40_a_cancelled_wait_ends_at_once_and_holds_nothing) {
  contest c;
  for (int go = 0; go < 5; ++go) {
    std::stop_source stop;
    std::chrono::steady_clock::time_point ended;
    auto waiter = start_waiting([&] {
      EXPECT_EQ(code_of(c.wanted.acquire(blocking::yes, {}, stop.get_token())), errc::cancelled);
      ended = std::chrono::steady_clock::now();
    });
    const auto asked = std::chrono::steady_clock::now();
    stop.request_stop();
    waiter.join();
    EXPECT_LT(ended - asked, 200ms);
    EXPECT_TRUE(eventually([] { return waiting() == 0; }, 2s));
  }
  EXPECT_TRUE(c.other->is_alive()) << "and with it whatever else it holds";
  EXPECT_EQ(holder_of("conformance"), c.owner->connection_id());
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_EQ(code_of(c.wanted.acquire(blocking::yes, {}, stopped.get_token())), errc::cancelled);
}

/// Lets something end a wait while the lock is released: after each round it is held by the one who was told so, or by nobody.
/// A cancelled wait ends its session where the server is slow to take notice: the next round has a new one.
template <typename Open, typename EndWait>
void race_with_the_grant(int rounds, Open open, const lock::key& k, EndWait end_wait) {
  const auto owner = open();
  named_lock held{*owner, k};
  decltype(open()) other;
  std::optional<named_lock> wanted;
  const auto begin_anew = [&] {
    wanted.reset();
    other = open();
    wanted.emplace(*other, k, named_lock::options{.threads = lock::thread_use::serialised});
  };
  begin_anew();
  std::barrier round_begins{3};
  std::barrier round_ends{3};
  std::atomic<bool> is_over = false;
  std::stop_source stop;
  bool got = false;
  microseconds end_after{};
  // Threads for all rounds: one that is new pays for its first TLS record, and comes too late for a race.
  std::thread waiter{[&] {
    for (;;) {
      round_begins.arrive_and_wait();
      if (is_over) return;
      const auto attempt = wanted->acquire(blocking::yes, 20s, stop.get_token());
      got = static_cast<bool>(attempt);
      EXPECT_TRUE(got || code_of(attempt) == errc::cancelled || code_of(attempt) == errc::interrupted)
          << (attempt.has_failed() ? attempt.error().context : "busy");
      round_ends.arrive_and_wait();
    }
  }};
  std::thread ender{[&] {
    for (;;) {
      round_begins.arrive_and_wait();
      if (is_over) return;
      std::this_thread::sleep_for(end_after);
      end_wait(stop, other->connection_id());
      round_ends.arrive_and_wait();
    }
  }};
  const at_the_end join{[&] {
    is_over = true;
    round_begins.arrive_and_wait();
    waiter.join();
    ender.join();
  }};
  std::mt19937 random{4711};
  int acquired = 0;
  int ended = 0;
  for (int round = 0; round < rounds && !::testing::Test::HasFailure(); ++round) {
    EXPECT_TRUE(held.acquire(blocking::yes, 5s)) << "round " << round << ": leaked";
    stop = {};
    end_after = microseconds{random() % 2000};
    round_begins.arrive_and_wait();
    std::this_thread::sleep_for(microseconds{random() % 3000});
    EXPECT_TRUE(held.release());
    round_ends.arrive_and_wait();
    if (!got && !other->is_alive()) {
      ++ended;
      begin_anew();
    }
    const bool owned = ok(other->owned(std::vector{k.text()})).front();
    EXPECT_EQ(owned, got) << "round " << round;
    if (got) ++acquired;
    if (got) ok(wanted->release());
  }
  EXPECT_LE(ended, rounds / 100) << "a session is ended only where the server is slow";
  EXPECT_GT(acquired, rounds / 50) << "no race: the wait was always ended first";
  EXPECT_LT(acquired, rounds - rounds / 50) << "no race: the grant always came first";
}

TEST_P(conformance_acquire, r41_cancel_and_grant_racing_a_thousand_times_leak_nothing) {
  race_with_the_grant(
      1000, [this] { return session(); }, key(), [](std::stop_source& stop, auto) { stop.request_stop(); });
}

TEST_P(conformance_acquire, r41_kill_and_grant_racing_a_thousand_times_leak_nothing) {
  raw_connection root{server()};
  race_with_the_grant(
      1000, [this] { return session(); }, key(), [&](std::stop_source&, auto other) { root.run("KILL QUERY " + std::to_string(other)); });
}

TEST_P(conformance_acquire, r42_a_wait_longer_than_any_read_timeout_does_not_break_the_session) {
  contest c;  // its statements are answered within 0.5 s, or the session is given up
  auto waiter = start_waiting([&] { EXPECT_TRUE(c.wanted.acquire(blocking::yes, 20s)); });
  std::this_thread::sleep_for(2s);
  ok(c.held.release());
  waiter.join();
  EXPECT_TRUE(c.other->is_alive());
}

TEST_P(conformance_acquire, r43_a_name_that_the_server_refuses_is_a_bad_name) {
  const auto s = session();
  const std::string too_long(200, 'x');
  EXPECT_EQ(code_of(s->acquire(too_long, 0s, reentry::refuse)), errc::invalid_key);
  EXPECT_EQ(code_of(s->try_acquire(std::vector{too_long})), errc::invalid_key);
  EXPECT_TRUE(s->is_alive());
}

}  // namespace
}  // namespace baton::conformance

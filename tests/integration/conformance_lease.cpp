// Rows 63 to 76: leases, how they are lost, and fences.
#include <sys/wait.h>

#include <atomic>
#include <barrier>
#include <random>

#include "baton/mysql/lock_client.hpp"
#include "conformance_fixture.hpp"

namespace baton::conformance {
namespace {

using lock::key_mode;
using lock::loss;
using mysql::lease;
using mysql::lock_client;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// What a lease told of its loss, and when.
class loss_record {
 public:
  explicit loss_record(lease& of) {
    of.on_lost([heard = heard_](loss reason) {
      const std::lock_guard guard{heard->mutex};
      heard->reasons.push_back(reason);
      heard->at = std::chrono::steady_clock::now();
    });
  }
  [[nodiscard]] std::vector<loss> reasons() const {
    const std::lock_guard guard{heard_->mutex};
    return heard_->reasons;
  }
  [[nodiscard]] bool await(microseconds limit = 10s) const {
    return eventually([&] { return !reasons().empty(); }, limit);
  }
  [[nodiscard]] microseconds after(std::chrono::steady_clock::time_point start) const {
    const std::lock_guard guard{heard_->mutex};
    return std::chrono::duration_cast<microseconds>(heard_->at - start);
  }

 private:
  struct heard {
    std::mutex mutex;
    std::vector<loss> reasons;
    std::chrono::steady_clock::time_point at;
  };
  std::shared_ptr<heard> heard_ = std::make_shared<heard>();
};

/// P = R = 0.5 s, W = 3 s, M = 1.5 s: a lease is certain for 1.5 s after a probe.
class conformance_lease : public conformance {
 protected:
  static std::unique_ptr<lock_client> client(mysql::lock_client_options how = {}) { return ok(lock_client::create(where(), how)); }
  static lease acquire(lock_client& from, std::string_view name = "conformance", lock::time_limit limit = 0s) {
    auto got = from.acquire(key(name), limit);
    if (!got) throw std::runtime_error{got.has_failed() ? got.error().context : "busy"};
    return std::move(*got);
  }
  static std::uint64_t fence_in_table() {
    return std::stoull(sql("SELECT fence FROM baton.baton_fence WHERE lock_name='conformance'").front().front().value());
  }
};
BATON_CONFORMANCE(conformance_lease);

TEST_P(conformance_lease, a_lease_is_held_excludes_others_and_is_given_back) {
  const auto one = client();
  const auto two = client();
  auto mine = acquire(*one);
  EXPECT_TRUE(mine.is_held());
  EXPECT_EQ(mine.name(), "conformance");
  EXPECT_TRUE(two->acquire(key(), 0s).is_busy());
  EXPECT_TRUE(one->acquire(key(), 0s).is_busy()) << "also for another part of the same program";
  expect_time(300ms, 450ms, [&] { EXPECT_TRUE(two->acquire(key(), 300ms).is_busy()); });
  ok(mine.release());
  EXPECT_FALSE(mine.is_held());
  EXPECT_EQ(code_of(mine.release()), errc::not_locked);
  auto theirs = acquire(*two);
  EXPECT_EQ(holder_of("conformance") != 0, true);
  { const auto dropped = std::move(theirs); }
  EXPECT_TRUE(eventually([] { return holder_of("conformance") == 0; })) << "a lease that is dropped is given back";
}

TEST_P(conformance_lease, a_wait_gets_the_lock_when_it_is_given_back_and_keeps_no_proof_waiting) {
  const auto one = client();
  const auto two = client();
  auto mine = acquire(*one);
  auto other = acquire(*two, "another");
  loss_record other_lost{other};
  auto waiter = start_waiting([&] {
    auto got = two->acquire(key(), 20s);
    EXPECT_TRUE(got && got->is_held());
  });
  std::this_thread::sleep_for(2500ms);  // longer than a lease without proof
  EXPECT_TRUE(other.is_held()) << "it was proven all the while";
  ok(mine.release());
  waiter.join();
  EXPECT_THAT(other_lost.reasons(), ElementsAre());
}

TEST_P(conformance_lease, r63_a_killed_session_is_noticed_at_once) {
  const auto c = client();
  auto mine = acquire(*c);
  const loss_record lost{mine};
  const auto killed = std::chrono::steady_clock::now();
  sql("KILL " + std::to_string(holder_of("conformance")));
  ASSERT_TRUE(lost.await());
  EXPECT_LT(lost.after(killed), 1s) << "at most P + R";
  EXPECT_FALSE(mine.is_held());
  EXPECT_EQ(mine.lost(), loss::connection);
  EXPECT_EQ(code_of(mine.release()), errc::lock_lost);
  auto again = acquire(*c);
  EXPECT_GT(again.fence(), mine.fence());
  std::this_thread::sleep_for(1100ms);
  EXPECT_THAT(lost.reasons(), ElementsAre(loss::connection)) << "exactly once";
}

TEST_P(conformance_lease, r64_a_reset_connection_has_lost_its_locks_though_its_id_is_the_same) {
  raw_connection program{server()};
  const auto s = ok(mysql::adopt(program.handle()));
  const std::vector<std::string> names{"conformance"};
  ok(s->acquire(names.front(), 0s, lock::reentry::refuse));
  EXPECT_EQ(ok(s->probe(names)).identity, s->identity());
  const auto id = program.run("SELECT CONNECTION_ID()");
  ASSERT_EQ(mysql_reset_connection(program.handle()), 0);
  EXPECT_EQ(program.run("SELECT CONNECTION_ID()"), id);
  const auto reply = ok(s->probe(names));
  EXPECT_NE(reply.identity, s->identity()) << "another session behind the same connection";
  EXPECT_EQ(reply.lost, names);
}

TEST_P(conformance_lease, r65_locks_that_were_released_behind_our_back_are_named_by_a_probe) {
  raw_connection program{server()};
  const auto s = ok(mysql::adopt(program.handle()));
  const std::vector<std::string> names{"a", "b", "c"};
  for (const auto& name : names) ok(s->acquire(name, 0s, lock::reentry::refuse));
  program.run("SELECT RELEASE_LOCK('b')");
  EXPECT_THAT(ok(s->probe(names)).lost, ElementsAre("b"));
  program.run("SELECT RELEASE_ALL_LOCKS()");
  EXPECT_EQ(ok(s->probe(names)).lost, names);
}

TEST_P(conformance_lease, r66_a_restarted_server_holds_nothing_even_where_connection_ids_return) {
  const auto c = client();
  auto mine = acquire(*c);
  const loss_record lost{mine};
  const auto before = mine.fence();
  ok(server().restart());
  ASSERT_TRUE(lost.await());
  EXPECT_THAT(lost.reasons(), ElementsAre(loss::connection));
  EXPECT_FALSE(mine.is_held());
  auto again = acquire(*c);
  EXPECT_GT(again.fence(), before);
}

TEST_P(conformance_lease, r67_a_server_that_becomes_read_only_ends_the_lease) {
  const auto c = client();
  auto mine = acquire(*c);
  const loss_record lost{mine};
  const auto start = std::chrono::steady_clock::now();
  sql("SET GLOBAL read_only=1");
  EXPECT_TRUE(lost.await());
  EXPECT_LT(lost.after(start), 1100ms) << "P + R";
  EXPECT_THAT(lost.reasons(), ElementsAre(loss::not_primary));
  sql("SET GLOBAL read_only=0");
  EXPECT_TRUE(acquire(*c).is_held());
}

TEST_P(conformance_lease, r68_a_lock_is_kept_for_longer_than_the_servers_patience) {
  const auto c = client();
  auto mine = acquire(*c);
  const loss_record lost{mine};
  const auto s = ok(c->open_session());
  lock::named_lock plain{*s, key("plain")};
  ASSERT_TRUE(plain.acquire());
  std::this_thread::sleep_for(4500ms);  // W is 3 s
  EXPECT_TRUE(mine.is_held());
  EXPECT_THAT(lost.reasons(), ElementsAre());
  EXPECT_TRUE(plain.is_locked()) << "a session for named_lock is kept alive too";
  EXPECT_EQ(holder_of("plain"), s->connection_id());
  EXPECT_GE(s->counters().probes.count(), 4U);
}

TEST_P(conformance_lease, r69_a_silent_server_costs_the_lease_at_its_deadline_although_no_error_comes) {
  const auto c = client();
  auto mine = acquire(*c);
  const loss_record lost{mine};
  server().suspend();
  const auto start = std::chrono::steady_clock::now();
  const auto certain_until = mine.deadline();
  EXPECT_TRUE(lost.await(5s));
  server().resume();
  EXPECT_LT(lost.after(start), 1600ms) << "W - M";
  EXPECT_FALSE(mine.is_held());
  EXPECT_EQ(mine.deadline(), certain_until);
  EXPECT_TRUE(mine.lost() == loss::connection || mine.lost() == loss::deadline);
}

TEST_P(conformance_lease, r70_r71_a_release_tells_nobody_and_a_late_listener_is_told_at_once) {
  const auto c = client();
  auto first = acquire(*c);
  const loss_record of_first{first};
  ok(first.release());
  auto second = acquire(*c);
  const loss_record of_second{second};
  sql("KILL " + std::to_string(holder_of("conformance")));
  ASSERT_TRUE(of_second.await());
  std::vector<loss> late;
  second.on_lost([&](loss reason) { late.push_back(reason); });
  EXPECT_THAT(late, ElementsAre(loss::connection));
  EXPECT_THAT(of_first.reasons(), ElementsAre());
}

TEST_P(conformance_lease, g8_r72_r73_fences_rise_over_a_thousand_hand_offs_a_restart_and_a_lost_row) {
  const auto one = client();
  const auto two = client();
  std::uint64_t last = 0;
  for (int i = 0; i < 1000; ++i) {
    auto got = acquire(i % 2 == 0 ? *one : *two, "conformance", 5s);
    ASSERT_GT(got.fence(), last);
    last = got.fence();
    ok(got.release());
  }
  EXPECT_EQ(fence_in_table(), last);
  sql("UPDATE baton.baton_fence SET fence=5 WHERE lock_name='conformance'");  // as a failover that lost the last ones
  auto after_loss = acquire(*one);
  EXPECT_GT(after_loss.fence(), last) << "by the floor of the time";
  ok(after_loss.release());
  sql("UPDATE baton.baton_fence SET fence=fence+1000000000 WHERE lock_name='conformance'");  // a clock that was ahead
  const auto ahead = fence_in_table();
  auto after_step = acquire(*two);
  EXPECT_EQ(after_step.fence(), ahead + 1);
  sql("DELETE FROM baton.baton_fence WHERE lock_name='conformance'");
}

TEST_P(conformance_lease, r74_a_replica_grants_no_lease) {
  sql("SET GLOBAL read_only=1");
  const auto c = client();
  const auto refused = c->acquire(key(), 0s);
  const auto holder = holder_of("conformance");
  sql("SET GLOBAL read_only=0");
  ASSERT_EQ(code_of(refused), errc::store_unfit);
  EXPECT_THAT(refused.error().context, HasSubstr("read_only"));
  EXPECT_EQ(holder, 0U);
}

TEST_P(conformance_lease, r76_the_next_holder_sees_what_the_one_before_committed) {
  sql("CREATE TABLE IF NOT EXISTS baton.account (balance INT); DELETE FROM baton.account; INSERT INTO baton.account VALUES (0)");
  const auto one = client();
  const auto two = client();
  raw_connection first{server()};
  raw_connection second{server()};
  for (auto* connection : {&first, &second}) connection->run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
  auto mine = acquire(*one);
  auto waiter = start_waiting([&] {
    auto theirs = acquire(*two, "conformance", 10s);
    second.run("START TRANSACTION");  // the lock first, then the transaction
    EXPECT_EQ(second.run("SELECT balance FROM baton.account"), "1");
    second.run("COMMIT");
  });
  first.run("START TRANSACTION");
  first.run("UPDATE baton.account SET balance=balance+1");
  first.run("COMMIT");
  ok(mine.release());
  waiter.join();
  sql("DROP TABLE baton.account");
}

TEST_P(conformance_lease, loss_and_release_racing_a_thousand_times_tell_one_story) {
  const auto c = client();
  raw_connection root{server()};
  std::mt19937 random{1234};
  std::atomic<std::uint64_t> victim = 0;
  std::barrier round_begins{2};
  std::barrier round_ends{2};
  std::atomic<bool> is_over = false;
  microseconds kill_after{};
  std::thread killer{[&] {
    for (;;) {
      round_begins.arrive_and_wait();
      if (is_over) return;
      std::this_thread::sleep_for(kill_after);
      try {
        root.run("KILL " + std::to_string(victim));
      } catch (const std::runtime_error&) {  // the client had closed it
      }
      round_ends.arrive_and_wait();
    }
  }};
  const at_the_end join{[&] {
    is_over = true;
    round_begins.arrive_and_wait();
    killer.join();
  }};
  int released = 0;
  constexpr int rounds = 1000;
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    auto got = c->acquire(key(), 5s);
    // The tightest timing there is: a machine that stalls for half a second ends a connection, and leaks nothing.
    for (int again = 0; again < 3 && got.has_failed(); ++again) got = c->acquire(key(), 5s);
    ASSERT_TRUE(got) << "round " << round << ": " << (got.has_failed() ? got.error().context : "leaked");
    const auto told = std::make_shared<std::atomic<int>>(0);
    got->on_lost([told](loss) { ++*told; });
    victim = holder_of("conformance");
    kill_after = microseconds{random() % 600};
    round_begins.arrive_and_wait();
    std::this_thread::sleep_for(microseconds{random() % 600});
    const auto outcome = got->release();
    round_ends.arrive_and_wait();
    EXPECT_FALSE(got->is_held());
    if (outcome) {
      ++released;
      EXPECT_EQ(*told, 0) << "round " << round << ": released, and told to be lost";
    } else {
      EXPECT_EQ(code_of(outcome), errc::lock_lost) << outcome.error().context;
      EXPECT_LE(*told, 1) << "round " << round;
    }
  }
  EXPECT_GT(released, rounds / 50) << "no race: the kill always came first";
  EXPECT_LT(released, rounds - rounds / 50) << "no race: the release always came first";
}

TEST_P(conformance_lease, what_is_granted_after_a_long_wait_is_held) {
  raw_connection root{server()};
  const auto c = client();
  const auto session = ok(c->open_session());
  lock::named_lock wanted{*session, key()};
  ASSERT_EQ(root.run("SELECT GET_LOCK('conformance',0)"), "1");
  std::thread releaser{[&] {
    std::this_thread::sleep_for(2s);  // longer than W - M, for which nothing is proven meanwhile
    root.run("SELECT RELEASE_LOCK('conformance')");
  }};
  const auto got = wanted.acquire(lock::blocking::yes, 20s);
  releaser.join();
  ASSERT_TRUE(got);
  EXPECT_TRUE(wanted.is_locked());
  EXPECT_EQ(code_of(wanted.acquire(lock::blocking::no)), errc::already_locked);
  EXPECT_TRUE(wanted.release());
}

TEST_P(conformance_lease, a_callback_may_hold_the_last_of_its_lease) {
  const auto c = client();
  auto own = std::make_shared<lease>(acquire(*c));
  const std::weak_ptr<lease> rest = own;
  std::atomic<bool> told = false;
  own->on_lost([own, &told](loss) { told = true; });
  const auto holder = holder_of("conformance");
  own.reset();
  sql("KILL " + std::to_string(holder));
  EXPECT_TRUE(eventually([&] { return told && rest.expired(); }));
  auto next = acquire(*c, "conformance", 5s);  // the watch goes on
  EXPECT_TRUE(next.release());
}

TEST_P(conformance_lease, keys_that_the_servers_do_not_agree_about_get_no_lease) {
  const auto c = client();
  EXPECT_EQ(code_of(c->acquire(key("Job"), 0s)), errc::invalid_key);
  EXPECT_TRUE(c->acquire(key("Job", {key_mode::portable, {}}), 0s));
}

TEST_P(conformance_lease, a_client_keeps_to_its_budget_of_connections) {
  const auto blocker = client();
  auto held = acquire(*blocker);
  const auto c = client({.max_connections = 4});
  auto own = acquire(*c, "own");  // one for locks, one for fences
  std::vector<std::thread> waiters;
  std::atomic<int> refused = 0;
  std::atomic<int> cancelled = 0;
  std::stop_source stop;
  for (int i = 0; i < 5; ++i) {
    waiters.emplace_back([&] {
      const auto got = c->acquire(key(), 20s, stop.get_token());
      if (code_of(got) == errc::over_budget) ++refused;
      if (code_of(got) == errc::cancelled) ++cancelled;
    });
  }
  EXPECT_TRUE(eventually([&] { return refused == 3 && waiting() == 2; }));
  EXPECT_EQ(c->report().connections, 4U);
  EXPECT_EQ(c->report().waiting, 2U);
  EXPECT_EQ(c->report().leases, 1U);
  stop.request_stop();
  for (auto& waiter : waiters) waiter.join();
  EXPECT_EQ(cancelled, 2);
  EXPECT_TRUE(own.is_held());
  EXPECT_TRUE(eventually([&] { return c->report().connections == 3U; })) << "all but one spare are closed";
}

TEST_P(conformance_lease, destroying_a_client_frees_its_locks_and_ends_its_waits) {
  auto one = client();
  const auto two = client();
  auto mine = acquire(*one);
  auto held = acquire(*two, "another");
  errc waited{};
  auto waiter = start_waiting([&] { waited = code_of(one->acquire(key("another"))); });
  const auto took = time_of([&] { one.reset(); });
  waiter.join();
  EXPECT_LT(took, 1s);
  EXPECT_EQ(waited, errc::cancelled);
  EXPECT_FALSE(mine.is_held());
  EXPECT_TRUE(two->acquire(key(), 2s));
}

}  // namespace
}  // namespace baton::conformance

// Rows 77 to 84: the asynchronous twin.
#include <sys/socket.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <random>

#include "baton/mysql/asio/async_named_lock.hpp"
#include "conformance_fixture.hpp"

namespace baton::conformance {
namespace {

namespace asio = boost::asio;
using lock::attempt;
using lock::blocking;
using mysql::async_named_lock;
using mysql::lock_client;

/// A program on one thread: its io_context, and a client of which each lock gets a session of its own.
class conformance_async : public conformance {
 protected:
  static std::unique_ptr<lock_client> make_client(std::size_t connections = 8) {
    return ok(lock_client::create(where(), {.max_connections = connections}));
  }
  std::shared_ptr<lock::async_session> open() { return ok(mysql::async_open_session(*client_, asio::use_future).get()); }
  /// Runs a coroutine to its end on this thread.
  template <typename Coroutine>
  void run(Coroutine coroutine) {
    std::exception_ptr thrown;
    asio::co_spawn(io_, std::move(coroutine), [&](std::exception_ptr e) { thrown = e; });
    io_.restart();
    io_.run();
    if (thrown) std::rethrow_exception(thrown);
  }
  /// On a thread that has nothing else to do: keeps a sync lock until told otherwise.
  struct blocker {
    std::unique_ptr<lock::waiting_session> on = session();
    lock::named_lock lock{*on, key(), {.threads = lock::thread_use::serialised}};
    blocker() { EXPECT_TRUE(lock.acquire()); }
  };

  std::unique_ptr<lock_client> client_;
  asio::io_context io_;

  void SetUp() override {
    conformance::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) client_ = make_client();
  }
  void TearDown() override {
    client_.reset();
    conformance::TearDown();
  }
};
BATON_CONFORMANCE(conformance_async);

TEST_P(conformance_async, destroying_a_client_answers_everybody_and_holds_nothing) {
  auto client = make_client();
  async_named_lock held{ok(mysql::async_open_session(*client, asio::use_future).get()), key()};
  async_named_lock wanted{ok(mysql::async_open_session(*client, asio::use_future).get()), key()};
  ASSERT_TRUE(held.async_acquire(blocking::no, {}, asio::use_future).get());
  auto got = wanted.async_acquire(blocking::yes, {}, asio::use_future);
  ASSERT_TRUE(eventually([] { return waiting() == 1; }));
  client.reset();
  ASSERT_EQ(got.wait_for(5s), std::future_status::ready);
  EXPECT_EQ(code_of(got.get()), errc::cancelled);
  EXPECT_FALSE(held.is_locked());
  EXPECT_FALSE(wanted.is_locked());
  auto late = wanted.async_acquire(blocking::yes, {}, asio::use_future);
  ASSERT_EQ(late.wait_for(5s), std::future_status::ready);
  EXPECT_FALSE(late.get());
  EXPECT_TRUE(eventually([] { return holder_of("conformance") == 0; }));
}

TEST_P(conformance_async, what_is_granted_after_a_long_wait_is_held) {
  raw_connection root{server()};
  const auto client = make_client();
  const auto session = ok(mysql::async_open_session(*client, asio::use_future).get());
  async_named_lock wanted{session, key()};
  ASSERT_EQ(root.run("SELECT GET_LOCK('conformance',0)"), "1");
  auto got = wanted.async_acquire(blocking::yes, 20s, asio::use_future);
  std::this_thread::sleep_for(2s);  // longer than W - M, for which nothing is proven meanwhile
  root.run("SELECT RELEASE_LOCK('conformance')");
  ASSERT_TRUE(got.get());
  EXPECT_TRUE(wanted.is_locked());
  EXPECT_TRUE(wanted.async_close(asio::use_future).get());
  EXPECT_EQ(holder_of("conformance"), 0U);
}

TEST_P(conformance_async, r77_coroutines_acquire_wait_and_release) {
  auto mine = std::make_unique<async_named_lock>(open(), key());
  auto theirs = std::make_unique<async_named_lock>(open(), key());
  run([&]() -> asio::awaitable<void> {
    const auto got = co_await mine->async_acquire(asio::use_awaitable);
    EXPECT_TRUE(got);
    EXPECT_TRUE(mine->is_locked());
    EXPECT_EQ(mine->describe(), "<locked async_named_lock key=conformance>");
    const auto busy = co_await theirs->async_acquire(blocking::no, 60s, asio::use_awaitable);
    EXPECT_TRUE(busy.is_busy());
    const auto start = std::chrono::steady_clock::now();
    const auto late = co_await theirs->async_acquire(blocking::yes, 300ms, asio::use_awaitable);
    EXPECT_TRUE(late.is_busy());
    EXPECT_GE(std::chrono::steady_clock::now() - start, 300ms);
    const auto again = co_await mine->async_acquire(asio::use_awaitable);
    EXPECT_EQ(code_of(again), errc::already_locked);
    const auto loser = co_await theirs->async_release(asio::use_awaitable);
    EXPECT_EQ(code_of(loser), errc::not_locked);
    const auto released = co_await mine->async_release(asio::use_awaitable);
    EXPECT_TRUE(released);
    EXPECT_FALSE(mine->is_locked());
    const auto now = co_await theirs->async_acquire(blocking::no, 0s, asio::use_awaitable);
    EXPECT_TRUE(now);
  });
}

TEST_P(conformance_async, r77_callbacks_and_futures_do_the_same) {
  async_named_lock lock{open(), key()};
  std::optional<bool> held;
  const auto caller = std::this_thread::get_id();
  lock.async_acquire(asio::bind_executor(io_, [&](attempt<> got) {
    held = static_cast<bool>(got);
    EXPECT_EQ(std::this_thread::get_id(), caller) << "on the executor of the handler";
  }));
  EXPECT_FALSE(held) << "never before the call has returned";
  io_.run();
  EXPECT_EQ(held, true);
  EXPECT_EQ(code_of(lock.async_acquire(asio::use_future).get()), errc::already_locked);
  EXPECT_TRUE(lock.async_release(asio::use_future).get());
  EXPECT_EQ(code_of(lock.async_release(asio::use_future).get()), errc::not_locked);
}

TEST_P(conformance_async, r77_a_second_lock_of_the_session_is_refused_or_counted) {
  const auto s = open();
  async_named_lock first{s, key()};
  async_named_lock second{s, key()};
  ASSERT_TRUE(first.async_acquire(asio::use_future).get());
  EXPECT_EQ(code_of(second.async_acquire(asio::use_future).get()), errc::held_by_this_session);
  ASSERT_TRUE(first.async_release(asio::use_future).get());
  async_named_lock counted{s, key(), {.again = lock::reentry::count}};
  ASSERT_TRUE(counted.async_acquire(asio::use_future).get());
  ASSERT_TRUE(counted.async_acquire(asio::use_future).get());
  ASSERT_TRUE(counted.async_release(asio::use_future).get());
  EXPECT_EQ(holder_of("conformance"), s->connection_id());
  ASSERT_TRUE(counted.async_close(asio::use_future).get());
  EXPECT_EQ(holder_of("conformance"), 0U);
}

TEST_P(conformance_async, r77_what_ends_a_wait_from_outside_is_an_error_and_a_kill_a_lost_connection) {
  blocker holds;
  const auto s = open();
  async_named_lock wanted{s, key()};
  auto interrupted = wanted.async_acquire(blocking::yes, 20s, asio::use_future);
  ASSERT_TRUE(eventually([] { return waiting() == 1; }));
  sql("KILL QUERY " + std::to_string(s->connection_id()));
  EXPECT_EQ(code_of(interrupted.get()), errc::interrupted);
  auto killed = wanted.async_acquire(blocking::yes, 20s, asio::use_future);
  ASSERT_TRUE(eventually([] { return waiting() == 1; }));
  sql("KILL " + std::to_string(s->connection_id()));
  EXPECT_EQ(code_of(killed.get()), errc::store_unavailable);
  EXPECT_FALSE(s->is_alive());
}

/// How late the latest hundredth was.
milliseconds latest_hundredth(std::vector<milliseconds> late) {
  std::ranges::sort(late);
  return late.empty() ? 0ms : late[late.size() * 99 / 100];
}

// 10 ms timer jitter below 20 ms while 100 acquires wait, and what the machine adds to that of a thread which only sleeps; and a thousand
// waits are no thousand threads.
TEST_P(conformance_async, r78_waits_do_not_block_the_loop) {
  client_ = make_client(120);
  blocker holds;
  std::vector<std::unique_ptr<async_named_lock>> locks;
  for (int i = 0; i < 100; ++i) locks.push_back(std::make_unique<async_named_lock>(open(), key()));
  int done = 0;
  for (auto& lock : locks) {
    lock->async_acquire(blocking::yes, 3s, asio::bind_executor(io_, [&](attempt<> got) {
                          EXPECT_FALSE(got.has_failed());
                          ++done;
                        }));
  }
  const auto late_for = [](std::chrono::steady_clock::time_point due) {
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - due);
  };
  std::vector<milliseconds> late_beside;
  std::jthread beside{[&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto due = std::chrono::steady_clock::now() + 10ms;
      std::this_thread::sleep_until(due);
      late_beside.push_back(late_for(due));
    }
  }};
  std::vector<milliseconds> late;
  asio::steady_timer timer{io_};
  std::function<void()> tick = [&] {
    const auto due = std::chrono::steady_clock::now() + 10ms;
    timer.expires_at(due);
    timer.async_wait([&, due](const boost::system::error_code&) {
      late.push_back(late_for(due));
      if (done < 100) tick();
    });
  };
  tick();
  io_.run();
  EXPECT_EQ(done, 100);
  ASSERT_GT(late.size(), 100U);
  beside.request_stop();
  beside.join();
  EXPECT_LT(latest_hundredth(late), 20ms + latest_hundredth(late_beside));
}

TEST_P(conformance_async, r79_a_scope_is_released_when_its_coroutine_is_unwound) {
  async_named_lock lock{open(), key(), {.contextual_timeout = 1s}};
  asio::cancellation_signal stop;
  bool was_held = false;
  asio::co_spawn(
      io_,
      [&]() -> asio::awaitable<void> {
        const auto scope = co_await lock.async_hold(asio::use_awaitable);
        was_held = lock.is_locked();
        asio::steady_timer forever{co_await asio::this_coro::executor, std::chrono::hours{1}};
        stop.emit(asio::cancellation_type::terminal);
        co_await forever.async_wait(asio::use_awaitable);
      },
      asio::bind_cancellation_slot(stop.slot(), [](std::exception_ptr e) { EXPECT_TRUE(e) << "cancelled"; }));
  io_.run();
  EXPECT_TRUE(was_held);
  EXPECT_TRUE(eventually([] { return holder_of("conformance") == 0; }));

  blocker holds;
  auto timed_out = lock.async_hold(asio::use_future).get();
  EXPECT_EQ(code_of(timed_out), errc::timed_out);
}

TEST_P(conformance_async, r80_close_is_nothing_on_an_unlocked_lock_and_may_be_repeated) {
  async_named_lock lock{open(), key()};
  EXPECT_TRUE(lock.async_close(asio::use_future).get());
  ASSERT_TRUE(lock.async_acquire(asio::use_future).get());
  EXPECT_TRUE(lock.async_close(asio::use_future).get());
  EXPECT_EQ(holder_of("conformance"), 0U);
  EXPECT_TRUE(lock.async_close(asio::use_future).get());
}

TEST_P(conformance_async, r81_two_operations_of_one_lock_do_not_interleave) {
  blocker holds;
  async_named_lock lock{open(), key()};
  auto first = lock.async_acquire(blocking::yes, 500ms, asio::use_future);
  EXPECT_EQ(code_of(lock.async_acquire(asio::use_future).get()), errc::operation_in_progress);
  EXPECT_EQ(code_of(lock.async_release(asio::use_future).get()), errc::operation_in_progress);
  EXPECT_TRUE(first.get().is_busy());
}

TEST_P(conformance_async, r82_an_operation_is_cancelled_by_its_slot) {
  blocker holds;
  async_named_lock lock{open(), key()};
  for (const auto type : {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
    asio::cancellation_signal stop;
    std::optional<attempt<>> result;
    std::chrono::steady_clock::time_point ended;
    lock.async_acquire(asio::bind_cancellation_slot(stop.slot(), asio::bind_executor(io_, [&](attempt<> got) {
                                                      result = std::move(got);
                                                      ended = std::chrono::steady_clock::now();
                                                    })));
    ASSERT_TRUE(eventually([] { return waiting() == 1; }));
    const auto asked = std::chrono::steady_clock::now();
    stop.emit(type);
    io_.restart();
    io_.run();
    EXPECT_EQ(code_of(*result), errc::cancelled);
    EXPECT_LT(ended - asked, 200ms);
    EXPECT_TRUE(eventually([] { return waiting() == 0; }, 2s));
  }
  EXPECT_TRUE(lock.session().is_alive());
}

/// A cancelled wait ends its session where the server is slow to take notice: the next round has a new one.
TEST_P(conformance_async, r82_cancel_and_grant_racing_a_thousand_times_leak_nothing) {
  std::optional<async_named_lock> wanted;
  wanted.emplace(open(), key());
  blocker holds;
  std::mt19937 random{815};
  int acquired = 0;
  int ended = 0;
  constexpr int rounds = 1000;
  for (int round = 0; round < rounds; ++round) {
    asio::cancellation_signal stop;
    std::optional<attempt<>> result;
    wanted->async_acquire(
        asio::bind_cancellation_slot(stop.slot(), asio::bind_executor(io_, [&](attempt<> got) { result = std::move(got); })));
    asio::steady_timer cancel{io_, microseconds{random() % 2000}};
    cancel.async_wait([&](const boost::system::error_code&) { stop.emit(asio::cancellation_type::terminal); });
    asio::steady_timer release{io_, microseconds{random() % 3000}};
    release.async_wait([&](const boost::system::error_code&) { ok(holds.lock.release()); });
    io_.restart();
    io_.run();
    ASSERT_TRUE(*result || code_of(*result) == errc::cancelled) << (result->has_failed() ? result->error().context : "busy");
    EXPECT_EQ(wanted->is_locked(), static_cast<bool>(*result));
    if (*result) {
      ++acquired;
      ASSERT_TRUE(wanted->async_release(asio::use_future).get());
    }
    if (!*result && !wanted->session().is_alive()) {
      ++ended;
      wanted.emplace(open(), key());
    }
    ASSERT_TRUE(holds.lock.acquire(blocking::yes, 5s)) << "round " << round << ": leaked";
  }
  EXPECT_LE(ended, rounds / 100) << "cancelled waits cost their sessions";
  EXPECT_GT(acquired, rounds / 50) << "no race: the wait was always ended first";
  EXPECT_LT(acquired, rounds - rounds / 50) << "no race: the grant always came first";
}

TEST_P(conformance_async, r83_a_context_that_is_destroyed_takes_its_handlers_and_their_waits_with_it) {
  auto holds = std::make_unique<blocker>();
  const auto s = open();
  auto canary = std::make_shared<int>(7);
  {
    async_named_lock lock{s, key()};
    asio::io_context doomed;
    lock.async_acquire(asio::bind_executor(doomed, [canary](attempt<>) { FAIL() << "called after the end of its context"; }));
    mysql::async_acquire(*client_, key(), {}, asio::bind_executor(doomed, [canary](attempt<mysql::lease>) { FAIL(); }));
    ASSERT_TRUE(eventually([] { return waiting() == 2; }));
  }
  EXPECT_TRUE(eventually([] { return waiting() == 0; }, 3s)) << "the server side is freed";
  EXPECT_EQ(canary.use_count(), 1) << "and the handlers are gone";
  holds.reset();
  EXPECT_TRUE(eventually([] { return holder_of("conformance") == 0; }));
}

// A listener that accepts and says nothing: connect, TLS and authentication would wait for ever.
TEST_P(conformance_async, r84_connecting_has_a_deadline_of_ours) {
  asio::ip::tcp::acceptor mute{io_, {asio::ip::make_address("127.0.0.1"), 0}};
  auto nowhere = where();
  nowhere.socket.clear();
  nowhere.hosts = {{"localhost", mute.local_endpoint().port()}};
  nowhere.connect_timeout = 700ms;
  const auto c = ok(lock_client::create(nowhere));
  const auto took = time_of([&] { EXPECT_EQ(code_of(c->acquire(key(), 0s)), errc::store_unavailable); });
  EXPECT_GE(took, 600ms);
  EXPECT_LT(took, 1500ms);
  const auto sync = time_of([&] { EXPECT_EQ(code_of(ok(mysql::store::create(nowhere)).open_lock_session()), errc::store_unavailable); });
  EXPECT_LT(sync, 1500ms);
}

TEST_P(conformance_async, r84_every_statement_has_a_deadline_of_ours) {
  const auto s = open();
  async_named_lock lock{s, key()};
  ASSERT_TRUE(lock.async_acquire(asio::use_future).get());
  server().suspend();
  const auto took = time_of([&] { EXPECT_EQ(code_of(lock.async_release(asio::use_future).get()), errc::lock_lost); });
  server().resume();
  EXPECT_LT(took, 1500ms) << "R is 0.5 s";
  EXPECT_FALSE(s->is_alive());
}

TEST_P(conformance_async, an_adopted_connection_waits_and_is_cancelled_without_blocking) {
  blocker holds;
  raw_connection program{server(), raw_connection::account::baton};
  const auto s = ok(mysql::adopt(*client_, program.handle()));
  EXPECT_EQ(s->connection_id(), std::stoull(program.run("SELECT CONNECTION_ID()")));
  async_named_lock lock{s, key()};
  asio::cancellation_signal stop;
  errc code{};
  lock.async_acquire(asio::bind_cancellation_slot(stop.slot(), asio::bind_executor(io_, [&](attempt<> got) { code = code_of(got); })));
  ASSERT_TRUE(eventually([] { return waiting() == 1; }));
  stop.emit(asio::cancellation_type::terminal);
  io_.run();
  EXPECT_EQ(code, errc::cancelled);
  EXPECT_EQ(program.run("SELECT 'goes on'"), "goes on");
}

}  // namespace
}  // namespace baton::conformance

#include <poll.h>

#include <thread>

#include "fixture.hpp"

namespace baton::mysql::testing {
namespace {

using lock::try_outcome;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using names = std::vector<std::string>;

/// What holds for every store is in tests/integration/every_lock_session.cpp.
class lock_session_test : public store_test {};
BATON_ON_BOTH_SERVERS(lock_session_test);

TEST_P(lock_session_test, refuses_a_name_that_the_server_does_not_take_and_keeps_the_session) {
  auto session = lock_session();
  const auto refused = session->try_acquire(names{std::string(200, 'x')});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::invalid_key);
  EXPECT_THAT(ok(session->try_acquire(names{"baton:t:a"})), ElementsAre(try_outcome::acquired));
}

// G5: the end of the connection shows on the descriptor, and in every later call.
TEST_P(lock_session_test, is_dead_for_good_after_its_connection_was_killed) {
  need_private_server();
  if (IsSkipped()) return;
  auto session = lock_session();
  ok(session->try_acquire(names{"baton:t:a"}));
  kill_connection(session->connection_id());
  pollfd watched{session->descriptor(), POLLIN | POLLRDHUP, 0};
  EXPECT_EQ(::poll(&watched, 1, 5000), 1);
  EXPECT_EQ(code_of(session->probe(names{"baton:t:a"})), errc::store_unavailable);
  EXPECT_EQ(code_of(session->try_acquire(names{"baton:t:a"})), errc::store_unavailable);
  EXPECT_TRUE(eventually([&] { return ok(lock_session()->try_acquire(names{"baton:t:a"})).front() == try_outcome::acquired; }));
}

TEST_P(lock_session_test, sees_in_a_probe_that_the_server_has_become_read_only) {
  need_private_server();
  if (IsSkipped()) return;
  auto session = lock_session();
  ok(session->try_acquire(names{"baton:t:a"}));
  sql("SET GLOBAL read_only=1");
  const auto reply = session->probe(names{"baton:t:a"});
  const auto refused = open_store().open_lock_session();
  sql("SET GLOBAL read_only=0");
  EXPECT_FALSE(ok(reply).writable);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::store_unfit);
  EXPECT_THAT(refused.error().context, HasSubstr("read_only"));
  EXPECT_TRUE(ok(session->probe(names{"baton:t:a"})).writable);
}

TEST_P(lock_session_test, has_the_same_identity_at_any_second_and_another_after_a_restart) {
  need_private_server();
  if (IsSkipped()) return;
  const auto before = lock_session()->identity();
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < start + milliseconds{2100}) EXPECT_EQ(lock_session()->identity(), before);
  auto session = lock_session();
  ok(server()->restart());
  EXPECT_EQ(code_of(session->probe({})), errc::store_unavailable);
  const auto after = lock_session()->identity();
  EXPECT_EQ(after.uuid, before.uuid);
  EXPECT_GT(after.started, before.started);
}

// G7: every call has a deadline, which is the caller's.
TEST_P(lock_session_test, ends_a_call_on_a_stopped_server_when_interrupted) {
  need_private_server();
  if (IsSkipped()) return;
  auto session = lock_session();
  ok(session->try_acquire(names{"baton:t:a"}));
  server()->suspend();
  std::chrono::steady_clock::time_point ended;
  std::thread caller{[&] {
    EXPECT_EQ(code_of(session->probe(names{"baton:t:a"})), errc::store_unavailable);
    ended = std::chrono::steady_clock::now();
  }};
  std::this_thread::sleep_for(milliseconds{100});  // lets the call block; it fails just the same if it had not
  const auto interrupted = std::chrono::steady_clock::now();
  session->interrupt();
  caller.join();
  EXPECT_LT(ended - interrupted, milliseconds{300});
  server()->resume();
  EXPECT_EQ(code_of(session->probe({})), errc::store_unavailable);
  // Design.md section 4: what the session held stays held until it is destroyed - its runs are not dead yet.
  EXPECT_THAT(ok(lock_session()->try_acquire(names{"baton:t:a"})), ElementsAre(try_outcome::busy));
  session.reset();
  EXPECT_TRUE(eventually([&] { return ok(lock_session()->try_acquire(names{"baton:t:a"})).front() == try_outcome::acquired; },
                         std::chrono::seconds{2}));
}

TEST_P(lock_session_test, gives_connecting_to_a_silent_server_up_in_time) {
  need_private_server();
  if (IsSkipped()) return;
  auto wanted = store_options();
  wanted.connect_timeout = std::chrono::seconds{1};
  server()->suspend();
  const auto start = std::chrono::steady_clock::now();
  const auto refused = ok(store::create(wanted)).open_lock_session();
  server()->resume();
  EXPECT_EQ(code_of(refused), errc::store_unavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds{3});
}

// G6: the server gives the names away W after the last byte, and not much later.
TEST_P(lock_session_test, loses_its_names_when_it_has_been_silent_for_the_wait_timeout) {
  auto silent = lock_session();
  auto other = lock_session();
  ok(silent->try_acquire(names{"baton:t:a"}));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(
      eventually([&] { return ok(other->try_acquire(names{"baton:t:a"})).front() == try_outcome::acquired; }, std::chrono::seconds{8}));
  const auto waited = std::chrono::steady_clock::now() - start;
  EXPECT_GT(waited, milliseconds{2800});
  EXPECT_LT(waited, milliseconds{4500});
  EXPECT_EQ(code_of(silent->probe(names{"baton:t:a"})), errc::store_unavailable);
}

}  // namespace
}  // namespace baton::mysql::testing

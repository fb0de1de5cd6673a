#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <mutex>

#include "baton/mysql/lock_client.hpp"
#include "baton/testing/fake_server.hpp"
#include "fixture.hpp"

namespace baton::mysql {
namespace {

using namespace std::chrono_literals;
using baton::testing::fake_server;
using testing::code_of;
using ::testing::ElementsAre;
using testing::ok;

const fake_server::error interruption{1317, "Query execution was interrupted"};

/// A server on which statements of locks are interrupted, as often as a test says. What it was asked about them is written down.
class interrupting_server {
 public:
  interrupting_server() {
    where_.user = "baton";
    where_.password = "secret";
    where_.hosts = {{"127.0.0.1", server_.port()}};
    where_.database = "baton";
    where_.on_warning = [this](const std::string& text) {
      const std::lock_guard guard{mutex_};
      warnings_.push_back(text);
    };
    client_ = ok(lock_client::create(where_, {.fences = false}));
  }

  void interrupt(std::string part, int times) {
    const std::lock_guard guard{mutex_};
    part_ = std::move(part);
    times_ = times;
  }
  [[nodiscard]] std::vector<std::string> asked() {
    const std::lock_guard guard{mutex_};
    return std::exchange(asked_, {});
  }
  [[nodiscard]] std::vector<std::string> warnings() {
    const std::lock_guard guard{mutex_};
    return warnings_;
  }
  [[nodiscard]] lock_client& client() { return *client_; }
  [[nodiscard]] std::shared_ptr<lock::async_session> open_session() {
    std::promise<std::shared_ptr<lock::async_session>> opened;
    client_->async_open_session([&](result<std::shared_ptr<lock::async_session>> s) { opened.set_value(ok(std::move(s))); });
    return opened.get_future().get();
  }

 private:
  std::optional<fake_server::answer> answer(std::string_view statement) {
    const auto function = statement.find("_LOCK('");
    if (function == std::string_view::npos) return std::nullopt;
    const std::lock_guard guard{mutex_};
    const auto name = statement.rfind(' ', function) + 1;
    asked_.emplace_back(statement.substr(name, statement.find('(') - name));
    if (times_ == 0 || statement.find(part_) == std::string_view::npos) return std::nullopt;
    --times_;
    return interruption;
  }

  std::mutex mutex_;
  std::string part_;
  int times_ = 0;
  std::vector<std::string> asked_;
  std::vector<std::string> warnings_;
  fake_server server_{[this](std::string_view statement, std::uint64_t) { return answer(statement); }};
  options where_;
  std::unique_ptr<lock_client> client_;
};

lock::key key() { return ok(lock::key::from("nightly")); }

TEST(async_lock_session, gives_back_what_an_interrupted_try_may_have_got) {
  interrupting_server s;
  ok(s.client().acquire(key(), 0s)->release());
  (void)s.asked();
  s.interrupt("GET_LOCK", 1);
  const auto got = s.client().acquire(key(), 0s);
  ASSERT_TRUE(got.has_failed());
  EXPECT_EQ(got.error().code, errc::interrupted);
  EXPECT_THAT(s.asked(), ElementsAre("GET_LOCK", "RELEASE_LOCK"));
  EXPECT_TRUE(s.client().acquire(key(), 0s));
  EXPECT_EQ(s.client().report().connections, 1U);
}

TEST(async_lock_session, repeats_an_interrupted_release_once) {
  interrupting_server s;
  auto got = s.client().acquire(key(), 0s);
  ASSERT_TRUE(got);
  (void)s.asked();
  s.interrupt("RELEASE_LOCK", 1);
  ok(got->release());
  EXPECT_THAT(s.asked(), ElementsAre("RELEASE_LOCK", "RELEASE_LOCK"));
  EXPECT_EQ(s.client().report().connections, 1U);
}

TEST(async_lock_session, ends_when_nobody_knows_whether_a_name_is_held) {
  interrupting_server s;
  auto got = s.client().acquire(key(), 0s);
  ASSERT_TRUE(got);
  s.interrupt("RELEASE_LOCK", 2);
  const auto released = got->release();
  ASSERT_FALSE(released);
  EXPECT_EQ(released.error().code, errc::lock_lost);
  EXPECT_THAT(released.error().context, ::testing::HasSubstr("nobody knows whether nightly is held"));
  EXPECT_EQ(s.client().report().connections, 0U);
}

// The second attempt would give back what another acquire still counts on.
TEST(async_lock_session, ends_rather_than_repeat_the_release_of_one_of_several) {
  interrupting_server s;
  const auto session = s.open_session();
  for (int i = 0; i < 2; ++i) {
    std::promise<result<lock::wait_reply>> acquired;
    session->acquire("nightly", 1s, lock::reentry::count, [&](result<lock::wait_reply> r) { acquired.set_value(std::move(r)); });
    ok(acquired.get_future().get());
  }
  (void)s.asked();
  s.interrupt("RELEASE_LOCK", 1);
  std::promise<result<lock::release_outcome>> released;
  session->release("nightly", [&](result<lock::release_outcome> r) { released.set_value(std::move(r)); });
  EXPECT_EQ(code_of(released.get_future().get()), errc::store_unavailable);
  EXPECT_THAT(s.asked(), ElementsAre("RELEASE_LOCK"));
  EXPECT_FALSE(session->is_alive());
}

TEST(async_lock_session, goes_on_after_callbacks_that_throw) {
  interrupting_server s;
  const auto session = s.open_session();
  session->acquire("nightly", 1s, lock::reentry::refuse, [](const auto&) { throw std::runtime_error{"of an acquire"}; });
  session->release("nightly", [](const auto&) { throw std::runtime_error{"of a release"}; });
  s.client().async_open_session([](const auto&) { throw 7; });
  s.client().async_acquire(key(), 0s, [](lock::attempt<lease> got) {
    if (got) got->async_release([](const status&) { throw std::runtime_error{"of a lease"}; });
  });
  for (const auto until = std::chrono::steady_clock::now() + 10s; s.warnings().size() < 4 && std::chrono::steady_clock::now() < until;)
    std::this_thread::yield();
  EXPECT_THAT(s.warnings(),
              ::testing::UnorderedElementsAre("nightly: a callback threw: of an acquire", "nightly: a callback threw: of a release",
                                              "a session: a callback threw", "nightly: a callback threw: of a lease"));
  EXPECT_TRUE(s.client().acquire(key(), 0s));
}

}  // namespace
}  // namespace baton::mysql

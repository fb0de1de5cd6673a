#include "session_worker.hpp"

#include <gtest/gtest.h>

#include "baton/base/system_clock.hpp"
#include "fake_store.hpp"

namespace baton::runtime {
namespace {

using namespace std::chrono_literals;

/// Collects what a worker delivers, and waits for it.
class inbox {
 public:
  deliver to() {
    return [this](engine::event e) {
      const std::lock_guard guard{mutex_};
      events_.push_back(std::move(e));
      arrived_.notify_all();
    };
  }
  template <typename Event>
  std::optional<Event> wait_for() {
    std::unique_lock guard{mutex_};
    std::optional<Event> found;
    arrived_.wait_for(guard, 5s, [&] {
      for (auto& e : events_) {
        if (auto* it = std::get_if<Event>(&e)) {
          found = std::move(*it);
          std::erase_if(events_, [](const auto& other) { return std::holds_alternative<Event>(other); });
          return true;
        }
      }
      return false;
    });
    return found;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<engine::event> events_;
};

class session_worker : public ::testing::Test {
 protected:
  std::unique_ptr<lock_worker> open() {
    auto w = std::make_unique<lock_worker>(engine::session_id{7}, clock_, store_.connections().open_lock_session, inbox_.to());
    EXPECT_TRUE(inbox_.wait_for<engine::lock_session_opened>());
    return w;
  }
  system_clock clock_;
  testing::fake_store store_{clock_};
  inbox inbox_;
};

TEST_F(session_worker, performs_calls_in_order_and_says_when_they_were_sent) {
  auto w = open();
  w->perform(engine::acquire{engine::session_id{7}, {"a", "b"}});
  w->perform(engine::release{engine::session_id{7}, {"a"}});
  const auto acquired = inbox_.wait_for<engine::acquired>();
  ASSERT_TRUE(acquired && acquired->reply);
  EXPECT_EQ(*acquired->reply, (std::vector{lock::try_outcome::acquired, lock::try_outcome::acquired}));
  EXPECT_LE(acquired->when.sent, acquired->when.received);
  ASSERT_TRUE(inbox_.wait_for<engine::released>());
  EXPECT_EQ(store_.locks_held(), 1U);
}

TEST_F(session_worker, g5_notices_the_end_of_file_between_two_calls) {
  auto w = open();
  store_.end_lock_sessions();
  EXPECT_TRUE(inbox_.wait_for<engine::session_ended>());
}

TEST_F(session_worker, g7_cuts_off_a_call_that_hangs_when_it_is_closed) {
  auto w = open();
  store_.hang(true);
  w->perform(engine::probe{engine::session_id{7}, {}});
  const auto end = clock_.now().steady + 5s;
  while (!w->busy_since() && clock_.now().steady < end) std::this_thread::yield();
  ASSERT_TRUE(w->busy_since());
  EXPECT_FALSE(w->has_ended());
  w->close();
  while (!w->has_ended() && clock_.now().steady < end) std::this_thread::yield();
  EXPECT_TRUE(w->has_ended());
}

TEST_F(session_worker, says_that_a_session_could_not_be_opened) {
  const auto refuse = []() -> result<std::unique_ptr<lock::session>> { return failure{errc::store_unavailable, "nobody there"}; };
  lock_worker w{engine::session_id{8}, clock_, refuse, inbox_.to()};
  const auto failed = inbox_.wait_for<engine::session_failed>();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->why.context, "nobody there");
}

}  // namespace
}  // namespace baton::runtime

#include "lease_watch.hpp"

#include <gtest/gtest.h>

#include <future>

#include "baton/mysql/lease.hpp"
#include "baton/testing/manual_clock.hpp"

namespace baton::mysql {
namespace {

class leases : public ::testing::Test {
 protected:
  ~leases() override { watch->stop(); }
  std::unique_ptr<lease> make() {
    auto record = std::make_shared<lease_record>("nightly", 1, group, watch, time, [](const auto& done) {
      if (done) done({});
    });
    watch->add(record);
    return std::make_unique<lease>(std::move(record));
  }
  void lose_all() { watch->lose(group, std::nullopt, lock::loss::connection); }

  std::shared_ptr<baton::testing::manual_clock> time = std::make_shared<baton::testing::manual_clock>();
  std::shared_ptr<lease_group> group = std::make_shared<lease_group>(time->now().steady + std::chrono::hours{1});
  std::shared_ptr<lease_watch> watch = [this] {
    auto made = std::make_shared<lease_watch>(time, std::thread::id{}, nullptr);
    made->add(group);
    return made;
  }();
};

TEST_F(leases, end_when_their_callback_has_returned) {
  for (const bool is_released : {false, true}) {
    auto one = make();
    std::promise<void> began;
    std::atomic<bool> is_ending = false;
    std::atomic<bool> has_returned = false;
    one->on_lost([&](lock::loss) {
      began.set_value();
      while (!is_ending) std::this_thread::yield();
      for (int i = 0; i < 1000; ++i) std::this_thread::yield();
      has_returned = true;
    });
    lose_all();
    began.get_future().wait();
    is_ending = true;
    if (is_released) {
      EXPECT_EQ(one->release().error().code, errc::lock_lost);
    } else {
      one.reset();
    }
    EXPECT_TRUE(has_returned);
  }
}

TEST_F(leases, tell_nobody_after_their_end) {
  auto first = make();
  std::promise<void> began;
  std::promise<void> may_end;
  first->on_lost([&](lock::loss) {
    began.set_value();
    may_end.get_future().wait();
  });
  lose_all();
  began.get_future().wait();
  auto second = make();
  std::atomic<bool> told = false;
  second->on_lost([&](lock::loss) { told = true; });
  lose_all();
  second.reset();
  may_end.set_value();
  first.reset();
  EXPECT_FALSE(told);
}

TEST_F(leases, may_end_in_their_own_callback) {
  auto one = make();
  std::promise<void> ended;
  auto& of_it = *one;
  of_it.on_lost([&](lock::loss) {
    one.reset();
    ended.set_value();
  });
  lose_all();
  ended.get_future().wait();
}

}  // namespace
}  // namespace baton::mysql

#include "baton/lock/named_lock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "baton/testing/manual_clock.hpp"
#include "baton/testing/memory_store.hpp"

namespace baton::lock {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// Two connections to a server in memory. Rows of the conformance list that need no server of their own carry its numbers; the rest is
/// in tests/integration.
class named_lock_test : public ::testing::Test {
 protected:
  static lock::key key(std::string_view text = "job") { return lock::key::from(text).value(); }
  static errc code_of(const attempt<>& a) { return a.has_failed() ? a.error().code : errc{}; }
  template <typename T>
  static errc code_of(const result<T>& r) {
    return r ? errc{} : r.error().code;
  }
  std::vector<std::string> names(const std::string& name = "job") { return {name}; }

  testing::manual_clock clock_;
  testing::memory_store store_{clock_};
  std::unique_ptr<waiting_session> one_ = store_.open_lock_session(10s);
  std::unique_ptr<waiting_session> two_ = store_.open_lock_session(10s);
};

TEST_F(named_lock_test, r20_r21_r32_is_acquired_when_free_and_busy_when_held) {
  named_lock mine{*one_, key()};
  named_lock theirs{*two_, key()};
  EXPECT_TRUE(mine.acquire());
  EXPECT_TRUE(theirs.acquire(blocking::no).is_busy());
  EXPECT_FALSE(theirs.is_locked());
  ASSERT_TRUE(mine.release());
  EXPECT_TRUE(theirs.acquire(blocking::no));
}

TEST_F(named_lock_test, r31_r46_r48_refuses_what_its_state_does_not_allow) {
  named_lock lock{*one_, key()};
  EXPECT_EQ(code_of(lock.release()), errc::not_locked);
  ASSERT_TRUE(lock.acquire());
  EXPECT_EQ(code_of(lock.acquire()), errc::already_locked);
  ASSERT_TRUE(lock.release());
  EXPECT_EQ(code_of(lock.release()), errc::not_locked);
}

TEST_F(named_lock_test, r33_refuses_or_counts_a_second_acquire_on_its_session) {
  named_lock first{*one_, key()};
  named_lock second{*one_, key()};
  ASSERT_TRUE(first.acquire());
  EXPECT_EQ(code_of(second.acquire()), errc::held_by_this_session);
  ASSERT_TRUE(first.release());
  const named_lock::options counting{.again = reentry::count};
  named_lock counted{*one_, key(), counting};
  ASSERT_TRUE(counted.acquire());
  ASSERT_TRUE(counted.acquire());
  ASSERT_TRUE(counted.release());
  EXPECT_TRUE(counted.is_locked());
  EXPECT_TRUE(store_.owner_of("job"));
  ASSERT_TRUE(counted.close());
  EXPECT_FALSE(store_.owner_of("job"));
}

TEST_F(named_lock_test, r47_r49_r50_r90_knows_what_it_holds) {
  named_lock winner{*one_, key()};
  named_lock loser{*two_, key()};
  ASSERT_TRUE(winner.acquire());
  ASSERT_TRUE(loser.acquire(blocking::no).is_busy());
  EXPECT_EQ(code_of(loser.release()), errc::not_locked);
  ASSERT_TRUE(one_->release(names()));
  EXPECT_EQ(code_of(winner.release()), errc::lock_lost);
  EXPECT_FALSE(winner.is_locked());
  ASSERT_TRUE(winner.acquire());
  store_.kill(one_->connection_id());
  EXPECT_FALSE(winner.is_locked());
  EXPECT_EQ(code_of(winner.release()), errc::lock_lost);
  EXPECT_EQ(winner.counters().overlap_suspected, 2U);
}

TEST_F(named_lock_test, r51_r52_r54_is_released_by_close_and_at_the_end_of_a_scope) {
  named_lock lock{*one_, key()};
  EXPECT_TRUE(lock.close());
  {
    const auto held = scoped_lock::hold(lock);
    ASSERT_TRUE(held);
    EXPECT_TRUE(lock.is_locked());
  }
  EXPECT_FALSE(lock.is_locked());
  {
    const auto closing = scoped_lock::deferred(lock);
    ASSERT_TRUE(lock.acquire());
  }
  EXPECT_FALSE(store_.owner_of("job"));
  EXPECT_THAT(store_.warnings, IsEmpty());
}

TEST_F(named_lock_test, r53_r92_keeps_a_contextual_time_limit_for_scopes_alone) {
  named_lock held{*one_, key()};
  named_lock wanted{*two_, key(), {.contextual_timeout = 250ms}};
  EXPECT_EQ(held.contextual_timeout(), time_limit{});
  EXPECT_EQ(wanted.contextual_timeout(), time_limit{250ms});
  ASSERT_TRUE(held.acquire());
  const auto refused = scoped_lock::hold(wanted);
  ASSERT_EQ(code_of(refused), errc::timed_out);
  EXPECT_THAT(refused.error().context, HasSubstr("250ms"));
  EXPECT_TRUE(wanted.acquire(blocking::yes, 1s).is_busy());
}

TEST_F(named_lock_test, r55_warns_when_it_is_destroyed_and_cannot_be_released) {
  {
    named_lock lock{*one_, key()};
    ASSERT_TRUE(lock.acquire());
    store_.kill(one_->connection_id());
  }
  EXPECT_THAT(store_.warnings, ElementsAre(HasSubstr("job was destroyed while held")));
}

TEST_F(named_lock_test, r56_moves) {
  named_lock first{*one_, key()};
  ASSERT_TRUE(first.acquire());
  named_lock second{std::move(first)};
  EXPECT_FALSE(first.is_locked());  // NOLINT(bugprone-use-after-move): that is the subject
  EXPECT_TRUE(second.is_locked());
  EXPECT_EQ(first.describe(), "<moved named_lock>");
  second = named_lock{*one_, key("other")};
  EXPECT_FALSE(store_.owner_of("job")) << "what is assigned to lets go of what it held";
}

TEST_F(named_lock_test, r57_belongs_to_its_thread_unless_told_otherwise) {
  named_lock lock{*one_, key()};
  named_lock shared{*one_, key("shared"), {.threads = thread_use::serialised}};
  ASSERT_TRUE(lock.acquire());
  std::thread{[&] {
    EXPECT_EQ(code_of(lock.release()), errc::wrong_thread);
    EXPECT_EQ(code_of(lock.close()), errc::wrong_thread);
    EXPECT_EQ(code_of(lock.acquire()), errc::wrong_thread);
    EXPECT_TRUE(shared.acquire());
  }}.join();
  EXPECT_TRUE(lock.is_locked());
  EXPECT_TRUE(shared.release());
}

TEST_F(named_lock_test, r62_is_unlocked_by_release_all) {
  named_lock a{*one_, key("a")};
  named_lock b{*one_, key("b")};
  ASSERT_TRUE(a.acquire());
  ASSERT_TRUE(b.acquire());
  EXPECT_EQ(one_->release_all().value(), 2U);
  EXPECT_FALSE(a.is_locked());
  EXPECT_EQ(code_of(b.release()), errc::lock_lost);
}

TEST_F(named_lock_test, r68_is_lost_by_silence_where_nobody_probes) {
  named_lock lock{*one_, key()};
  ASSERT_TRUE(lock.acquire());
  clock_.advance(11s);
  EXPECT_FALSE(lock.is_locked());
  EXPECT_EQ(code_of(lock.acquire()), errc::store_unavailable) << "and it does not reconnect";
}

TEST_F(named_lock_test, r91_says_what_it_is) {
  named_lock lock{*one_, key()};
  EXPECT_EQ(lock.describe(), "<unlocked named_lock key=job>");
  ASSERT_TRUE(lock.acquire());
  EXPECT_EQ(lock.describe(), "<locked named_lock key=job>");
  EXPECT_EQ(&lock.session(), one_.get());
  EXPECT_EQ(lock.key(), key());
}

TEST_F(named_lock_test, r95_can_be_used_again_and_again) {
  named_lock lock{*one_, key()};
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(lock.acquire());
    ASSERT_TRUE(lock.release());
  }
  EXPECT_EQ(lock.counters().acquired, 3U);
  EXPECT_EQ(lock.counters().released, 3U);
}

}  // namespace
}  // namespace baton::lock

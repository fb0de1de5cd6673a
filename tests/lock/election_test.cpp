#include "baton/lock/election.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace baton::lock {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct in_words {
  std::string operator()(const election::acquire&) const { return "acquire"; }
  std::string operator()(const election::cancel_acquire&) const { return "cancel"; }
  std::string operator()(const election::give_back&) const { return "give back"; }
  std::string operator()(const election::tell_candidate&) const { return "candidate"; }
  std::string operator()(const election::tell_elected& a) const { return "elected " + std::to_string(a.epoch); }
  std::string operator()(const election::tell_deposed& a) const {
    return "deposed " + std::to_string(a.epoch) + " " + (a.reason ? std::string{to_string(*a.reason)} : "resigned");
  }
};

std::vector<std::string> words(const election::actions& actions) {
  std::vector<std::string> out;
  for (const auto& a : actions) out.push_back(std::visit(in_words{}, a));
  return out;
}

/// W - M + S = 2 s, 2 S = 1 s.
class election_test : public ::testing::Test {
 protected:
  static constexpr boot_time start{1000s};
  static election::options options(takeover how = takeover::fast) { return {{500ms, 500ms, 3s, 1500ms, 500ms}, how, 50ms, 2s, 7}; }
  election election_{options()};
  void lead() {
    (void)election_.start(start);
    (void)election_.granted(5, true, start);
  }
};

TEST_F(election_test, leads_at_once_when_the_leader_before_resigned_in_order) {
  EXPECT_THAT(words(election_.start(start)), ElementsAre("candidate", "acquire"));
  EXPECT_FALSE(election_.is_leader());
  EXPECT_THAT(words(election_.granted(5, true, start + 1s)), ElementsAre("elected 5"));
  EXPECT_TRUE(election_.is_leader());
  EXPECT_EQ(election_.epoch(), 5U);
}

TEST_F(election_test, waits_until_a_leader_that_vanished_has_stopped) {
  for (const auto how : {takeover::fast, takeover::safe}) {
    election e{options(how)};
    const auto wait = how == takeover::fast ? 1s : 2s;
    (void)e.start(start);
    EXPECT_THAT(words(e.granted(5, false, start)), IsEmpty());
    EXPECT_EQ(e.next_wakeup(), start + wait);
    EXPECT_THAT(words(e.advance(start + wait - 1us)), IsEmpty());
    EXPECT_FALSE(e.is_leader());
    EXPECT_THAT(words(e.advance(start + wait)), ElementsAre("elected 5"));
  }
}

TEST_F(election_test, is_not_elected_when_the_lock_is_lost_during_that_wait) {
  (void)election_.start(start);
  (void)election_.granted(5, false, start);
  EXPECT_THAT(words(election_.lost(loss::connection, start + 500ms)), IsEmpty());
  ASSERT_TRUE(election_.next_wakeup());
  EXPECT_THAT(words(election_.advance(*election_.next_wakeup())), ElementsAre("candidate", "acquire"));
}

TEST_F(election_test, is_deposed_with_the_reason_and_comes_back_after_a_pause) {
  lead();
  EXPECT_THAT(words(election_.lost(loss::deadline, start + 9s)), ElementsAre("deposed 5 deadline"));
  EXPECT_FALSE(election_.is_leader());
  EXPECT_EQ(election_.epoch(), 0U);
  EXPECT_THAT(words(election_.lost(loss::connection, start + 9s)), IsEmpty()) << "once";
  EXPECT_THAT(words(election_.advance(*election_.next_wakeup())), ElementsAre("candidate", "acquire"));
}

TEST_F(election_test, resigns_by_telling_first_and_giving_back_then_and_stays_away) {
  lead();
  EXPECT_THAT(words(election_.resign(10s, start)), ElementsAre("deposed 5 resigned", "give back"));
  EXPECT_THAT(words(election_.lost(loss::connection, start + 1s)), IsEmpty()) << "of what is given back";
  EXPECT_THAT(words(election_.given_back(start + 2s)), IsEmpty());
  EXPECT_GE(*election_.next_wakeup(), start + 12s);
  EXPECT_THAT(words(election_.resign(1s, start + 3s)), IsEmpty()) << "there is nothing to resign from";
  EXPECT_THAT(words(election_.advance(*election_.next_wakeup())), ElementsAre("candidate", "acquire"));
}

TEST_F(election_test, stops_from_every_state) {
  EXPECT_THAT(words(election_.stop(start)), IsEmpty());
  EXPECT_TRUE(election_.is_at_rest());

  (void)election_.start(start);
  EXPECT_THAT(words(election_.stop(start)), ElementsAre("cancel"));
  EXPECT_FALSE(election_.is_at_rest());
  EXPECT_THAT(words(election_.not_granted(start)), IsEmpty());
  EXPECT_TRUE(election_.is_at_rest());

  (void)election_.start(start);
  (void)election_.stop(start);
  EXPECT_THAT(words(election_.granted(6, true, start)), ElementsAre("give back")) << "the grant came first: it is not kept, nor told";
  (void)election_.given_back(start);
  EXPECT_TRUE(election_.is_at_rest());

  lead();
  EXPECT_THAT(words(election_.stop(start)), ElementsAre("deposed 5 resigned", "give back"));
  (void)election_.given_back(start);
  EXPECT_TRUE(election_.is_at_rest());
  EXPECT_FALSE(election_.next_wakeup());

  lead();
  (void)election_.lost(loss::connection, start);
  (void)election_.stop(start);
  EXPECT_TRUE(election_.is_at_rest());

  (void)election_.start(start);
  (void)election_.granted(7, false, start);
  EXPECT_THAT(words(election_.stop(start)), ElementsAre("give back")) << "while it waits to lead";
}

TEST_F(election_test, returns_after_a_longer_pause_each_time_within_the_bounds_and_not_like_the_others) {
  std::set<microseconds> first_pauses;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    auto how = options();
    how.seed = seed;
    election e{how};
    auto now = start;
    (void)e.start(now);
    for (int round = 0; round < 30; ++round) {
      (void)e.not_granted(now);
      const auto pause = *e.next_wakeup() - now;
      EXPECT_GE(pause, 50ms);
      EXPECT_LE(pause, 2s);
      if (round == 0) first_pauses.insert(pause);
      now = *e.next_wakeup();
      (void)e.advance(now);
    }
  }
  EXPECT_GT(first_pauses.size(), 40U);
}

// Never two leaders: the one before is deposed at its deadline at the latest, W - M after its last proof, and has stopped S later; the
// server gives the lock away W after the last byte.
TEST_F(election_test, leads_after_a_silent_partition_only_when_the_one_before_has_stopped) {
  const auto timing = options().timing;
  const boot_time last_proof = start;
  const auto stopped = timing.deadline(last_proof) + timing.stop;
  (void)election_.start(start);
  const auto granted = last_proof + timing.wait_timeout;
  (void)election_.granted(9, false, granted);
  EXPECT_GE(*election_.next_wakeup(), stopped);
}

}  // namespace
}  // namespace baton::lock

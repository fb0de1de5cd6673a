// What holds for a lock session of every store.
#include "store_fixture.hpp"

namespace baton::conformance {
namespace {

using lock::release_outcome;
using lock::try_outcome;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using names = std::vector<std::string>;

class every_lock_session : public every_store {};
BATON_EVERY_STORE(every_lock_session);

TEST_P(every_lock_session, grants_a_free_name_and_answers_busy_for_a_held_one) {
  auto first = store().lock_session();
  auto second = store().lock_session();
  EXPECT_NE(first->connection_id(), second->connection_id());
  EXPECT_THAT(ok(first->try_acquire(names{"baton:t:a", "baton:t:b"})), ElementsAre(try_outcome::acquired, try_outcome::acquired));
  EXPECT_THAT(ok(second->try_acquire(names{"baton:t:a", "baton:t:c"})), ElementsAre(try_outcome::busy, try_outcome::acquired));
  EXPECT_THAT(ok(second->owned(names{"baton:t:a", "baton:t:b", "baton:t:c", "baton:t:d"})), ElementsAre(false, false, true, false));
}

TEST_P(every_lock_session, tells_a_released_name_from_one_it_does_not_hold) {
  auto first = store().lock_session();
  auto second = store().lock_session();
  (void)ok(first->try_acquire(names{"baton:t:a"}));
  EXPECT_THAT(ok(second->release(names{"baton:t:a", "baton:t:free"})), ElementsAre(release_outcome::not_held, release_outcome::not_held));
  EXPECT_THAT(ok(first->release(names{"baton:t:a"})), ElementsAre(release_outcome::released));
  EXPECT_THAT(ok(second->try_acquire(names{"baton:t:a"})), ElementsAre(try_outcome::acquired));
}

TEST_P(every_lock_session, frees_its_names_when_it_ends) {
  auto first = store().lock_session();
  (void)ok(first->try_acquire(names{"baton:t:a"}));
  first.reset();
  auto second = store().lock_session();
  EXPECT_TRUE(eventually([&] { return ok(second->try_acquire(names{"baton:t:a"})).front() == try_outcome::acquired; }));
}

TEST_P(every_lock_session, s21_takes_names_as_they_are_quotes_and_all) {
  auto session = store().lock_session();
  const names odd{"baton:t:o'clock", "baton:t:back\\slash", "baton:t:\";--", "baton:t:%_", "baton:t:../../x", "baton:t:~i:b#c"};
  for (const auto outcome : ok(session->try_acquire(odd))) EXPECT_EQ(outcome, try_outcome::acquired);
  EXPECT_THAT(ok(session->probe(odd)).lost, IsEmpty());
}

TEST_P(every_lock_session, proves_512_names_in_one_probe) {
  auto session = store().lock_session();
  names many;
  for (int i = 0; i < 512; ++i) many.push_back(lock::scheduler_name("t", "job-" + std::string(40, 'x') + std::to_string(i)));
  for (const auto outcome : ok(session->try_acquire(many))) EXPECT_EQ(outcome, try_outcome::acquired);
  const auto reply = ok(session->probe(many));
  EXPECT_THAT(reply.lost, IsEmpty());
  EXPECT_TRUE(reply.writable);
  EXPECT_TRUE(reply.quorum);
  EXPECT_EQ(reply.identity, session->identity());
  EXPECT_FALSE(reply.identity.uuid.empty());
  for (const auto outcome : ok(session->release(many))) EXPECT_EQ(outcome, release_outcome::released);
}

TEST_P(every_lock_session, names_exactly_the_lost_ones_when_a_probe_falls_short) {
  auto session = store().lock_session();
  (void)ok(session->try_acquire(names{"baton:t:a", "baton:t:b", "baton:t:c"}));
  (void)ok(session->release(names{"baton:t:b"}));
  EXPECT_THAT(ok(session->probe(names{"baton:t:a", "baton:t:b", "baton:t:c"})).lost, ElementsAre("baton:t:b"));
}

TEST_P(every_lock_session, has_the_identity_of_its_store) {
  const auto first = store().lock_session();
  EXPECT_EQ(store().lock_session()->identity(), first->identity());
}

// G7: every call has a deadline, which is the caller's.
TEST_P(every_lock_session, is_dead_for_good_after_an_interrupt) {
  auto session = store().lock_session();
  (void)ok(session->try_acquire(names{"baton:t:a"}));
  session->interrupt();
  const auto probed = session->probe(names{"baton:t:a"});
  ASSERT_FALSE(probed);
  EXPECT_EQ(probed.error().code, errc::store_unavailable);
  EXPECT_FALSE(session->try_acquire(names{"baton:t:b"}));
}

}  // namespace
}  // namespace baton::conformance

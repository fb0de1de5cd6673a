#include <gtest/gtest.h>

#include "baton/ledger/session.hpp"

namespace baton::ledger {
namespace {

tick_row row(row_state state, std::uint64_t fence, std::uint32_t attempt, const std::string& incarnation) {
  tick_row r;
  r.state = state;
  r.fence = fence;
  r.attempt = attempt;
  r.incarnation = incarnation;
  return r;
}

struct own_claim_test : ::testing::Test {
  own_claim running{row(row_state::running, 9, 2, "us"), {}};
  own_claim ended{row(row_state::finished, 9, 2, "us"), {}};
  void expect(bool is, const tick_row& there) const {
    EXPECT_EQ(is_older(there, running), is);
    EXPECT_EQ(is_older(there, ended), is);
  }
};

TEST_F(own_claim_test, is_later_than_a_row_that_waits_with_a_lower_fence) {
  expect(true, row(row_state::pending, 0, 0, ""));
  expect(true, row(row_state::retry_due, 8, 1, "other"));
  expect(false, row(row_state::retry_due, 10, 2, "other"));
}

TEST_F(own_claim_test, is_later_than_the_running_row_that_it_resolved) {
  expect(true, row(row_state::running, 8, 1, "other"));
  expect(true, row(row_state::running, 8, 2, "us"));
}

TEST_F(own_claim_test, leaves_alone_what_was_begun_since) {
  expect(false, row(row_state::running, 10, 2, "other"));
  expect(false, row(row_state::running, 8, 2, "other"));  // on a server whose clock is behind
}

TEST_F(own_claim_test, leaves_every_end_alone) {
  for (const auto state : {row_state::finished, row_state::skipped, row_state::missed}) {
    expect(false, row(state, 8, 1, "other"));
    expect(false, row(state, 9, 2, "us"));
  }
}

TEST_F(own_claim_test, is_later_than_its_own_row_once_it_has_ended) {
  EXPECT_FALSE(is_older(row(row_state::running, 9, 2, "us"), running));
  EXPECT_TRUE(is_older(row(row_state::running, 9, 2, "us"), ended));
}

TEST_F(own_claim_test, has_its_own_end_and_not_one_that_a_resolver_wrote_under_the_same_fence) {
  ended.row.outcome = run_outcome::success;
  ended.row.finished = wall_time{};
  auto there = ended.row;
  EXPECT_TRUE(is_end_of(there, ended));
  there.outcome = run_outcome::crashed;
  EXPECT_FALSE(is_end_of(there, ended));
  EXPECT_FALSE(is_end_of(running.row, running));
}

}  // namespace
}  // namespace baton::ledger

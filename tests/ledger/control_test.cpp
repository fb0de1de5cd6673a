#include "baton/ledger/control.hpp"

#include <gtest/gtest.h>

namespace baton::ledger {
namespace {

TEST(control, takes_an_order_with_an_id_and_parameters_that_a_row_can_hold) {
  const auto refused = [](const run_order& order) { return !check(order); };
  const std::string id(36, 'r');
  EXPECT_FALSE(refused({"job", std::nullopt, id, std::string(65535, ' ')}));
  EXPECT_TRUE(refused({"job", std::nullopt, "", ""}));
  EXPECT_TRUE(refused({"job", std::nullopt, id + "r", ""}));
  EXPECT_TRUE(refused({"job", std::nullopt, id, std::string(65536, ' ')}));
}

TEST(control, says_which_job_was_meant_or_where_they_are_listed) {
  const auto told = [](const std::string& job, const std::vector<std::string>& known) { return unknown_job("c", job, known).context; };
  EXPECT_EQ(told("nightli", {"hourly", "nightly"}), "no instance of cluster 'c' has registered a job 'nightli'; did you mean 'nightly'?");
  EXPECT_EQ(told("clean_up", {"clean-up"}), "no instance of cluster 'c' has registered a job 'clean_up'; did you mean 'clean-up'?");
  EXPECT_EQ(told("x", {"nightly"}), "no instance of cluster 'c' has registered a job 'x'; `baton list` shows those that there are");
  EXPECT_EQ(told("x", {}), "no instance of cluster 'c' has registered a job 'x'; there is none yet: start an instance");
  EXPECT_EQ(unknown_job("c", "x", {}).code, errc::not_found);
}

}  // namespace
}  // namespace baton::ledger

#include "baton/base/result.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace baton {
namespace {

result<int> half(int n) {
  if (n % 2 != 0) return failure{errc::invalid_argument, "n is odd"};
  return n / 2;
}

TEST(result, holds_a_value_or_a_failure) {
  const auto good = half(8);
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, 4);
  const auto bad = half(7);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, errc::invalid_argument);
  EXPECT_EQ(bad.value_or(9), 9);
  EXPECT_EQ(good.value_or(9), 4);
}

TEST(result, moves_a_value_that_cannot_be_copied) {
  result<std::unique_ptr<int>> r{std::make_unique<int>(5)};
  const auto taken = *std::move(r);
  EXPECT_EQ(*taken, 5);
}

TEST(result, can_hold_a_failure_as_its_value) {
  const result<std::string> text{std::string{"fine"}};
  EXPECT_EQ(text->size(), 4U);
}

TEST(status, is_good_unless_it_holds_a_failure) {
  EXPECT_TRUE(status{});
  const status bad = failure{errc::io, "disk"};
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().context, "disk");
}

TEST(failure, says_where_it_happened_in_front) {
  EXPECT_EQ((failure{errc::io, "no space"}.in("baton.yaml").in("reading")).context, "reading: baton.yaml: no space");
}

TEST(result_death, reading_the_side_that_is_not_there_aborts) {
  EXPECT_DEATH((void)half(7).value(), "");
  EXPECT_DEATH((void)half(8).error(), "");
  EXPECT_DEATH((void)status{}.error(), "");
}

TEST(assertion_death, says_what_did_not_hold_and_where) { EXPECT_DEATH(BATON_ASSERT(1 + 1 == 3), "1 \\+ 1 == 3"); }

TEST(errc, every_code_has_a_name_of_its_own) {
  const std::initializer_list<errc> all{errc::invalid_argument,
                                        errc::invalid_configuration,
                                        errc::invalid_key,
                                        errc::not_found,
                                        errc::io,
                                        errc::internal,
                                        errc::store_unavailable,
                                        errc::store_unfit,
                                        errc::store_timeout,
                                        errc::store_busy,
                                        errc::store_query,
                                        errc::schema_outdated,
                                        errc::access_denied,
                                        errc::already_locked,
                                        errc::not_locked,
                                        errc::lock_lost,
                                        errc::interrupted,
                                        errc::deadlock,
                                        errc::held_by_this_session,
                                        errc::wrong_thread,
                                        errc::operation_in_progress,
                                        errc::cancelled,
                                        errc::timed_out,
                                        errc::over_budget,
                                        errc::stale_fence,
                                        errc::wrong_process,
                                        errc::plugin_refused,
                                        errc::spawn_failed};
  std::set<std::string_view> names;
  for (const auto code : all) names.insert(to_string(code));
  EXPECT_EQ(names.size(), all.size());
  EXPECT_FALSE(names.contains(""));
  EXPECT_FALSE(names.contains(to_string(static_cast<errc>(9999))));
}

TEST(errc, numbers_are_stable) {
  EXPECT_EQ(static_cast<int>(errc::invalid_argument), 1);
  EXPECT_EQ(static_cast<int>(errc::store_unavailable), 20);
  EXPECT_EQ(static_cast<int>(errc::store_busy), 23);
  EXPECT_EQ(static_cast<int>(errc::lock_lost), 42);
  EXPECT_EQ(static_cast<int>(errc::spawn_failed), 61);
}

}  // namespace
}  // namespace baton

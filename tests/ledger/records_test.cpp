#include "baton/ledger/records.hpp"

#include <gtest/gtest.h>

#include <set>

namespace baton::ledger {
namespace {

template <typename Enum>
void expect_distinct_names(std::initializer_list<Enum> all) {
  std::set<std::string_view> names;
  for (const auto e : all) names.insert(to_string(e));
  EXPECT_EQ(names.size(), all.size());
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_EQ(to_string(static_cast<Enum>(99)), "unknown");
}

TEST(records, every_code_has_a_name_of_its_own) {
  expect_distinct_names({tick_kind::schedule, tick_kind::trigger, tick_kind::after});
  expect_distinct_names(
      {row_state::running, row_state::retry_due, row_state::pending, row_state::finished, row_state::skipped, row_state::missed});
  expect_distinct_names({run_outcome::none, run_outcome::success, run_outcome::failure, run_outcome::timeout, run_outcome::cancelled,
                         run_outcome::crashed, run_outcome::lock_lost});
  expect_distinct_names({reason_code::none, reason_code::overlap, reason_code::paused, reason_code::calendar, reason_code::queue_full,
                         reason_code::disabled, reason_code::no_catch_up, reason_code::outside_window, reason_code::over_limit,
                         reason_code::skipped_by_handler});
}

TEST(records, stored_numbers_are_never_reused) {
  EXPECT_EQ(static_cast<int>(tick_kind::after), 3);
  EXPECT_EQ(static_cast<int>(row_state::running), 1);
  EXPECT_EQ(static_cast<int>(row_state::missed), 6);
  EXPECT_EQ(static_cast<int>(run_outcome::lock_lost), 6);
  EXPECT_EQ(static_cast<int>(reason_code::over_limit), 22);
  EXPECT_EQ(static_cast<int>(reason_code::skipped_by_handler), 40);
}

TEST(records, a_row_is_open_until_its_last_word) {
  for (const auto s : {row_state::running, row_state::retry_due, row_state::pending}) EXPECT_TRUE(is_open(s));
  for (const auto s : {row_state::finished, row_state::skipped, row_state::missed}) EXPECT_FALSE(is_open(s));
}

TEST(records, rows_sort_by_job_then_tick_then_kind) {
  const wall_time t{std::chrono::seconds{5}};
  EXPECT_LT((tick_key{"a", t + microseconds{1}, tick_kind::schedule}), (tick_key{"b", t, tick_kind::schedule}));
  EXPECT_LT((tick_key{"a", t, tick_kind::after}), (tick_key{"a", t + microseconds{1}, tick_kind::schedule}));
  EXPECT_LT((tick_key{"a", t, tick_kind::schedule}), (tick_key{"a", t, tick_kind::trigger}));
}

}  // namespace
}  // namespace baton::ledger

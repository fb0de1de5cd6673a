#include "run_view.hpp"

#include <gtest/gtest.h>

namespace baton::program {
namespace {

const wall_time two = *from_rfc3339("2026-11-26T02:00:00Z");

ledger::tick_row failed() {
  ledger::tick_row row;
  row.key = {"nightly", two, ledger::tick_kind::trigger};
  row.state = ledger::row_state::finished;
  row.outcome = ledger::run_outcome::failure;
  row.error = "exit code 3\nsecond line";
  return row;
}

TEST(run_view, says_in_a_word_what_became_of_a_row) {
  auto row = failed();
  EXPECT_EQ(result_word(row), "failure");
  row.state = ledger::row_state::retry_due;
  EXPECT_EQ(result_word(row), "retry_due");
}

TEST(run_view, notes_what_there_is_to_say) {
  EXPECT_EQ(note({}), "");
  auto row = failed();
  EXPECT_EQ(note(row), "exit code 3");
  row.state = ledger::row_state::retry_due;
  row.retry_at = two;
  row.cancel = true;
  EXPECT_EQ(note(row), "again at 2026-11-26T02:00:00Z; its end was asked for; exit code 3");
  ledger::tick_row gap;
  gap.reason = ledger::reason_code::paused;
  gap.until = two;
  gap.count = 7;
  EXPECT_EQ(note(gap), "paused; 7 ticks until 2026-11-26T02:00:00Z");
}

TEST(run_view, gives_all_that_is_known_as_json) {
  auto row = failed();
  row.output = "not \xff UTF-8";
  const auto all = as_json(row);
  EXPECT_EQ(all.at("run").as_string(), "nightly@2026-11-26T02:00:00Z#trigger");
  EXPECT_EQ(all.at("kind").as_string(), "trigger");
  EXPECT_EQ(all.at("outcome").as_string(), "failure");
  EXPECT_EQ(all.at("output").as_string().find('\xff'), std::string::npos);
  EXPECT_FALSE(all.contains("started"));
}

TEST(run_view, reads_back_what_it_wrote) {
  auto row = failed();
  row.attempt = 3;
  row.fence = 1795722760004770;
  row.instance = "east";
  row.lock_name = "baton:c:nightly";
  row.reason = ledger::reason_code::skipped_by_handler;
  row.started = two;
  row.finished = two + std::chrono::seconds{1};
  row.retry_at = two;
  row.cancel = true;
  row.output = "line\n";
  const auto back = row_of(as_json(row));
  ASSERT_TRUE(back);
  EXPECT_EQ(as_json(*back), as_json(row));
  EXPECT_FALSE(row_of(nullptr));
  EXPECT_FALSE(row_of(boost::json::object{{"run", "no run"}}));
}

}  // namespace
}  // namespace baton::program

#include "fleet_ledger.hpp"

#include <gmock/gmock.h>

#include "fake_control.hpp"

namespace baton::program {
namespace {

using ledger::row_state;
using ledger::run_outcome;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class fleet_ledger_looks : public testing::Test {
 protected:
  std::shared_ptr<const fleet_snapshot> look() {
    auto seen = reader.look(control);
    EXPECT_TRUE(seen) << seen.error().context;
    return seen ? *seen : std::make_shared<const fleet_snapshot>();
  }
  static std::vector<std::string> names(const std::vector<ledger::tick_row>& rows) {
    std::vector<std::string> all;
    for (const auto& row : rows) all.push_back(run_id(row.key));
    return all;
  }

  fake_ledger store;
  fake_control control{store};
  fleet_ledger reader{"c"};
};

TEST_F(fleet_ledger_looks, know_the_last_run_the_last_end_and_the_last_success_of_a_job) {
  store.register_job("a");
  store.add("a", seconds{30}, row_state::finished, run_outcome::success);
  store.add("a", seconds{20}, row_state::finished, run_outcome::failure);
  store.add("a", seconds{10}, row_state::running, run_outcome::none);
  auto& skipped = store.add("a", seconds{5}, row_state::skipped, run_outcome::none);
  skipped.attempt = 0;
  const auto* past = look()->past_of("a");
  ASSERT_NE(past, nullptr);
  EXPECT_EQ(past->last->key.tick, noon - seconds{10}) << "what never ran is no run";
  EXPECT_EQ(past->ended, run_outcome::failure);
  EXPECT_EQ(past->last_success, noon - seconds{29});
  EXPECT_EQ(look()->past_of("b"), nullptr);
}

TEST_F(fleet_ledger_looks, tell_what_is_new_or_otherwise_and_nothing_at_first) {
  store.register_job("a");
  store.add("a", seconds{30}, row_state::finished, run_outcome::success);
  store.add("a", seconds{20}, row_state::running, run_outcome::none);
  EXPECT_THAT(look()->changed, IsEmpty());
  EXPECT_THAT(look()->changed, IsEmpty());
  store.rows[1].state = row_state::finished;
  store.rows[1].outcome = run_outcome::success;
  store.add("a", seconds{10}, row_state::running, run_outcome::none);
  EXPECT_THAT(names(look()->changed), testing::UnorderedElementsAre("a@2026-11-26T11:59:40Z", "a@2026-11-26T11:59:50Z"));
  EXPECT_THAT(look()->changed, IsEmpty());
}

TEST_F(fleet_ledger_looks, see_the_end_of_a_run_that_is_older_than_all_that_is_new) {
  store.register_job("a");
  store.register_job("b");
  store.add("a", seconds{5000}, row_state::running, run_outcome::none);
  for (int i = 0; i < 700; ++i) store.add("b", seconds{1000 - i}, row_state::finished, run_outcome::success);
  const auto first = look();
  EXPECT_THAT(names(first->open), ElementsAre("a@2026-11-26T10:36:40Z"));
  EXPECT_EQ(first->newest.size(), 500U);
  EXPECT_FALSE(first->is_all_changed) << "nothing was known before";
  store.rows[0].state = row_state::finished;
  store.rows[0].outcome = run_outcome::crashed;
  const auto second = look();
  EXPECT_THAT(names(second->changed), ElementsAre("a@2026-11-26T10:36:40Z"));
  EXPECT_EQ(second->past_of("a")->ended, run_outcome::crashed);
}

TEST_F(fleet_ledger_looks, read_little_when_little_is_new) {
  store.register_job("a");
  for (int i = 0; i < 700; ++i) store.add("a", seconds{1000 - i}, row_state::finished, run_outcome::success);
  (void)look();
  const int before = store.calls;
  (void)look();
  EXPECT_EQ(store.calls - before, 5) << "now, jobs, instances, open rows and one page";
  store.add("a", seconds{1}, row_state::finished, run_outcome::success);
  (void)look();
  EXPECT_EQ(store.calls - before, 11) << "and a second page behind the news";
}

TEST_F(fleet_ledger_looks, say_when_more_is_new_than_they_read) {
  store.register_job("a");
  store.add("a", seconds{2000}, row_state::finished, run_outcome::success);
  (void)look();
  for (int i = 0; i < 700; ++i) store.add("a", seconds{1000 - i}, row_state::finished, run_outcome::success);
  EXPECT_TRUE(look()->is_all_changed);
  EXPECT_FALSE(look()->is_all_changed);
}

TEST_F(fleet_ledger_looks, search_the_past_of_many_jobs_a_few_at_a_time) {
  for (int i = 0; i < 120; ++i) {
    const auto name = "j" + std::to_string(1000 + i);
    store.register_job(name);
    store.add(name, seconds{100'000 + i}, row_state::finished, run_outcome::success);
  }
  store.register_job("z");
  for (int i = 0; i < 600; ++i) store.add("z", seconds{1000 - i}, row_state::finished, run_outcome::success);
  const auto first = look();
  EXPECT_NE(first->past_of("j1049"), nullptr);
  EXPECT_EQ(first->past_of("j1119"), nullptr);
  (void)look();
  EXPECT_NE(look()->past_of("j1119"), nullptr);
  const auto calls = store.calls.load();
  (void)look();
  EXPECT_LT(store.calls - calls, 10);
  reader.doubt();
  (void)look();
  EXPECT_GE(store.calls - calls, 50);
}

TEST_F(fleet_ledger_looks, search_the_past_of_as_many_jobs_as_they_are_told_to) {
  for (int i = 0; i < 1000; ++i) {
    const auto name = "j" + std::to_string(1000 + i);
    store.register_job(name);
    store.add(name, seconds{i}, row_state::finished, run_outcome::success);
  }
  auto calls = store.calls.load();
  ASSERT_TRUE(fleet_ledger{"c"}.look(control, 0));
  EXPECT_LT(store.calls - calls, 20);
  const auto all = fleet_ledger{"c"}.look(control, 1000);
  ASSERT_TRUE(all);
  EXPECT_NE((*all)->past_of("j1999"), nullptr);
}

TEST_F(fleet_ledger_looks, fail_with_the_store_and_go_on_after_it) {
  store.register_job("a");
  store.add("a", seconds{30}, row_state::running, run_outcome::none);
  (void)look();
  store.is_away = true;
  EXPECT_EQ(reader.look(control).error().code, errc::store_unavailable);
  store.is_away = false;
  store.rows[0].state = row_state::finished;
  EXPECT_EQ(look()->changed.size(), 1U);
}

}  // namespace
}  // namespace baton::program

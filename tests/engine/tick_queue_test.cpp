#include "tick_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace baton::engine {
namespace {

wall_time at(int t) { return wall_time{std::chrono::seconds{t}}; }

TEST(tick_queue, gives_the_earliest_job_first_and_among_equals_the_lowest) {
  tick_queue q{4};
  EXPECT_EQ(q.next(), std::nullopt);
  q.set(3, at(5));
  q.set(1, at(5));
  q.set(2, at(4));
  EXPECT_EQ(q.next(), at(4));
  EXPECT_EQ(q.pop(), 2U);
  EXPECT_EQ(q.pop(), 1U);
  EXPECT_EQ(q.pop(), 3U);
  EXPECT_EQ(q.next(), std::nullopt);
}

TEST(tick_queue, moves_a_job_that_is_set_again) {
  tick_queue q{3};
  for (job_index j = 0; j < 3; ++j) q.set(j, at(10 + static_cast<int>(j)));
  q.set(0, at(99));
  q.set(2, at(1));
  EXPECT_EQ(q.pop(), 2U);
  EXPECT_EQ(q.pop(), 1U);
  EXPECT_EQ(q.pop(), 0U);
}

TEST(tick_queue, forgets_a_job_that_is_removed_and_minds_not_if_it_was_not_there) {
  tick_queue q{2};
  q.remove(1);
  q.set(0, at(1));
  q.set(1, at(2));
  q.remove(0);
  EXPECT_EQ(q.pop(), 1U);
}

TEST(tick_queue, agrees_with_a_sorted_list_whatever_is_done_to_it) {
  std::mt19937 random{3};
  constexpr job_index jobs = 60;
  tick_queue q{jobs};
  std::map<job_index, wall_time> model;
  const auto first = [&] { return *std::ranges::min_element(model, {}, [](const auto& e) { return std::pair{e.second, e.first}; }); };
  for (int i = 0; i < 50'000; ++i) {
    const auto job = static_cast<job_index>(random() % jobs);
    switch (random() % 4) {
      case 0:
      case 1:
        model[job] = at(static_cast<int>(random() % 100));
        q.set(job, model[job]);
        break;
      case 2:
        q.remove(job);
        model.erase(job);
        break;
      default:
        if (model.empty()) break;
        ASSERT_EQ(q.next(), first().second);
        const auto expected = first().first;
        ASSERT_EQ(q.pop(), expected);
        model.erase(expected);
    }
  }
}

TEST(tick_queue, gives_a_million_jobs_in_their_order) {
  constexpr job_index jobs = 1'000'000;
  std::mt19937 random{7};
  tick_queue q{jobs};
  for (job_index j = 0; j < jobs; ++j) q.set(j, at(static_cast<int>(random() % 86'400)));
  std::vector<bool> seen(jobs);
  auto last = at(0);
  for (job_index n = 0; n < jobs; ++n) {
    const auto tick = *q.next();
    ASSERT_GE(tick, last);
    last = tick;
    const auto job = q.pop();
    ASSERT_FALSE(seen[job]);
    seen[job] = true;
  }
  EXPECT_EQ(q.next(), std::nullopt);
}

}  // namespace
}  // namespace baton::engine

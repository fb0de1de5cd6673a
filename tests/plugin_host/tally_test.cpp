#include "tally.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>

#include "fixture.hpp"

namespace {

using namespace baton::plugin_host;
using namespace std::chrono_literals;

std::vector<metric> rows() {
  return {{"rows_total", "h", metric_kind::counter, {}, {}},
          {"backlog", "h", metric_kind::gauge, {{"kind", "x"}}, {}},
          {"seconds", "h", metric_kind::histogram, {}, {1, 2}}};
}

/// A tally and what it handed on.
struct kept {
  std::mutex mutex;
  std::vector<run_metrics> news;
  tally counted{rows(), [this](run_metrics n) {
                  const std::scoped_lock guard{mutex};
                  news.push_back(std::move(n));
                }};
  std::size_t size() {
    const std::scoped_lock guard{mutex};
    return news.size();
  }
};

TEST(tally, adds_up_until_the_end) {
  kept k;
  for (int i = 0; i < 10; ++i) k.counted.update(1, 0.5);
  k.counted.update(2, 7);
  k.counted.update(2, 3);
  for (const double value : {-1.0, 1.0, 1.5, 2.0, 2.5}) k.counted.update(3, value);
  k.counted.end();
  ASSERT_EQ(k.news.size(), 1U);
  const auto& all = k.news[0].updates;
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].name, "rows_total");
  EXPECT_EQ(all[0].value, 5);
  EXPECT_EQ(all[1].labels, (text_map{{"kind", "x"}}));
  EXPECT_EQ(all[1].value, 3);
  EXPECT_EQ(all[2].value, 6);
  EXPECT_EQ(all[2].buckets, (std::vector<std::uint64_t>{2, 2, 1}));
}

TEST(tally, hands_on_what_is_new_and_that_alone) {
  kept k;
  k.counted.update(1, 1);
  k.counted.update(3, 1);
  ASSERT_TRUE(baton::test::eventually([&] { return k.size() == 1; }));
  k.counted.update(3, 9);
  k.counted.end();
  ASSERT_EQ(k.news.size(), 2U);
  ASSERT_EQ(k.news[1].updates.size(), 1U);
  EXPECT_EQ(k.news[1].updates[0].value, 9);
  EXPECT_EQ(k.news[1].updates[0].buckets, (std::vector<std::uint64_t>{0, 0, 1}));
}

TEST(tally, ignores_what_cannot_be) {
  kept k;
  k.counted.update(0, 1);
  k.counted.update(4, 1);
  k.counted.update(1, -1);
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    for (std::uint32_t row = 1; row <= 3; ++row) k.counted.update(row, value);
  }
  k.counted.end();
  k.counted.update(1, 1);
  k.counted.end();
  EXPECT_EQ(k.size(), 0U);
}

TEST(tally, loses_nothing_of_what_many_threads_count) {
  kept k;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 100'000; ++n) k.counted.update(1, 1);
    });
  }
  for (auto& thread : threads) thread.join();
  k.counted.end();
  double sum = 0;
  for (const auto& n : k.news) sum += n.updates[0].value;
  EXPECT_EQ(sum, 400'000);
}

}  // namespace

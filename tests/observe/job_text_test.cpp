#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <sstream>
#include <thread>

#include "baton/observe/metrics.hpp"

namespace baton::observe {
namespace {

using namespace std::chrono_literals;

std::vector<job_labels> jobs(int count) {
  std::vector<job_labels> made;
  for (int i = 0; i < count; ++i) {
    const auto name = "job-" + std::to_string(i);
    made.push_back({name, "0 2 * * *", "UTC", "exec", "baton:billing:" + name});
  }
  return made;
}

/// With a registry of the caller's, prometheus-cpp writes the text.
metrics::options with(std::vector<job_labels> jobs, bool registry_of_caller) {
  metrics::options opts;
  opts.jobs = std::move(jobs);
  if (registry_of_caller) opts.registry = std::make_shared<prometheus::Registry>();
  return opts;
}

/// What stands before the number of each line, and the number.
std::map<std::string, double> series(const std::string& text) {
  std::map<std::string, double> all;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("process_") || line.starts_with("# HELP process_") || line.starts_with("# TYPE process_")) continue;
    const auto end = line.starts_with('#') ? line.size() : line.rfind(' ');
    EXPECT_FALSE(all.contains(line.substr(0, end))) << line;
    all[line.substr(0, end)] = end == line.size() ? 0 : std::strtod(line.c_str() + end, nullptr);
  }
  return all;
}

void count_some(metrics& m) {
  m.lock_attempt("job-1", "acquired", 130us);
  m.lock_attempt("job-1", "acquired", 90min);
  m.lock_attempt("job-0", "busy", 1ms);
  m.lock_hold("job-2", 1us);
  m.lock_held("job-0", true);
  m.lock_lost("job-1", "deadline");
  m.tick("job-2", "missed", 12'345'678'901ULL);
  m.skip("job-0", "calendar", 10);
  m.tick_lateness("job-0", 333'333us);
  m.run_started("job-0", "after");
  m.run_ended("job-0", "crashed", 7s);
  m.job_times("job-2", wall_time{1700000000123456us}, wall_time{1700000000s});
  m.job_next_tick("job-1", wall_time{4'000'000'000s});
  m.job_paused("job-2", true);
  m.job_schedule_max_gap("job-2", 10us);
  m.running("job-1", -1);
  m.retried("job-2");
  m.overlap_suspected("job-0");
  m.schedule_disagreement("job-1", true);
}

TEST(job_text, is_what_prometheus_cpp_would_write) {
  auto some = jobs(3);
  some.push_back({"a \"quoted\"\n\\ name", "*/5 * * * *", "Europe/Berlin", "exec", "x\xFFy"});
  some.push_back({std::string(100'000, 'l'), "@daily", "UTC", "exec", "long"});
  metrics ours{with(some, false)};
  metrics theirs{with(some, true)};
  count_some(ours);
  count_some(theirs);
  const auto expected = series(theirs.serialize());
  const auto written = series(ours.serialize());
  EXPECT_EQ(written.size(), expected.size());
  for (const auto& [line, number] : expected) {
    const auto found = written.find(line);
    if (found == written.end()) {
      ADD_FAILURE() << "is missing: " << line.substr(0, 300);
    } else {
      EXPECT_DOUBLE_EQ(found->second, number) << line.substr(0, 300);
    }
  }
}

TEST(job_text, has_jobs_that_come_with_a_reload_and_no_family_of_jobs_without_any) {
  metrics m{with({}, false)};
  EXPECT_THAT(m.serialize(), testing::Not(testing::HasSubstr("job_name")));
  EXPECT_THAT(m.serialize(), testing::Not(testing::HasSubstr("baton_job_info")));
  m.add_jobs(jobs(1));
  m.add_jobs(jobs(2));
  const auto all = series(m.serialize());
  EXPECT_EQ(all.count("baton_retries_total{job_name=\"job-0\"}"), 1U);
  EXPECT_EQ(all.count("baton_retries_total{job_name=\"job-1\"}"), 1U);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(job_series, of_jobs_that_have_not_run_take_less_than_a_kilobyte_each) {
  constexpr int count = 2000;
  const auto opts = with(jobs(count), false);
  const auto before = ::mallinfo2().uordblks;
  const metrics m{opts};
  EXPECT_LT((::mallinfo2().uordblks - before) / count, 1024U) << "prometheus-cpp's take 16 KB";
}
#endif

TEST(job_series, count_the_same_from_many_threads) {
  metrics m{with(jobs(1), false)};
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < 4; ++i) {
      all.emplace_back([&] {
        for (int k = 0; k < 1000; ++k) m.run_ended("job-0", "success", 1s);
      });
    }
  }
  const auto seen = series(m.serialize());
  EXPECT_EQ(seen.at(R"(baton_runs_total{job_name="job-0",outcome="success"})"), 4000);
  EXPECT_EQ(seen.at(R"(baton_run_duration_seconds_count{job_name="job-0"})"), 4000);
  EXPECT_EQ(seen.at(R"(baton_run_duration_seconds_sum{job_name="job-0"})"), 4000);
  EXPECT_EQ(seen.at(R"(baton_run_duration_seconds_bucket{job_name="job-0",le="0.5"})"), 0);
  EXPECT_EQ(seen.at(R"(baton_run_duration_seconds_bucket{job_name="job-0",le="1"})"), 4000);
}

microseconds median_scrape(const metrics& m) {
  std::vector<microseconds> took;
  for (int i = 0; i < 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(m.serialize().empty());
    took.push_back(std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - begin));
  }
  std::ranges::sort(took);
  return took[2];
}

TEST(job_text, is_written_in_a_third_of_the_time_that_prometheus_cpp_takes) {
  const metrics ours{with(jobs(500), false)};
  const metrics theirs{with(jobs(500), true)};
  const auto taken = median_scrape(ours);
  EXPECT_LT(taken * 3, median_scrape(theirs)) << "a tenth is usual";
}

}  // namespace
}  // namespace baton::observe

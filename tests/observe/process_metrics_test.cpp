#include "process_metrics.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

namespace baton::observe {
namespace {

std::map<std::string, double> values(const std::vector<prometheus::MetricFamily>& families) {
  std::map<std::string, double> out;
  for (const auto& family : families) {
    const auto& metric = family.metric.at(0);
    out[family.name] = family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value;
  }
  return out;
}

class process_metrics : public testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::TempDir() + "/baton_proc_" + std::to_string(::getpid());
    std::filesystem::create_directories(root_ + "/self/fd");
    std::ofstream{root_ + "/self/stat"}
        << "42 (a )b c) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 7 0 1000 123456 10 18446744073709551615 1";
    std::ofstream{root_ + "/stat"} << "cpu 1 2 3\nbtime 1700000000\n";
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string root_;
};

TEST_F(process_metrics, reads_the_fields_behind_a_name_with_spaces_and_parentheses) {
  const auto found = values(collect_process_metrics({}, root_));
  const auto hertz = static_cast<double>(::sysconf(_SC_CLK_TCK));
  EXPECT_DOUBLE_EQ(found.at("process_cpu_seconds_total"), 200 / hertz);
  EXPECT_DOUBLE_EQ(found.at("process_threads"), 7);
  EXPECT_DOUBLE_EQ(found.at("process_virtual_memory_bytes"), 123456);
  EXPECT_DOUBLE_EQ(found.at("process_resident_memory_bytes"), 10 * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  EXPECT_DOUBLE_EQ(found.at("process_start_time_seconds"), 1700000000 + 1000 / hertz);
}

TEST_F(process_metrics, takes_the_callers_start_time_where_proc_hides_the_boot_time) {
  std::filesystem::remove(root_ + "/stat");
  EXPECT_EQ(values(collect_process_metrics({}, root_)).count("process_start_time_seconds"), 0U);
  const wall_time started{std::chrono::milliseconds{1'800'000'000'500}};
  EXPECT_DOUBLE_EQ(values(collect_process_metrics(started, root_)).at("process_start_time_seconds"), 1'800'000'000.5);
}

TEST_F(process_metrics, leaves_out_what_proc_does_not_tell) {
  const auto found = values(collect_process_metrics({}, "/nonexistent"));
  EXPECT_EQ(found.size(), 1U);
  EXPECT_EQ(found.count("process_max_fds"), 1U);
}

TEST_F(process_metrics, sees_this_process) {
  const auto before = values(collect_process_metrics({}));
  const int extra = ::dup(0);
  ASSERT_GE(extra, 0);
  const auto after = values(collect_process_metrics({}));
  ::close(extra);
  EXPECT_DOUBLE_EQ(after.at("process_open_fds"), before.at("process_open_fds") + 1);
  EXPECT_GE(after.at("process_threads"), 1);
  EXPECT_GT(after.at("process_resident_memory_bytes"), 100'000);
  EXPECT_GT(after.at("process_start_time_seconds"), 1'500'000'000);
}

}  // namespace
}  // namespace baton::observe

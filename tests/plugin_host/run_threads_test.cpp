#include "run_threads.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <vector>

namespace {

using baton::plugin_host::run_threads;

TEST(run_threads, run_as_many_tasks_at_once_as_are_begun) {
  constexpr int tasks = 50;
  std::latch all_run{tasks};
  std::vector<std::future<void>> done;
  run_threads threads;
  for (int i = 0; i < tasks; ++i) done.push_back(threads.begin([&] { all_run.arrive_and_wait(); }));
  for (auto& d : done) d.wait();
}

TEST(run_threads, use_a_thread_again) {
  static thread_local int tasks_of_this_thread = 0;
  std::atomic<int> most = 0;
  run_threads threads;
  for (int i = 0; i < 1000; ++i) threads.begin([&] { most = std::max(most.load(), ++tasks_of_this_thread); }).wait();
  EXPECT_GT(most, 1);
}

TEST(run_threads, wait_for_every_task_at_the_end) {
  std::atomic<int> ended = 0;
  {
    std::latch go{1};
    run_threads threads;
    for (int i = 0; i < 10; ++i) {
      (void)threads.begin([&] {
        go.wait();
        ++ended;
      });
    }
    go.count_down();
  }
  EXPECT_EQ(ended, 10);
}

}  // namespace

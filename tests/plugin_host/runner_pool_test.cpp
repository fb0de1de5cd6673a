#include "runner_pool.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "fixture.hpp"

namespace {

using namespace baton::plugin_host;
using namespace std::chrono_literals;
using baton::test::eventually;
using baton::test::is_alive;
using baton::test::recorder;

const std::string misbehave = BATON_TEST_PLUGINS "/misbehave.so";

/// Runs that are told how, one after another, on one executor.
class runner_pools : public ::testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "cannot here: the thread sanitizer has a thread of its own in each process, so that none is used again";
#endif
  }

  run_ended run(const std::string& how, const std::string& plugin = misbehave, const run_limits& limits = {}) {
    auto request = executor_.request(plugin, {{"how", how}, {"pids", std::string{}}});
    request.limits = limits;
    executor_->start(request);
    return executor_.ended(request.id);
  }
  std::string who(const run_limits& limits = {}) { return run("say_who", misbehave, limits).text; }
  static bool is_alive_pid(const std::string& pid) { return is_alive(std::stoi(pid)); }

  recorder executor_;
};

TEST_F(runner_pools, g10_give_a_run_the_process_of_one_that_ended_well) {
  const auto first = who();
  EXPECT_EQ(who(), first);
  EXPECT_EQ(run("fail").end, run_end::failure) << "which ended well, too";
  EXPECT_EQ(run("log").end, run_end::skipped);
  EXPECT_EQ(run("throw").end, run_end::failure);
  EXPECT_EQ(who(), first);
}

TEST_F(runner_pools, show_each_run_its_own_facts_and_only_its_own_output) {
  run("print");
  EXPECT_EQ(run("print").output, "to stdout\nto stderr\n");
  EXPECT_EQ(run("say_who").output, "");
  auto request = executor_.request(misbehave, {{"how", std::string{"describe_run"}}, {"pids", std::string{}}});
  request.job = "another";
  request.attempt = 7;
  executor_->start(request);
  EXPECT_EQ(executor_.ended(request.id).text, "another test test-1 run-1 schedule 7 0 1970-01-01T00:00:00.000000Z none held");
}

TEST_F(runner_pools, g10_give_no_run_the_process_of_one_that_changed_it) {
  for (const auto* how :
       {"leak_descriptor", "leave_thread", "change_directory", "change_environment", "change_mask", "block_signals", "leak_memory"}) {
    const auto before = who();
    ASSERT_EQ(who(), before) << how;
    EXPECT_EQ(run(how).end, run_end::success) << how;
    EXPECT_NE(who(), before) << how;
    EXPECT_TRUE(eventually([&] { return !is_alive_pid(before); })) << how;
  }
}

TEST_F(runner_pools, g10_give_no_run_the_process_of_one_that_crashed) {
  for (const auto* how : {"segfault", "exit", "kill_supervisor", "babble"}) {
    const auto before = who();
    EXPECT_EQ(run(how).end, run_end::crashed) << how;
    EXPECT_NE(who(), before) << how;
    EXPECT_FALSE(is_alive_pid(before)) << how;
  }
}

TEST_F(runner_pools, g10_give_no_run_the_process_of_one_that_was_stopped_or_left_a_process_behind) {
  const auto first = who();
  auto request = executor_.request(misbehave, {{"how", std::string{"obey"}}, {"pids", std::string{}}});
  executor_->start(request);
  executor_.wait_for<run_started>(request.id);
  executor_->stop(request.id, {10s, 20s});
  EXPECT_EQ(executor_.ended(request.id).end, run_end::cancelled);
  auto last = who();
  EXPECT_NE(last, first);
  for (const auto* how : {"fork", "daemonize"}) {  // a child of the handler's process, and one of the supervisor's
    const baton::test::pid_file pids;
    request = executor_.request(misbehave, {{"how", std::string{how}}, {"pids", pids.path()}});
    executor_->start(request);
    EXPECT_EQ(executor_.ended(request.id).end, run_end::success);
    EXPECT_EQ(pids.alive(), 0U) << how;
    const auto before = std::exchange(last, who());
    EXPECT_NE(last, before) << how;
  }
}

TEST_F(runner_pools, g6_kill_a_second_run_at_its_own_leases_deadline) {
  const auto first = who();
  auto request = executor_.request(misbehave, {{"how", std::string{"hang"}}, {"pids", std::string{}}});
  request.lease_deadline = executor_.in(100ms);
  executor_->start(request);
  EXPECT_EQ(executor_.ended(request.id).end, run_end::lease_expired);
  EXPECT_FALSE(is_alive_pid(first));
  EXPECT_NE(who(), first);
}

TEST_F(runner_pools, stop_orders_of_a_run_do_not_reach_the_next) {
  for (int i = 0; i < 200; ++i) {
    auto request = executor_.request(misbehave, {{"how", std::string{"succeed"}}, {"pids", std::string{}}});
    executor_->start(request);
    if (i % 2 == 0) executor_->stop(request.id, {10s, 20s});
    const auto end = executor_.ended(request.id);
    ASSERT_TRUE(i % 2 == 0 || end.end == run_end::success) << i << end.text;
  }
}

TEST_F(runner_pools, use_a_changed_file_at_the_next_run) {
  const auto folder = std::filesystem::temp_directory_path() / ("baton-plugin-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const auto copy = folder / "misbehave.so";
  std::filesystem::copy_file(misbehave, copy);
  const auto before = run("say_who", copy).text;
  EXPECT_EQ(run("say_who", copy).text, before);
  std::filesystem::copy_file(misbehave, folder / "new.so");
  std::filesystem::rename(folder / "new.so", copy);
  const auto after = run("say_who", copy).text;
  EXPECT_NE(after, before);
  std::filesystem::permissions(copy, std::filesystem::perms::others_write, std::filesystem::perm_options::add);
  EXPECT_EQ(run("say_who", copy).end, run_end::not_started) << "also when only its mode has changed";
  std::filesystem::remove_all(folder);
}

TEST_F(runner_pools, keep_runs_with_other_limits_apart) {
  const auto free = who();
  const auto small = who({std::uint64_t{1} << 32, {}, 32});
  EXPECT_NE(small, free);
  EXPECT_EQ(who({std::uint64_t{1} << 32, {}, 32}), small);
  EXPECT_NE(who({{}, 10, {}}), who({{}, 10, {}})) << "processor time counts over a process's life";
  EXPECT_EQ(who(), free);
}

TEST_F(runner_pools, leave_no_process_when_the_executor_goes) {
  std::vector<std::string> waiting;
  std::vector<run_request> requests;
  for (int i = 0; i < 8; ++i)
    executor_->start(requests.emplace_back(executor_.request(misbehave, {{"how", std::string{"say_who"}}, {"pids", std::string{}}})));
  for (const auto& r : requests) waiting.push_back(executor_.ended(r.id).text);
  executor_.destroy_executor();
  for (const auto& pid : waiting) EXPECT_FALSE(is_alive_pid(pid));
}

/// The process that had it made; empty: it is gone.
std::string parent_of(const std::string& pid) {
  std::ifstream file{"/proc/" + pid + "/status"};
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("PPid:\t")) return line.substr(6);
  }
  return {};
}

std::set<std::string> children_of(const std::string& parent) {
  std::set<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
    const auto pid = entry.path().filename().string();
    if (parent_of(pid) == parent) all.insert(pid);
  }
  return all;
}
std::set<std::string> own_children() { return children_of(std::to_string(::getpid())); }

TEST_F(runner_pools, have_a_process_and_its_handler_begun_for_the_next_cold_run) {
  const auto used = parent_of(who());
  ASSERT_TRUE(eventually([] { return own_children().size() == 2; }));
  auto spare = own_children();
  EXPECT_EQ(spare.erase(used), 1U);
  ASSERT_TRUE(eventually([&] { return children_of(*spare.begin()).size() == 1; }));
  const auto waiting = *children_of(*spare.begin()).begin();
  EXPECT_EQ(who({{}, {}, 64}), waiting);
  EXPECT_TRUE(eventually([] { return own_children().size() == 3; })) << "and another";
  executor_.destroy_executor();
  EXPECT_TRUE(own_children().empty());
}

TEST(runner_pool, keeps_so_many_runners_for_so_long_and_so_many_runs) {
  const auto runner = [] {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    ::close(ends[1]);
    spawned_runner r;
    r.socket = unique_fd{ends[0]};
    return r;
  };
  runner_pool pool;
  const auto now = baton::boot_time{100s};
  const runner_purpose purpose{"/a.so", 0, 0, 0, 0, 0, {}, {}};
  for (std::uint64_t i = 0; i <= runner_pool::most; ++i) pool.keep(i, {purpose, runner(), 1, {}}, now + std::chrono::microseconds{i});
  EXPECT_EQ(pool.next_deadline(), now + runner_pool::most_idle);
  pool.send_away_idle(now + runner_pool::most_idle);
  EXPECT_EQ(pool.next_deadline(), now + runner_pool::most_idle + 1us) << "of those that were too many none is left";
  pool.send_away_all();
  EXPECT_EQ(pool.next_deadline(), baton::boot_time::max());
  EXPECT_TRUE(pool.contains(runner_pool::most)) << "until it has been reaped";
  runner_pool worn;
  worn.keep(1, {purpose, runner(), runner_pool::most_runs, {}}, now);
  worn.keep(2, {std::nullopt, runner(), 1, {}}, now);
  EXPECT_EQ(worn.next_deadline(), baton::boot_time::max());

  runner_pool fresh;
  fresh.keep_spare(1, runner(), now);
  EXPECT_TRUE(fresh.has_spare());
  EXPECT_FALSE(fresh.take(purpose)) << "nor is it taken before there is none that has run the plugin";
  EXPECT_EQ(fresh.next_deadline(), now + runner_pool::most_idle);
}

}  // namespace

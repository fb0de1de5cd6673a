// What a run of a handler costs: in a process that is warm, in a new one, and beside two hundred others.
#include <benchmark/benchmark.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "baton/base/system_clock.hpp"
#include "baton/plugin_host/executor.hpp"
#include "figures.hpp"

namespace baton::bench {
namespace {

using namespace plugin_host;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

const std::string noop = BATON_SHIPPED_PLUGINS "/noop.so";
constexpr int samples = 300;

/// Starts runs of noop, and waits for what it is told of them.
class bed {
 public:
  bed() {
    executor_ = executor::create({BATON_RUNNER, {}, false}, time_, [this](run_id id, const run_event& event) {
                  const std::scoped_lock guard{mutex_};
                  if (std::holds_alternative<run_started>(event)) started_.insert(id);
                  if (std::holds_alternative<run_ended>(event)) ended_.insert(id);
                  changed_.notify_all();
                }).value();
  }

  run_id start(isolation where, std::chrono::milliseconds takes = 0ms, const run_limits& limits = {}) {
    run_request r;
    r.id = run_id{++last_};
    r.isolation = where;
    r.plugin_path = noop;
    r.parameters = {{"duration", microseconds{takes}}};
    r.lease_deadline = time_.now().steady + 600s;
    r.limits = limits;
    executor_->start(r);
    return r.id;
  }
  void await_start(run_id id) { await(started_, id); }
  void await_end(run_id id) { await(ended_, id); }
  void stop(run_id id) { executor_->stop(id, {0us, 0us}); }

 private:
  void await(const std::set<run_id>& in, run_id id) {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [&] { return in.contains(id); });
  }

  system_clock time_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<run_id> started_;
  std::set<run_id> ended_;
  std::uint64_t last_ = 0;
  std::unique_ptr<executor> executor_;
};

double quantile(std::vector<double> all, double q) {
  std::ranges::sort(all);
  return all[static_cast<std::size_t>(q * static_cast<double>(all.size() - 1))];
}

double us_of(auto work) {
  const auto begin = steady::now();
  work();
  return std::chrono::duration<double, std::micro>(steady::now() - begin).count();
}

std::vector<double> runs_of(bed& b, isolation where, int count, const run_limits& limits = {}) {
  std::vector<double> all;
  for (int i = 0; i < count; ++i) all.push_back(us_of([&] { b.await_end(b.start(where, 0ms, limits)); }));
  return all;
}

/// The runner's program, which ends at once without an instance: as much to load, and nothing to do.
void spawn_and_wait() {
  std::string program = BATON_RUNNER;
  std::array<char*, 2> arguments{program.data(), nullptr};
  pid_t child = 0;
  if (::posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments.data(), environ) == 0) ::waitpid(child, nullptr, 0);
}

void run_warm(benchmark::State& state) {
  for (auto _ : state) {
    bed b;
    runs_of(b, isolation::process, 10);
    const auto in_process = quantile(runs_of(b, isolation::in_process, samples), 0.5);
    const auto warm = quantile(runs_of(b, isolation::process, samples), 0.5);
    keep({"run_warm", warm, "us", in_process, 3 + 100 / in_process});
  }
}
BENCHMARK(run_warm)->Iterations(1)->Unit(benchmark::kMillisecond);

void run_cold(benchmark::State& state) {
  for (auto _ : state) {
    std::vector<double> bare;
    for (int i = 0; i < samples / 3; ++i) bare.push_back(us_of(spawn_and_wait));
    bed b;
    const run_limits limits{{}, 60, {}};  // with which no runner is used again
    std::vector<double> cold;
    for (int i = 0; i < samples / 3; ++i) {
      std::this_thread::sleep_for(60ms);  // jobs that take a runner of their own come one by one
      cold.push_back(runs_of(b, isolation::process, 1, limits).front());
    }
    keep({"run_cold", quantile(cold, 0.5), "us", quantile(bare, 0.5), 1.3});
    // Without a pause nothing is ready: two forks, an exec and loading the plugin, where the bare one is an exec.
    const auto in_a_row = quantile(runs_of(b, isolation::process, samples / 3, limits), 0.5);
    keep({"run_cold_in_a_row", in_a_row, "us", quantile(bare, 0.5), 2.5});
  }
}
BENCHMARK(run_cold)->Iterations(1)->Unit(benchmark::kMillisecond);

/// How late a run in process starts that comes every 5 ms.
double lateness(bed& b) {
  std::vector<double> late;
  auto due = steady::now();
  for (int i = 0; i < samples; ++i) {
    std::this_thread::sleep_until(due += 5ms);
    b.await_start(b.start(isolation::in_process));
    late.push_back(std::chrono::duration<double, std::micro>(steady::now() - due).count());
  }
  return quantile(late, 0.99);
}

void late_beside_200_runs(benchmark::State& state) {
  cpu_set_t before;
  cpu_set_t all;
  ::sched_getaffinity(0, sizeof before, &before);
  CPU_ZERO(&all);
  for (int i = 0; i < 64; ++i) CPU_SET(i, &all);
  ::sched_setaffinity(0, sizeof all, &all);  // of this thread, and of those it makes
  for (auto _ : state) {
    bed b;
    std::vector<double> alone;
    std::vector<double> beside;
    for (int round = 0; round < 3; ++round) {
      alone.push_back(lateness(b));
      std::vector<run_id> others;
      for (int i = 0; i < 200; ++i) others.push_back(b.start(isolation::process, 1h));
      for (const auto id : others) b.await_start(id);
      beside.push_back(lateness(b));
      for (const auto id : others) b.stop(id);
      for (const auto id : others) b.await_end(id);
    }
    keep({"late_beside_200_runs_p99", quantile(beside, 0.5), "us", quantile(alone, 0.5), 2.0});
  }
  ::sched_setaffinity(0, sizeof before, &before);
}
BENCHMARK(late_beside_200_runs)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace baton::bench

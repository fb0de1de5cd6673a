// What a schedule costs, each as a ratio to one round trip of libc between an instant and its parts, in the same run.
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <random>

#include "baton/schedule/timetable.hpp"
#include "figures.hpp"
#include "tick_queue.hpp"

namespace baton::bench {
namespace {

using schedule::timetable;
using schedule::zone;
using steady = std::chrono::steady_clock;

constexpr int calls = 2000;

std::vector<wall_time> instants() {
  std::mt19937_64 random{42};
  std::vector<wall_time> out;
  for (int i = 0; i < calls; ++i)
    out.emplace_back(std::chrono::seconds{std::uniform_int_distribution<std::int64_t>{1'577'836'800, 1'893'456'000}(random)});  // 2020-2029
  return out;
}

/// Nanoseconds of one call, in the best of the rounds: what disturbs only ever adds.
class stopwatch {
 public:
  template <typename Work>
  void round(Work work) {
    const auto start = steady::now();
    work();
    best_ = std::min(best_, std::chrono::duration<double, std::nano>(steady::now() - start).count() / calls);
  }
  [[nodiscard]] double ns() const { return best_; }

 private:
  double best_ = 1e18;
};

void libc_round_trips(const std::vector<wall_time>& at) {
  for (const auto t : at) {
    const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    benchmark::DoNotOptimize(::timegm(&parts));
  }
}

template <typename Work>
void against_libc(benchmark::State& state, const std::string& name, double limit, Work work) {
  static const auto at = instants();
  stopwatch ours;
  stopwatch libc;
  for (auto _ : state) {
    ours.round([&] { work(at); });
    libc.round([&] { libc_round_trips(at); });
  }
  state.counters["ratio"] = ours.ns() / libc.ns();
  keep({name, ours.ns(), "ns", libc.ns(), limit});
}

/// Of the expressions before: the median of their figures, whose limit it is.
void median_of(const std::string& prefix, double limit) {
  std::vector<figure> some;
  for (const auto& f : kept()) {
    if (f.name.starts_with(prefix) && !f.name.ends_with("median")) some.push_back(f);
  }
  if (some.empty()) return;
  std::ranges::sort(some, {}, [](const figure& f) { return f.value / f.baseline; });
  const auto& low = some[(some.size() - 1) / 2];
  const auto& high = some[some.size() / 2];
  keep({prefix + "median", (low.value + high.value) / 2, "ns", (low.baseline + high.baseline) / 2, limit});
}

timetable table_of(const char* expression, const zone& where) { return std::get<timetable>(timetable::from_cron(expression, where)); }

void next(benchmark::State& state, const std::string& name, const char* expression, const zone& where, double limit) {
  const auto t = table_of(expression, where);
  against_libc(state, name, limit, [&](const std::vector<wall_time>& at) {
    for (const auto from : at) benchmark::DoNotOptimize(t.next(from));
  });
}

void parse(benchmark::State& state, const std::string& name, const char* expression) {
  against_libc(state, name, 10, [&](const std::vector<wall_time>& at) {
    for (std::size_t i = 0; i < at.size(); ++i) benchmark::DoNotOptimize(timetable::from_cron(expression));
  });
}

/// The first of a million jobs is taken and due again later. The limit is a microsecond where a round trip takes 102 ns.
void pop_and_rearm(benchmark::State& state) {
  constexpr std::uint32_t jobs = 1'000'000;
  engine::tick_queue queue{jobs};
  std::mt19937_64 random{7};
  for (std::uint32_t j = 0; j < jobs; ++j) queue.set(j, wall_time{std::chrono::milliseconds{random() % 86'400'000}});
  against_libc(state, "queue_pop_and_rearm_of_1000000", 1000.0 / 102, [&](const std::vector<wall_time>& at) {
    for (std::size_t i = 0; i < at.size(); ++i) {
      const auto tick = *queue.next();
      queue.set(queue.pop(), tick + std::chrono::milliseconds{random() % 86'400'000});
    }
  });
}

[[maybe_unused]] const bool registered = [] {
  static const auto new_york = std::get<zone>(zone::find("America/New_York"));
  constexpr const char* typical[] = {"* * * * * *",     "* * * * *", "*/5 * * * *",  "0 0 * * *", "0 9-17/2 * * MON-FRI",
                                     "*/7 13 1,15 * 5", "0 0 L * ?", "30 4 1 */3 *", "0 0 1 1 *", "0 0 * * FRI#2"};
  const auto add = [](const std::string& name, auto run) {
    benchmark::RegisterBenchmark(name.c_str(), run)->Unit(benchmark::kMicrosecond)->Iterations(60);
  };
  for (const auto* expression : typical) {
    const std::string utc = "next_utc/" + std::string{expression};
    const std::string zoned = "next_zone/" + std::string{expression};
    add(utc, [=](auto& state) { next(state, utc, expression, zone::utc(), 0); });
    add(zoned, [=](auto& state) { next(state, zoned, expression, new_york, 1.2); });
    const std::string parsed = "parse/" + std::string{expression};
    add(parsed, [=](auto& state) { parse(state, parsed, expression); });
  }
  add("next_utc_median", [](auto& state) {
    for (auto _ : state) median_of("next_utc/", 0.5);
  });
  add("next_utc/0 0 29 2 *", [](auto& state) { next(state, "next_utc/0 0 29 2 *", "0 0 29 2 *", zone::utc(), 1.2); });
  add("next_zone/0 0 29 2 *", [](auto& state) { next(state, "next_zone/0 0 29 2 *", "0 0 29 2 *", new_york, 0); });
  add("queue", [](auto& state) { pop_and_rearm(state); });
  return true;
}();

}  // namespace
}  // namespace baton::bench

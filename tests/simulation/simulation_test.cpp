#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "baton/testing/time_budget.hpp"
#include "fleet.hpp"

namespace baton::simulation {
namespace {

/// G1, G2, G3, G7, G8, G11 and G12 on a fleet.
template <typename... Args>
verdict expect_guarantees(std::uint64_t seed, Args... of_fleet) {
  verdict found;
  try {
    found = fleet{seed, of_fleet...}.run();
  } catch (const std::exception& e) {
    found.violations.push_back(std::string{"an exception: "} + e.what());
  }
  for (const auto& violation : found.violations) ADD_FAILURE() << violation;
  if (!found.violations.empty()) {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::cerr << "replay: BATON_SIM_SEED=" << seed << " simulation_test --gtest_filter=" << test->test_suite_name() << "." << test->name()
              << "\n";
  }
  return found;
}

TEST(simulation, is_the_same_every_time_for_a_seed) {
  const auto first = fleet{17}.run();
  const auto second = fleet{17}.run();
  EXPECT_EQ(first.events, second.events);
  EXPECT_EQ(first.runs, second.runs);
  EXPECT_EQ(first.ticks, second.ticks);
  EXPECT_GT(first.runs, 50U);
}

TEST(simulation, keeps_the_guarantees_under_faults) {
  if (const char* seed = std::getenv("BATON_SIM_SEED")) {
    expect_guarantees(std::strtoull(seed, nullptr, 10), true);
    return;
  }
  const bool is_long = std::getenv("BATON_LONG") != nullptr;
  const std::chrono::seconds how_long{is_long ? BATON_SIM_LONG : BATON_SIM_SHORT};
  const testing::time_budget budget{"BATON_SIM_SECONDS", how_long};
  std::random_device device;
  verdict sum;
  std::uint64_t fleets = 0;
  while (!budget.is_spent() && !HasFailure()) {
    // The same ones each time, so that a change is judged by what it does; the hour looks for new ones.
    const auto seed = fleets < 20 || !is_long ? fleets + 1 : device();
    const auto found = expect_guarantees(seed);
    ++fleets;
    sum.add(found);
  }
  if (fleets >= 1000) {
    EXPECT_GT(sum.overlaps, 0U) << "two faults at once are tried in vain";
  }
  const auto seconds = std::max(1e-6, std::chrono::duration<double>(budget.spent()).count());
  std::cout << fleets << " fleets (takeover: fast in " << sum.fast << ", safe in " << fleets - sum.fast << "; " << sum.overlaps
            << " overlaps by two faults, the longest " << to_text(sum.longest_overlap) << "), " << sum.failovers << " failovers that lost "
            << sum.lost_writes << " writes, of which owners restored " << sum.restored << "; " << sum.judged
            << " rows held against their policies; " << sum.simulated.count() / 3'600'000'000 << " simulated hours, " << sum.ticks
            << " ticks, " << sum.runs << " runs; " << static_cast<std::uint64_t>(static_cast<double>(sum.ticks) / seconds) << " ticks/s, "
            << static_cast<std::uint64_t>(static_cast<double>(sum.events) / seconds) << " events/s\n";
}

// ---- the nights on which clocks change

/// A job with an expression in Berlin, and its ticks as docs/explanation/time.md has them: written by hand, or every so often.
job_plan night_job(const std::string& name, std::string_view expression, std::vector<std::string_view> ticks, microseconds every = {}) {
  job_plan plan;
  plan.job.name = name;
  plan.job.schedule = std::get<schedule::timetable>(
      schedule::timetable::from_cron(expression, std::get<schedule::zone>(schedule::zone::find("Europe/Berlin")), name));
  plan.job.lock_name = "baton:sim:" + name;
  plan.job.schedule_hash = plan.job.schedule->identity();
  plan.job.grace = std::chrono::seconds{1};
  plan.shortest_run = std::chrono::milliseconds{5};
  plan.longest_run = std::chrono::seconds{4};
  plan.ticks = [ticks, every](wall_time from, wall_time until) {
    std::vector<wall_time> all;
    for (const auto text : ticks) {
      if (const auto t = from_rfc3339(text).value(); t >= from && t <= until) all.push_back(t);
    }
    if (every > microseconds{0}) {
      for (auto t = wall_time{from.time_since_epoch() / every * every}; t <= until; t += every) {
        if (t >= from) all.push_back(t);
      }
    }
    return all;
  };
  return plan;
}

void expect_every_tick_of_the_night(std::string_view begins, const std::vector<job_plan>& jobs) {
  if (const char* seed = std::getenv("BATON_SIM_SEED")) {
    expect_guarantees(std::strtoull(seed, nullptr, 10), from_rfc3339(begins).value(), jobs);
    return;
  }
  std::uint64_t runs = 0;
  for (std::uint64_t seed = 1; seed <= 20 && !::testing::Test::HasFailure(); ++seed)
    runs += expect_guarantees(seed, from_rfc3339(begins).value(), jobs).runs;
  EXPECT_GT(runs, 100U);
}

// 02:59:59 is followed by 02:00:00, at 01:00 UTC.
TEST(simulation, runs_every_tick_of_a_night_with_an_hour_twice) {
  expect_every_tick_of_the_night(
      "2026-10-25T00:58:30Z",
      {night_job("twice", "10 0 * * * *", {"2026-10-25T01:00:10Z"}), night_job("first-pass", "20 59 2 * * *", {"2026-10-25T00:59:20Z"}),
       night_job("not-again", "10 0 2 * * *", {}), night_job("fixed", "0 0,59 2 * * *", {"2026-10-25T00:59:00Z"}),
       night_job("hours", "30 0-2 2 * * *", {"2026-10-25T01:00:30Z", "2026-10-25T01:01:30Z", "2026-10-25T01:02:30Z"}),
       night_job("often", "*/20 * * * * *", {}, std::chrono::seconds{20})});
}

// 01:59:59 is followed by 03:00:00, at 01:00 UTC.
TEST(simulation, runs_every_tick_of_a_night_that_lacks_an_hour) {
  expect_every_tick_of_the_night(
      "2026-03-29T00:58:30Z",
      {night_job("lacking", "30 15 2 * * *", {"2026-03-29T01:00:00Z"}), night_job("several", "0 */15 2 * * *", {"2026-03-29T01:00:00Z"}),
       night_job("before", "0 59 1 * * *", {"2026-03-29T00:59:00Z"}), night_job("after", "0 0 3 * * *", {"2026-03-29T01:00:00Z"}),
       night_job("hourly", "30 0 * * * *", {"2026-03-29T01:00:30Z"}), night_job("often", "*/20 * * * * *", {}, std::chrono::seconds{20})});
}

}  // namespace
}  // namespace baton::simulation

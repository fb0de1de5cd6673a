#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "baton/testing/time_budget.hpp"
#include "fleet.hpp"

namespace baton::simulation {
namespace {

/// G1, G2, G3, G7, G8, G11 and G12 on a fleet drawn from the seed.
verdict expect_guarantees(std::uint64_t seed, bool trace = false) {
  verdict found;
  try {
    found = fleet{seed, trace}.run();
  } catch (const std::exception& e) {
    found.violations.push_back(std::string{"an exception: "} + e.what());
  }
  for (const auto& violation : found.violations) ADD_FAILURE() << violation;
  if (!found.violations.empty())
    std::cerr << "replay: BATON_SIM_SEED=" << seed << " simulation_test --gtest_filter=simulation.keeps_the_guarantees_under_faults\n";
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
  const testing::time_budget budget{"BATON_SIM_SECONDS", std::chrono::seconds{20}};
  std::random_device device;
  verdict sum;
  std::uint64_t fleets = 0;
  while (!budget.is_spent() && !HasFailure()) {
    const auto seed = fleets < 20 ? fleets + 1 : device();  // the same ones first, then new ones
    const auto found = expect_guarantees(seed);
    ++fleets;
    sum.ticks += found.ticks;
    sum.runs += found.runs;
    sum.events += found.events;
    sum.simulated += found.simulated;
  }
  const auto seconds = std::max(1e-6, std::chrono::duration<double>(budget.spent()).count());
  std::cout << fleets << " fleets, " << sum.simulated.count() / 3'600'000'000 << " simulated hours, " << sum.ticks << " ticks, " << sum.runs
            << " runs; " << static_cast<std::uint64_t>(static_cast<double>(sum.ticks) / seconds) << " ticks/s, "
            << static_cast<std::uint64_t>(static_cast<double>(sum.events) / seconds) << " events/s\n";
}

}  // namespace
}  // namespace baton::simulation

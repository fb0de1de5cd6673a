// What a large fleet costs while nothing is due.
#include <iostream>

#include "fixture.hpp"

namespace baton::system_test {
namespace {

class idle_fleets : public on_a_server {
 protected:
  /// Without those of the purge, which comes once a minute in a transaction of three.
  [[nodiscard]] std::int64_t statements() const {
    std::int64_t sum = 0;
    for (const auto& row : ask("SHOW GLOBAL STATUS WHERE Variable_name IN ('Questions', 'Com_begin')"))
      sum += (row.at(0) == "Questions" ? 1 : -3) * std::stoll(row.at(1).value_or("0"));
    return sum;
  }
};

TEST_P(idle_fleets, ask_one_statement_a_second_beside_the_probe_and_take_a_hundredth_of_a_processor_with_10000_jobs) {
  fleet f{fleet_options()};
  f.cannot_work("nothing is due");
  for (int i = 0; i < 10'000; ++i) f.job("job-" + std::to_string(i), never_due, "");
  auto& a = f.add("a");
  ASSERT_TRUE(f.await_ready(seconds{60})) << f.logs();
  // The reconciles that follow the start show all jobs as changed, for ten seconds.
  const auto settled = boot_now() + seconds{12};
  ASSERT_TRUE(eventually([&] { return boot_now() >= settled; }, seconds{20}, milliseconds{100}));
  const auto from = boot_now();
  const auto statements_before = statements();
  const auto busy_before = a.process().processor_time();
  ASSERT_TRUE(eventually([&] { return boot_now() >= from + seconds{20}; }, seconds{30}, milliseconds{100}));
  const auto busy = a.process().processor_time() - busy_before;
  const auto elapsed = std::chrono::duration<double>(boot_now() - from).count();
  const auto asked = static_cast<double>(statements() - statements_before - 1);  // the question itself
  const double probes = elapsed / 0.5;
  const double a_second = (asked - probes) / elapsed;
  std::cout << "idle with 10,000 jobs: " << a_second << " statements a second beside " << probes / elapsed << " probes, "
            << 100 * std::chrono::duration<double>(busy).count() / elapsed << " % of a processor\n";
  EXPECT_LE(asked - probes, elapsed + 3) << "one a second, and what a heartbeat adds";
  EXPECT_GE(asked, elapsed / 2) << "it does ask";
  EXPECT_LE(busy, std::chrono::duration_cast<microseconds>(std::chrono::duration<double>(elapsed / 100)) + milliseconds{20});
}

BATON_ON_BOTH_SERVERS(idle_fleets);

}  // namespace
}  // namespace baton::system_test

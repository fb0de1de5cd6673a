// Handlers that do everything they should not, beside one that does what it should.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>

#include "fixture.hpp"

namespace baton::system_test {
namespace {

using ::testing::IsEmpty;

/// Processes of this machine that have the plugin mapped: whoever runs its code, or was forked while that ran.
std::vector<std::string> processes_with(const std::string& plugin) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& process : std::filesystem::directory_iterator{"/proc", ignored}) {
    const auto name = process.path().filename().string();
    if (!std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) continue;
    std::ifstream maps{process.path() / "maps"};
    for (std::string line; std::getline(maps, line);) {
      if (!line.ends_with(plugin)) continue;
      found.push_back(name);
      break;
    }
  }
  return found;
}

class misbehaviour : public on_a_server {};

TEST_P(misbehaviour, g10_of_random_handlers_costs_nobody_a_tick_and_leaves_nothing_behind) {
  constexpr int jobs = 8;
  const std::int64_t wanted = std::getenv("BATON_LONG") != nullptr ? 1000 : 150;
  fleet f{fleet_options()};
  f.job("good", "{every: 1s}", "--for 10");
  std::vector<std::string> names{"good"};
  for (int i = 0; i < jobs; ++i) {
    const auto& name = names.emplace_back("bad-" + std::to_string(i));
    f.plugin_job(name, "{every: 1s}", "misbehave", "{how: at_random}",
                 "    timeout: 300ms\n    grace: 100ms\n    limits: {memory: 512MiB, files: 64}\n");
    f.rests(name);
  }
  auto& a = f.add("a");
  auto& b = f.add("b");
  ASSERT_TRUE(f.await_ready()) << f.logs();
  const auto from = std::chrono::ceil<seconds>(wall_now()) + seconds{2};
  ASSERT_TRUE(eventually([&] { return wall_now() >= from; }, seconds{10}));
  const auto descriptors = descriptors_of(a.pid()) + descriptors_of(b.pid());

  const auto tick_table = "FROM baton.baton_tick WHERE cluster='" + f.cluster() + "' AND job LIKE 'bad-%' AND state=4 AND outcome>0";
  ASSERT_TRUE(eventually([&] { return std::stoll(ask_one("SELECT COUNT(*) " + tick_table)) >= wanted; }, seconds{60 + wanted / 2},
                         milliseconds{200}))
      << ask_one("SELECT COUNT(*) " + tick_table) << f.logs();
  const auto until = std::chrono::floor<seconds>(wall_now()) - seconds{2};

  const auto outcomes = ask("SELECT outcome,COUNT(*) " + tick_table + " GROUP BY outcome ORDER BY outcome");
  std::set<std::string> seen;
  for (const auto& row : outcomes) seen.insert(row.at(0).value_or(""));
  for (const auto* wanted : {"1", "2", "3", "5"})
    EXPECT_TRUE(seen.contains(wanted)) << "no success, failure, time-out or crash: " << wanted;
  for (const auto& row : outcomes) std::cout << "outcome " << row.at(0).value_or("") << ": " << row.at(1).value_or("") << " runs\n";
  EXPECT_EQ(ask_one("SELECT COUNT(*) " + tick_table + " AND LENGTH(output)>4096"), "0");

  const auto ticks = f.runs().ticks_of("good");
  for (auto t = from; t <= until; t += seconds{1}) {
    const auto it = ticks.find(t);
    EXPECT_EQ(it == ticks.end() ? 0 : it->second, 1) << to_rfc3339(t);
  }
  std::vector<microseconds> lateness;
  const auto offset = wall_now() - boot_now().time_since_epoch();
  for (const auto& r : f.runs().of("good")) {
    if (r.tick >= from && r.tick <= until) lateness.push_back(offset + r.started.time_since_epoch() - r.tick);
  }
  ASSERT_FALSE(lateness.empty());
  std::ranges::sort(lateness);
  const auto p99 = lateness[lateness.size() * 99 / 100];
  std::cout << lateness.size() << " ticks of the good job: p50 " << to_text(lateness[lateness.size() / 2]) << ", p99 " << to_text(p99)
            << " late\n";
  EXPECT_TRUE(is_sanitized || p99 <= milliseconds{250});

  EXPECT_TRUE(eventually([&] { return descriptors_of(a.pid()) + descriptors_of(b.pid()) <= descriptors + 64; }, seconds{5}));
  for (const auto code : f.stop()) EXPECT_EQ(code, 0);
  EXPECT_TRUE(eventually([] { return processes_with("/misbehave.so").empty(); }, seconds{5}))
      << ::testing::PrintToString(processes_with("/misbehave.so"));
  EXPECT_THAT(locks_left(f, names), IsEmpty());
}

BATON_ON_BOTH_SERVERS(misbehaviour);

}  // namespace
}  // namespace baton::system_test

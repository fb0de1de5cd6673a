// Three instances whose client library fails at one call in five.
#include <filesystem>
#include <fstream>
#include <map>

#include "baton/testing/disturbance.hpp"
#include "fixture.hpp"

namespace baton::system_test {
namespace {

class injections : public on_a_server {};

TEST_P(injections, g1_g2_g7_s25_a_client_that_fails_at_every_fifth_call_doubles_nothing_overlaps_nothing_and_leaves_nothing_stuck) {
  if (is_sanitized) GTEST_SKIP() << "cannot here: a sanitizer's library has to be the first one";
  const bool is_long = std::getenv("BATON_LONG") != nullptr;
  const char* chosen = std::getenv("BATON_TEST_SEED");
  const auto seed = chosen != nullptr ? std::string{chosen} : std::to_string(wall_now().time_since_epoch().count() % 1'000'000);
  SCOPED_TRACE("BATON_TEST_SEED=" + seed);
  fleet f{fleet_options()};
  std::vector<std::string> jobs;
  for (int i = 0; i < 8; ++i) f.job(jobs.emplace_back("quick-" + std::to_string(i)), "{every: 1s}", "--for 20");
  f.job(jobs.emplace_back("slow"), "{every: 1s}", "--for 700 --beat 20");
  f.job(jobs.emplace_back("again"), "{every: 1s}", "--for 300 --beat 20", "    on_crash: retry\n");
  const auto on = f.directory() / "faults";
  const auto log = f.directory() / "injected";
  std::ofstream{on} << seed;
  for (const auto* name : {"a", "b", "c"}) {
    f.add(name, {.clock_offset = {},
                 .environment = {"LD_PRELOAD=" BATON_CLIENT_FAULTS, "BATON_FAULTS_RATE=0.2", "BATON_FAULTS_SEED=" + seed,
                                 "BATON_FAULTS_WHILE=" + on.string(), "BATON_FAULTS_LOG=" + log.string()},
                 .store_settings = {}});
  }
  const auto has_run = [&] {
    const auto file = f.runs();
    return std::ranges::all_of(jobs, [&](const auto& job) { return !file.of(job).empty(); });
  };
  EXPECT_TRUE(eventually(has_run, seconds{60}, milliseconds{100})) << "no way through\n" << f.logs();
  const auto until = wall_now() + (is_long ? seconds{110} : seconds{10});
  // Some of the calls that failed have asked for a lock: they count as errors, and not as busy.
  const auto errors = [&] {
    double sum = 0;
    for (auto& i : f) sum += i->metrics().value("baton_lock_attempts_total", {{"outcome", "error"}}).value_or(0);
    return sum;
  };
  EXPECT_TRUE(eventually([&] { return wall_now() >= until && errors() > 0; }, seconds{200}, milliseconds{100}));
  for (auto& i : f) ASSERT_TRUE(i->process().is_running()) << i->log();
  std::filesystem::remove(on);
  testing::disturbance::note();

  std::map<std::string, int> injected;
  std::ifstream lines{log};
  for (std::string kind, function; lines >> kind >> function;) ++injected[kind + " " + function];
  for (const auto* kind : {"lost_before", "lost_after", "refused_before", "refused_after", "late"})
    EXPECT_GE(injected[std::string{kind} + " statement"], 3) << kind;
  expect_every_job_ticks_again(f, wait_timeout + seconds{5});
  const auto file = f.runs();
  std::printf("seed %s: %zu runs; %s ticks in the ledger, of which %s ran; injected:", seed.c_str(), file.runs().size(),
              ask_one("SELECT SUM(tick_count) FROM baton.baton_tick WHERE cluster='" + f.cluster() + "'").c_str(),
              ask_one("SELECT SUM(attempt>0) FROM baton.baton_tick WHERE cluster='" + f.cluster() + "'").c_str());
  for (const auto& [what, count] : injected) std::printf(" %d %s,", count, what.c_str());
  std::printf("\n");
}

BATON_ON_BOTH_SERVERS(injections);

}  // namespace
}  // namespace baton::system_test

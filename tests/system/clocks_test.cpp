#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "fixture.hpp"

namespace baton::system_test {
namespace {

using ::testing::Each;
using ::testing::IsEmpty;

class clocks : public on_a_server {
 protected:
  static constexpr const char* every_second = "{every: 1s}";

  /// Each whole second within the two has run once, and no other more than that.
  static void expect_each_second_once(const fleet& f, const std::string& job, wall_time from, wall_time until, std::size_t count) {
    const auto ticks = f.runs().ticks_of(job);
    std::size_t within = 0;
    for (auto t = std::chrono::ceil<seconds>(from); t < until; t += seconds{1}) {
      const auto it = ticks.find(t);
      EXPECT_EQ(it == ticks.end() ? 0 : it->second, 1) << "tick " << to_rfc3339(t);
      ++within;
    }
    for (const auto& [tick, times] : ticks) EXPECT_EQ(times, 1) << "tick " << to_rfc3339(tick);
    EXPECT_GE(within, count);
  }

  static void wait_until(wall_time t) {
    eventually([&] { return wall_now() >= t; }, seconds{5}, milliseconds{2});
  }

  /// Lets `count` ticks pass, and ends half-way between two. At each, one instance of every fleet in turn sleeps through the run of
  /// the others: it comes to a free lock and a tick that is due by all it knows. Only the ledger knows better.
  static void let_pass(wall_time from, int count, const std::vector<fleet*>& fleets) {
    for (int i = 0; i < count; ++i) {
      const auto tick = std::chrono::ceil<seconds>(from) + seconds{i};
      const auto signal = [&](int number) {
        for (auto* f : fleets) (*f)[static_cast<std::size_t>(i) % f->size()].signal(number);
      };
      wait_until(tick - milliseconds{50});
      signal(SIGSTOP);
      wait_until(tick + milliseconds{250});
      signal(SIGCONT);
    }
    wait_until(std::chrono::ceil<seconds>(from) + seconds{count} - milliseconds{500});
  }
};

TEST_P(clocks, g1_s01_s02_a_fleet_whose_clocks_disagree_by_seconds_or_a_minute_runs_each_tick_once) {
  fleet near{fleet_options("near")};
  fleet far{fleet_options("far")};
  fleet lost{fleet_options("lost")};  // by more than the time between two ticks
  const std::vector fleets{&near, &far, &lost};
  for (auto* f : fleets) f->job("blink", every_second, "--for 20");
  near.add("exact");
  near.add("ahead", {"+250ms", {}, ""});
  near.add("behind", {"-250ms", {}, ""});
  far.add("exact");
  far.add("ahead", {"+2.5s", {}, ""});
  far.add("behind", {"-2.5s", {}, ""});
  lost.add("exact", {"", {}, "  max_clock_offset: 2m\n"});
  lost.add("ahead", {"+65s", {}, "  max_clock_offset: 2m\n"});
  ASSERT_TRUE(near.await_ready() && far.await_ready() && lost.await_ready()) << near.logs() << far.logs() << lost.logs();
  // By default such a machine takes no part, and says why.
  auto& refusing = lost.add("refusing", {"+65s", {}, ""});

  const int ticks = std::getenv("BATON_LONG") != nullptr ? 30 : 14;
  const auto from = wall_now();
  let_pass(from, ticks, fleets);
  const auto until = wall_now();
  const auto reasons = refusing.get("/readyz");
  EXPECT_EQ(reasons.status, 503);
  EXPECT_THAT(reasons.body, ::testing::HasSubstr("max_clock_offset"));
  const auto file = lost.runs();
  EXPECT_TRUE(std::ranges::none_of(file.runs(), [](const auto& r) { return r.instance == "refusing"; }));
  for (auto* f : fleets) {
    double duplicates = 0;
    for (auto& i : *f) {
      const auto m = i->metrics();
      // The error of the estimate is at most the round trip of the best sample.
      const double size = f == &near ? 0.25 : f == &far ? 2.5 : 65;
      const double truth = i->name() == "exact" ? 0 : size * (i->name() == "behind" ? 1 : -1);  // store minus host
      EXPECT_NEAR(m.value("baton_clock_offset_seconds").value_or(99), truth, 0.05) << i->name();
      duplicates += m.value("baton_lock_attempts_total", {{"outcome", "duplicate_tick"}}).value_or(0);
    }
    EXPECT_GE(duplicates, ticks / 3) << "hardly anybody came late to a free lock, so little was shown";
    EXPECT_THAT(f->stop(), Each(0)) << f->logs();
    expect_each_second_once(*f, "blink", from, until, static_cast<std::size_t>(ticks));
    EXPECT_THAT(f->runs().violations(), IsEmpty());
    // G12: never early by the store's clock; it is this machine's.
    EXPECT_EQ(ask_one("SELECT COUNT(*) FROM baton.baton_tick WHERE cluster='" + f->cluster() + "' AND claimed<tick"), "0");
    EXPECT_EQ(ask_one("SELECT COUNT(*) FROM baton.baton_tick WHERE cluster='" + f->cluster() + "' AND (state<>4 OR outcome<>1)"), "0");
  }
}

/// The same without Baton's own test clock: what the process reads from libc is off.
TEST_P(clocks, g1_a_fleet_under_libfaketime_runs_each_tick_once) {
  const std::string library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
  if (is_sanitized || GetParam() == server_kind::mysql) GTEST_SKIP() << "a smoke test on one server, without sanitizers";
  if (!std::filesystem::exists(library)) GTEST_SKIP() << "no " << library << ": apt-get install libfaketime";
  fleet f{fleet_options()};
  f.job("blink", every_second, "--for 20");
  f.add("exact");
  for (const auto& [name, offset] : {std::pair{"ahead", "+2.5"}, std::pair{"behind", "-2.5"}}) {
    // Leases are measured on CLOCK_BOOTTIME, which the runner reads too, and it is not preloaded.
    f.add(name, {"", {"LD_PRELOAD=" + library, std::string{"FAKETIME="} + offset, "FAKETIME_DONT_FAKE_MONOTONIC=1"}, ""});
  }
  ASSERT_TRUE(f.await_ready()) << f.logs();
  const auto from = wall_now();
  let_pass(from, 8, {&f});
  const auto until = wall_now();
  EXPECT_NEAR(f.named("ahead").metrics().value("baton_clock_offset_seconds").value_or(99), -2.5, 0.05);
  EXPECT_THAT(f.stop(), Each(0)) << f.logs();
  expect_each_second_once(f, "blink", from, until, 8);
  EXPECT_THAT(f.runs().violations(), IsEmpty());
}

/// NTP steps the clocks of a whole fleet, one after the other, an hour forward and two back; the store's stays what it is.
TEST_P(clocks, g12_s16_a_step_of_the_clock_by_an_hour_makes_no_burst_no_gap_and_no_second_run) {
  fleet f{fleet_options("step")};
  f.job("blink", every_second, "--for 20");
  const auto set = [&](const std::string& name, const std::string& offset) {
    std::ofstream{f.directory() / (name + ".new")} << offset << "\n";
    std::filesystem::rename(f.directory() / (name + ".new"), f.directory() / (name + ".clock"));
  };
  for (const auto* name : {"a", "b"}) {
    set(name, "0s");
    f.add(name, {(f.directory() / (std::string{name} + ".clock")).string(), {}, "  max_clock_offset: 1h\n"});
  }
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "blink");
  const auto from = wall_now();
  for (const auto& [name, offset] : {std::pair{"a", "+55m"}, {"b", "+55m"}, {"a", "-55m"}, {"b", "0s"}}) {
    set(name, offset);
    const auto before = count_runs(f, "blink");
    EXPECT_TRUE(eventually([&] { return count_runs(f, "blink") >= before + 2; }, seconds{4})) << f.logs();
  }
  const auto until = wall_now() - seconds{1};
  for (auto& i : f) EXPECT_GE(i->metrics().value("baton_clock_steps_total").value_or(0), 1) << i->log();
  expect_each_second_once(f, "blink", from, until, 5);
  const auto blinks = f.runs().of("blink");
  for (std::size_t i = 1; i < blinks.size(); ++i)
    EXPECT_LE(blinks[i].started - blinks[i - 1].started, seconds{2}) << "a stall before " << to_rfc3339(blinks[i].tick);
}

// The zones of the machines matter to nobody; the data about zones that an instance goes by does. It is looked at twice, ten seconds apart:
// meanwhile, beside it, a run in good health keeps its lock at the shortest wait_timeout, by nothing but the probes.
TEST_P(clocks, g2_s10_s20_instances_in_three_zones_agree_and_are_told_of_new_zone_data_and_a_long_run_keeps_its_lock) {
  namespace fs = std::filesystem;
  fleet steady{fleet_options("steady")};
  steady.job("long", soon(seconds{3600}), "--for 14000 --beat 20");
  steady.job("short", every_second, "--for 20");
  for (const auto* name : {"a", "b"}) steady.add(name);
  std::string lock;
  int samples = 0;
  const auto sample = [&] {
    const auto runs = steady.runs().of("long");
    if (runs.empty() || boot_now() > runs[0].started + milliseconds{13800}) return;
    const auto holder = holder_of(steady, "long");
    if (samples++ == 0) lock = holder;
    EXPECT_EQ(holder, lock) << to_text(boot_now() - runs[0].started) << " after the start\n" << steady.logs();
  };
  fleet f{fleet_options("zones")};
  const auto zones = f.directory() / "zoneinfo";
  fs::create_directory(zones);
  const auto install = [&](const std::string& version, const std::string& berlin) {
    fs::create_directories(zones / "Europe");
    fs::copy_file("/usr/share/zoneinfo/" + berlin, zones / "Europe/Berlin", fs::copy_options::overwrite_existing);
    std::ofstream{zones / "tzdata.zi.new"} << "# version " << version << "\n";
    fs::rename(zones / "tzdata.zi.new", zones / "tzdata.zi");
  };
  install("2020a", "Europe/Berlin");
  f.job("blink", "\"* * * * * *\"", "--for 20", "    timezone: Europe/Berlin\n    jitter: 500ms\n");
  f.add("tokyo", {"", {"TZ=Asia/Tokyo"}, ""});
  f.add("lima", {"", {"TZ=America/Lima"}, ""});
  auto& own = f.add("kiritimati", {"", {"TZ=Pacific/Kiritimati", "TZDIR=" + zones.string()}, ""});
  ASSERT_TRUE(f.await_ready()) << f.logs();
  const auto from = wall_now();
  EXPECT_EQ(own.metrics().value("baton_tzdata_info", {{"version", "2020a"}}), 1);
  EXPECT_EQ(own.metrics().value("baton_tzdata_restart_needed"), 0);
  // It changes nothing of what they go by, and is told of while the others wait to ask who differs, each 20 s.
  install("2020b", "Africa/Tunis");
  EXPECT_TRUE(eventually([&] { return sample(), !f.named("lima").log_lines("other=kiritimati").empty(); }, seconds{25}, milliseconds{200}))
      << f.named("lima").log();
  EXPECT_THAT(f.named("lima").log_lines("other=tokyo"), IsEmpty());
  EXPECT_TRUE(eventually([&] { return sample(), own.metrics().value("baton_tzdata_restart_needed") == 1; }, seconds{20}, milliseconds{200}))
      << own.log();
  EXPECT_FALSE(own.log_lines("version=2020b").empty()) << own.log();
  const auto until = wall_now() - seconds{1};
  EXPECT_THAT(f.stop(), Each(0));
  expect_each_second_once(f, "blink", from + seconds{1}, until, 3);

  const auto run = await_run(steady, "long");
  EXPECT_TRUE(eventually([&] { return row_of(steady, run) == "4/1/1"; }, seconds{16})) << "finished, success: " << row_of(steady, run);
  EXPECT_NE(lock, "NULL");
  EXPECT_GE(samples, 30) << "of more than four times W";
  for (auto& i : steady) EXPECT_EQ(i->metrics().value("baton_lock_lost_total"), 0) << i->name();
}

BATON_ON_BOTH_SERVERS(clocks);

}  // namespace
}  // namespace baton::system_test

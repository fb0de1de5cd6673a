// How long a fleet is without a run after a fault, and how fast it obeys: three trials each, twenty with BATON_LONG.
// P = R = S = 0.5 s, W = 3 s, M = 1.5 s; the job is due each second, so that up to one second of a takeover is the wait for its tick.
#include <csignal>

#include "baton/testing/disturbance.hpp"
#include "baton/testing/figures.hpp"
#include "baton/testing/tcp_gate.hpp"
#include "fixture.hpp"

namespace baton::system_test {
namespace {

using testing::figures;
using testing::tcp_gate;
using testing::trials;

constexpr microseconds period = seconds{1};
constexpr microseconds margin = milliseconds{1500};  // M
constexpr microseconds slack = milliseconds{700};    // of a machine with two processors that does other things too

class takeovers : public on_a_server {
 protected:
  void SetUp() override {
    on_a_server::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    fleet_ = std::make_unique<fleet>(fleet_options());
    fleet_->job("long", "{every: 1s}", "--for 600000 --beat 5 --ignore-term");
    fleet_->job("short", "{every: 1s}", "--for 20");
    fleet_->job("by-hand", never_due, "--for 600000 --beat 10", "    grace: 500ms\n");
    for (int i = 0; i < 3; ++i) add();
    ASSERT_TRUE(fleet_->await_ready()) << fleet_->logs();
    testing::disturbance::note();  // until a while ago no session was there at all
    await_run(*fleet_, "long");
  }
  void TearDown() override {
    for (const auto& [name, gate] : gates_) gate->swallow(false);
    fleet_.reset();
    on_a_server::TearDown();
  }

  /// Every instance has a gate of its own.
  instance& add() {
    const auto name = "n" + std::to_string(++added_);
    auto& gate = *(gates_[name] = std::make_unique<tcp_gate>(server().port()));
    return fleet_->add(name, {.clock_offset = {}, .environment = {}, .store_settings = {}, .settings = {}, .store_port = gate.port()});
  }

  /// The run that goes on, once no session of the fleet is younger than W: only then is a takeover as fast as it can be.
  executed_run steady() {
    executed_run run;
    const auto runs_on = [&] {
      const auto all = fleet_->runs().of("long");
      return !all.empty() && is_alive((run = all.back()).pid) && holder_of(*fleet_, "long") != "NULL";
    };
    EXPECT_TRUE(eventually(runs_on, seconds{20})) << fleet_->logs();
    const auto settled = testing::disturbance::last() + wait_timeout + milliseconds{600};
    eventually([&] { return boot_now() >= settled; }, seconds{10});
    EXPECT_TRUE(eventually(runs_on, seconds{20})) << fleet_->logs();
    return run;
  }

  /// What became of the interrupted run and of the next one, `fault` ago.
  void measure(const executed_run& interrupted, boot_time fault, microseconds dead_within, microseconds taken_within, figures& ends,
               figures& takes) {
    executed_run next;
    const auto follows = [&] {
      next = fleet_->runs().of("long").back();
      return next.fence > interrupted.fence;
    };
    ASSERT_TRUE(eventually(follows, taken_within + seconds{10}, milliseconds{5})) << fleet_->logs();
    const auto runs = fleet_->runs().of("long");
    const auto seen = *std::ranges::find(runs, interrupted.fence, &executed_run::fence);
    ends.add(seen.last_seen - fault);
    takes.add(next.started - fault);
    EXPECT_LE(seen.last_seen - fault, dead_within) << fleet_->logs();
    EXPECT_LE(next.started - fault, taken_within) << fleet_->logs();
    EXPECT_GT(next.started, seen.last_seen) << "two runs at once";
  }

  [[nodiscard]] std::string kind() const { return std::string{testing::to_string(GetParam())}; }

  std::unique_ptr<fleet> fleet_;
  std::map<std::string, std::unique_ptr<tcp_gate>> gates_;
  int added_ = 0;
};

TEST_P(takeovers, g4_of_a_killed_process) {
  figures ends{"kill -9: the run is dead", kind()};
  figures takes{"kill -9: the next run", kind()};
  for (int i = 0; i < trials() && !HasFailure(); ++i) {
    const auto run = steady();
    const auto fault = boot_now();
    fleet_->named(run.instance).signal(SIGKILL);
    measure(run, fault, stop_time, 2 * stop_time + period + slack, ends, takes);
    auto& fresh = add();
    EXPECT_TRUE(eventually([&] { return fresh.is_ready(); }, seconds{10})) << fresh.log();
  }
}

TEST_P(takeovers, g5_of_a_killed_session) {
  figures ends{"KILL of the session: the run is dead", kind()};
  figures takes{"KILL of the session: the next run", kind()};
  for (int i = 0; i < trials() && !HasFailure(); ++i) {
    const auto run = steady();
    const auto session = holder_of(*fleet_, "long");
    const auto fault = boot_now();
    ask("KILL " + session);
    measure(run, fault, stop_time + milliseconds{150}, wait_timeout + stop_time + period + slack, ends, takes);
  }
}

TEST_P(takeovers, g6_of_a_process_behind_a_silent_link) {
  figures ends{"partition: the run is dead", kind()};
  figures takes{"partition: the next run", kind()};
  for (int i = 0; i < trials() && !HasFailure(); ++i) {
    const auto run = steady();
    auto& gate = *gates_.at(run.instance);
    const auto fault = boot_now();
    gate.swallow(true);
    measure(run, fault, probe_and_reply + stop_time + milliseconds{150}, wait_timeout + 2 * stop_time + period + slack, ends, takes);
    gate.swallow(false);
    gate.cut();
    EXPECT_TRUE(eventually([&] { return fleet_->named(run.instance).is_ready(); }, seconds{10})) << fleet_->logs();
  }
}

TEST_P(takeovers, g6_of_a_stopped_process) {
  figures ends{"SIGSTOP: the run is dead", kind()};
  figures takes{"SIGSTOP: the next run", kind()};
  for (int i = 0; i < trials() && !HasFailure(); ++i) {
    const auto run = steady();
    const auto fault = boot_now();
    fleet_->named(run.instance).signal(SIGSTOP);
    measure(run, fault, wait_timeout - margin + stop_time + milliseconds{150}, wait_timeout + 2 * stop_time + period + slack, ends, takes);
    fleet_->named(run.instance).signal(SIGCONT);
    EXPECT_TRUE(eventually([&] { return fleet_->named(run.instance).is_ready(); }, seconds{10})) << fleet_->logs();
  }
}

TEST_P(takeovers, g7_of_a_server_that_is_killed_and_started_again) {
  figures ends{"server restart: the run is dead", kind()};
  figures takes{"server restart: the next run after it is up", kind()};
  for (int i = 0; i < trials() && !HasFailure(); ++i) {
    const auto run = steady();
    server().kill();
    const auto fault = boot_now();  // its sockets are closed when its process is gone, which takes a large one a while
    ASSERT_TRUE(eventually([&] { return !is_alive(run.pid); }, seconds{5}, milliseconds{2}));
    const auto dead = boot_now();
    ASSERT_TRUE(server().start_again());
    const auto up = boot_now();
    executed_run next;
    ASSERT_TRUE(eventually([&] { return (next = fleet_->runs().of("long").back()).fence > run.fence; }, seconds{15})) << fleet_->logs();
    ends.add(dead - fault);
    takes.add(next.started - up);
    EXPECT_LE(dead - fault, stop_time + milliseconds{150});
    EXPECT_LE(next.started - up, wait_timeout + 2 * stop_time + period + seconds{2}) << fleet_->logs();
    for (auto& each : *fleet_) EXPECT_TRUE(eventually([&] { return each->is_ready(); }, seconds{10})) << each->log();
  }
}

TEST_P(takeovers, g3_orders_are_obeyed_within_two_seconds) {
  figures pauses{"pause: the last start after the order", kind()};
  figures triggers{"trigger: from the order to the start", kind()};
  figures cancels{"cancel: from the order to the end", kind()};
  await_run(*fleet_, "short", seconds{10});
  for (int i = 0; i < trials() && !HasFailure(); ++i) {
    // At any time between two ticks.
    const auto at = std::chrono::ceil<seconds>(wall_now()) + seconds{1} + i % 10 * milliseconds{100};
    eventually([&] { return wall_now() >= at; }, seconds{4}, milliseconds{2});
    auto asked = boot_now();
    EXPECT_EQ(fleet_->verb({"pause", "short"}, "n1").code, 0);
    EXPECT_TRUE(eventually([&] { return boot_now() >= asked + milliseconds{2500}; }, seconds{4}));
    const auto last = fleet_->runs().of("short").back().started;
    pauses.add(std::max(microseconds{0}, last - asked));
    EXPECT_LE(last - asked, seconds{2});
    EXPECT_EQ(fleet_->verb({"resume", "short"}, "n1").code, 0);

    const auto before = count_runs(*fleet_, "by-hand");
    asked = boot_now();
    EXPECT_EQ(fleet_->verb({"trigger", "by-hand"}, "n2").code, 0);
    const auto run = await_run(*fleet_, "by-hand", seconds{5}, before + 1);
    triggers.add(run.started - asked);
    EXPECT_LE(run.started - asked, seconds{2});
    asked = boot_now();
    EXPECT_EQ(fleet_->verb({"cancel", "by-hand@" + to_rfc3339(run.tick) + "#trigger"}, "n2").code, 0);
    EXPECT_TRUE(eventually([&] { return !is_alive(run.pid); }, seconds{5}, milliseconds{2})) << fleet_->logs();
    cancels.add(boot_now() - asked);
    EXPECT_LE(boot_now() - asked, seconds{2} + stop_time);
    EXPECT_TRUE(eventually([&] { return row_of(*fleet_, run).starts_with("4/"); }, seconds{3}));
  }
}

BATON_ON_BOTH_SERVERS(takeovers);

}  // namespace
}  // namespace baton::system_test

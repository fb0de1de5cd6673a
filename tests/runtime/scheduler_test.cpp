#include "baton/runtime/scheduler.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "baton/base/system_clock.hpp"
#include "fake_store.hpp"

namespace baton::runtime {
namespace {

using namespace std::chrono_literals;
using ledger::row_state;
using ledger::run_outcome;

/// The system's clocks, some time ahead.
class clock_ahead final : public clock {
 public:
  [[nodiscard]] time_point now() const noexcept override {
    auto t = system_.now();
    t.steady += microseconds{ahead_.load()};
    t.wall += microseconds{ahead_.load()};
    return t;
  }
  void advance(microseconds by) noexcept { ahead_ += by.count(); }

 private:
  system_clock system_;
  std::atomic<std::int64_t> ahead_ = 0;
};

/// An instance on a fake store, in real time: each test takes a second or two of it.
class scheduler_test : public ::testing::Test {
 protected:
  static job make_job(const std::string& name, microseconds duration, plugin_host::isolation isolation) {
    job j;
    j.name = name;
    j.schedule = std::get<schedule::timetable>(schedule::timetable::from_every({1s, {}}));
    j.plugin = "noop";
    j.plugin_path = BATON_SHIPPED_PLUGINS "/noop.so";
    j.parameters = {{"duration", duration}, {"fail", false}};
    j.isolation = isolation;
    j.on_lost = lost_policy::report;
    j.grace = 5s;
    return j;
  }

  void start(std::vector<job> jobs) {
    options o;
    o.cluster = "test";
    o.instance = "one";
    o.timing = {500ms, 500ms, 3s, 1500ms, 500ms};
    o.runners.runner_program = BATON_TEST_RUNNER;
    observe::metrics::options m;
    for (const auto& j : jobs) m.jobs.push_back({j.name, "@every 1s", "UTC", "noop", j.name});
    metrics_ = std::make_unique<observe::metrics>(std::move(m));
    auto made = scheduler::create(io_, std::move(o), std::move(jobs), store_.connections(), clock_, log_, *metrics_);
    ASSERT_TRUE(made) << made.error().context;
    scheduler_ = std::move(*made);
    scheduler_->start();
  }

  /// Runs the loop until `done`, ten seconds at most.
  template <typename Done>
  [[nodiscard]] bool run_until(Done done) {
    const auto end = clock_.now().steady + 10s;
    while (!done()) {
      if (clock_.now().steady > end) return false;
      io_.run_for(5ms);
      io_.restart();
    }
    return true;
  }

  [[nodiscard]] std::size_t count(row_state state, run_outcome outcome) {
    const auto rows = store_.rows();
    return static_cast<std::size_t>(std::ranges::count_if(rows, [&](const auto& r) { return r.state == state && r.outcome == outcome; }));
  }

  void stop() {
    bool stopped = false;
    scheduler_->stop([&] { stopped = true; });
    EXPECT_TRUE(run_until([&] { return stopped; }));
    EXPECT_TRUE(run_until([&] { return store_.locks_held() == 0; })) << "a lock is left on the server";
  }

  clock_ahead clock_;
  testing::fake_store store_{clock_};
  observe::log log_{
      {observe::log_level::debug, observe::log_format::text, [this] { return clock_.now().wall; }, nullptr, [](std::string_view) {}}};
  std::unique_ptr<observe::metrics> metrics_;
  boost::asio::io_context io_;
  std::unique_ptr<scheduler> scheduler_;
};

TEST_F(scheduler_test, runs_each_tick_once_in_process_and_in_a_runner) {
  start({make_job("inside", 1ms, plugin_host::isolation::in_process), make_job("outside", 1ms, plugin_host::isolation::process)});
  ASSERT_TRUE(run_until([&] { return count(row_state::finished, run_outcome::success) >= 4; }));
  for (const auto& row : store_.rows()) {
    const bool never_ran = row.state == row_state::skipped || row.state == row_state::missed;  // on a slow machine
    EXPECT_EQ(row.attempt, never_ran ? 0U : 1U) << row.key.job;
  }
  EXPECT_TRUE(scheduler_->report().health.ready);
  EXPECT_FALSE(scheduler_->report().is_stuck);
  stop();
}

TEST_F(scheduler_test, g5_tells_a_run_at_once_when_the_server_ends_the_connection) {
  start({make_job("long", 8s, plugin_host::isolation::process)});
  ASSERT_TRUE(run_until([&] { return scheduler_->report().health.running == 1; }));
  const auto ended = clock_.now().steady;
  store_.end_lock_sessions();
  ASSERT_TRUE(run_until([&] { return count(row_state::finished, run_outcome::lock_lost) == 1; }));
  EXPECT_LT(clock_.now().steady - ended, 500ms);
  ASSERT_TRUE(run_until([&] { return store_.lock_sessions() == 1; })) << "no new lock session was opened";
  stop();
}

TEST_F(scheduler_test, g1_puts_its_claims_back_that_a_failover_lost) {
  start({make_job("long", 8s, plugin_host::isolation::process)});
  ASSERT_TRUE(run_until([&] { return scheduler_->report().health.running == 1; }));
  store_.fail_over([](const ledger::tick_row&) { return true; });
  EXPECT_TRUE(store_.rows().empty());
  ASSERT_TRUE(run_until([&] { return count(row_state::finished, run_outcome::lock_lost) == 1; }));
  EXPECT_FALSE(scheduler_->report().health.ready) << "others need time to do the same";
  ASSERT_TRUE(run_until([&] { return scheduler_->report().health.ready; }));
  stop();
}

TEST_F(scheduler_test, keeps_a_hanging_session_open_until_its_runs_are_dead) {
  start({make_job("long", 8s, plugin_host::isolation::process)});
  ASSERT_TRUE(run_until([&] { return scheduler_->report().health.running == 1; }));
  store_.hang(true);
  ASSERT_TRUE(run_until([&] { return count(row_state::finished, run_outcome::lock_lost) == 1; }));
  store_.hang(false);
  ASSERT_TRUE(run_until([&] { return scheduler_->report().health.ready; }));
  stop();
}

TEST_F(scheduler_test, g11_lets_a_run_end_by_itself_within_its_grace) {
  start({make_job("short", 700ms, plugin_host::isolation::process)});
  ASSERT_TRUE(run_until([&] { return scheduler_->report().health.running == 1; }));
  stop();
  EXPECT_EQ(count(row_state::finished, run_outcome::success), 1U);
  EXPECT_EQ(count(row_state::running, run_outcome::none), 0U);
}

// What the service manager's watchdog goes by.
TEST_F(scheduler_test, g7_is_stuck_while_its_loop_does_not_run_and_is_not_when_it_does) {
  start({make_job("idle", 1ms, plugin_host::isolation::in_process)});
  ASSERT_TRUE(run_until([&] { return scheduler_->report().health.ready; }));
  clock_.advance(4s);
  EXPECT_FALSE(scheduler_->report().is_stuck) << "a loop may be late";
  clock_.advance(3s);
  EXPECT_TRUE(scheduler_->report().is_stuck);
  EXPECT_NE(scheduler_->report().stuck_reason.find("the event loop has not run for"), std::string::npos);
  EXPECT_TRUE(run_until([&] { return !scheduler_->report().is_stuck; }));
  stop();
}

TEST_F(scheduler_test, g7_is_stuck_while_a_call_of_the_store_does_not_return_past_its_deadline) {
  start({make_job("idle", 1ms, plugin_host::isolation::in_process)});
  ASSERT_TRUE(run_until([&] { return scheduler_->report().health.ready; }));
  store_.deafen(true);
  ASSERT_TRUE(run_until([&] { return store_.somebody_waits(); }));
  clock_.advance(5s);  // connect_limit + wait_timeout are 4
  io_.poll();
  EXPECT_FALSE(scheduler_->report().is_stuck) << scheduler_->report().stuck_reason;
  clock_.advance(5s);
  EXPECT_TRUE(run_until([&] { return scheduler_->report().stuck_reason.find("a store call has not returned for") != std::string::npos; }));
  store_.deafen(false);
  EXPECT_TRUE(run_until([&] { return !scheduler_->report().is_stuck; }));
  stop();
}

TEST_F(scheduler_test, g11_stops_a_run_that_outlives_its_grace) {
  auto j = make_job("long", 8s, plugin_host::isolation::process);
  j.grace = 100ms;
  start({j});
  ASSERT_TRUE(run_until([&] { return scheduler_->report().health.running == 1; }));
  stop();
  EXPECT_EQ(count(row_state::finished, run_outcome::cancelled), 1U);
}

}  // namespace
}  // namespace baton::runtime

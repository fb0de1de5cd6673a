#include <gmock/gmock.h>
#include <prometheus/registry.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <condition_variable>

#include "baton/base/system_clock.hpp"
#include "baton/ledger/run_id.hpp"
#include "baton/runtime/scheduler.hpp"
#include "fake_store.hpp"

namespace baton::runtime {
namespace {

using namespace std::chrono_literals;
using ledger::row_state;
using ledger::run_outcome;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

job make_job(const std::string& name, plugin_host::callable code) {
  job j;
  j.name = name;
  j.schedule = std::get<schedule::timetable>(schedule::timetable::from_every({1s, {}}));
  j.handler = std::move(code);
  return j;
}

/// One of several schedulers in a program: a cluster, a registry and a log of its own, and an io_context that they share.
class service {
 public:
  service(boost::asio::io_context& io, std::string cluster, std::vector<job> jobs) : cluster_(std::move(cluster)) {
    options o;
    o.cluster = cluster_;
    o.instance = "one";
    o.timing = {500ms, 500ms, 3s, 1500ms, 500ms};
    o.runners.runner_program = BATON_TEST_RUNNER;
    observe::metrics::options m;
    m.jobs = labels_of(cluster_, jobs);
    m.registry = registry_;
    metrics_ = std::make_unique<observe::metrics>(std::move(m));
    auto made = scheduler::create(io, std::move(o), std::move(jobs), store_.connections(), clock_, log_, *metrics_);
    BATON_ASSERT(made);
    scheduler_ = std::move(*made);
    scheduler_->start();
  }

  scheduler& operator*() { return *scheduler_; }
  testing::fake_store& store() { return store_; }
  [[nodiscard]] std::string metrics() const { return metrics_->serialize(); }
  [[nodiscard]] std::string logged() {
    const std::lock_guard guard{mutex_};
    return logged_;
  }
  [[nodiscard]] std::optional<ledger::tick_row> finished(const std::string& job) {
    for (auto& row : store_.rows()) {
      if (row.key.job == job && row.state == row_state::finished) return row;
    }
    return std::nullopt;
  }
  void end() { scheduler_.reset(); }

 private:
  std::string cluster_;
  system_clock clock_;
  testing::fake_store store_{clock_};
  std::mutex mutex_;
  std::string logged_;
  observe::log log_{{observe::log_level::debug, observe::log_format::text, [this] { return clock_.now().wall; }, nullptr,
                     [this](std::string_view line) {
                       const std::lock_guard guard{mutex_};
                       logged_.append(line).append("\n");
                     }}};
  std::shared_ptr<prometheus::Registry> registry_ = std::make_shared<prometheus::Registry>();
  std::unique_ptr<observe::metrics> metrics_;
  std::unique_ptr<scheduler> scheduler_;
};

class scheduler_embedded : public ::testing::Test {
 protected:
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
  /// Stops it, and lets the io_context run out of work by itself.
  void stop(service& s) {
    bool stopped = false;
    (*s).stop([&] { stopped = true; });
    const auto began = clock_.now().steady;
    io_.run_for(10s);
    EXPECT_TRUE(stopped);
    EXPECT_LT(clock_.now().steady - began, 5s) << "a timer that nobody needs keeps the io_context busy";
    io_.restart();
    EXPECT_TRUE(run_until([&] { return s.store().locks_held() == 0; })) << "a lock is left on the server";
  }

  system_clock clock_;
  boost::asio::io_context io_;
};

TEST_F(scheduler_embedded, runs_a_callable_that_sees_its_run) {
  std::atomic<bool> was_right{false};
  auto j = make_job("greet", [&](sdk::run_context& run) {
    const auto left = run.lease_time_left();
    was_right = run.job() == "greet" && run.run_id() == "greet@" + ledger::short_time(run.tick()) && run.cluster() == "own" &&
                run.trigger() == "schedule" && run.attempt() == 1 && run.fence() > 0 && run.tick() > wall_time{} && run.deadline() &&
                run.lease_is_held() && left && *left > 0s && *left < 2s && !run.stop_requested() && run.text("whom") == "world";
    run.log().info("greeted", {{"whom", run.text("whom")}});
    run.progress(0.5, "half");
    return sdk::outcome::skipped("nobody was there");
  });
  j.parameters = {{"whom", std::string{"world"}}};
  j.timeout = 1min;
  service s{io_, "own", {j}};
  ASSERT_TRUE(run_until([&] { return s.finished("greet").has_value(); }));
  EXPECT_TRUE(was_right);
  EXPECT_EQ(s.finished("greet")->outcome, run_outcome::success);
  EXPECT_EQ(s.finished("greet")->error, "nobody was there");
  EXPECT_THAT(s.logged(), HasSubstr("greeted"));
  stop(s);
}

TEST_F(scheduler_embedded, shows_the_metrics_of_a_plugin) {
  const auto plugin = plugin_host::describe_plugin(BATON_TEST_PLUGINS "/counts.so");
  ASSERT_TRUE(plugin) << plugin.error().context;
  auto j = make_job("copy", nullptr);
  j.plugin = plugin->name;
  j.plugin_path = plugin->path;
  j.metrics = plugin->metrics;
  j.parameters = {{"rows", std::int64_t{3}}, {"then", std::string{"return"}}};
  service s{io_, "own", {j}};
  EXPECT_THAT(s.metrics(), HasSubstr(R"(baton_plugin_counts_rows_total{job_name="copy"} 0)"));
  EXPECT_THAT(s.metrics(), HasSubstr(R"(baton_plugin_counts_errors_total{job_name="copy",kind="full"} 0)"));
  ASSERT_TRUE(run_until([&] { return s.finished("copy").has_value(); }));
  EXPECT_THAT(s.metrics(), ContainsRegex(R"(baton_plugin_counts_rows_total\{job_name="copy"\} [3-9])"));
  EXPECT_THAT(s.metrics(), HasSubstr(R"(baton_plugin_counts_backlog_rows{job_name="copy"} -1.5)"));
  EXPECT_THAT(s.metrics(), ContainsRegex(R"(baton_plugin_counts_batch_seconds_count\{job_name="copy"\} [4-9])"));
  stop(s);
}

TEST_F(scheduler_embedded, tells_of_the_store_only_who_uses_it) {
  const auto tell = [](sdk::run_context& run) {
    const auto store = run.store();
    return sdk::outcome::skipped(store ? std::string{store->password} + " " + std::string{store->lock_name} : "nothing");
  };
  auto user = make_job("user", tell);
  user.uses_store = true;
  service s{io_, "own", {user, make_job("other", tell)}};
  ASSERT_TRUE(run_until([&] { return s.finished("user") && s.finished("other"); }));
  EXPECT_EQ(s.finished("user")->error, "secret baton:own:user");
  EXPECT_EQ(s.finished("other")->error, "nothing");
  stop(s);
}

TEST_F(scheduler_embedded, takes_an_exception_for_a_failure) {
  service s{io_, "own", {make_job("throws", [](sdk::run_context&) -> sdk::outcome { throw std::runtime_error{"no such table"}; })}};
  ASSERT_TRUE(run_until([&] { return s.finished("throws").has_value(); }));
  EXPECT_EQ(s.finished("throws")->outcome, run_outcome::failure);
  EXPECT_EQ(s.finished("throws")->error, "no such table");
  stop(s);
}

TEST_F(scheduler_embedded, g11_stops_a_callable_by_its_token_and_leaves_nothing_behind) {
  auto j = make_job("long", [](sdk::run_context& run) {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock guard{mutex};
    changed.wait(guard, run.stop_token(), [] { return false; });
    return sdk::outcome::cancelled();
  });
  j.grace = 100ms;
  service s{io_, "own", {j}};
  ASSERT_TRUE(run_until([&] { return (*s).report().health.running == 1; }));
  stop(s);
  EXPECT_EQ(s.finished("long")->outcome, run_outcome::cancelled);
}

TEST_F(scheduler_embedded, g5_tells_a_callable_that_its_lock_is_lost_and_reports_one_that_goes_on) {
  std::atomic<bool> has_begun{false};
  std::atomic<bool> may_end{false};
  service s{io_, "own", {make_job("deaf", [&](sdk::run_context& run) {
              has_begun = true;
              while (!may_end) std::this_thread::sleep_for(1ms);
              return run.stop_requested() ? sdk::outcome::cancelled() : sdk::outcome::success();
            })}};
  ASSERT_TRUE(run_until([&] { return has_begun.load(); }));
  s.store().end_lock_sessions();
  EXPECT_TRUE(run_until([&] { return s.logged().find("did not stop when told to") != std::string::npos; }));
  EXPECT_THAT(s.logged(), HasSubstr("report"));
  may_end = true;
  ASSERT_TRUE(run_until([&] { return s.finished("deaf").has_value(); }));
  EXPECT_EQ(s.finished("deaf")->outcome, run_outcome::lock_lost);
  stop(s);
}

TEST_F(scheduler_embedded, shares_a_program_with_another_scheduler) {
  const auto at_once = [](sdk::run_context&) { return sdk::outcome::success(); };
  service one{io_, "one", {make_job("here", at_once)}};
  service two{io_, "two", {make_job("there", at_once)}};
  ASSERT_TRUE(run_until([&] { return one.finished("here") && two.finished("there"); }));
  EXPECT_THAT(one.metrics(), ContainsRegex("baton_runs_total.job_name=.here.,outcome=.success.. [1-9]"));
  EXPECT_EQ(one.metrics().find("job_name=\"there\""), std::string::npos);
  EXPECT_THAT(two.metrics(), ContainsRegex("baton_runs_total.job_name=.there.,outcome=.success.. [1-9]"));
  one.end();  // the other goes on
  ASSERT_TRUE(run_until([&] { return two.store().rows().size() >= 2; }));
  stop(two);
}

TEST_F(scheduler_embedded, refuses_a_job_that_cannot_be_run) {
  observe::metrics metrics{{}};
  observe::log log{{.now = [this] { return clock_.now().wall; }, .sink = [](std::string_view) {}}};
  testing::fake_store store{clock_};
  options o;
  o.cluster = "own";
  const auto made = scheduler::create(io_, o, {make_job("empty", nullptr)}, store.connections(), clock_, log, metrics);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, errc::invalid_configuration);
  EXPECT_THAT(made.error().context, HasSubstr("job 'empty': it has nothing to run"));
}

}  // namespace
}  // namespace baton::runtime

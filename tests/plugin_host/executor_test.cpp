#include "baton/plugin_host/executor.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

#include "fixture.hpp"

namespace {

using namespace baton::plugin_host;
using namespace std::chrono_literals;
using baton::test::eventually;
using baton::test::pid_file;
using baton::test::recorder;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

const std::string misbehave = BATON_TEST_PLUGINS "/misbehave.so";
const std::string noop = BATON_SHIPPED_PLUGINS "/noop.so";

values how(const std::string& what, const std::string& pids = {}) { return {{"how", what}, {"pids", pids}}; }

run_ended run(const std::string& what) {
  recorder executor;
  const auto request = executor.request(misbehave, how(what));
  executor->start(request);
  return executor.ended(request.id);
}

TEST(executor, reports_how_a_handler_ended) {
  EXPECT_EQ(run("succeed").end, run_end::success);
  EXPECT_EQ(run("succeed").text, "all went well");
  EXPECT_EQ(run("fail").end, run_end::failure);
  EXPECT_EQ(run("log").end, run_end::skipped);
}

TEST(executor, tells_when_it_started_and_what_it_said_before_it_tells_the_end) {
  recorder executor;
  const auto request = executor.request(misbehave, how("log"));
  executor->start(request);
  executor.ended(request.id);
  const auto events = executor.events(request.id);
  ASSERT_EQ(events.size(), 4U);
  EXPECT_TRUE(std::holds_alternative<run_started>(events[0]));
  const auto& line = std::get<run_log>(events[1]);
  EXPECT_EQ(line.level, 3);
  EXPECT_EQ(line.message, "a line");
  EXPECT_THAT(line.fields, testing::ElementsAre(testing::Pair("number", "42"), testing::Pair("text", "value"),
                                                testing::Pair("tick", "1970-01-01T00:00:00.000000Z")));
  EXPECT_EQ(std::get<run_progress>(events[2]).fraction, 0.5);
  const auto& end = std::get<run_ended>(events[3]);
  EXPECT_EQ(end.started, std::get<run_started>(events[0]).at);
  EXPECT_GE(end.finished, end.started);
}

/// Everything a run said of its metrics, added up: the values, and the buckets of the histogram.
struct counted {
  std::map<std::string, double> values;
  std::vector<std::uint64_t> buckets;
  std::size_t events = 0;
};

counted metrics_of(recorder& executor, run_id run) {
  counted all;
  for (const auto& event : executor.events(run)) {
    const auto* news = std::get_if<run_metrics>(&event);
    if (news == nullptr) continue;
    ++all.events;
    for (const auto& u : news->updates) {
      auto& value = all.values[u.labels.empty() ? u.name : u.name + " " + u.labels.begin()->second];
      value = u.kind == metric_kind::gauge ? u.value : value + u.value;
      if (u.kind != metric_kind::histogram) continue;
      all.buckets.resize(u.buckets.size());
      for (std::size_t i = 0; i < u.buckets.size(); ++i) all.buckets[i] += u.buckets[i];
    }
  }
  return all;
}

TEST(executor, tells_what_a_plugin_counted_before_it_tells_the_end) {
  for (const auto where : {isolation::process, isolation::in_process}) {
    recorder executor;
    auto request = executor.request(BATON_TEST_PLUGINS "/counts.so", {{"rows", std::int64_t{1'000'000}}, {"then", std::string{"return"}}});
    request.isolation = where;
    executor->start(request);
    EXPECT_EQ(executor.ended(request.id).end, run_end::success);
    const auto all = metrics_of(executor, request.id);
    EXPECT_EQ(all.values, (std::map<std::string, double>{
                              {"rows_total", 1'000'000}, {"errors_total gone", 2}, {"backlog_rows", -1.5}, {"batch_seconds", 99.35}}));
    EXPECT_EQ(all.buckets, (std::vector<std::uint64_t>{2, 1, 0, 1}));
    EXPECT_LT(all.events, 30U);
    EXPECT_TRUE(std::holds_alternative<run_ended>(executor.events(request.id).back()));
  }
}

TEST(executor, tells_what_a_plugin_counted_while_it_runs) {
  recorder executor;
  const auto request = executor.request(BATON_TEST_PLUGINS "/counts.so", {{"rows", std::int64_t{3}}, {"then", std::string{"wait"}}});
  executor->start(request);
  ASSERT_TRUE(executor.wait_for<run_metrics>(request.id));
  EXPECT_EQ(metrics_of(executor, request.id).values.at("rows_total"), 3);
  executor->stop(request.id, {0s, 0s});
  executor.ended(request.id);
}

TEST(executor, goes_without_the_last_second_of_metrics_after_a_crash) {
  recorder executor;
  const auto request = executor.request(BATON_TEST_PLUGINS "/counts.so", {{"rows", std::int64_t{3}}, {"then", std::string{"crash"}}});
  executor->start(request);
  EXPECT_EQ(executor.ended(request.id).end, run_end::crashed);
  EXPECT_EQ(metrics_of(executor, request.id).events, 0U);
}

TEST(executor, tells_a_handler_about_its_run) {
  recorder executor;
  auto request = executor.request(misbehave, how("describe_run"));
  request.tick = baton::wall_time{1'000'000s};
  request.attempt = 2;
  request.fence = 99;
  executor->start(request);
  EXPECT_EQ(executor.ended(request.id).text, "job test test-1 run-1 schedule 2 99 1970-01-12T13:46:40.000000Z none held");
  request.id = run_id{1000};
  request.timeout = 1h;
  executor->start(request);
  EXPECT_THAT(executor.ended(request.id).text, Not(HasSubstr("none")));
}

TEST(executor, g10_contains_a_handler_that_crashes) {
  EXPECT_EQ(run("segfault").end, run_end::crashed);
  EXPECT_THAT(run("segfault").text, AnyOf("killed by signal 11 (Segmentation fault)", HasSubstr("without a result")));  // a sanitizer exits
  EXPECT_EQ(run("abort").end, run_end::crashed);
  EXPECT_EQ(run("exit").end, run_end::crashed);
  EXPECT_EQ(run("exit").text, "exited with code 3 without a result");
}

TEST(executor, g10_contains_a_handler_that_exhausts_what_it_has) {
  recorder executor;
  const auto limited = [&](const std::string& what, const run_limits& limits) {
    auto request = executor.request(misbehave, how(what));
    request.limits = limits;
    executor->start(request);
    return executor.ended(request.id);
  };
  EXPECT_EQ(limited("stack_overflow", {}).end, run_end::crashed);
  for (const auto& end : {limited("exhaust_memory", {std::uint64_t{512} << 20, {}, {}}), limited("exhaust_descriptors", {{}, {}, 64})})
    EXPECT_TRUE(end.end == run_end::failure || end.end == run_end::crashed) << end.text;  // an exception, or what cannot go on without
  EXPECT_EQ(limited("loop", {{}, 1, {}}).text, "killed by signal 9 (Killed)") << "its processor time is spent";
  EXPECT_EQ(limited("succeed", {}).end, run_end::success);
}

TEST(executor, g10_takes_an_exception_for_a_failure) {
  EXPECT_EQ(run("throw").end, run_end::failure);
  EXPECT_EQ(run("throw").text, "thrown on purpose");
  EXPECT_EQ(run("throw_int").end, run_end::failure);
}

TEST(executor, reports_a_plugin_that_crashes_while_it_is_loaded) {
  recorder executor;
  const auto request = executor.request(BATON_TEST_PLUGINS "/crash_on_load.so");
  executor->start(request);
  EXPECT_EQ(executor.ended(request.id).end, run_end::crashed);
}

TEST(executor, does_not_start_a_plugin_that_is_refused) {
  recorder executor;
  const auto request = executor.request(BATON_TEST_PLUGINS "/broken_major.so");
  executor->start(request);
  const auto end = executor.ended(request.id);
  EXPECT_EQ(end.end, run_end::not_started);
  EXPECT_THAT(end.text, HasSubstr("plugin ABI 2.0"));
  EXPECT_EQ(end.started, baton::wall_time{});
}

TEST(executor, reports_a_handler_that_cannot_be_made) {
  recorder executor;
  const auto request = executor.request(BATON_TEST_PLUGINS "/fail_to_create.so");
  executor->start(request);
  EXPECT_THAT(executor.ended(request.id).text, HasSubstr("no such device"));
}

TEST(executor, does_not_start_without_a_runner) {
  recorder executor{"/nowhere/baton"};
  const auto request = executor.request(noop);
  executor->start(request);
  const auto end = executor.ended(request.id);
  EXPECT_EQ(end.end, run_end::not_started);
  EXPECT_THAT(end.text, AllOf(HasSubstr("/nowhere/baton"), HasSubstr("No such file")));
}

TEST(executor, does_not_start_when_the_runner_is_another_program) {
  recorder executor{"/bin/false"};
  const auto request = executor.request(noop);
  executor->start(request);
  EXPECT_EQ(executor.ended(request.id).end, run_end::not_started);
}

TEST(executor, goes_on_with_the_runner_that_was_there_when_it_was_made) {
  const auto runner = std::filesystem::temp_directory_path() / ("baton-runner-" + std::to_string(::getpid()));
  std::filesystem::copy(BATON_TEST_RUNNER, runner);
  recorder executor{runner};
  std::filesystem::remove(runner);
  std::filesystem::copy("/bin/false", runner);  // as an upgrade to one that speaks otherwise
  const auto request = executor.request(misbehave, how("succeed"));
  executor->start(request);
  EXPECT_EQ(executor.ended(request.id).end, run_end::success) << executor.ended(request.id).text;
  std::filesystem::remove(runner);
}

TEST(executor, keeps_what_a_handler_prints) {
  const auto end = run("print");
  EXPECT_THAT(end.output, AllOf(HasSubstr("to stdout"), HasSubstr("to stderr")));
}

TEST(executor, g10_drains_gigabytes_and_keeps_the_last_four_kibibytes) {
  const auto end = run("print_gigabytes");
  EXPECT_EQ(end.end, run_end::success);
  EXPECT_LE(end.output.size(), 4096U);
  EXPECT_GT(end.output.size(), 4000U);
  EXPECT_THAT(end.output, testing::EndsWith("\xEF\xBF\xBD the end \xE2\x82\xAC\n"));
}

TEST(executor, survives_a_flood_of_log_lines) { EXPECT_EQ(run("log_gigabytes").end, run_end::success); }

TEST(executor, kills_a_handler_that_writes_to_batons_own_descriptors) {
  const auto end = run("babble");
  EXPECT_EQ(end.end, run_end::crashed);
}

TEST(executor, g10_hands_no_descriptor_on) {
  const int stray = ::open("/etc/hostname", O_RDONLY);  // NOLINT: without close-on-exec, as a store's socket might be
  ASSERT_GE(stray, 0);
  const auto end = run("list_descriptors");
  ::close(stray);
  EXPECT_EQ(end.end, run_end::success);
  EXPECT_THAT(end.text, Not(AnyOf(HasSubstr("hostname"), HasSubstr("plugin_host_runner"))));
  EXPECT_THAT(end.text, HasSubstr("/dev/null"));
}

TEST(executor, hands_on_a_clean_environment) {
  ::setenv("BATON_TEST_SECRET", "hunter2", 1);
  recorder executor{BATON_TEST_RUNNER, {"EXTRA=1", "HOME=/elsewhere"}};
  const auto request = executor.request(misbehave, how("list_environment"));
  executor->start(request);
  const auto text = executor.ended(request.id).text;
  EXPECT_THAT(text, AllOf(HasSubstr("PATH="), HasSubstr("EXTRA=1"), HasSubstr("HOME=/elsewhere"), Not(HasSubstr("hunter2"))));
}

TEST(executor, limits_a_handlers_process) {
  recorder executor;
  auto request = executor.request(misbehave, how("hang"));
  request.parameters["how"] = std::string{"list_descriptors"};
  request.limits.open_files = 4;  // too few to load a plugin
  executor->start(request);
  EXPECT_NE(executor.ended(request.id).end, run_end::success);
}

TEST(executor, stops_with_the_token_first) {
  recorder executor;
  const auto request = executor.request(misbehave, how("obey"));
  executor->start(request);
  ASSERT_TRUE(executor.wait_for<run_started>(request.id));
  executor->stop(request.id, {1h, 2h});
  const auto end = executor.ended(request.id);
  EXPECT_EQ(end.end, run_end::cancelled);
  EXPECT_EQ(end.text, "as told");
}

TEST(executor, stops_with_sigterm_next) {
  recorder executor;
  const auto request = executor.request(misbehave, how("hang"));
  executor->start(request);
  ASSERT_TRUE(executor.wait_for<run_started>(request.id));
  executor->stop(request.id, {10ms, 1h});
  const auto end = executor.ended(request.id);
  EXPECT_EQ(end.end, run_end::cancelled);
  EXPECT_EQ(end.text, "killed by signal 15 (Terminated)");
}

TEST(executor, stops_with_sigkill_last) {
  recorder executor;
  pid_file pids;
  const auto request = executor.request(misbehave, how("daemonize_and_hang", pids.path()));
  executor->start(request);
  ASSERT_TRUE(eventually([&] { return pids.pids().size() == 2; }));
  executor->stop(request.id, {1h, 2h});
  executor->stop(request.id, {1h, 10ms});  // a later order can only make it sooner
  executor->stop(request.id, {2h, 2h});
  EXPECT_EQ(executor.ended(request.id).end, run_end::cancelled);
  EXPECT_EQ(pids.alive(), 0U);
}

TEST(executor, stops_a_run_that_has_hardly_begun) {
  recorder executor;
  for (int i = 0; i < 20; ++i) {
    const auto request = executor.request(misbehave, how("obey"));
    executor->start(request);
    executor->stop(request.id, {1h, 2h});
    EXPECT_EQ(executor.ended(request.id).end, run_end::cancelled);
  }
}

TEST(executor, times_out_by_token_sigterm_and_sigkill) {
  recorder executor;
  auto obedient = executor.request(misbehave, how("obey"));
  auto hanging = executor.request(misbehave, how("hang"));
  auto stubborn = executor.request(misbehave, how("hang_hard"));
  for (auto* request : {&obedient, &hanging, &stubborn}) {
    request->timeout = 2s;  // a handler that has not begun by then is not started at all
    request->grace = request == &obedient ? baton::microseconds{1h} : baton::microseconds{50ms};
    executor->start(*request);
  }
  EXPECT_EQ(executor.ended(obedient.id).end, run_end::timeout);
  EXPECT_EQ(executor.ended(obedient.id).text, "timed out after 2s; as told");
  EXPECT_EQ(executor.ended(hanging.id).end, run_end::timeout);
  EXPECT_THAT(executor.ended(hanging.id).text, HasSubstr("signal 15"));
  EXPECT_EQ(executor.ended(stubborn.id).end, run_end::timeout);
  EXPECT_THAT(executor.ended(stubborn.id).text, HasSubstr("signal 9"));
}

TEST(executor, g6_kills_a_run_at_its_leases_deadline) {
  recorder executor;
  pid_file pids;
  auto request = executor.request(misbehave, how("daemonize_and_hang", pids.path()));
  request.lease_deadline = executor.in(2s);
  executor->start(request);
  const auto end = executor.ended(request.id);
  EXPECT_EQ(end.end, run_end::lease_expired);
  EXPECT_EQ(pids.pids().size(), 2U);
  EXPECT_EQ(pids.alive(), 0U);
  EXPECT_LT(executor.time().now().steady, request.lease_deadline + 300ms);
}

TEST(executor, lets_a_run_live_when_its_lease_is_extended) {
  recorder executor;
  auto request = executor.request(noop, {{"duration", baton::microseconds{1500ms}}, {"fail", false}});
  request.lease_deadline = executor.in(1s);
  executor->start(request);
  executor->extend(request.id, executor.in(60s));
  EXPECT_EQ(executor.ended(request.id).end, run_end::success);
}

TEST(executor, does_not_start_a_handler_whose_lease_has_ended) {
  recorder executor;
  auto request = executor.request(misbehave, how("succeed"));
  request.lease_deadline = executor.in(-1s);
  executor->start(request);
  EXPECT_EQ(executor.ended(request.id).end, run_end::not_started);
  EXPECT_EQ(executor.events(request.id).size(), 1U);
}

TEST(executor, leaves_nothing_behind_a_handler_that_ended_well) {
  for (const auto* what : {"fork", "daemonize"}) {
    recorder executor;
    pid_file pids;
    const auto request = executor.request(misbehave, how(what, pids.path()));
    executor->start(request);
    EXPECT_EQ(executor.ended(request.id).end, run_end::success);
    EXPECT_GE(pids.pids().size(), 2U);
    EXPECT_EQ(pids.alive(), 0U) << what;
  }
}

TEST(executor, g10_takes_the_handler_with_a_supervisor_that_was_killed) {
  recorder executor;
  pid_file pids;
  const auto request = executor.request(misbehave, how("kill_supervisor", pids.path()));
  executor->start(request);
  const auto end = executor.ended(request.id);
  EXPECT_EQ(end.end, run_end::crashed);
  EXPECT_THAT(end.text, HasSubstr("killed by signal 9"));
  EXPECT_EQ(pids.alive(), 0U);
}

TEST(executor, kills_what_still_runs_when_it_is_destroyed) {
  recorder executor;
  pid_file pids;
  const auto request = executor.request(misbehave, how("hang_hard", pids.path()));
  executor->start(request);
  ASSERT_TRUE(eventually([&] { return !pids.pids().empty(); }));
  executor.destroy_executor();
  EXPECT_EQ(pids.alive(), 0U);
  EXPECT_TRUE(std::holds_alternative<run_ended>(executor.events(request.id).back()));
}

TEST(executor, runs_many_at_once) {
  recorder executor;
  std::vector<run_id> ids;
  for (int i = 0; i < 40; ++i) {
    auto request = executor.request(noop, {{"duration", baton::microseconds{20ms}}, {"fail", i % 2 == 1}});
    ids.push_back(request.id);
    executor->start(std::move(request));
  }
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(executor.ended(ids[i]).end, i % 2 == 1 ? run_end::failure : run_end::success);
}

}  // namespace

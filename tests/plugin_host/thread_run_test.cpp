#include "thread_run.hpp"

#include <gmock/gmock.h>

#include "fixture.hpp"

namespace {

using namespace baton::plugin_host;
namespace sdk = baton::sdk;
using namespace std::chrono_literals;
using baton::test::recorder;
using testing::HasSubstr;

const std::string misbehave = BATON_TEST_PLUGINS "/misbehave.so";

run_request in_process(recorder& executor, const std::string& what) {
  auto request = executor.request(misbehave, {{"how", what}, {"pids", std::string{}}});
  request.isolation = isolation::in_process;
  return request;
}

run_ended run(const std::string& what) {
  recorder executor;
  const auto request = in_process(executor, what);
  executor->start(request);
  return executor.ended(request.id);
}

TEST(thread_run, reports_how_a_handler_ended) {
  EXPECT_EQ(run("succeed").end, run_end::success);
  EXPECT_EQ(run("fail").text, "it did not work");
  EXPECT_EQ(run("throw").text, "thrown on purpose");
}

TEST(thread_run, tells_once_that_its_file_was_replaced) {
  const auto folder = std::filesystem::temp_directory_path() / ("baton-replaced-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const auto file = folder / "misbehave.so";
  std::filesystem::copy_file(BATON_TEST_PLUGINS "/misbehave.so", file);
  recorder executor;
  const auto warned = [&] {
    auto request = in_process(executor, "succeed");
    request.plugin_path = file;
    executor->start(request);
    EXPECT_EQ(executor.ended(request.id).end, run_end::success);
    const auto line = executor.events(request.id).front();
    return std::holds_alternative<run_log>(line) && std::get<run_log>(line).message.find("restart") != std::string::npos;
  };
  EXPECT_FALSE(warned());
  std::filesystem::copy_file(file, folder / "new");
  std::filesystem::rename(folder / "new", file);
  EXPECT_TRUE(warned());
  EXPECT_FALSE(warned());
  std::filesystem::remove_all(folder);
}

TEST(thread_run, passes_on_what_a_handler_says) {
  recorder executor;
  const auto request = in_process(executor, "log");
  executor->start(request);
  EXPECT_EQ(executor.ended(request.id).end, run_end::skipped);
  EXPECT_EQ(executor.events(request.id).size(), 4U);
  EXPECT_EQ(executor.wait_for<run_log>(request.id)->message, "a line");
}

TEST(thread_run, tells_of_the_store_only_where_the_request_does) {
  recorder executor;
  auto request = executor.request("");
  request.handler = [](sdk::run_context& run) {
    const auto store = run.store();
    if (!store) return sdk::outcome::skipped("null");
    return sdk::outcome::success(std::string{store->url} + " " + std::string{store->password} + " " + std::string{store->tls_mode} + " " +
                                 std::string{store->tls_ca} + " " + std::string{store->lock_name});
  };
  executor->start(request);
  EXPECT_EQ(executor.ended(request.id).text, "null");
  auto other = request;
  other.id = run_id{99};
  other.store = store_access{"mysql://u@h/d", "secret", "verify_ca", "/ca.pem", "baton:test:job"};
  executor->start(other);
  EXPECT_EQ(executor.ended(other.id).text, "mysql://u@h/d secret verify_ca /ca.pem baton:test:job");
}

TEST(thread_run, stops_by_token) {
  recorder executor;
  const auto request = in_process(executor, "obey");
  executor->start(request);
  ASSERT_TRUE(executor.wait_for<run_started>(request.id));
  executor->stop(request.id, {0s, 0s});
  EXPECT_EQ(executor.ended(request.id).end, run_end::cancelled);
}

TEST(thread_run, sets_the_token_at_the_leases_deadline_and_says_so) {
  recorder executor;
  auto request = in_process(executor, "obey");
  request.lease_deadline = executor.in(1s);  // loading a plugin takes a while, too
  executor->start(request);
  EXPECT_EQ(executor.ended(request.id).end, run_end::lease_expired);
}

TEST(thread_run, sets_the_token_at_the_time_out) {
  recorder executor;
  auto request = in_process(executor, "obey");
  request.timeout = 1s;
  executor->start(request);
  const auto end = executor.ended(request.id);
  EXPECT_EQ(end.end, run_end::timeout);
  EXPECT_EQ(end.text, "timed out after 1s; as told");
}

TEST(thread_run, lets_a_run_live_when_its_lease_is_extended) {
  recorder executor;
  auto request = executor.request(BATON_SHIPPED_PLUGINS "/noop.so", {{"duration", baton::microseconds{300ms}}, {"fail", false}});
  request.isolation = isolation::in_process;
  request.lease_deadline = executor.in(150ms);
  executor->start(request);
  executor->extend(request.id, executor.in(60s));
  EXPECT_EQ(executor.ended(request.id).end, run_end::success);
}

TEST(thread_run, is_stopped_and_waited_for_when_the_executor_is_destroyed) {
  recorder executor;
  const auto request = in_process(executor, "obey");
  executor->start(request);
  ASSERT_TRUE(executor.wait_for<run_started>(request.id));
  executor.destroy_executor();
  EXPECT_EQ(executor.ended(request.id).end, run_end::cancelled);
}

run_ended run(callable code) {
  recorder executor;
  auto request = executor.request("", {{"number", std::int64_t{7}}});
  request.handler = std::move(code);
  executor->start(request);
  return executor.ended(request.id);
}

TEST(thread_run, calls_a_handler_of_this_program) {
  EXPECT_EQ(run([](sdk::run_context& r) { return sdk::outcome::skipped(std::to_string(r.integer("number"))); }).text, "7");
  const auto end = run([](sdk::run_context& r) {
    r.set_result("three rows");
    return sdk::outcome::success();
  });
  EXPECT_EQ(end.end, run_end::success);
  EXPECT_EQ(end.text, "three rows");
  EXPECT_GT(end.started, baton::wall_time{});
}

TEST(thread_run, takes_an_exception_of_a_handler_for_a_failure) {
  const auto end = run([](sdk::run_context& r) { return sdk::outcome::success(r.text("gone")); });
  EXPECT_EQ(end.end, run_end::failure);
  EXPECT_THAT(end.text, HasSubstr("parameter 'gone'"));
  EXPECT_EQ(run([](sdk::run_context&) -> sdk::outcome { throw 1; }).text, "an exception that is not a std::exception");
}

TEST(thread_run, says_how_long_the_lease_lasts) {
  const auto left = run([](sdk::run_context& r) { return sdk::outcome::skipped(std::to_string(r.lease_time_left()->count())); }).text;
  EXPECT_GT(std::stoll(left), baton::microseconds{50s}.count());
  EXPECT_LE(std::stoll(left), baton::microseconds{60s}.count());
}

TEST(thread_run, does_not_start_a_plugin_that_is_refused) {
  recorder executor;
  auto request = executor.request(BATON_TEST_PLUGINS "/broken_minor.so");
  request.isolation = isolation::in_process;
  executor->start(request);
  EXPECT_EQ(executor.ended(request.id).end, run_end::not_started);
  EXPECT_THAT(executor.ended(request.id).text, HasSubstr("plugin ABI 1.1"));
}

}  // namespace

#include "reload.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <optional>

#include "http_side.hpp"

namespace baton::program {
namespace {

settings::settings running() {
  settings::settings s;
  s.cluster = "billing";
  s.instance = "a";
  s.has_store = true;
  s.store.user = "baton";
  s.store.hosts = {{"db1", 3306}};
  s.store.database = "baton";
  return s;
}

TEST(needs_restart, is_not_needed_for_what_a_reload_takes) {
  const auto before = running();
  auto after = before;
  after.max_concurrent_runs = 3;
  after.labels = {"ssd"};
  after.tags = {{"few", 2}};
  after.calendars = {{"holidays", {}}};
  after.plugin_path = {"/elsewhere"};
  settings::job job;
  job.name = "new";
  after.jobs.push_back(job);
  EXPECT_EQ(needs_restart(before, after), "");
}

TEST(needs_restart, names_the_key_that_is_taken_at_the_start) {
  const auto before = running();
  const auto with = [&](auto change) {
    auto after = before;
    change(after);
    return needs_restart(before, after);
  };
  EXPECT_EQ(with([](auto& s) { s.cluster = "other"; }), "cluster");
  EXPECT_EQ(with([](auto& s) { s.lease_timing.probe = std::chrono::seconds{1}; }), "store.lease.probe");
  EXPECT_EQ(with([](auto& s) { s.lease_timing.takeover_safe = true; }), "store.lease.takeover");
  EXPECT_EQ(with([](auto& s) { s.max_connections = 9; }), "store.max_connections");
  EXPECT_EQ(with([](auto& s) { s.http_port = 1; }), "http.listen");
  EXPECT_EQ(with([](auto& s) { s.http_admin_token = std::string(32, 'x'); }), "http.admin_token");
  EXPECT_EQ(with([](auto& s) { s.elects_leader = true; }), "election");
  EXPECT_EQ(with([](auto& s) { s.log_level = "debug"; }), "log.level");
}

TEST(reload, is_put_off_and_not_refused_by_an_instance_that_stops) {
  boost::asio::io_context io;
  observe::log log{{.now = [] { return wall_time{}; }, .sink = [](std::string_view) {}}};
  reloader r{io, "/nowhere.yaml", running(), log, [](const auto&) { return status{}; }, [](bool) { ADD_FAILURE(); }};
  r.end();
  std::optional<reloader::outcome> told;
  r.request([&](const reloader::outcome& o) { told = o; });
  ASSERT_TRUE(told);
  EXPECT_TRUE(told->is_stopping);
  EXPECT_FALSE(told->successful);
  EXPECT_EQ(outcome_answer(503, told->message, {}).status, 503U);
}

}  // namespace
}  // namespace baton::program

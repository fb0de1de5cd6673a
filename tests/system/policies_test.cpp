#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>

#include "fixture.hpp"

namespace baton::system_test {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class policies : public on_a_server {};

TEST_P(policies, g1_s23_a_fleet_obeys_pause_resume_trigger_and_cancel_within_two_seconds) {
  fleet f{fleet_options()};
  f.job("work", "{every: 2s}", "--for 20");  // every instance hears of the pause before the next tick
  f.job("by-hand", never_due, "--for 60000 --beat 10", "    grace: 500ms\n");
  for (const auto* name : {"a", "b", "c"}) f.add(name);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "work");

  EXPECT_EQ(f.verb({"pause", "work"}).code, 0);
  const auto paused = store_now();
  // A restart does not end a pause.
  f.named("c").signal(SIGTERM);
  f.add("d");
  ASSERT_TRUE(eventually([&] { return f.named("d").is_ready(); }, seconds{5})) << f.logs();
  ASSERT_TRUE(eventually([&] { return store_now() > paused + seconds{4}; }, seconds{10}));
  for (const auto& r : f.runs().of("work")) EXPECT_LT(r.tick, paused) << "was started in the pause";
  EXPECT_EQ(f.verb({"resume", "work"}).code, 0);
  const auto before = count_runs(f, "work");
  EXPECT_TRUE(eventually([&] { return count_runs(f, "work") > before; }, seconds{3})) << f.logs();
  EXPECT_EQ(ask_one("SELECT COUNT(*) FROM baton.baton_tick WHERE cluster='" + f.cluster() + "' AND job='work' AND state=5 AND reason=2"),
            "1")
      << "one row for the whole pause";

  const auto asked = boot_now();
  EXPECT_EQ(f.verb({"trigger", "by-hand"}).code, 0);
  const auto run = await_run(f, "by-hand", seconds{5});
  EXPECT_LE(run.started - asked, seconds{2});
  EXPECT_EQ(f.verb({"cancel", "by-hand@" + to_rfc3339(run.tick) + "#trigger"}).code, 0);
  const auto told = boot_now();
  EXPECT_TRUE(eventually([&] { return !is_alive(run.pid); }, seconds{5})) << f.logs();
  EXPECT_LE(boot_now() - told, seconds{3}) << "two, and its grace";
  EXPECT_TRUE(eventually(
      [&] {
        return ask_one("SELECT CONCAT(state,'/',outcome) FROM baton.baton_tick WHERE cluster='" + f.cluster() +
                       "' AND job='by-hand' AND kind=2") == "4/4";
      },
      seconds{5}));
  const auto verified = f.verb({"verify", "--from", to_rfc3339(paused - seconds{60}), "--to", to_rfc3339(store_now() - seconds{3})});
  EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
  EXPECT_THAT(f.runs().violations(), IsEmpty());
}

// Two people, at two instances, ask for a run at the very moment of a tick.
TEST_P(policies, g1_g2_s23_a_run_now_at_the_instant_of_a_tick_is_one_more_run_and_takes_nothing_from_it) {
  fleet f{fleet_options()};
  f.job("work", "{every: 3s}", "--for 400 --beat 10");
  for (const auto* name : {"a", "b"}) f.add(name);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "work");
  const auto nominal = f.runs().of("work").back().tick + seconds{3};
  ASSERT_TRUE(eventually([&] { return wall_now() >= nominal - milliseconds{80}; }, seconds{5}, milliseconds{2}));
  const auto one = f.start_verb({"trigger", "work"}, "a");
  const auto other = f.start_verb({"trigger", "work"}, "b");
  EXPECT_EQ(one->await_exit(seconds{5}), 0) << one->output();
  EXPECT_EQ(other->await_exit(seconds{5}), 0) << other->output();
  ASSERT_TRUE(eventually([&] { return f.runs().ticks_of("work").contains(nominal + seconds{3}); }, seconds{8})) << f.logs();

  const auto near = "cluster='" + f.cluster() + "' AND job='work' AND tick BETWEEN '" + to_sql(nominal - milliseconds{900}) + "' AND '" +
                    to_sql(nominal + milliseconds{2900}) + "'";
  EXPECT_EQ(ask_one("SELECT COUNT(*) FROM baton.baton_tick WHERE kind=1 AND state=4 AND outcome=1 AND " + near), "1") << "the tick";
  EXPECT_EQ(ask_one("SELECT COUNT(*) FROM baton.baton_tick WHERE kind=2 AND state=4 AND outcome=1 AND " + near), "2") << "the triggers";
  const auto ticks = f.runs().ticks_of("work");
  EXPECT_EQ(std::ranges::count_if(ticks, [&](const auto& t) { return t.first > nominal - seconds{1} && t.first < nominal + seconds{3}; }),
            3);
}

TEST_P(policies, g9_s22_sighup_takes_a_good_file_and_a_bad_one_changes_nothing) {
  fleet f{fleet_options()};
  f.job("old", "{every: 1s}", "--for 20");
  f.job("long", never_due, "--for 3000 --beat 10");
  f.add("a");
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "old");

  std::ofstream{f.file_of("a"), std::ios::app} << "  broken: {plugin: exec, schedule: \"not a schedule\"}\n";
  f[0].signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return !f[0].log_lines("nothing was changed").empty(); }, seconds{5})) << f.logs();
  EXPECT_THAT(f[0].log_lines("jobs.broken.schedule"), SizeIs(1));
  EXPECT_EQ(f[0].metrics().value("baton_config_last_reload_successful"), 0);
  const auto before = count_runs(f, "old");
  EXPECT_TRUE(eventually([&] { return count_runs(f, "old") > before; }, seconds{3})) << "the old configuration goes on";

  f.forget_jobs();
  f.job("new", "{every: 1s}", "--for 20");
  f.write_file("a");
  f[0].signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return !f[0].log_lines("configuration reloaded").empty(); }, seconds{5})) << f.logs();
  EXPECT_EQ(f[0].metrics().value("baton_config_last_reload_successful"), 1);
  await_run(f, "new");
  const auto old = count_runs(f, "old");
  EXPECT_TRUE(eventually([&] { return count_runs(f, "new") >= 3; }, seconds{6}));
  EXPECT_LE(count_runs(f, "old"), old + 1) << "one may have been under way";

  f.write_file("a", {.clock_offset = {}, .environment = {}, .store_settings = "  max_connections: 9\n", .settings = {}});
  f[0].signal(SIGHUP);
  ASSERT_TRUE(eventually([&] { return !f[0].log_lines("restart to change it").empty(); }, seconds{5})) << f.logs();
  EXPECT_THAT(f[0].log_lines("key=store.max_connections"), SizeIs(1));
  EXPECT_THAT(f.runs().violations(), IsEmpty());
}

TEST_P(policies, what_follows_a_failure_runs_after_a_crash_of_the_instance_too) {
  fleet f{fleet_options()};
  f.job("work", soon(seconds{20}), "--for 60000 --beat 10");
  f.job("notify", never_due, "--for 10", "    after: [{job: work, on: failure}]\n");
  for (const auto* name : {"a", "b"}) f.add(name);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  const auto run = await_run(f, "work", seconds{25});
  f.named(run.instance).signal(SIGKILL);
  const auto told = await_run(f, "notify", seconds{15});
  EXPECT_EQ(told.tick, run.tick);
  EXPECT_NE(told.instance, run.instance);
  EXPECT_EQ(ask_one("SELECT COUNT(*) FROM baton.baton_tick WHERE cluster='" + f.cluster() + "' AND kind=3"), "1");
  EXPECT_THAT(f.runs().violations(), IsEmpty());
}

TEST_P(policies, a_tag_limits_the_runs_of_the_whole_cluster) {
  fleet f{fleet_options()};
  for (const auto* name : {"j1", "j2", "j3", "j4"}) f.job(name, "{every: 2s}", "--for 400 --beat 10", "    tags: [few]\n");
  for (const auto* name : {"a", "b", "c"})
    f.add(name, {.clock_offset = {}, .environment = {}, .store_settings = {}, .settings = "tags: {few: {max_running: 2}}\n"});
  ASSERT_TRUE(f.await_ready()) << f.logs();
  std::size_t most = 0;
  EXPECT_TRUE(eventually(
      [&] {
        const auto running = ask_one("SELECT COUNT(*) FROM baton.baton_tick WHERE cluster='" + f.cluster() + "' AND state=1");
        most = std::max<std::size_t>(most, std::stoul(running));
        std::size_t done = 0;
        for (const auto* name : {"j1", "j2", "j3", "j4"}) done += count_runs(f, name) >= 2 ? 1 : 0;
        return done == 4;
      },
      seconds{30}))
      << f.logs();
  EXPECT_EQ(most, 2U) << "as many as may, and never more";
}

TEST_P(policies, one_elected_instance_runs_all_and_another_takes_over) {
  fleet f{fleet_options()};
  f.job("work", "{every: 1s}", "--for 10");
  f.job("more", "{every: 1s}", "--for 10");
  for (const auto* name : {"a", "b", "c"})
    f.add(name, {.clock_offset = {}, .environment = {}, .store_settings = {}, .settings = "election: leader\n"});
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "work", seconds{10}, 3);
  const auto runners = [&] {
    std::set<std::string> names;
    const auto file = f.runs();
    for (const auto& r : file.runs()) names.insert(r.instance);
    return names;
  };
  ASSERT_THAT(runners(), SizeIs(1));
  const auto leader = *runners().begin();
  EXPECT_EQ(f.named(leader).metrics().value("baton_leader"), 1);
  f.named(leader).signal(SIGKILL);
  EXPECT_TRUE(eventually([&] { return runners().size() == 2; }, seconds{6})) << f.logs();
  EXPECT_THAT(f.runs().violations(), IsEmpty());
}

// An order is in the ledger; that nobody runs when it is given, or that all instances end after it, changes nothing.
TEST_P(policies, g1_s23_orders_outlive_all_instances_and_a_backfill_runs_each_tick_once) {
  fleet f{fleet_options()};
  f.job("work", "{every: 2s}", "--for 20");
  f.job("by-hand", never_due, "--for 20");
  const auto far_hour = (std::chrono::floor<std::chrono::hours>(wall_now()).time_since_epoch().count() + 12) % 24;
  f.job("daily", "\"0 " + std::to_string(far_hour) + " * * *\"", "--for 20");
  for (const auto* name : {"a", "b"}) f.add(name);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "work");
  EXPECT_EQ(f.verb({"pause", "work"}).code, 0);
  const auto paused = store_now();
  for (const int code : f.stop()) EXPECT_EQ(code, 0);

  EXPECT_EQ(f.verb({"trigger", "by-hand"}).code, 0);
  const auto today = std::chrono::floor<std::chrono::days>(wall_now());
  const auto backfill =
      f.verb({"trigger", "daily", "--from", to_rfc3339(today - std::chrono::days{4}), "--to", to_rfc3339(today - std::chrono::days{1})});
  EXPECT_EQ(backfill.code, 0) << backfill.err;
  f.add("c");
  ASSERT_TRUE(eventually([&] { return f.named("c").is_ready(); }, seconds{10})) << f.logs();
  await_run(f, "by-hand", seconds{5});
  await_run(f, "daily", seconds{10}, 3);
  const auto daily = f.runs().ticks_of("daily");
  for (int day = 4; day > 1; --day)
    EXPECT_TRUE(daily.contains(wall_time{today - std::chrono::days{day}} + std::chrono::hours{far_hour})) << day << " days ago";
  EXPECT_THAT(daily, SizeIs(3));

  ASSERT_TRUE(eventually([&] { return store_now() > paused + seconds{8}; }, seconds{15}));
  for (const auto& r : f.runs().of("work")) EXPECT_LT(r.tick, paused) << "was started in the pause";
  EXPECT_EQ(f.verb({"resume", "work"}).code, 0);
  const auto before = count_runs(f, "work");
  EXPECT_TRUE(eventually([&] { return count_runs(f, "work") > before; }, seconds{4})) << f.logs();
  EXPECT_EQ(ask_one("SELECT COUNT(*) FROM baton.baton_tick WHERE cluster='" + f.cluster() + "' AND kind=2 AND state=4 AND outcome=1"), "4");
}

TEST_P(policies, a_job_runs_where_the_labels_are_that_it_asks_for_and_nowhere_while_it_is_disabled) {
  fleet f{fleet_options()};
  f.job("in-eu", "{every: 1s}", "--for 20", "    run_on: [eu]\n");
  f.job("off", "{every: 1s}", "--for 20", "    enabled: false\n");
  f.rests("off");
  for (const auto& [name, label] : {std::pair{"a", "us"}, {"b", "eu"}, {"c", "us"}})
    f.add(name, {.clock_offset = {}, .environment = {}, .store_settings = {}, .settings = std::string{"labels: ["} + label + "]\n"});
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "in-eu", seconds{10}, 5);
  for (const auto& r : f.runs().of("in-eu")) EXPECT_EQ(r.instance, "b");
  EXPECT_EQ(count_runs(f, "off"), 0U);
}

}  // namespace

BATON_ON_BOTH_SERVERS(policies);

}  // namespace baton::system_test

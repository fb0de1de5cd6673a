#include <csignal>

#include "baton/testing/tcp_gate.hpp"
#include "fixture.hpp"

namespace baton::system_test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class outages : public on_a_server {
 protected:
  /// "far" reaches the server through the gate only and has the run of `long`; "near" is beside it, and no session is younger than W.
  static void start_far_and_near(fleet& f, const testing::tcp_gate& gate) {
    f.job("long", "{every: 2s}", "--for 60000 --beat 10 --ignore-term --children 1");
    f.job("short", "{every: 1s}", "--for 20");
    f.add("far", {.clock_offset = {}, .environment = {}, .store_settings = {}, .settings = {}, .store_port = gate.port()});
    ASSERT_TRUE(f.await_ready()) << f.logs();
    await_run(f, "long");
    f.add("near");
    ASSERT_TRUE(f.await_ready()) << f.logs();
    const auto steady = boot_now() + wait_timeout;
    ASSERT_TRUE(eventually([&] { return boot_now() > steady; }, seconds{8}));
    ASSERT_EQ(f.runs().of("long").back().instance, "far");
  }
  static std::optional<executed_run> first_after(const fleet& f, const std::string& job, boot_time t) {
    for (auto& r : f.runs().of(job)) {
      if (r.started > t) return r;
    }
    return std::nullopt;
  }
};

TEST_P(outages, g3_s15_of_the_whole_fleet_are_caught_up_as_each_job_says) {
  fleet f{fleet_options()};
  f.job("all", "{every: 1s}", "--for 20", "    catch_up: {policy: all, window: 1m}\n");
  f.job("none", "{every: 1s}", "--for 20", "    catch_up: {policy: none}\n");
  f.job("three", "{every: 1s}", "--for 20", "    catch_up: {policy: all, limit: 3}\n");
  f.job("latest", "{every: 1s}", "--for 20");
  f.job("recent", "{every: 1s}", "--for 20", "    catch_up: {policy: all, window: 4s}\n");
  const auto jobs = {"all", "none", "three", "latest", "recent"};
  f.add("before");
  for (const auto* job : jobs) await_run(f, job, seconds{15}, 2);
  EXPECT_THAT(f.stop(), ::testing::Each(0));
  const auto stopped = wall_now();
  ASSERT_TRUE(eventually([&] { return wall_now() >= stopped + seconds{8}; }, seconds{10}, milliseconds{50}));
  const auto began = wall_now();
  f.add("after");
  for (const auto* job : jobs) {
    EXPECT_TRUE(eventually([&, job] { return f.runs().ticks_of(job).rbegin()->first > began + seconds{2}; }, seconds{20})) << f.logs();
  }
  const auto in_the_gap = [&](const char* job) {
    std::size_t count = 0;
    for (const auto& [tick, times] : f.runs().ticks_of(job)) {
      EXPECT_EQ(times, 1) << job << " " << to_rfc3339(tick);
      if (tick > stopped && tick <= began - seconds{2}) ++count;
    }
    return count;
  };
  const auto gap = (std::chrono::floor<seconds>(began - seconds{2}) - std::chrono::floor<seconds>(stopped)).count();
  EXPECT_EQ(in_the_gap("all"), static_cast<std::size_t>(gap));
  EXPECT_EQ(in_the_gap("none"), 0U);
  EXPECT_LE(in_the_gap("three"), 3U);
  EXPECT_LE(in_the_gap("latest"), 1U);
  EXPECT_LE(in_the_gap("recent"), 4U);
  for (const auto& [tick, times] : f.runs().ticks_of("recent")) {
    const bool is_in_the_gap = tick > stopped && tick <= began - seconds{2};
    EXPECT_FALSE(is_in_the_gap && tick < began - seconds{4}) << to_rfc3339(tick) << " is older than the window";
  }
  EXPECT_THAT(f.stop(), ::testing::Contains(0));
}

TEST_P(outages, g7_s11_a_server_away_for_10_s_stops_all_work_and_nothing_else_and_ticks_go_on_when_it_is_back) {
  fleet f{fleet_options()};
  f.job("short", "{every: 1s}", "--for 20");
  f.job("long", "{every: 2s}", "--for 60000 --beat 10 --ignore-term");
  for (const auto* name : {"a", "b", "c"}) f.add(name);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  const auto interrupted = await_run(f, "long");
  await_run(f, "short", seconds{10}, 2);

  // Between two runs of `short`, and at once: its row is closed, so that it has nobody to wait for afterwards.
  const auto between = std::chrono::ceil<seconds>(wall_now()) + milliseconds{500};
  ASSERT_TRUE(eventually([&] { return wall_now() >= between; }, seconds{3}));
  server().kill();
  const auto away = boot_now();
  std::vector<microseconds> before;
  for (auto& i : f) before.push_back(i->process().processor_time());
  EXPECT_TRUE(eventually([&] { return !is_alive(interrupted.pid); }, stop_time)) << "no lease, no run";
  for (auto& i : f) EXPECT_TRUE(eventually([&] { return i->get("/readyz").status == 503; }, seconds{2})) << i->name();
  const auto asleep = first_after(f, "short", away);
  ASSERT_TRUE(eventually([&] { return boot_now() - away >= seconds{10}; }, seconds{15}, milliseconds{100}));
  EXPECT_FALSE(asleep);
  EXPECT_FALSE(first_after(f, "short", away + milliseconds{200})) << "a run was started without a store";
  const auto outage = boot_now() - away;
  for (std::size_t i = 0; i < f.size(); ++i) {
    ASSERT_TRUE(f[i].process().is_running()) << f[i].log();
    EXPECT_LT(f[i].process().processor_time() - before[i], outage / 20) << f[i].name() << " was busy while the store was away";
    EXPECT_EQ(f[i].get("/livez").status, 200);
    const auto ready = f[i].get("/readyz");
    EXPECT_EQ(ready.status, 503);
    EXPECT_THAT(ready.body, HasSubstr("the store cannot be used"));
  }

  ASSERT_TRUE(server().start_again());
  const auto back = boot_now();
  std::optional<executed_run> first;
  EXPECT_TRUE(eventually([&] { return (first = first_after(f, "short", away + milliseconds{200})).has_value(); }, seconds{10})) << f.logs();
  if (first) {
    EXPECT_LE(first->started - back, seconds{3}) << f.logs();
  }
  EXPECT_TRUE(eventually([&] { return (first = first_after(f, "long", away + milliseconds{200})).has_value(); }, seconds{10})) << f.logs();
  if (first) {
    EXPECT_LE(first->started - back, wait_timeout + seconds{3});
  }
  for (auto& i : f) EXPECT_TRUE(eventually([&] { return i->is_ready(); }, seconds{6})) << i->log();
  EXPECT_THAT(f.runs().violations(), IsEmpty());
  const auto row = row_of(f, interrupted);
  EXPECT_TRUE(row == "4/5/1" || row == "4/6/1") << row;
  // G3: what was due meanwhile is in the ledger, with a reason.
  EXPECT_TRUE(eventually(
      [&] {
        return ask_one("SELECT COALESCE(SUM(tick_count),0)>=9 FROM baton.baton_tick WHERE cluster='" + f.cluster() +
                       "' AND job='short' AND state=6 AND reason<>0") == "1";
      },
      seconds{3}))
      << "the ticks of the outage are not in the ledger as missed";
}

TEST_P(outages, g5_g6_a_server_that_falls_silent_has_every_run_dead_within_p_r_and_s) {
  fleet f{fleet_options()};
  f.job("short", "{every: 1s}", "--for 20");
  f.job("long", "{every: 2s}", "--for 60000 --beat 10 --ignore-term --children 1");
  f.add("a");
  f.add("b");
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "long");
  ASSERT_TRUE(eventually([&] { return !f.runs().of("long").back().children.empty(); }, seconds{2}));
  const auto run = f.runs().of("long").back();

  const auto silent = boot_now();
  server().suspend();
  EXPECT_TRUE(eventually([&] { return !is_alive(run.pid) && !is_alive(run.children.front()); }, seconds{5}, milliseconds{5}));
  EXPECT_LE(boot_now() - silent, probe_and_reply + stop_time + milliseconds{100});
  EXPECT_TRUE(eventually([&] { return f[0].get("/readyz").status == 503 && f[1].get("/readyz").status == 503; }, seconds{3}));
  for (auto& i : f) EXPECT_EQ(i->get("/livez").status, 200) << i->get("/livez").body;
  ASSERT_TRUE(eventually([&] { return boot_now() - silent >= seconds{5}; }, seconds{10}));
  server().resume();
  const auto back = boot_now();
  std::optional<executed_run> first;
  EXPECT_TRUE(eventually([&] { return (first = first_after(f, "short", back)).has_value(); }, seconds{15})) << f.logs();
  if (first) {
    EXPECT_LE(first->started - back, wait_timeout + seconds{3});
  }
  EXPECT_TRUE(eventually([&] { return (first = first_after(f, "long", back)).has_value(); }, seconds{15})) << f.logs();
  EXPECT_THAT(f.runs().violations(), IsEmpty());
}

TEST_P(outages, g7_g9_s12_an_instance_without_a_fit_store_says_why_once_waits_idly_and_starts_when_it_is_fit) {
  ASSERT_TRUE(server().exec("SET GLOBAL read_only=1"));
  fleet unfit{fleet_options("unfit")};
  unfit.job("short", "{every: 1s}", "--for 20");
  auto& reader = unfit.add("reader");
  auto nowhere = fleet_options("nowhere");
  nowhere.store_url = "mysql://baton@127.0.0.1:1/baton";  // tcpmux: nobody listens
  fleet unreachable{nowhere};
  unreachable.job("short", "{every: 1s}", "--for 20");
  unreachable.cannot_work("nobody listens there");
  auto& waiter = unreachable.add("waiter");
  auto refused = fleet_options("refused");
  refused.password = "wrong";
  fleet unwelcome{refused};
  unwelcome.cannot_work("its password is wrong");
  unwelcome.job("short", "{every: 1s}", "--for 20");
  auto& stranger = unwelcome.add("stranger");
  const auto all = {&reader, &waiter, &stranger};

  for (auto* i : all) EXPECT_TRUE(eventually([&] { return !i->log_lines("store trouble").empty(); }, seconds{5})) << i->log();
  const auto from = boot_now();
  std::vector<microseconds> before;
  for (auto* i : all) before.push_back(i->process().processor_time());
  ASSERT_TRUE(eventually([&] { return boot_now() - from >= seconds{5}; }, seconds{10}, milliseconds{500}));
  for (std::size_t n = 0; auto* i : all) {
    EXPECT_LT(i->process().processor_time() - before[n++], (boot_now() - from) / 50) << i->name() << " is busy";
    ASSERT_TRUE(i->process().is_running()) << i->log();
    EXPECT_EQ(i->get("/livez").status, 200);
    EXPECT_EQ(i->get("/readyz").status, 503);
    EXPECT_EQ(i->log_lines(" warning ").size() + i->log_lines(" error ").size(), 1U) << i->log();
  }
  EXPECT_THAT(reader.get("/readyz").body, HasSubstr("read_only"));
  EXPECT_THAT(waiter.get("/readyz").body, HasSubstr("127.0.0.1:1"));
  EXPECT_THAT(stranger.get("/readyz").body, HasSubstr("Access denied"));
  EXPECT_EQ(count_runs(unfit, "short"), 0U);

  ASSERT_TRUE(server().exec("SET GLOBAL read_only=0"));
  EXPECT_TRUE(eventually([&] { return reader.is_ready(); }, seconds{8})) << reader.log();
  await_run(unfit, "short", seconds{4});
  EXPECT_THAT(unreachable.stop(seconds{5}), ::testing::ElementsAre(0)) << "a stop waits for a store that never was";
}

// Half of the fleet is behind a link that goes silent: no end of file, no reset, nothing.
TEST_P(outages, g5_g6_s09_a_link_that_swallows_everything_has_the_run_dead_before_the_lock_is_free_and_the_others_go_on) {
  testing::tcp_gate gate{server().port()};
  fleet f{fleet_options()};
  ASSERT_NO_FATAL_FAILURE(start_far_and_near(f, gate));
  auto& far = f.named("far");
  const auto run = f.runs().of("long").back();
  const auto lock = holder_of(f, "long");

  const auto silent = boot_now();
  gate.swallow(true);
  std::optional<boot_time> dead;
  std::optional<boot_time> freed;
  ASSERT_TRUE(eventually(
      [&] {
        // The lock first: a lock seen free while the process is seen alive afterwards is the fault that is looked for.
        if (!freed && holder_of(f, "long") != lock) freed = boot_now();
        if (!dead && !is_alive(run.pid) && !is_alive(run.children.front())) dead = boot_now();
        return dead && freed;
      },
      seconds{10}));
  EXPECT_LE(*dead - silent, probe_and_reply + stop_time + milliseconds{100});
  EXPECT_LT(*dead, *freed);
  EXPECT_LE(*freed - silent, wait_timeout + milliseconds{500});
  EXPECT_TRUE(eventually([&] { return far.get("/readyz").status == 503; }, seconds{3}));
  const auto next = await_run(f, "long", seconds{8}, 2);
  EXPECT_EQ(next.instance, "near");
  EXPECT_LE(next.started - silent, wait_timeout + 2 * stop_time + seconds{1}) << f.logs();
  EXPECT_EQ(far.get("/livez").status, 200);

  gate.swallow(false);
  gate.cut();
  EXPECT_TRUE(eventually([&] { return far.is_ready(); }, wait_timeout + seconds{5})) << far.log();
  EXPECT_GE(far.metrics().value("baton_lock_lost_total", {{"job_name", "long"}}), 1);
}

// Three faults, one after the other: the ledger session falls silent, the instance is stopped, its lock session is killed.
TEST_P(outages, g2_g7_s09_a_ledger_session_that_falls_silent_gives_its_incarnation_to_the_next_before_the_server_ends_it) {
  testing::tcp_gate gate{server().port()};
  fleet f{fleet_options()};
  ASSERT_NO_FATAL_FAILURE(start_far_and_near(f, gate));
  auto& far = f.named("far");
  const auto run = f.runs().of("long").back();
  const auto incarnation = ask_one("SELECT CONCAT('baton:',cluster,':~i:',incarnation) FROM baton.baton_instance WHERE cluster='" +
                                   f.cluster() + "' AND instance='far'");
  const auto holder = [&] { return ask_one("SELECT IS_USED_LOCK('" + incarnation + "')"); };
  const auto before = holder();
  const auto from = ask_one("SELECT SUBSTRING_INDEX(host,':',-1) FROM information_schema.processlist WHERE id=" + before);

  const auto silent = boot_now();
  gate.silence(static_cast<std::uint16_t>(std::stoul(from)));
  ASSERT_TRUE(eventually([&] { return holder() != before && holder() != "NULL"; }, seconds{6}, milliseconds{5})) << far.log();
  EXPECT_LT(boot_now() - silent, wait_timeout);
  EXPECT_TRUE(is_alive(run.pid));
  EXPECT_TRUE(eventually([&] { return far.is_ready(); }, seconds{2})) << far.log();
  const auto lock = holder_of(f, "long");
  far.signal(SIGSTOP);
  ask("KILL " + lock);
  const auto killed = boot_now();
  const auto next = await_run(f, "long", seconds{12}, 2);
  EXPECT_EQ(next.instance, "near");
  EXPECT_GE(next.started - killed, wait_timeout - seconds{1}) << "its owner is known to live: W - M + S";
  EXPECT_FALSE(is_alive(run.pid));
  far.signal(SIGCONT);
}

BATON_ON_BOTH_SERVERS(outages);

}  // namespace
}  // namespace baton::system_test

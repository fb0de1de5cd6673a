#include <csignal>
#include <set>

#include "baton/mysql/guard.hpp"
#include "fixture.hpp"

namespace baton::system_test {
namespace {

using ::testing::IsEmpty;

class crashes : public on_a_server {};

std::vector<pid_t> tree_of(const executed_run& run) {
  auto pids = run.children;
  pids.push_back(run.pid);
  return pids;
}

TEST_P(crashes, g4_s07_after_kill_9_the_next_tick_runs_elsewhere_and_on_crash_decides_about_the_interrupted_run) {
  fleet f{fleet_options()};
  const auto endless = "--for 60000 --beat 20 --children 1 --ignore-term";
  f.job("given-up", "{every: 4s}", endless);
  f.job("retried", "{every: 4s}", std::string{endless} + " --own-session", "    on_crash: retry\n");
  f.job("short", "{every: 1s}", "--for 20");
  for (const auto* name : {"a", "b", "c"}) f.add(name);
  ASSERT_TRUE(f.await_ready()) << f.logs();

  // Right before the next tick: nothing of these jobs has become due while they ran.
  const auto first = await_run(f, "given-up");
  auto retried = await_run(f, "retried");
  ASSERT_TRUE(eventually([&] { return !f.runs().of("retried").back().children.empty(); }, seconds{2}));
  const auto due = first.tick + seconds{4};
  ASSERT_EQ(first.tick, retried.tick) << "the fleet was too slow to start both at one tick";
  ASSERT_TRUE(eventually([&] { return wall_now() >= due - milliseconds{300}; }, seconds{5}));
  const auto before = f.runs();
  const auto interrupted = before.of("given-up").back();
  retried = before.of("retried").back();
  ASSERT_EQ(interrupted.children.size(), 1U);
  const std::set<std::string> victims{interrupted.instance, retried.instance};
  const auto held_by = holder_of(f, "given-up");
  for (const auto& name : victims) f.named(name).signal(SIGKILL);

  EXPECT_TRUE(eventually([&] { return holder_of(f, "given-up") != held_by; }, seconds{1})) << "the lock of a dead process is not free";
  for (const auto& run : {interrupted, retried}) {
    for (const auto pid : tree_of(run)) {
      EXPECT_TRUE(eventually([&] { return !is_alive(pid); }, stop_time)) << "a process of " << run.job << " has outlived its instance";
    }
  }
  const auto next = await_run(f, "given-up", seconds{10}, 2);
  const auto again = await_run(f, "retried", seconds{10}, 2);
  const auto late = [&](const executed_run& r) { return r.started - (boot_now() - (wall_now() - due)); };
  EXPECT_LE(late(next), 2 * stop_time + milliseconds{500});
  EXPECT_EQ(next.tick, due);
  EXPECT_FALSE(victims.contains(next.instance));
  EXPECT_EQ(row_of(f, interrupted), "4/5/1") << "finished, crashed, one attempt";

  EXPECT_EQ(again.tick, retried.tick);
  EXPECT_EQ(again.attempt, 2U);
  EXPECT_GT(again.fence, retried.fence);
  EXPECT_FALSE(victims.contains(again.instance));
  EXPECT_EQ(row_of(f, retried), "1/0/2") << "running, no outcome, second attempt";

  // A job that had no run open waits for nobody.
  const auto is_due_tick = [&](const executed_run& r) { return r.tick == due; };
  std::vector<executed_run> shorts;
  ASSERT_TRUE(eventually(
      [&] {
        shorts = f.runs().of("short");
        return std::ranges::any_of(shorts, is_due_tick);
      },
      seconds{5}));
  EXPECT_LE(late(*std::ranges::find_if(shorts, is_due_tick)), milliseconds{200}) << f.logs();

  EXPECT_THAT(f.runs().violations(), IsEmpty());
  const auto runs = f.runs().of("given-up");
  EXPECT_EQ(std::ranges::count_if(runs, [&](const auto& r) { return r.tick == interrupted.tick; }), 1) << "given up means not run again";
}

TEST_P(crashes, a_failed_run_is_tried_again_by_whoever_lives_and_no_oftener_than_it_may) {
  fleet f{fleet_options()};
  f.job("failing", soon(seconds{20}), "--for 20 --exit 1", "    retry: {attempts: 3, backoff: 1s, multiplier: 1}\n");
  for (const auto* name : {"a", "b", "c"}) f.add(name);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  const auto first = await_run(f, "failing", seconds{25});
  ASSERT_TRUE(eventually([&] { return row_of(f, first) == "2/2/1"; }, seconds{1}, milliseconds{2})) << "retry due, failure, one attempt";
  f.named(first.instance).signal(SIGKILL);
  const auto second = await_run(f, "failing", seconds{10}, 2);
  EXPECT_EQ(second.tick, first.tick);
  EXPECT_EQ(second.attempt, 2U);
  EXPECT_GT(second.fence, first.fence);
  EXPECT_NE(second.instance, first.instance);
  EXPECT_GE(second.started - first.started, seconds{1});
  const auto third = await_run(f, "failing", seconds{10}, 3);
  EXPECT_EQ(third.tick, first.tick);
  EXPECT_EQ(third.attempt, 3U);
  EXPECT_TRUE(eventually([&] { return row_of(f, third) == "4/2/3"; }, seconds{2})) << "finished, failure, three attempts";
  EXPECT_THAT(f.runs().violations(), IsEmpty());
}

TEST_P(crashes, g2_g5_s04_s05_a_run_whose_lock_session_is_killed_hears_of_it_within_100_ms_and_is_dead_within_s) {
  fleet f{fleet_options()};
  f.job("stubborn", "{every: 2s}", "--for 60000 --beat 5 --ignore-term --children 1");
  f.job("obedient", "{every: 2s}", "--for 60000 --beat 5 --after-term 50");
  f.add("a");
  f.add("b");
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "stubborn");
  await_run(f, "obedient");
  ASSERT_TRUE(eventually([&] { return !f.runs().of("stubborn").back().children.empty(); }, seconds{2}));

  for (const auto* job : {"stubborn", "obedient"}) {
    // One session carries the locks of both, so the second may have to start anew.
    executed_run run;
    const auto runs_now = [&] { return is_alive((run = f.runs().of(job).back()).pid); };
    ASSERT_TRUE(eventually(runs_now, seconds{8})) << f.logs();
    const auto holder = holder_of(f, job);
    ASSERT_NE(holder, "NULL");
    const auto killed = boot_now();
    ask("KILL " + holder);
    for (const auto pid : tree_of(run)) EXPECT_TRUE(eventually([&] { return !is_alive(pid); }, seconds{5}, milliseconds{2}));
    const auto dead = boot_now();
    const auto runs = f.runs().of(job);
    const auto seen = *std::ranges::find(runs, run.fence, &executed_run::fence);
    ASSERT_TRUE(seen.told_to_stop) << f.logs();
    EXPECT_LE(*seen.told_to_stop - killed, milliseconds{100});
    EXPECT_LE(dead - *seen.told_to_stop, stop_time);
    EXPECT_TRUE(eventually([&] { return row_of(f, run) == "4/6/1"; }, seconds{3})) << "finished, lock_lost: " << row_of(f, run);
    EXPECT_GE(f.named(run.instance).metrics().value("baton_lock_lost_total", {{"job_name", job}, {"reason", "connection"}}), 1);
    // The next tick runs, and only after the lost run's last sign of life.
    EXPECT_TRUE(eventually([&] { return f.runs().of(job).back().fence > run.fence; }, seconds{8})) << f.logs();
  }
  EXPECT_THAT(f.runs().violations(), IsEmpty());
}

TEST_P(crashes, g6_g8_s06_s08_a_run_of_a_stopped_instance_is_dead_before_the_server_frees_its_lock_and_its_finish_is_refused) {
  fleet f{fleet_options()};
  f.job("long", "{every: 2s}", "--for 60000 --beat 10 --ignore-term --children 1");
  for (const auto* name : {"a", "b", "c"}) f.add(name);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "long");
  // The steady state: no session of the others is younger than W.
  ASSERT_TRUE(
      eventually([&] { return f.runs().of("long").back().last_seen - f.runs().of("long").back().started > wait_timeout; }, seconds{8}));
  const auto run = f.runs().of("long").back();
  const auto lock = holder_of(f, "long");
  auto& holder = f.named(run.instance);
  const auto old_log = holder.log().size();
  const auto stopped = boot_now();
  holder.signal(SIGSTOP);

  std::optional<boot_time> dead;
  std::optional<boot_time> freed;
  ASSERT_TRUE(eventually(
      [&] {
        // The lock first: a lock seen free while the process is seen alive afterwards is the fault that is looked for.
        if (!freed && holder_of(f, "long") != lock) freed = boot_now();
        if (!dead && !is_alive(run.pid) && !is_alive(run.children.front())) dead = boot_now();
        return dead && freed;
      },
      seconds{10}, milliseconds{20}));
  EXPECT_LT(*dead, *freed) << "dead " << to_text(*dead - stopped) << " and free " << to_text(*freed - stopped) << " after the stop";
  const auto next = await_run(f, "long", seconds{10}, 2);
  EXPECT_LE(next.started - stopped, wait_timeout + 2 * stop_time + seconds{1});
  EXPECT_NE(next.instance, run.instance);
  EXPECT_EQ(row_of(f, run), "4/5/1");

  // What the dead run has sent on its way arrives now, after the new one's first write: a worker elsewhere writes for it, under its fence.
  ask("CREATE TABLE baton.account (owner VARCHAR(20) PRIMARY KEY, balance INT); INSERT INTO baton.account VALUES ('long', 0)");
  const auto write = [&](const executed_run& by, int balance) {
    const mysql::guard g{"baton:" + f.cluster() + ":long", by.fence};
    return ask_one("USE baton; UPDATE account SET balance=" + std::to_string(balance) + " WHERE " + g.condition() + "; SELECT ROW_COUNT()");
  };
  EXPECT_EQ(write(next, 2), "1");
  EXPECT_EQ(write(run, 1), "0") << "a guarded write with an older fence";
  EXPECT_EQ(ask_one("SELECT balance FROM baton.account"), "2");
  ask("DROP TABLE baton.account");

  ASSERT_TRUE(eventually([&] { return boot_now() - stopped >= 4 * wait_timeout; }, seconds{20}));
  holder.signal(SIGCONT);
  const auto refused = [&] { return holder.metrics().value("baton_fenced_writes_rejected_total").value_or(0) >= 1; };
  EXPECT_TRUE(eventually(refused, seconds{8})) << f.logs();
  const auto woken = holder.log().substr(old_log);
  const auto lost = woken.find("lock lost while the job runs");
  EXPECT_NE(lost, std::string::npos);
  for (const auto* later : {"run ended", "run claimed", "the store is in use"}) EXPECT_LT(lost, woken.find(later)) << woken;
  EXPECT_EQ(row_of(f, run), "4/5/1") << "the late finish changed the row";
  EXPECT_EQ(row_of(f, next), "1/0/1") << "the woken instance disturbed the new run";
  EXPECT_THAT(f.runs().violations(), IsEmpty());
}

BATON_ON_BOTH_SERVERS(crashes);

}  // namespace
}  // namespace baton::system_test

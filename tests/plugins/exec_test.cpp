#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>

#include "fixture.hpp"

namespace {

using namespace baton::plugin_host;
using namespace std::chrono_literals;
using baton::test::eventually;
using baton::test::pid_file;
using baton::test::recorder;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// A job's `with` for exec, checked against its own table.
values with(text_list command, text_map environment = {}, raw_value::map more = {}) {
  const auto plugin = describe_plugin(BATON_SHIPPED_PLUGINS "/exec.so");
  EXPECT_TRUE(plugin);
  raw_value::list words;
  for (auto& word : command) words.push_back({std::move(word), true, 1, 1});
  raw_value::map variables;
  for (auto& [name, text] : environment) variables.push_back({name, raw_value{text, true, 1, 1}});
  more.push_back({"command", raw_value{std::move(words), false, 1, 1}});
  more.push_back({"environment", raw_value{std::move(variables), false, 1, 1}});
  auto checked = check_parameters(*plugin, raw_value{std::move(more), false, 1, 1});
  EXPECT_TRUE(std::holds_alternative<values>(checked));
  return std::get<values>(std::move(checked));
}

raw_value text(std::string t) { return {std::move(t), true, 1, 1}; }

text_list shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

class exec : public testing::Test {
 protected:
  run_request request(values parameters) { return executor_.request(BATON_SHIPPED_PLUGINS "/exec.so", std::move(parameters)); }
  run_ended run(values parameters) {
    const auto r = request(std::move(parameters));
    executor_->start(r);
    return executor_.ended(r.id);
  }
  recorder executor_;
};

TEST_F(exec, runs_a_program_and_keeps_what_it_prints) {
  const auto end = run(with({"echo", "a b", "$HOME"}));
  EXPECT_EQ(end.end, run_end::success);
  EXPECT_EQ(end.output, "a b $HOME\n");  // no shell
}

TEST_F(exec, maps_exit_codes) {
  EXPECT_EQ(run(with({"true"})).end, run_end::success);
  EXPECT_EQ(run(with({"false"})).end, run_end::failure);
  EXPECT_EQ(run(with({"false"})).text, "exit code 1");
  EXPECT_EQ(run(with(shell("exit 75"))).end, run_end::retry_later);
  raw_value::map more;
  more.push_back({"success_exit_codes", raw_value{raw_value::list{text("0"), text("3")}, false, 1, 1}});
  more.push_back({"skip_exit_codes", raw_value{raw_value::list{text("4")}, false, 1, 1}});
  EXPECT_EQ(run(with(shell("exit 3"), {}, more)).end, run_end::success);
  EXPECT_EQ(run(with(shell("exit 4"), {}, more)).end, run_end::skipped);
  EXPECT_EQ(run(with(shell("kill -9 $$"))).text, "killed by signal 9 (Killed)");
}

TEST_F(exec, says_what_it_cannot_start) {
  const auto end = run(with({"/nowhere/program"}));
  EXPECT_EQ(end.end, run_end::failure);
  EXPECT_THAT(end.text, AllOf(HasSubstr("/nowhere/program"), HasSubstr("No such file")));
}

TEST_F(exec, runs_where_it_is_told) {
  EXPECT_EQ(run(with({"pwd"}, {}, {{"directory", text("/usr/bin")}})).output, "/usr/bin\n");
  EXPECT_EQ(run(with({"pwd"}, {}, {{"directory", text("/nowhere")}})).text,
            "cannot start pwd: directory /nowhere: No such file or directory");
}

TEST_F(exec, hands_no_file_to_a_shell) {
  pid_file script;
  std::ofstream{script.path()} << "echo a shell read this\n";
  std::filesystem::permissions(script.path(), std::filesystem::perms::owner_all);
  EXPECT_EQ(run(with({script.path()})).text, "cannot start " + script.path() + ": Exec format error");
}

/// Runs `id` as user daemon under a host that was started by `setpriv <options>`.
class exec_as : public exec {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "cannot here: only root can become another user";
    if (std::system("setpriv --reuid=nobody --clear-groups test -x " BATON_TEST_RUNNER) != 0)
      GTEST_SKIP() << "cannot here: nobody may not enter the build's folder";
  }
  run_ended run_as_daemon(const std::string& options) {
    pid_file runner;
    std::ofstream{runner.path()} << "#!/bin/sh\nexec setpriv " << options << " " BATON_TEST_RUNNER " \"$@\"\n";
    std::filesystem::permissions(runner.path(), std::filesystem::perms{0755});
    recorder host{runner.path()};
    const auto script = "id -un; id -Gn; echo $HOME $USER $LOGNAME; grep -E 'Cap(Eff|Prm|Amb)' /proc/self/status";
    const auto r = host.request(BATON_SHIPPED_PLUGINS "/exec.so", with(shell(script), {}, {{"user", text("daemon")}}));
    host->start(r);
    return host.ended(r.id);
  }
  const testing::Matcher<std::string> is_daemon_without_capabilities =
      AllOf(testing::StartsWith("daemon\ndaemon\n/usr/sbin daemon daemon\n"), Not(testing::ContainsRegex("Cap...:\t0*[1-9a-f]")));
};

TEST_F(exec_as, becomes_the_account_it_is_told) {
  const auto end = run_as_daemon("--reuid=root");
  EXPECT_THAT(end.output, is_daemon_without_capabilities) << end.text;
  EXPECT_EQ(run(with({"true"}, {}, {{"user", text("no-such-user")}})).text, "cannot start true: there is no user 'no-such-user'");
}

TEST_F(exec_as, hands_no_capability_of_the_host_on) {
  const auto end = run_as_daemon("--reuid=nobody --inh-caps=+setuid,+setgid --ambient-caps=+setuid,+setgid");
  EXPECT_THAT(end.output, is_daemon_without_capabilities) << end.text;
}

TEST_F(exec_as, says_when_it_may_not_become_another) {
  const auto end = run_as_daemon("--reuid=nobody --clear-groups");
  EXPECT_EQ(end.end, run_end::failure);
  EXPECT_EQ(end.text,
            "cannot start /bin/sh: cannot become user 'daemon': Operation not permitted; it takes root, or CAP_SETUID and CAP_SETGID");
}

TEST_F(exec, tells_the_program_about_its_run) {
  auto r = request(with({"env"}, {{"COLOUR", "blue"}, {"BATON_JOB", "overridden"}}));
  r.tick = baton::wall_time{1s};
  r.timeout = 1h;
  r.attempt = 2;
  r.fence = 77;
  executor_->start(r);
  const auto output = executor_.ended(r.id).output;
  for (const auto* line :
       {"BATON_JOB=overridden\n", "BATON_TICK=1970-01-01T00:00:01.000000Z\n", "BATON_RUN_ID=run-1\n", "BATON_ATTEMPT=2\n",
        "BATON_FENCE=77\n", "BATON_INSTANCE=test-1\n", "BATON_CLUSTER=test\n", "BATON_TRIGGER=schedule\n", "COLOUR=blue\n"}) {
    EXPECT_THAT(output, HasSubstr(line));
  }
  EXPECT_THAT(output, testing::ContainsRegex("BATON_DEADLINE=20[0-9-]+T[0-9:]+\\.[0-9]{6}Z\n"));
}

TEST_F(exec, leaves_the_deadline_out_when_there_is_none) { EXPECT_THAT(run(with({"env"})).output, Not(HasSubstr("BATON_DEADLINE"))); }

TEST_F(exec, hands_no_descriptor_on) { EXPECT_EQ(run(with(shell("ls /proc/self/fd | wc -l"))).output, "4\n"); }  // 0, 1, 2 and ls's own

TEST_F(exec, passes_a_stop_order_on_as_sigterm) {
  const auto r = request(with(shell("trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.01; done")));
  executor_->start(r);
  ASSERT_TRUE(executor_.wait_for<run_started>(r.id));
  executor_->stop(r.id, {1h, 1h});
  const auto end = executor_.ended(r.id);
  EXPECT_EQ(end.end, run_end::cancelled);
}

TEST_F(exec, leaves_the_program_its_time_after_sigterm) {
  pid_file pids;
  const auto r =
      request(with(shell("trap 'sleep 0.3; echo tidied up; exit 0' TERM; echo $$ > " + pids.path() + "; while :; do sleep 0.01; done")));
  executor_->start(r);
  ASSERT_TRUE(eventually([&] { return !pids.pids().empty(); }));
  executor_->stop(r.id, {1ms, 1h});
  const auto end = executor_.ended(r.id);
  EXPECT_EQ(end.end, run_end::success) << end.text << "; " << end.output;
  EXPECT_THAT(end.output, HasSubstr("tidied up"));
}

TEST_F(exec, takes_grandchildren_along) {
  pid_file pids;
  const auto script = "trap '' TERM; setsid sh -c 'echo $$ >> " + pids.path() +
                      "; trap \"\" TERM; while :; do sleep 1; done' & echo $$ >> " + pids.path() + "; wait";
  const auto r = request(with(shell(script)));
  executor_->start(r);
  ASSERT_TRUE(eventually([&] { return pids.pids().size() == 2; }));
  executor_->stop(r.id, {1ms, 20ms});
  EXPECT_EQ(executor_.ended(r.id).end, run_end::cancelled);
  EXPECT_EQ(pids.alive(), 0U);
}

}  // namespace

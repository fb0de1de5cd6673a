#include <gmock/gmock.h>

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
  more.push_back({"success_exit_codes", raw_value{raw_value::list{{"0", false, 1, 1}, {"3", false, 1, 1}}, false, 1, 1}});
  EXPECT_EQ(run(with(shell("exit 3"), {}, more)).end, run_end::success);
  EXPECT_EQ(run(with(shell("kill -9 $$"))).text, "killed by signal 9 (Killed)");
}

TEST_F(exec, says_what_it_cannot_start) {
  const auto end = run(with({"/nowhere/program"}));
  EXPECT_EQ(end.end, run_end::failure);
  EXPECT_THAT(end.text, AllOf(HasSubstr("/nowhere/program"), HasSubstr("No such file")));
}

TEST_F(exec, runs_where_it_is_told) {
  raw_value::map more;
  more.push_back({"directory", raw_value{std::string{"/usr/bin"}, false, 1, 1}});
  EXPECT_EQ(run(with({"pwd"}, {}, more)).output, "/usr/bin\n");
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

#include <gmock/gmock.h>

#include "started_program.hpp"

namespace baton::program {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

/// Runs misbehave.so, which does as it is told.
class plugin_run : public started_program {
 protected:
  answer run_to(const std::string& how, const std::string& options = {}) {
    return run("plugin run " + test_plugin("misbehave") + " --with " + written("how: " + how + "\n", "with.yaml") + " " + options);
  }
};

TEST_F(plugin_run, says_how_it_ended_and_ends_so_itself) {
  const auto good = run_to("succeed");
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_EQ(good.out, "success: all went well\n");
  const auto bad = run_to("fail");
  EXPECT_EQ(bad.code, 1);
  EXPECT_EQ(bad.out, "failure: it did not work\n");
  const auto crashed = run_to("segfault");
  EXPECT_EQ(crashed.code, 1);
  EXPECT_THAT(crashed.out,
              AllOf(StartsWith("crashed: "), testing::AnyOf(HasSubstr("signal 11"), HasSubstr("without a result"))));  // a sanitizer exits
}

TEST_F(plugin_run, shows_what_it_logs_how_far_it_is_and_what_it_prints) {
  const auto logged = run_to("log");
  EXPECT_EQ(logged.code, 0) << "skipped is no failure";
  EXPECT_EQ(logged.out, "skipped: nothing new\n");
  EXPECT_THAT(logged.err, ContainsRegex("warning  a line  number=42  text=value  tick=20[0-9-]*T[0-9:.]*Z\nprogress  50 %  half way\n"));
  EXPECT_THAT(run_to("print").err, AllOf(HasSubstr("to stdout\n"), HasSubstr("to stderr\n")));
}

TEST_F(plugin_run, says_where_a_parameter_is_wrong) {
  const auto wrong = run("plugin run " + test_plugin("misbehave") + " --with " + written("how: log\npid: x\n", "with.yaml"));
  EXPECT_EQ(wrong.code, 78);
  EXPECT_THAT(wrong.out, IsEmpty());
  EXPECT_THAT(wrong.err, AllOf(ContainsRegex("with.yaml:2:6: error: with.pid: "), HasSubstr("did you mean 'pids'?")));
  const auto missing = run("plugin run " + test_plugin("misbehave"));
  EXPECT_EQ(missing.code, 78);
  EXPECT_THAT(missing.err, HasSubstr("needs parameter 'how'"));
  const auto secret = run("plugin run " + shipped_plugin("noop") + " --with " + written("duration: {env: HOME}\n", "with.yaml"));
  EXPECT_EQ(secret.code, 78);
  EXPECT_THAT(secret.err, HasSubstr("not shown: it may be a secret"));
  EXPECT_EQ(run("plugin run " + test_plugin("misbehave") + " --with /nowhere.yaml").code, 78);
  EXPECT_EQ(run("plugin run " + test_plugin("broken_major")).code, 78);
  const auto option = run_to("log", "--timeout 5");
  EXPECT_EQ(option.code, 64);
  EXPECT_THAT(option.err, StartsWith("baton: error: --timeout 5: "));
}

TEST_F(plugin_run, ends_what_lasts_too_long) {
  EXPECT_THAT(run_to("hang", "--timeout 200ms --grace 100ms").out, StartsWith("timeout"));
  const auto stopped = run_to("obey", "--stop-after 100ms");
  EXPECT_EQ(stopped.code, 1);
  EXPECT_EQ(stopped.out, "cancelled: as told\n");
  EXPECT_EQ(run_to("obey", "--stop-after 100ms --isolation in_process").out, "cancelled: as told\n");
}

TEST_F(plugin_run, is_asked_to_stop_by_a_signal) {
  const auto pids = folder_ + "/pids";
  const auto with = written("how: obey\npids: " + pids + "\n", "with.yaml");
  const auto a = shell(std::string{BATON_PROGRAM} + " plugin run " + test_plugin("misbehave") + " --with " + with + " & while [ ! -s " +
                       pids + " ]; do sleep 0.01; done; kill -TERM $!; wait $!");
  EXPECT_EQ(a.code, 1);
  EXPECT_EQ(a.out, "cancelled: as told\n");
}

TEST_F(plugin_run, keeps_its_lease_as_long_as_it_runs) {
  const auto a = run("plugin run " + shipped_plugin("noop") + " --with " + written("duration: 11s\n", "with.yaml"));
  EXPECT_EQ(a.out, "success\n") << "a lease lasts for 10 s";
}

}  // namespace
}  // namespace baton::program

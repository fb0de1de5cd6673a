#include <gmock/gmock.h>

#include "started_program.hpp"

namespace baton::program {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class plugin_checks : public started_program {
 protected:
  answer check(const std::string& file, const std::string& with, const std::string& limits = "--timeout 2s --grace 500ms") {
    return run("plugin test " + file + " --with " + written(with, "with.yaml") + " " + limits);
  }
  static std::string careless(const std::string& name = "careless") { return std::string{BATON_CARELESS_PLUGINS} + "/" + name + ".so"; }
};

/// The one check that failed, with why.
MATCHER_P2(only_fails, name, why, "") {
  const std::string failed{"FAILED   "};
  const auto at = arg.find(failed);
  return at != std::string::npos && arg.find(failed, at + 1) == std::string::npos && arg.substr(at + failed.size()).starts_with(name) &&
         testing::Value(arg.substr(at, arg.find('\n', at) - at), ContainsRegex(why));
}

TEST_F(plugin_checks, find_nothing_wrong_with_what_is_shipped) {
  const auto noop = run("plugin test " + shipped_plugin("noop"));
  EXPECT_EQ(noop.code, 0) << noop.out;
  EXPECT_THAT(noop.out,
              AllOf(HasSubstr("ok       load          noop 1.0.0, ABI 1.0\n"), HasSubstr("ok       odd_values    4 runs with odd values")));
  const auto exec = check(shipped_plugin("exec"), "command: ['true']\n", "");
  EXPECT_EQ(exec.code, 0) << exec.out;
  EXPECT_THAT(exec.out, Not(HasSubstr("SKIPPED  run")));
}

TEST_F(plugin_checks, run_nothing_without_values_that_do_no_harm) {
  const auto a = run("plugin test " + shipped_plugin("exec"));
  EXPECT_EQ(a.code, 0);
  EXPECT_THAT(a.out,
              AllOf(HasSubstr("ok       entry"), HasSubstr("SKIPPED  run           parameter 'command' is required; give --with FILE")));
  EXPECT_EQ(check(shipped_plugin("exec"), "comand: [x]\n").code, 78);
  EXPECT_EQ(run("plugin test " + shipped_plugin("noop") + " --grace 1").code, 64);
}

TEST_F(plugin_checks, find_a_plugin_that_cannot_be_loaded) {
  const auto refused = run("plugin test " + test_plugin("broken_major"));
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.out, only_fails("load", "ABI 2.0, this host speaks 1.0"));
  EXPECT_THAT(run("plugin test " + test_plugin("crash_on_load")).out, only_fails("load", "in loading /.*crash_on_load.so"));
  EXPECT_EQ(run("plugin test " + test_plugin("crash_on_load")).code, 1);
}

TEST_F(plugin_checks, find_what_is_wrong_with_the_file) {
  EXPECT_THAT(check(careless("open"), "how: behave\n").out, only_fails("symbols", "2 symbols \\(.*one_symbol_more"));
  EXPECT_THAT(check(careless("moody"), "how: behave\n").out, only_fails("entry", "gives different answers"));
}

TEST_F(plugin_checks, find_what_create_leaves_behind) {
  const auto good = check(careless(), "how: behave\n");
  EXPECT_EQ(good.code, 0) << good.out;
  EXPECT_THAT(check(careless(), "how: refuse\n").out, only_fails("create", "create\\(\\) failed: not today"));
  EXPECT_THAT(check(careless(), "how: keep_descriptors\n").out, only_fails("create", "100 descriptors"));
}

TEST_F(plugin_checks, find_what_runs_leave_behind) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "cannot here: the sanitizer has the heap";
#endif
  EXPECT_THAT(check(careless(), "how: keep_memory\n").out, only_fails("leaks", "grows by 1[0-9][0-9] bytes a run"));
}

TEST_F(plugin_checks, find_an_exception_that_crosses) {
  const auto a = check(careless(), "how: throw\n");
  EXPECT_EQ(a.code, 1);
  EXPECT_THAT(a.out, ContainsRegex("FAILED   exceptions +run\\(\\) was left by an exception: out of the plugin"));
}

TEST_F(plugin_checks, find_runs_that_share_what_they_should_not) {
  EXPECT_THAT(check(careless(), "how: share\n").out, only_fails("together", "killed by signal 6 .*several runs at once"));
}

TEST_F(plugin_checks, find_values_that_were_not_thought_of) {
  EXPECT_THAT(check(careless(), "how: dislike_long_names\n").out,
              only_fails("odd_values", "killed by signal 6 .*in a run with name: 65536 characters"));
}

TEST_F(plugin_checks, find_who_does_not_come_back) {
  const auto hung = check(careless(), "how: hang\n");
  EXPECT_EQ(hung.code, 1);
  EXPECT_THAT(hung.out,
              AllOf(ContainsRegex("FAILED   run +not back after 2s"), ContainsRegex("FAILED   stop_at_once +not back within 500ms"),
                    ContainsRegex("FAILED   stop_later +not back within 500ms"),
                    ContainsRegex("SKIPPED  leaks +until what failed above is cured")));
  const auto obeys = check(test_plugin("misbehave"), "how: obey\n");
  EXPECT_THAT(obeys.out,
              AllOf(ContainsRegex("ok       stop_at_once +cancelled: as told"), ContainsRegex("ok       stop_later +cancelled: as told")));
}

}  // namespace
}  // namespace baton::program

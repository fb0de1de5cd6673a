#include <gmock/gmock.h>

#include "started_program.hpp"

namespace baton::program {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class plugin_inspect : public started_program {};

TEST_F(plugin_inspect, shows_what_a_plugin_says_of_itself) {
  const auto a = run("plugin inspect " + shipped_plugin("exec"));
  EXPECT_EQ(a.code, 0) << a.err;
  EXPECT_THAT(a.out, StartsWith("name     exec\nversion  1.0.0\nABI      1.0\nbuild    "));
  EXPECT_THAT(a.out, ContainsRegex("\ncommand +list of texts +\\(required\\) +program and arguments"));
  const auto noop = run("plugin inspect " + shipped_plugin("noop"));
  EXPECT_THAT(noop.out, ContainsRegex("\nduration +duration +0s +0s to 365d +how long"));
}

TEST_F(plugin_inspect, shows_what_a_plugin_counts_and_that_it_uses_the_store) {
  const auto counts = run("plugin inspect " + test_plugin("counts"));
  EXPECT_THAT(counts.out, AllOf(ContainsRegex("\nMETRIC +KIND +LABELS +HELP\n"), ContainsRegex("\nrows_total +counter +"),
                                ContainsRegex("\nerrors_total +counter +kind=full +")));
  EXPECT_THAT(run("plugin inspect -o json " + test_plugin("counts")).out,
              HasSubstr(R"({"name":"rows_total","kind":"counter","labels":{},)"));
  EXPECT_THAT(run("plugin inspect " + shipped_plugin("sql")).out, HasSubstr("\nstore    its runs are told"));
  EXPECT_THAT(run("plugin inspect " + shipped_plugin("exec")).out, Not(HasSubstr("\nstore ")));
}

TEST_F(plugin_inspect, takes_a_path_from_here) {
  std::filesystem::copy_file(shipped_plugin("noop"), folder_ + "/noop.so");
  EXPECT_EQ(shell("cd " + folder_ + " && " + BATON_PROGRAM + " plugin inspect noop.so").code, 0);
}

TEST_F(plugin_inspect, has_forms_for_programs) {
  const auto json = run("plugin inspect -o json " + shipped_plugin("noop"));
  EXPECT_THAT(json.out, AllOf(StartsWith(R"({"name":"noop","version":"1.0.0","abi":"1.0","build_id":")"),
                              HasSubstr(R"({"name":"duration","type":"duration","required":false,"secret":false,"default":"0s",)"
                                        R"("minimum":"0s","maximum":"365d","help":"how long to do nothing"})")));
  const auto yaml = run("plugin inspect -o yaml " + shipped_plugin("noop"));
  EXPECT_THAT(yaml.out, AllOf(StartsWith("name: \"noop\"\nversion: \"1.0.0\"\n"), HasSubstr("\nparameters: [{\"name\":")));
}

TEST_F(plugin_inspect, says_why_a_plugin_is_refused) {
  const auto old = run("plugin inspect " + test_plugin("broken_major"));
  EXPECT_EQ(old.code, 78);
  EXPECT_THAT(old.out, IsEmpty());
  EXPECT_THAT(old.err, AllOf(StartsWith("baton: error: plugin /"), HasSubstr("built for plugin ABI 2.0, this host speaks 1.0")));
  EXPECT_EQ(run("plugin inspect /nowhere.so").code, 78);
  const auto crashing = run("plugin inspect " + test_plugin("crash_on_load"));
  EXPECT_EQ(crashing.code, 78);
  EXPECT_THAT(crashing.err, AllOf(StartsWith("baton: error: "), HasSubstr("crash_on_load.so: its code ran while it was loaded")));
  EXPECT_EQ(run("plugin inspect").code, 64);
  EXPECT_EQ(run("plugin inspect x.so -o xml").code, 64);
  EXPECT_EQ(run("plugin").code, 64);
}

}  // namespace
}  // namespace baton::program

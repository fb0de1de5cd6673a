// The judge of all other tests here: it has to find what it is there for.
#include "fixture.hpp"

namespace baton::system_test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class judges : public on_a_server {};

TEST_P(judges, find_a_tick_without_a_row_a_row_without_a_tick_and_two_runs_at_once) {
  fleet f{fleet_options()};
  f.job("work", "{every: 1s}", "--for 200");
  f.add("a");
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "work", seconds{10}, 3);
  ASSERT_TRUE(eventually([&] { return f.runs().of("work")[2].ended.has_value(); }, seconds{2}));
  EXPECT_THAT(f.settled_findings(seconds{8}), IsEmpty());
  const auto runs = f.runs().of("work");
  const auto is = [&](const executed_run& r) { return "cluster='" + f.cluster() + "' AND tick='" + to_sql(r.tick) + "'"; };
  ASSERT_TRUE(eventually([&] { return row_of(f, runs[2]) == "4/1/1"; }, seconds{2}));
  ask("DELETE FROM baton.baton_tick WHERE " + is(runs[0]));
  ask("UPDATE baton.baton_tick SET finished=finished + INTERVAL 2 SECOND WHERE " + is(runs[1]));
  ask("UPDATE baton.baton_tick SET tick=tick + INTERVAL 300000 MICROSECOND WHERE " + is(runs[2]));
  EXPECT_TRUE(eventually([&] { return !f.findings().empty() && f.findings()[0].starts_with("missing"); }, seconds{8}, milliseconds{200}));
  const auto found = f.findings();
  EXPECT_THAT(found, Contains(AllOf(StartsWith("missing"), HasSubstr(to_rfc3339(runs[0].tick).substr(0, 19)))));
  EXPECT_THAT(found, Contains(StartsWith("extra")));
  EXPECT_THAT(found, Contains(StartsWith("overlapping")));
  for (const auto* kind : {"missing", "extra", "overlapping"}) f.expect_finding(kind, "the test has made it");
}

BATON_ON_BOTH_SERVERS(judges);

}  // namespace
}  // namespace baton::system_test

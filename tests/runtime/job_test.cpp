#include "job.hpp"

#include <gmock/gmock.h>

namespace baton::runtime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

job embedded(std::string name) {
  job j;
  j.name = std::move(name);
  j.handler = [](sdk::run_context& /*run*/) { return sdk::outcome::success(); };
  return j;
}

job plugin(std::string name) {
  job j;
  j.name = std::move(name);
  j.plugin_path = "/usr/lib/baton/plugins/exec.so";
  return j;
}

std::string mistakes_in(const std::vector<job>& jobs) {
  const auto checked = check_jobs(jobs);
  if (checked) return "none";
  EXPECT_EQ(checked.error().code, errc::invalid_configuration);
  return checked.error().context;
}

TEST(job, shares_no_lock_while_its_runs_may_overlap) {
  auto j = embedded("one");
  j.policy.overlap = ledger::overlap_policy::allow;
  j.lock_name = "one";  // its own
  EXPECT_EQ(mistakes_in({j}), "none");
  j.lock_name = "shared";
  EXPECT_NE(mistakes_in({j}).find("do not go with `allow`"), std::string::npos);
  j.lock_name = "";
  j.hold_at_least = std::chrono::seconds{1};
  EXPECT_NE(mistakes_in({j}).find("do not go with `allow`"), std::string::npos);
}

TEST(job, is_a_handler_or_a_plugin) {
  EXPECT_EQ(mistakes_in({embedded("one"), plugin("two")}), "none");
  auto both = embedded("both");
  both.plugin_path = "/usr/lib/baton/plugins/exec.so";
  EXPECT_EQ(mistakes_in({both}), "job 'both': it has a handler and a plugin: set either `handler` or `plugin_path`");
  job neither;
  neither.name = "neither";
  EXPECT_EQ(mistakes_in({neither}), "job 'neither': it has nothing to run: set either `handler` or `plugin_path`");
}

TEST(job, is_told_of_every_mistake_at_once) {
  auto hasty = embedded("hasty");
  hasty.timeout = microseconds{0};
  hasty.grace = microseconds{-1};
  EXPECT_THAT(mistakes_in({embedded("a b"), embedded(""), embedded("twice"), plugin("twice"), hasty}),
              AllOf(HasSubstr("job 'a b': its name needs"), HasSubstr("job '': its name needs"), HasSubstr("job 'twice': another job"),
                    HasSubstr("job 'hasty': `timeout`"), HasSubstr("job 'hasty': `grace`")));
}

TEST(job, runs_a_handler_in_process_and_reports_one_that_does_not_stop) {
  EXPECT_EQ(isolation_of(embedded("x")), plugin_host::isolation::in_process);
  EXPECT_EQ(isolation_of(plugin("x")), plugin_host::isolation::process);
  EXPECT_EQ(on_lost_of(embedded("x")), lost_policy::report);
  EXPECT_EQ(on_lost_of(plugin("x")), lost_policy::abort);
  auto strict = embedded("x");
  strict.on_lost = lost_policy::abort;
  EXPECT_EQ(on_lost_of(strict), lost_policy::abort);
}

TEST(job, needs_the_name_of_the_plugin_whose_metrics_it_has) {
  auto j = plugin("copy");
  j.plugin.clear();
  j.metrics = {{"rows_total", "Rows copied.", plugin_host::metric_kind::counter, {{"kind", "a"}}, {}}};
  EXPECT_THAT(mistakes_in({j}), HasSubstr("job 'copy': it has metrics without the name of their plugin"));
  j.plugin = "copier";
  const auto labels = labels_of("billing", {j});
  ASSERT_EQ(labels[0].plugin_metrics.size(), 1U);
  EXPECT_EQ(labels[0].plugin_metrics[0].kind, observe::plugin_metric_kind::counter);
  EXPECT_EQ(labels[0].plugin_metrics[0].labels.at("kind"), "a");
}

TEST(job, has_labels_for_its_metrics) {
  auto j = embedded("report");
  j.schedule = std::get<schedule::timetable>(schedule::timetable::from_cron("0 2 * * *"));
  const auto labels = labels_of("billing", {j, embedded("on-demand")});
  ASSERT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels[0].schedule, "0 2 * * *");
  EXPECT_EQ(labels[0].timezone, "UTC");
  EXPECT_EQ(labels[0].lock_name, "baton:billing:report");
  EXPECT_EQ(labels[1].schedule, "");
}

TEST(engine_jobs, run_where_all_labels_are_that_they_ask_for) {
  options o;
  o.cluster = "billing";
  o.labels = {"eu", "ssd"};
  const auto runs_here = [&](std::vector<std::string> wanted) {
    auto j = embedded("x");
    j.run_on = std::move(wanted);
    return engine_jobs(o, {j}).jobs.front().runs_here;
  };
  EXPECT_TRUE(runs_here({}));
  EXPECT_TRUE(runs_here({"eu"}));
  EXPECT_TRUE(runs_here({"ssd", "eu"}));
  EXPECT_FALSE(runs_here({"us"}));
  EXPECT_FALSE(runs_here({"eu", "us"})) << "all of them";
}

TEST(engine_jobs, are_registered_as_their_configuration_has_them) {
  auto paused = embedded("paused");
  paused.paused = true;
  auto disabled = paused;
  disabled.name = "disabled";
  disabled.enabled = false;
  options o;
  o.cluster = "billing";
  const auto registered = registrations_of(engine_jobs(o, {embedded("runs"), paused, disabled}));
  ASSERT_EQ(registered->size(), 3U);
  EXPECT_EQ((*registered)[0].setting, ledger::job_setting::runs);
  EXPECT_EQ((*registered)[1].setting, ledger::job_setting::paused);
  EXPECT_EQ((*registered)[2].setting, ledger::job_setting::disabled) << "whether it is paused or not";
}

}  // namespace
}  // namespace baton::runtime

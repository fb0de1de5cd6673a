// A store that is a group of three MySQL servers with one primary: it is killed, it stands still, it hands over on purpose, it is left
// without a majority, the network between its members splits.
#include "baton/testing/disturbance.hpp"
#include "baton/testing/figures.hpp"
#include "baton/testing/mysql_router.hpp"
#include "baton/testing/network_space.hpp"
#include "mysql_group.hpp"

namespace baton::system_test {
namespace {

using testing::figures;

class groups : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = private_server::missing(server_kind::mysql)) GTEST_SKIP() << *reason;
    group_ = std::make_unique<mysql_group>();
    fleet_ = std::make_unique<fleet>(options_of("group", group_->url()));
    fleet_->job("short", "{every: 1s}", "--for 20");
    fleet_->job("all", "{every: 1s}", "--for 20", "    catch_up: {policy: all, window: 10m, limit: 100}\n");
    for (int i = 0; i < 20; ++i) {  // a steady load
      const auto job = "load-" + std::to_string(i);
      fleet_->plugin_job(job, "{every: 1s}", "noop", "{}",
                         "    isolation: in_process\n    catch_up: {policy: all, window: 10m, limit: 100}\n");
      fleet_->rests(job);  // as far as the run file knows: the ledger has to show its ticks
    }
    for (const auto* name : {"a", "b", "c"}) fleet_->add(name);
    ASSERT_TRUE(fleet_->await_ready()) << fleet_->logs();
    await_run(*fleet_, "short", seconds{10}, 3);
  }

 public:
  static fleet::options options_of(const std::string& cluster, const std::string& url) {
    fleet::options o;
    o.program = BATON_PROGRAM;
    o.plugin_dir = BATON_PLUGINS;
    o.job_program = BATON_FLEET_JOB;
    o.cluster = cluster;
    o.store_url = url;
    o.password = private_server::password();
    return o;
  }

 protected:
  /// The group has another primary, and the fleet is at work there: how long after the fault, and after the election.
  void expect_work_after(std::size_t before, boot_time fault, microseconds election_within) {
    ASSERT_TRUE(group_->await_primary_after(before, election_within)) << fleet_->logs();
    const auto elected = boot_now();
    elections_.add(elected - fault);
    for (auto& i : *fleet_) EXPECT_TRUE(eventually([&] { return i->is_ready(); }, seconds{10})) << i->log();
    const auto works = [&] { return fleet_->runs().of("short").back().started > elected; };
    ASSERT_TRUE(eventually(works, seconds{15}, milliseconds{10})) << fleet_->logs();
    works_.add(fleet_->runs().of("short").back().started - elected);
    const auto newest = [&] { return group_->primary() ? caught_up(*group_->primary()) : ""; };
    EXPECT_TRUE(eventually([&] { return newest() == "1"; }, seconds{15})) << "ticks of `all` were not caught up";
  }
  /// Every tick of `all` and of the load that is older than a few seconds has run.
  std::string caught_up(std::size_t primary) {
    const auto rows = (*group_)[primary].exec(
        "SELECT COUNT(DISTINCT job)=21 AND SUM(state<>4)=0 FROM baton.baton_tick WHERE (job='all' OR job LIKE 'load-%') AND kind=1 AND "
        "tick<UTC_TIMESTAMP(6)-INTERVAL 3 "
        "SECOND");
    return rows && !rows->empty() ? rows->front().front().value_or("") : "";
  }

  std::unique_ptr<mysql_group> group_;
  std::unique_ptr<fleet> fleet_;  // is judged before the group goes
  figures elections_{"group: a new primary", "mysql"};
  figures works_{"group: the next run after the election", "mysql"};
};

TEST_F(groups, g1_g3_g7_g8_whose_primary_is_killed_go_on_with_another_one_and_every_tick_once) {
  const auto before = group_->primary().value();
  const auto fault = boot_now();
  (*group_)[before].kill();
  ASSERT_NO_FATAL_FAILURE(expect_work_after(before, fault, seconds{30}));
  group_->join(before);
  for (auto& i : *fleet_) EXPECT_GE(i->metrics().value("baton_store_identity_changes_total").value_or(0), 1) << i->name();
}

TEST_F(groups, g1_g3_g7_whose_primary_is_changed_on_purpose_go_on_with_it) {
  const auto before = group_->primary().value();
  testing::disturbance::note();
  const auto fault = boot_now();
  group_->make_primary((before + 1) % group_->size());
  testing::disturbance::note();
  expect_work_after(before, fault, seconds{10});
}

TEST_F(groups, g1_g2_g3_g7_g8_whose_primary_stands_still_go_on_without_it_and_are_not_disturbed_when_it_is_back) {
  const auto before = group_->primary().value();
  const auto fault = boot_now();
  group_->suspend(before);
  ASSERT_NO_FATAL_FAILURE(expect_work_after(before, fault, seconds{30}));
  group_->resume(before);
  await_run(*fleet_, "short", seconds{20}, fleet_->runs().of("short").size() + 5);
}

TEST_F(groups, g2_g7_whose_primary_is_left_in_a_minority_start_nothing_until_it_has_a_majority_again) {
  const auto primary = group_->primary().value();
  for (std::size_t i = 0; i < group_->size(); ++i) {
    if (i != primary) group_->suspend(i);
  }
  // It answers whoever asks, and takes writes that it will never commit.
  EXPECT_EQ((*group_)[primary].exec("SELECT @@global.super_read_only").value().front().front(), "0");
  for (auto& i : *fleet_) EXPECT_TRUE(eventually([&] { return !i->is_ready(); }, seconds{15})) << i->log();
  const auto started = count_runs(*fleet_, "short");
  const auto in_minority = "SELECT COUNT(*) FROM performance_schema.replication_group_members WHERE member_state='UNREACHABLE'";
  EXPECT_TRUE(eventually([&] { return (*group_)[primary].exec(in_minority).value().front().front() == "2"; }, seconds{20}));
  EXPECT_TRUE(eventually([&] { return fleet_->logs().find("no_quorum") != std::string::npos; }, seconds{15})) << fleet_->logs();
  EXPECT_EQ(count_runs(*fleet_, "short"), started) << "of the job's ticks none can have been claimed";

  for (std::size_t i = 0; i < group_->size(); ++i) {
    if (i != primary) group_->resume(i);
  }
  const auto back = boot_now();
  for (auto& i : *fleet_) EXPECT_TRUE(eventually([&] { return i->is_ready(); }, seconds{30})) << i->log();
  const auto works = [&] { return fleet_->runs().of("short").back().started > back; };
  ASSERT_TRUE(eventually(works, seconds{30}, milliseconds{10})) << fleet_->logs();
  figures{"group: the next run after the majority is back", "mysql"}.add(fleet_->runs().of("short").back().started - back);
  EXPECT_TRUE(eventually([&] { return group_->primary() && caught_up(*group_->primary()) == "1"; }, seconds{15}));
}

/// Two sites: the primary and an instance on one of them, all else on the other.
TEST(split_group, g1_g2_g3_g7_g8_goes_on_where_the_majority_is_and_the_other_site_starts_nothing) {
  if (const auto reason = private_server::missing(server_kind::mysql)) GTEST_SKIP() << *reason;
  const auto site = testing::network_space::make();
  if (!site) GTEST_SKIP() << "SKIPPED: cannot here: no network namespaces (ip netns)";
  mysql_group group{{{site->there(), site->prefix()}, {site->here()}, {site->here()}}};
  ASSERT_EQ(group.primary(), 0U);
  fleet both{groups::options_of("split", group.url())};
  both.job("short", "{every: 1s}", "--for 20");
  both.job("long", "{every: 1s}", "--for 60000");
  fleet::instance_options by_socket;
  by_socket.store_url = "mysql://baton@localhost/baton?socket=" + group[0].socket();
  auto& alone = both.add("alone", by_socket);
  ASSERT_TRUE(both.await_ready()) << both.logs();
  const auto on_the_lost_site = await_run(both, "long");  // the others are not there yet
  for (const auto* name : {"b", "c"}) both.add(name);
  ASSERT_TRUE(both.await_ready()) << both.logs();

  const auto fault = boot_now();
  ASSERT_TRUE(site->cut());
  group.leave_out(0);
  ASSERT_TRUE(group.await_primary_after(0, seconds{30})) << both.logs();
  const auto elected = boot_now();
  figures{"split group: a new primary", "mysql"}.add(elected - fault);
  EXPECT_TRUE(eventually([&] { return !alone.is_ready(); }, seconds{15})) << alone.log();
  const auto works = [&](const char* job) { return both.runs().of(job).back().started > elected; };
  ASSERT_TRUE(eventually([&] { return works("short"); }, seconds{15}, milliseconds{10})) << both.logs();
  figures{"split group: the next run after the election", "mysql"}.add(both.runs().of("short").back().started - elected);
  ASSERT_TRUE(eventually([&] { return works("long"); }, seconds{15}, milliseconds{10})) << both.logs();
  EXPECT_NE(both.runs().of("long").back().instance, on_the_lost_site.instance);
  EXPECT_THAT(alone.log(), ::testing::HasSubstr("no_quorum"));

  ASSERT_TRUE(site->heal());
  group.take_in(0);
  group.join(0);
  group.make_primary(0);
  ASSERT_TRUE(both.await_ready(seconds{30})) << both.logs();
  await_run(both, "short", seconds{20}, count_runs(both, "short") + 3);
}

TEST_F(groups, g1_g7_whose_primary_leaves_the_static_route_of_a_router_have_nothing_started_there_until_it_is_back) {
  const auto before = group_->primary().value();
  const auto port = private_server::unused_port();
  const auto router = testing::mysql_router::start({{"static", port, (*group_)[before].port()}});
  ASSERT_TRUE(router) << router.error().context;
  fleet routed{options_of("routed", "mysql://baton@127.0.0.1:" + std::to_string(port) + "/baton")};
  routed.job("through", "{every: 1s}", "--for 20");
  for (const auto* name : {"x", "y"}) routed.add(name);
  ASSERT_TRUE(routed.await_ready()) << routed.logs() << (*router)->logs();
  await_run(routed, "through", seconds{10}, 3);

  testing::disturbance::note();
  group_->make_primary((before + 1) % group_->size());
  for (auto& i : routed) EXPECT_TRUE(eventually([&] { return !i->is_ready(); }, seconds{10})) << i->log();
  const auto started = count_runs(routed, "through");
  EXPECT_TRUE(eventually([&] { return routed.logs().find("not_primary") != std::string::npos; }, seconds{10})) << routed.logs();
  // Who has all members in the url is at work meanwhile.
  await_run(*fleet_, "short", seconds{20}, count_runs(*fleet_, "short") + 3);
  EXPECT_EQ(count_runs(routed, "through"), started);

  group_->make_primary(before);
  testing::disturbance::note();
  for (auto& i : routed) EXPECT_TRUE(eventually([&] { return i->is_ready(); }, seconds{20})) << i->log();
  await_run(routed, "through", seconds{20}, started + 3);
}

}  // namespace
}  // namespace baton::system_test

// A store that is two servers: a primary and its replica, which takes over during a run.
#include <csignal>

#include "baton/testing/figures.hpp"
#include "fixture.hpp"

namespace baton::system_test {
namespace {

using testing::figures;

class failovers : public ::testing::TestWithParam<server_kind> {
 protected:
  void SetUp() override {
    if (const auto reason = private_server::missing(GetParam())) GTEST_SKIP() << *reason;
  }
  void start_pair() {
    primary_ = start({});
    replica_ = start({"--server-id=2"});
    ASSERT_TRUE(primary_ && replica_);
    const bool is_mysql = GetParam() == server_kind::mysql;
    must(*primary_, "CREATE USER replica@'%' IDENTIFIED BY 'r'; GRANT REPLICATION SLAVE ON *.* TO replica@'%'");
    must(*primary_, is_mysql ? "RESET BINARY LOGS AND GTIDS" : "RESET MASTER");
    const auto port = std::to_string(primary_->port());
    must(*replica_, is_mysql ? "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=" + port +
                                   ", SOURCE_USER='replica', SOURCE_PASSWORD='r', GET_SOURCE_PUBLIC_KEY=1, "
                                   "SOURCE_LOG_FILE='binlog.000001', SOURCE_LOG_POS=4; START REPLICA"
                             : "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=" + port +
                                   ", MASTER_USER='replica', MASTER_PASSWORD='r', MASTER_LOG_FILE='binlog.000001', MASTER_LOG_POS=4; "
                                   "START SLAVE");
    must(*replica_, "SET GLOBAL read_only=1");
  }
  [[nodiscard]] static std::unique_ptr<private_server> start(std::vector<std::string> arguments) {
    private_server::options wanted;
    wanted.kind = GetParam();
    wanted.binary_log = true;
    wanted.extra_arguments = std::move(arguments);
    auto started = private_server::start(wanted);
    EXPECT_TRUE(started) << started.error().context;
    return started ? std::move(*started) : nullptr;
  }
  static void must(private_server& at, const std::string& sql) {
    const auto done = at.exec(sql);
    ASSERT_TRUE(done) << done.error().context;
  }
  [[nodiscard]] std::string on_replica(const std::string& sql) const {
    const auto rows = replica_->exec(sql);
    return rows && !rows->empty() ? rows->front().front().value_or("NULL") : "";
  }
  [[nodiscard]] fleet::options fleet_options() const {
    fleet::options o;
    o.program = BATON_PROGRAM;
    o.plugin_dir = BATON_PLUGINS;
    o.job_program = BATON_FLEET_JOB;
    o.cluster = "failover";
    o.store_url =
        "mysql://baton@127.0.0.1:" + std::to_string(primary_->port()) + ",127.0.0.1:" + std::to_string(replica_->port()) + "/baton";
    o.password = private_server::password();
    return o;
  }

  void fail_over(figures& ends, figures& takes);

  std::unique_ptr<private_server> primary_;
  std::unique_ptr<private_server> replica_;
};

void failovers::fail_over(figures& ends, figures& takes) {
  fleet f{fleet_options()};
  f.job("short", "{every: 1s}", "--for 20");
  f.job("long", "{every: 2s}", "--for 60000 --beat 10 --ignore-term");
  for (const auto* name : {"a", "b", "c"}) f.add(name);
  ASSERT_TRUE(f.await_ready()) << f.logs();
  const auto interrupted = await_run(f, "long");
  await_run(f, "short", seconds{10}, 2);
  const auto rows = "SELECT COUNT(*) FROM baton.baton_tick WHERE job='short' AND state=4";
  ASSERT_TRUE(eventually([&] { return on_replica(rows) != "" && on_replica(rows) != "0"; }, seconds{10})) << "nothing is replicated";

  // Between two runs of `short`: what was acknowledged has arrived. A commit that is lost is lost (guarantees.md).
  const auto between = std::chrono::ceil<seconds>(wall_now()) + milliseconds{600};
  ASSERT_TRUE(eventually([&] { return wall_now() >= between; }, seconds{3}));
  primary_->kill();
  const auto away = boot_now();
  EXPECT_TRUE(eventually([&] { return !is_alive(interrupted.pid); }, stop_time)) << "no lease, no run";
  ends.add(boot_now() - away);
  for (auto& i : f) EXPECT_TRUE(eventually([&] { return i->get("/readyz").status == 503; }, seconds{3})) << i->name();
  ASSERT_TRUE(eventually([&] { return boot_now() - away >= seconds{4}; }, seconds{6}));
  const auto late = f.runs();
  for (const auto& r : late.runs()) EXPECT_LE(r.started, away + milliseconds{200}) << "was started on a server that takes no writes";

  const bool is_mysql = GetParam() == server_kind::mysql;
  ASSERT_NO_FATAL_FAILURE(must(*replica_, is_mysql ? "STOP REPLICA; RESET REPLICA ALL" : "STOP SLAVE; RESET SLAVE ALL"));
  ASSERT_NO_FATAL_FAILURE(must(*replica_, "SET GLOBAL read_only=0"));
  const auto promoted = boot_now();
  for (auto& i : f) EXPECT_TRUE(eventually([&] { return i->is_ready(); }, seconds{8})) << i->log();
  ASSERT_NO_FATAL_FAILURE(expect_every_job_ticks_again(f, wait_timeout + seconds{5}));
  takes.add(f.runs().of("long").back().started - promoted);
  for (auto& i : f) {
    EXPECT_GE(i->metrics().value("baton_store_identity_changes_total").value_or(0), 1) << i->name();
    EXPECT_TRUE(i->process().is_running());
  }
  const auto row =
      on_replica("SELECT CONCAT(state,'/',outcome) FROM baton.baton_tick WHERE job='long' AND tick='" + to_sql(interrupted.tick) + "'");
  EXPECT_TRUE(row == "4/5" || row == "4/6") << "crashed or lock_lost, and not " << row;
  EXPECT_GT(f.runs().of("long").back().fence, interrupted.fence);
  EXPECT_EQ(on_replica("SELECT COALESCE(SUM(tick_count),0)>=3 FROM baton.baton_tick WHERE job='short' AND state=6 AND reason<>0"), "1")
      << "the ticks of the gap are not in the ledger as missed";
}

TEST_P(failovers, g7_g8_s11_a_replica_that_is_promoted_during_a_run_has_rising_fences_and_every_tick_once) {
  const auto kind = std::string{testing::to_string(GetParam())};
  figures ends{"failover: the run is dead", kind};
  figures takes{"failover: the next run after the promotion", kind};
  const bool is_long = std::getenv("BATON_LONG") != nullptr || std::getenv("BATON_TRIALS") != nullptr;
  for (int i = 0; i < (is_long ? testing::trials() : 1) && !HasFailure(); ++i) {
    ASSERT_NO_FATAL_FAILURE(start_pair());
    fail_over(ends, takes);
  }
}

BATON_ON_BOTH_SERVERS(failovers);

}  // namespace
}  // namespace baton::system_test

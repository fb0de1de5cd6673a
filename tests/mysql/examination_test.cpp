#include "baton/mysql/examination.hpp"

#include <algorithm>

#include "baton/mysql/lock_client.hpp"
#include "baton/testing/fake_server.hpp"
#include "fixture.hpp"

namespace baton::mysql::testing {
namespace {

using baton::testing::fake_server;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;

std::string subject_and_verdict(const finding& f) { return f.subject + ": " + std::string{to_string(f.verdict)}; }

std::vector<std::string> verdicts(const examination& found) {
  std::vector<std::string> all;
  for (const auto& f : found.findings) all.push_back(subject_and_verdict(f));
  return all;
}

const finding& about(const examination& found, std::string_view subject, verdict v) {
  const auto it = std::ranges::find_if(found.findings, [&](const finding& f) { return f.subject == subject && f.verdict == v; });
  static const finding none{"", "nothing was found", {}, ""};
  return it == found.findings.end() ? none : *it;
}

/// A server that says something else than a fit one.
class odd_server {
 public:
  explicit odd_server(std::string_view part, fake_server::answer says, std::string version = "8.4.3")
      : server_(
            [part = std::string{part}, says = std::move(says)](std::string_view statement,
                                                               std::uint64_t) -> std::optional<fake_server::answer> {
              if (statement.find(part) == std::string_view::npos) return std::nullopt;
              return says;
            },
            std::move(version)) {}
  explicit odd_server(std::string version) : server_({}, std::move(version)) {}
  explicit odd_server(fake_server::responder r) : server_(std::move(r)) {}

  [[nodiscard]] options where() const {
    options o;
    o.user = "baton";
    o.password = "secret";
    o.hosts = {{"127.0.0.1", server_.port()}};
    o.database = "baton";
    o.lease = tight();
    return o;
  }
  /// What a session is told, and what the doctor says: the same sentence.
  void expect_refused(std::string_view subject, std::string_view sentence) const {
    const auto refused = ok(store::create(where())).open_lock_session();
    ASSERT_EQ(code_of(refused), errc::store_unfit) << (refused ? "it was taken" : refused.error().context);
    EXPECT_THAT(refused.error().context, HasSubstr(std::string{sentence}));
    const auto found = ok(examine(where()));
    EXPECT_FALSE(found.is_fit);
    EXPECT_TRUE(found.is_reachable);
    EXPECT_THAT(about(found, subject, verdict::unfit).sentence, HasSubstr(std::string{sentence}))
        << ::testing::PrintToString(verdicts(found));
  }

 private:
  fake_server server_;
};

// ---- servers and proxies that cannot be had here

TEST(examine_fake, finds_nothing_against_a_fit_server) {
  const odd_server fit{"8.4.3"};
  const auto found = ok(examine(fit.where()));
  EXPECT_TRUE(found.is_fit);
  EXPECT_THAT(verdicts(found), Each(HasSubstr(": fit"))) << "and nothing to advise";
  EXPECT_TRUE(ok(store::create(fit.where())).open_lock_session());
}

TEST(examine_fake, refuses_tidb_and_old_servers) {
  odd_server{"8.0.11-TiDB-v8.5.1"}.expect_refused("version", "TiDB");
  odd_server{"5.7.44"}.expect_refused("version", "upgrade to 8.0");
  odd_server{"5.5.5-10.5.27-MariaDB"}.expect_refused("version", "upgrade to 10.6");
}

// Row 44: a server without named locks says so in one of these ways.
TEST(examine_fake, r44_refuses_servers_that_refuse_named_locks) {
  const std::vector<fake_server::error> ways{{1235, "This version of MariaDB doesn't yet support 'GET_LOCK in cluster (WSREP_ON=ON)'"},
                                             {1105, "Percona-XtraDB-Cluster prohibits use of GET_LOCK with pxc_strict_mode = ENFORCING"},
                                             {1305, "FUNCTION baton.GET_LOCK does not exist"}};
  for (const auto& way : ways) odd_server{"GET_LOCK", way}.expect_refused("session", way.text);
}

TEST(examine_fake, r44_says_so_too_when_only_the_wait_is_refused) {
  const odd_server late{[](std::string_view statement, std::uint64_t) -> std::optional<fake_server::answer> {
    if (statement.find("GET_LOCK('a',1)") == std::string_view::npos) return std::nullopt;
    return fake_server::error{1235, "GET_LOCK in cluster"};
  }};
  const auto session = ok(ok(store::create(late.where())).open_lock_session());
  const auto refused = session->acquire("a", seconds{1}, lock::reentry::refuse);
  ASSERT_EQ(code_of(refused), errc::store_unfit);
  EXPECT_THAT(refused.error().context, HasSubstr("outside of a multi-writer cluster"));
}

TEST(examine_fake, refuses_what_does_not_lock_as_mysql_does) {
  odd_server{"CONNECTION_ID(), @baton_session", fake_server::table{{"1", "0", "1", "8", "x"}}}.expect_refused(
      "session", "does not grant, show and release");
}

TEST(examine_fake, refuses_proxies_that_come_between) {
  odd_server{"CONNECTION_ID(), @baton_session", fake_server::table{{"1", "1", "1", "4711", "x"}}}.expect_refused(
      "session", "a proxy that multiplexes");
  odd_server{"@@session.wait_timeout", fake_server::table{{"28800"}}}.expect_refused("session",
                                                                                     "wait_timeout was set to 3 but reads 28800");
  odd_server{"SELECT IS_USED_LOCK(", fake_server::table{{std::nullopt}}}.expect_refused("two sessions", "they reach different servers");
}

TEST(examine_fake, refuses_clusters_with_several_writers_and_servers_without_writes) {
  odd_server{"SHOW GLOBAL VARIABLES", fake_server::table{{"wsrep_on", "ON"}}}.expect_refused("one writer", "Galera");
  odd_server{"SHOW GLOBAL VARIABLES",
             fake_server::table{{"group_replication_group_name", "g"}, {"group_replication_single_primary_mode", "OFF"}}}
      .expect_refused("one writer", "group_replication_single_primary_mode=ON");
  odd_server{"SHOW GLOBAL VARIABLES", fake_server::table{{"super_read_only", "ON"}}}.expect_refused("writable", "connect to the primary");
  odd_server{"SHOW GLOBAL VARIABLES", fake_server::table{{"log_bin", "ON"}, {"binlog_format", "STATEMENT"}}}.expect_refused("binary log",
                                                                                                                            "ROW");
}

TEST(examine_fake, advises_where_a_server_can_be_used_and_could_be_better) {
  const auto advice = [](std::string_view part, const fake_server::answer& says, std::string_view subject) {
    const odd_server server{part, says};
    const auto found = ok(examine(server.where()));
    EXPECT_TRUE(found.is_fit);
    EXPECT_TRUE(ok(store::create(server.where())).open_lock_session());
    return about(found, subject, verdict::advice).sentence;
  };
  using table = fake_server::table;
  EXPECT_THAT(advice("SHOW GLOBAL VARIABLES", table{{"innodb_flush_log_at_trx_commit", "2"}}, "durability"), HasSubstr("set it to 1"));
  EXPECT_THAT(advice("SHOW GLOBAL VARIABLES", table{{"log_bin", "ON"}, {"sync_binlog", "0"}}, "durability"), HasSubstr("sync_binlog=0"));
  EXPECT_THAT(advice("SHOW GLOBAL VARIABLES", table{{"max_connections", "9"}}, "connections"), HasSubstr("raise max_connections"));
  EXPECT_THAT(advice("@@session.max_execution_time", table{{"500"}}, "time limits"), HasSubstr("SET SESSION max_execution_time=0"));
  EXPECT_THAT(advice("baton_meta", table{{"0"}}, "tables"), HasSubstr("baton migrate"));
}

TEST(examine_fake, refuses_an_account_with_too_few_connections) {
  const odd_server server{"max_user_connections", fake_server::table{{"3"}}};
  const auto found = ok(examine(server.where()));
  EXPECT_FALSE(found.is_fit);
  EXPECT_THAT(about(found, "connections", verdict::unfit).sentence, AllOf(HasSubstr("3 connections"), HasSubstr("max_user_connections")));
}

TEST(examine_fake, looks_at_the_clock) {
  const auto with_clock = [](seconds off) {
    const auto then = std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now()) + off;
    const odd_server server{"SELECT UTC_TIMESTAMP(6)", fake_server::table{{to_sql(then)}}};
    return ok(examine(server.where()));
  };
  EXPECT_THAT(about(with_clock(seconds{60}), "clock", verdict::unfit).sentence, AllOf(HasSubstr("behind the store's"), HasSubstr("NTP")));
  EXPECT_THAT(about(with_clock(seconds{-5}), "clock", verdict::advice).sentence, HasSubstr("ahead of the store's"));
}

TEST(examine_fake, looks_at_every_endpoint_and_is_content_with_one) {
  const odd_server fit{"8.4.3"};
  const odd_server replica{"SHOW GLOBAL VARIABLES", fake_server::table{{"read_only", "ON"}}};
  auto where = replica.where();
  where.hosts.push_back({"127.0.0.1", 1});  // nobody listens there
  where.hosts.push_back(fit.where().hosts.front());
  const auto found = ok(examine(where));
  EXPECT_TRUE(found.is_fit);
  EXPECT_EQ(about(found, "writable", verdict::unfit).endpoint, "127.0.0.1:" + std::to_string(where.hosts[0].port));
  EXPECT_EQ(about(found, "connection", verdict::unfit).endpoint, "127.0.0.1:1");

  where.hosts = {{"127.0.0.1", 1}};
  const auto nobody = ok(examine(where));
  EXPECT_FALSE(nobody.is_fit);
  EXPECT_FALSE(nobody.is_reachable);
}

// ---- real servers

class examine_test : public store_test {};
BATON_ON_BOTH_SERVERS(examine_test);

TEST_P(examine_test, finds_nothing_against_the_server_of_these_tests) {
  const auto found = ok(examine(store_options()));
  EXPECT_TRUE(found.is_fit) << ::testing::PrintToString(verdicts(found));
  EXPECT_THAT(verdicts(found), Contains("two sessions: fit"));
  EXPECT_THAT(verdicts(found), Contains("tables: fit"));
}

TEST_P(examine_test, says_all_that_is_wrong_at_once) {
  need_private_server();
  if (IsSkipped()) return;
  sql("SET GLOBAL read_only=1");
  sql("CREATE USER limited@'%' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 2; GRANT SELECT ON baton.* TO limited@'%'");
  auto wanted = store_options();
  wanted.user = "limited";
  wanted.password = "x";
  const auto found = ok(examine(wanted));
  sql("SET GLOBAL read_only=0");
  sql("DROP USER limited@'%'");
  EXPECT_FALSE(found.is_fit);
  EXPECT_THAT(verdicts(found), Contains("writable: unfit"));
  EXPECT_THAT(verdicts(found), Contains("connections: unfit"));
}

TEST_P(examine_test, tells_a_wrong_password_from_a_server_that_is_not_there) {
  auto wanted = store_options();
  wanted.password = "wrong";
  const auto refused = ok(examine(wanted));
  EXPECT_FALSE(refused.is_fit);
  EXPECT_THAT(about(refused, "connection", verdict::unfit).sentence, HasSubstr("Access denied"));
}

}  // namespace
}  // namespace baton::mysql::testing

#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <thread>

#include "mysql/fixture.hpp"
#include "plugin_host/fixture.hpp"

namespace {

using namespace baton::plugin_host;
using namespace std::chrono_literals;
using baton::mysql::testing::eventually;
using baton::mysql::testing::ok;
using baton::mysql::testing::server_kind;
using baton::mysql::testing::store_test;
using baton::test::recorder;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string plugin = BATON_SHIPPED_PLUGINS "/sql.so";

raw_value text(std::string t) { return {std::move(t), true, 1, 1}; }

/// A job's `with` for sql, checked against its own table.
values with(const std::vector<std::string>& statements, std::map<std::string, std::string> more = {}) {
  const auto described = describe_plugin(plugin);
  EXPECT_TRUE(described);
  raw_value::list list;
  for (const auto& statement : statements) list.push_back(text(statement));
  raw_value::map all{{"statements", raw_value{std::move(list), false, 1, 1}}};
  for (auto& [name, value] : more) all.push_back({name, raw_value{value, false, 1, 1}});
  auto checked = check_parameters(*described, raw_value{std::move(all), false, 1, 1});
  EXPECT_TRUE(std::holds_alternative<values>(checked));
  return std::get<values>(std::move(checked));
}

/// The plugin in a process of its own, on the store of each kind. A session that outlives its test is an error of the fixture's.
class sql_plugin : public store_test {
 protected:
  static constexpr std::uint64_t fence = 7;

  void SetUp() override {
    store_test::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    account_sql("CREATE TABLE IF NOT EXISTS paid (id INT PRIMARY KEY, note VARCHAR(255))");
    account_sql("DELETE FROM paid; INSERT INTO baton_fence VALUES ('baton:t:job'," + std::to_string(fence) + ")");
  }

  run_request request(values parameters) {
    const auto where = store_options();
    auto r = executor_.request(plugin, std::move(parameters));
    r.fence = fence;
    r.store = store_access{url(), where.password, "disabled", "", "baton:t:job"};
    return r;
  }
  static std::string url() {
    const auto where = store_options();
    return "mysql://" + where.user + "@" + where.hosts[0].host + ":" + std::to_string(where.hosts[0].port) + "/" + where.database;
  }
  run_ended run(values parameters) { return run(request(std::move(parameters))); }
  run_ended run(const run_request& r) {
    executor_->start(r);
    return executor_.ended(r.id);
  }
  static std::string value(const std::string& query) { return account_sql(query).front().front().value_or("NULL"); }
  static std::string paid() { return value("SELECT COALESCE(GROUP_CONCAT(id ORDER BY id), '') FROM paid"); }
  static bool is_sleeping() {
    return value("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(60)%' AND id<>CONNECTION_ID()") == "1";
  }

  recorder executor_;
};

TEST_P(sql_plugin, commits_its_statements_together_and_counts_rows) {
  const auto r = request(with({"INSERT INTO paid VALUES (1,''), (2,'')", "SELECT * FROM paid", "UPDATE paid SET note='x' WHERE id=1;"}));
  const auto end = run(r);
  EXPECT_EQ(end.end, run_end::success);
  EXPECT_EQ(end.text, "3 statements, 5 rows");
  EXPECT_EQ(paid(), "1,2");
  std::vector<std::string> rows;
  for (const auto& event : executor_.events(r.id)) {
    if (const auto* line = std::get_if<run_log>(&event)) rows.push_back(line->fields.at(0).second + ":" + line->fields.at(1).second);
  }
  EXPECT_THAT(rows, testing::ElementsAre("1:2", "2:2", "3:1"));
}

TEST_P(sql_plugin, commits_nothing_when_a_statement_fails) {
  const auto end = run(with({"INSERT INTO paid VALUES (1,'')", "INSERT INTO paid VALUES (1,'')", "INSERT INTO paid VALUES (2,'')"}));
  EXPECT_EQ(end.end, run_end::failure);
  EXPECT_THAT(end.text, AllOf(StartsWith("statement 2 of 3: error 1062: "), HasSubstr("nothing was committed")));
  EXPECT_EQ(paid(), "");
}

TEST_P(sql_plugin, leaves_what_was_committed_one_by_one) {
  const auto end = run(with({"INSERT INTO paid VALUES (1,'')", "no sql"}, {{"transaction", "false"}}));
  EXPECT_EQ(end.end, run_end::failure);
  EXPECT_THAT(end.text, AllOf(StartsWith("statement 2 of 2: error 1064: "), HasSubstr("the statements before it stand")));
  EXPECT_EQ(paid(), "1");
}

TEST_P(sql_plugin, gives_statements_the_run_as_variables) {
  auto r =
      request(with({"INSERT INTO paid VALUES (@baton_attempt, CONCAT_WS('|', @baton_job, @baton_tick, @baton_run_id, @baton_fence + 1,"
                    " @baton_instance, @baton_cluster, @baton_trigger, @baton_deadline IS NULL))"}));
  r.job = "it's \"a\\ job'; DROP TABLE paid; -- ";
  r.tick = baton::wall_time{1s};
  r.attempt = 3;
  EXPECT_EQ(run(r).text, "1 statement, 1 row");
  EXPECT_EQ(value("SELECT note FROM paid WHERE id=3"), r.job + "|1970-01-01 00:00:01.000000|run-1|8|test-1|test|schedule|1");
}

TEST_P(sql_plugin, commits_under_a_fence_that_is_the_last_one) {
  EXPECT_EQ(run(with({"INSERT INTO paid VALUES (1,'')"}, {{"guard", "true"}})).end, run_end::success);
  EXPECT_EQ(paid(), "1");
}

TEST_P(sql_plugin, g8_commits_nothing_once_another_has_taken_a_later_fence) {
  const auto r = request(with({"INSERT INTO paid VALUES (1,'')", "DO SLEEP(1)"}, {{"guard", "true"}}));
  executor_->start(r);
  ASSERT_TRUE(eventually([] { return value("SELECT COUNT(*) FROM information_schema.processlist WHERE info='DO SLEEP(1)'") == "1"; }));
  account_sql("UPDATE baton_fence SET fence=8 WHERE lock_name='baton:t:job'");  // does not wait for the run
  const auto end = executor_.ended(r.id);
  EXPECT_EQ(end.end, run_end::failure);
  EXPECT_THAT(end.text, AllOf(HasSubstr("another run has taken the lock"), HasSubstr("nothing was committed")));
  EXPECT_EQ(paid(), "");
}

TEST_P(sql_plugin, says_that_a_statement_got_around_the_guard) {
  const auto end =
      run(with({"INSERT INTO paid VALUES (1,'')", "CREATE TABLE IF NOT EXISTS paid (id INT)", "INSERT INTO paid VALUES (2,'')"},
               {{"guard", "true"}}));
  EXPECT_EQ(end.end, run_end::failure);
  EXPECT_THAT(end.text, HasSubstr("statement 2 of 3 ended the transaction"));
  EXPECT_EQ(paid(), "1");
}

TEST_P(sql_plugin, goes_on_behind_ddl_without_a_guard_and_warns) {
  const auto r = request(with({"INSERT INTO paid VALUES (1,'')", "CREATE TABLE IF NOT EXISTS paid (id INT)", "no sql"}));
  const auto end = run(r);
  EXPECT_THAT(end.text, AllOf(HasSubstr("statement 3 of 3"), Not(HasSubstr("nothing was committed"))));
  EXPECT_EQ(paid(), "1");
}

TEST_P(sql_plugin, refuses_a_guard_that_cannot_guard) {
  EXPECT_THAT(run(with({"DO 1"}, {{"guard", "true"}, {"transaction", "false"}})).text, HasSubstr("guard needs `transaction: true`"));
  EXPECT_THAT(run(with({"DO 1"}, {{"guard", "true"}, {"url", url()}})).text, HasSubstr("guard is for the store"));
}

TEST_P(sql_plugin, runs_one_statement_an_item) {
  EXPECT_THAT(run(with({"INSERT INTO paid VALUES (1,''); INSERT INTO paid VALUES (2,'')"})).text, HasSubstr("error 1064"));
  EXPECT_EQ(paid(), "");
}

TEST_P(sql_plugin, ends_at_a_stop_order_and_at_the_server_too) {
  const auto r = request(with({"INSERT INTO paid VALUES (1,'')", "SELECT SLEEP(60)"}));
  executor_->start(r);
  ASSERT_TRUE(eventually(is_sleeping));
  const auto told = std::chrono::steady_clock::now();
  executor_->stop(r.id, {1h, 1h});
  const auto end = executor_.ended(r.id);
  EXPECT_LT(std::chrono::steady_clock::now() - told, 3s);
  EXPECT_EQ(end.end, run_end::cancelled);
  EXPECT_EQ(end.text, "statement 2 of 2: stopped; nothing was committed");
  EXPECT_FALSE(is_sleeping());
  EXPECT_EQ(paid(), "");
}

TEST_P(sql_plugin, ends_at_a_stop_order_while_rows_arrive) {
  const auto r = request(with({"SELECT REPEAT('x', 100000) UNION ALL SELECT SLEEP(60)"}));  // the first row is too long to be kept back
  executor_->start(r);
  ASSERT_TRUE(eventually([] { return value("SELECT COUNT(*) FROM information_schema.processlist WHERE state='User sleep'") == "1"; }));
  executor_->stop(r.id, {1h, 1h});
  EXPECT_EQ(executor_.ended(r.id).end, run_end::cancelled);
  EXPECT_FALSE(is_sleeping());
}

TEST_P(sql_plugin, ends_before_its_lease_does) {
  auto r = request(with({"SELECT SLEEP(60)"}));
  r.lease_deadline = executor_.in(3s);
  const auto end = run(r);
  EXPECT_EQ(end.end, run_end::cancelled) << end.text;
  EXPECT_THAT(end.text, HasSubstr("the lease ends"));
  EXPECT_FALSE(is_sleeping());
}

TEST_P(sql_plugin, ends_a_statement_that_takes_too_long) {
  const auto end = run(with({"SELECT SLEEP(60)"}, {{"statement_timeout", "300ms"}}));
  EXPECT_EQ(end.end, run_end::failure);
  EXPECT_THAT(end.text, HasSubstr("not done within its time limit"));
  EXPECT_FALSE(is_sleeping());
}

TEST_P(sql_plugin, asks_for_another_attempt_after_a_deadlock) {
  account_sql("INSERT INTO paid VALUES (1,''), (2,'')");
  const auto one = request(with({"UPDATE paid SET note='a' WHERE id=1", "DO SLEEP(1)", "UPDATE paid SET note='a' WHERE id=2"}));
  const auto two = request(with({"UPDATE paid SET note='b' WHERE id=2", "DO SLEEP(1)", "UPDATE paid SET note='b' WHERE id=1"}));
  executor_->start(one);
  executor_->start(two);
  const auto first = executor_.ended(one.id);
  const auto second = executor_.ended(two.id);
  const auto& loser = first.end == run_end::success ? second : first;
  EXPECT_EQ(first.end == run_end::success ? 1 : 0, second.end == run_end::success ? 0 : 1);
  EXPECT_EQ(loser.end, run_end::retry_later);
  EXPECT_THAT(loser.text, HasSubstr("error 1213"));
}

TEST_P(sql_plugin, asks_for_another_attempt_when_a_row_stays_locked_or_the_connection_ends) {
  need_private_server();
  if (IsSkipped()) return;
  account_sql("INSERT INTO paid VALUES (1,'')");
  const auto r = request(with({"UPDATE paid SET note='a' WHERE id=1", "SELECT SLEEP(60)"}));
  executor_->start(r);
  ASSERT_TRUE(eventually(is_sleeping));
  const auto locked = run(with({"SET SESSION innodb_lock_wait_timeout=1", "DELETE FROM paid"}));
  EXPECT_EQ(locked.end, run_end::retry_later);
  EXPECT_THAT(locked.text, HasSubstr("error 1205"));
  kill_connection(std::stoull(value("SELECT id FROM information_schema.processlist WHERE info='SELECT SLEEP(60)'")));
  EXPECT_EQ(executor_.ended(r.id).end, run_end::retry_later);
}

TEST_P(sql_plugin, does_not_claim_to_know_of_a_commit_whose_answer_was_lost) {
  need_private_server();
  if (IsSkipped()) return;
  const auto shows = [](const std::string& info) {
    return eventually([&] { return value("SELECT COUNT(*) FROM information_schema.processlist WHERE info='" + info + "'") != "0"; });
  };
  const auto r = request(with({"INSERT INTO paid VALUES (1,'')", "DO SLEEP(1)"}));
  executor_->start(r);
  ASSERT_TRUE(shows("DO SLEEP(1)"));
  std::thread no_commits{[] { (void)server()->exec("FLUSH TABLES WITH READ LOCK; SELECT SLEEP(60)"); }};
  EXPECT_TRUE(shows("COMMIT"));
  server()->kill();
  no_commits.join();
  const auto end = executor_.ended(r.id);
  EXPECT_EQ(end.end, run_end::failure);
  EXPECT_THAT(end.text, HasSubstr("whether it was committed is not known"));
  ok(server()->start_again());
}

TEST_P(sql_plugin, runs_on_a_server_by_its_url) {
  need_private_server();
  if (IsSkipped()) return;
  const std::string by_socket = "mysql://baton@localhost/baton?socket=" + server()->socket();
  for (const auto& where : {url(), by_socket}) {
    auto r = request(with({"REPLACE INTO paid VALUES (1,'')"}, {{"url", where}, {"password", store_options().password}}));
    r.store.reset();
    EXPECT_EQ(run(r).text, "1 statement, 1 row") << where;
  }
  // Of several hosts the one that answers.
  const auto several = "mysql://baton@127.0.0.1:1," + url().substr(url().find('@') + 1);
  EXPECT_EQ(run(with({"DO 1"}, {{"url", several}, {"password", store_options().password}})).end, run_end::success);
  const auto nobody = run(with({"DO 1"}, {{"url", "mysql://baton@127.0.0.1:1/baton"}}));
  EXPECT_EQ(nobody.end, run_end::retry_later);
  EXPECT_THAT(nobody.text, HasSubstr("127.0.0.1:1"));
}

TEST_P(sql_plugin, takes_of_several_hosts_none_that_is_read_only) {
  need_private_server();
  if (IsSkipped()) return;
  const auto twice = url().insert(url().rfind('/'), "," + url().substr(url().find('@') + 1, url().rfind('/') - url().find('@') - 1));
  sql("SET GLOBAL read_only=1");
  const auto end = run(with({"DO 1"}, {{"url", twice}, {"password", store_options().password}}));
  sql("SET GLOBAL read_only=0");
  EXPECT_EQ(end.end, run_end::retry_later);
  EXPECT_THAT(end.text, HasSubstr("takes no writes"));
}

TEST_P(sql_plugin, leaves_nothing_behind_in_a_process_that_goes_on) {
  const auto count = [](const char* what) {
    const std::filesystem::directory_iterator entries{std::string{"/proc/self/"} + what};
    return std::distance(begin(entries), end(entries));
  };
  const auto some_runs = [&] {
    for (const auto* statement : {"DO 1", "no sql", "SELECT SLEEP(60)"}) {
      auto r = request(with({statement}, {{"statement_timeout", "200ms"}}));
      r.isolation = isolation::in_process;
      run(r);
    }
  };
  some_runs();  // the plugin is loaded
  const auto descriptors = count("fd");
  const auto threads = count("task");
  some_runs();
  EXPECT_TRUE(eventually([&] { return count("fd") <= descriptors && count("task") <= threads; })) << count("fd") << ", " << count("task");
}

TEST_P(sql_plugin, needs_a_url_beside_a_store_that_is_no_server) {
  auto r = request(with({"DO 1"}));
  r.store.reset();
  const auto end = run(r);
  EXPECT_EQ(end.end, run_end::failure);
  EXPECT_THAT(end.text, HasSubstr("name one with `url`"));
}

TEST_P(sql_plugin, shows_no_password_and_no_statement) {
  auto r = request(with({"SELECT 'statement-secret' FROM nowhere"}));
  EXPECT_THAT(run(r).text, AllOf(HasSubstr("error 1146"), Not(HasSubstr("statement-secret"))));
  auto refused = request(with({"DO 1"}));
  refused.store->password = "password-secret";
  const auto end = run(refused);
  EXPECT_EQ(end.end, run_end::failure);
  EXPECT_THAT(end.text, AllOf(HasSubstr("1045"), Not(HasSubstr("password-secret"))));
  const auto in_url = run(with({"DO 1"}, {{"url", "mysql://u:url-secret@h/d"}}));
  EXPECT_THAT(in_url.text, AllOf(HasSubstr("holds a password"), Not(HasSubstr("url-secret"))));
  for (const auto& one : {r, refused}) {
    for (const auto& event : executor_.events(one.id)) {
      if (const auto* line = std::get_if<run_log>(&event)) ADD_FAILURE() << line->message;
    }
  }
}

TEST_P(sql_plugin, connects_to_the_store_with_the_stores_tls) {
  auto r = request(with({"DO 1"}));
  r.store->tls_mode = "verify_identity";
  EXPECT_THAT(run(r).text, HasSubstr("needs tls_ca"));
  r = request(with({"DO 1"}));
  r.store->tls_mode = "verify_identity";
  r.store->tls_ca = "/nowhere/ca.pem";
  EXPECT_NE(run(r).end, run_end::success);
}

TEST_P(sql_plugin, gives_the_server_no_files) {
  const auto end = run(with({"LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE paid"}));
  EXPECT_EQ(end.end, run_end::failure);
  EXPECT_EQ(paid(), "");
}

BATON_ON_BOTH_SERVERS(sql_plugin);

}  // namespace

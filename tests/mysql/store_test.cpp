#include "baton/mysql/store.hpp"

#include <fcntl.h>

#include <cstring>
#include <fstream>
#include <thread>

#include "ledger_fixture.hpp"

namespace baton::mysql::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class store_open_test : public store_test {};
BATON_ON_BOTH_SERVERS(store_open_test);

TEST_P(store_open_test, migrates_again_and_again_and_keeps_what_is_there) {
  instance a{open_store(), "a"};
  a.register_job("job", a.now());
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i) others.emplace_back([] { ok(open_store().migrate()); });
  for (auto& other : others) other.join();
  EXPECT_THAT(account_sql("SELECT job FROM baton_job WHERE cluster='t'"), SizeIs(1));
}

TEST_P(store_open_test, refuses_a_ledger_without_tables_and_makes_them_on_request) {
  need_private_server();
  if (IsSkipped()) return;
  sql("CREATE DATABASE IF NOT EXISTS empty_one; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX ON empty_one.* TO baton@'%'");
  auto wanted = store_options();
  wanted.database = "empty_one";
  const auto empty = ok(store::create(wanted));
  const auto refused = empty.open_ledger_session();
  ASSERT_EQ(code_of(refused), errc::schema_outdated);
  EXPECT_THAT(refused.error().context, AllOf(HasSubstr("empty_one"), HasSubstr("baton migrate")));
  EXPECT_TRUE(empty.open_lock_session());
  ok(empty.migrate());
  EXPECT_TRUE(empty.open_ledger_session());
  sql("DROP DATABASE empty_one");
}

TEST_P(store_open_test, needs_no_more_than_the_shipped_grants) {
  need_private_server();
  if (IsSkipped()) return;
  std::ifstream file{BATON_SOURCE_DIR "/deploy/grants.sql"};
  std::string shipped{std::istreambuf_iterator<char>{file}, {}};
  for (const auto& [from, to] :
       {std::pair{"baton.*", "shipped.*"}, {"EXISTS baton", "EXISTS shipped"}, {"'baton'", "'shipped'"}, {"\n-- GRANT", "\nGRANT"}}) {
    if (std::string_view{to} == "\nGRANT" && GetParam() != server_kind::mysql) continue;
    for (auto at = shipped.find(from); at != std::string::npos; at = shipped.find(from, at + 1)) shipped.replace(at, std::strlen(from), to);
  }
  sql(shipped);
  auto wanted = store_options();
  wanted.user = "shipped";
  wanted.password = "choose-a-password";
  wanted.database = "shipped";
  const auto granted = ok(store::create(wanted));
  ok(granted.migrate());
  EXPECT_TRUE(granted.open_ledger_session());
  EXPECT_TRUE(granted.open_lock_session());
  sql("DROP DATABASE shipped; DROP USER 'shipped'@'%'");
}

TEST_P(store_open_test, prints_the_sql_that_it_would_run) {
  need_private_server();
  if (IsSkipped()) return;
  sql("CREATE DATABASE printed; USE printed; " + store::migration_sql());
  EXPECT_EQ(sql("SELECT value FROM printed.baton_meta")[0][0], "1");
  EXPECT_THAT(sql("SHOW TABLES FROM printed"), SizeIs(6));
  sql("DROP DATABASE printed");
}

TEST_P(store_open_test, uses_the_writable_one_of_several_endpoints) {
  need_private_server();
  if (IsSkipped()) return;
  auto wanted = store_options();
  wanted.hosts.insert(wanted.hosts.begin(), {"127.0.0.1", 1});  // nobody listens there
  const auto several = ok(store::create(wanted));
  EXPECT_TRUE(several.open_lock_session());
  EXPECT_EQ(several.describe(), "127.0.0.1:" + std::to_string(server()->port()));
}

TEST_P(store_open_test, comes_in_by_the_unix_socket) {
  need_private_server();
  if (IsSkipped()) return;
  auto wanted = store_options();
  wanted.hosts.clear();
  wanted.socket = server()->socket();
  EXPECT_TRUE(ok(store::create(wanted)).open_lock_session());
}

TEST_P(store_open_test, says_what_is_wrong_with_password_database_and_port) {
  need_private_server();
  if (IsSkipped()) return;
  auto wanted = store_options();
  wanted.password = "wrong";
  EXPECT_EQ(code_of(ok(store::create(wanted)).open_lock_session()), errc::access_denied);
  wanted = store_options();
  wanted.database = "nowhere";
  const auto nowhere = code_of(ok(store::create(wanted)).open_lock_session());
  EXPECT_TRUE(nowhere == errc::access_denied || nowhere == errc::store_unfit);
  wanted = store_options();
  wanted.hosts[0].port = 1;
  const auto silent = ok(store::create(wanted)).open_lock_session();
  ASSERT_EQ(code_of(silent), errc::store_unavailable);
  EXPECT_THAT(silent.error().context, HasSubstr("127.0.0.1:1"));
}

TEST_P(store_open_test, encrypts_or_refuses_when_tls_is_required) {
  need_private_server();
  if (IsSkipped()) return;
  auto wanted = store_options();
  wanted.tls = tls_mode::required;
  const auto opened = ok(store::create(wanted)).open_lock_session();
  // MySQL makes itself a certificate, MariaDB from 11.4 on.
  const bool server_has_certificate = GetParam() == server_kind::mysql || sql("SELECT @@have_ssl")[0][0] == "YES";
  EXPECT_EQ(opened.has_value(), server_has_certificate) << (opened ? "" : opened.error().context);
}

TEST_P(store_open_test, keeps_its_sockets_from_child_processes) {
  auto session = lock_session();
  EXPECT_NE(::fcntl(session->descriptor(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_P(store_open_test, shows_who_it_is_in_the_connection_attributes) {
  need_private_server();
  if (IsSkipped()) return;
  if (GetParam() == server_kind::mariadb) GTEST_SKIP() << "performance_schema is off by default on MariaDB";
  auto session = lock_session();
  EXPECT_THAT(
      sql("SELECT 1 FROM performance_schema.session_connect_attrs WHERE processlist_id=" + std::to_string(session->connection_id()) +
          " AND (attr_name,attr_value) IN (('program_name','baton'),('role','lock'),('instance','test'))"),
      SizeIs(3));
}

TEST(store, refuses_options_that_name_no_server_two_or_no_database) {
  options wanted;
  wanted.database = "d";
  EXPECT_EQ(code_of(store::create(wanted)), errc::invalid_argument);
  wanted.socket = "/s";
  EXPECT_TRUE(store::create(wanted));
  wanted.hosts = {{"h"}};
  EXPECT_EQ(code_of(store::create(wanted)), errc::invalid_argument);
  wanted.socket.clear();
  wanted.database.clear();
  EXPECT_EQ(code_of(store::create(wanted)), errc::invalid_argument);
  wanted.database = "d";
  wanted.lease.wait_timeout = std::chrono::seconds{1};
  EXPECT_EQ(code_of(store::create(wanted)), errc::invalid_configuration);
}

}  // namespace
}  // namespace baton::mysql::testing

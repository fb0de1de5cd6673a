// Rows 58, 75 and 85 to 95: transactions, guarded writes, who holds what, and the seed's surface.
#include <cstdlib>
#include <filesystem>

#include "baton/mysql/guard.hpp"
#include "baton/mysql/lock_client.hpp"
#include "conformance_fixture.hpp"

namespace baton::conformance {
namespace {

using lock::blocking;
using lock::named_lock;
using mysql::guard;
using mysql::lock_client;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class conformance_observe : public conformance {
 protected:
  static std::unique_ptr<lock_client> client() { return ok(lock_client::create(where())); }
};
BATON_CONFORMANCE(conformance_observe);

TEST_P(conformance_observe, r58_transactions_of_an_adopted_session_leave_its_locks_alone) {
  raw_connection program{server()};
  const auto s = ok(mysql::adopt(program.handle()));
  named_lock lock{*s, key()};
  program.run("START TRANSACTION");
  ASSERT_TRUE(lock.acquire());
  program.run("COMMIT");
  EXPECT_TRUE(lock.is_locked());
  program.run("START TRANSACTION");
  program.run("ROLLBACK");
  EXPECT_EQ(holder_of("conformance"), s->connection_id());
  ok(lock.release());
}

TEST_P(conformance_observe, adopted_sessions_change_nothing_and_refuse_what_would_mislead) {
  raw_connection program{server()};
  program.run("SET SESSION wait_timeout=77, sql_mode='NO_BACKSLASH_ESCAPES'");
  {
    const auto s = ok(mysql::adopt(program.handle()));
    for (const auto* name : {"o'clock", "back\\slash"}) {
      named_lock lock{*s, key(name)};
      ASSERT_TRUE(lock.acquire()) << name;
      ok(lock.release());
    }
    std::stop_source stop;
    EXPECT_EQ(code_of(s->acquire("conformance", 1s, lock::reentry::refuse, stop.get_token())), errc::invalid_argument)
        << "nothing could cancel it";
    const auto cancellable = ok(mysql::adopt(program.handle(), {.control = store()}));
    EXPECT_TRUE(cancellable->acquire("conformance", 0s, lock::reentry::refuse, stop.get_token()));
    ok(cancellable->release(std::vector<std::string>{"conformance"}));
  }
  EXPECT_EQ(program.run("SELECT @@session.wait_timeout"), "77");
  EXPECT_EQ(program.run("SELECT @@session.sql_mode"), "NO_BACKSLASH_ESCAPES");
  mysql_set_character_set(program.handle(), "latin1");
  const auto refused = mysql::adopt(program.handle());
  ASSERT_EQ(code_of(refused), errc::store_unfit);
  EXPECT_THAT(refused.error().context, HasSubstr("utf8mb4"));
  MYSQL* const unconnected = mysql_init(nullptr);
  EXPECT_EQ(code_of(mysql::adopt(unconnected)), errc::store_unavailable);
  mysql_close(unconnected);
}

TEST_P(conformance_observe, g8_r75_a_write_under_an_old_fence_changes_nothing) {
  sql("CREATE TABLE IF NOT EXISTS baton.account (balance INT); DELETE FROM baton.account; INSERT INTO baton.account VALUES (0)");
  const auto c = client();
  raw_connection program{server()};
  program.run("USE baton");
  auto first = c->acquire(key(), 0s);
  ASSERT_TRUE(first);
  const guard old{*first};
  const std::vector<std::string> raise{"UPDATE account SET balance=balance+1"};
  EXPECT_EQ(ok(old.write(program.handle(), raise)), 1U);
  program.run("UPDATE account SET balance=balance+1 WHERE " + old.condition());
  EXPECT_EQ(program.run("SELECT balance FROM account"), "2");

  ok(first->release());
  auto second = c->acquire(key(), 5s);
  ASSERT_TRUE(second);
  EXPECT_EQ(code_of(old.write(program.handle(), raise)), errc::stale_fence);
  program.run("UPDATE account SET balance=balance+1 WHERE " + old.condition());
  EXPECT_EQ(mysql_affected_rows(program.handle()), 0U);
  EXPECT_EQ(program.run("SELECT balance FROM account"), "2");
  EXPECT_EQ(ok(guard{*second}.write(program.handle(), raise)), 1U);
  EXPECT_EQ(code_of(guard{*second}.write(program.handle(), std::vector<std::string>{"UPDATE nowhere SET x=1"})), errc::schema_outdated);
  EXPECT_EQ(program.handle()->server_status & SERVER_STATUS_IN_TRANS, 0U) << "left outside of a transaction";
  sql("DROP TABLE baton.account");
}

TEST_P(conformance_observe, g8_r75_a_guarded_transaction_goes_before_the_next_holders_fence) {
  const auto one = client();
  const auto two = client();
  raw_connection program{server()};
  program.run("USE baton");
  auto mine = one->acquire(key(), 0s);
  ASSERT_TRUE(mine);
  program.run("START TRANSACTION");
  ASSERT_EQ(program.run(guard{*mine}.lock_statement()), "1");
  ok(mine->release());  // before the commit: a mistake, or a loss
  std::atomic<bool> has_taken = false;
  std::thread successor{[&] {
    auto theirs = two->acquire(key(), 5s);
    EXPECT_TRUE(theirs) << (theirs.has_failed() ? theirs.error().context : "busy");
    has_taken = true;
  }};
  std::this_thread::sleep_for(300ms);
  EXPECT_FALSE(has_taken) << "its fence waits for our transaction";
  program.run("COMMIT");
  successor.join();
  EXPECT_TRUE(has_taken);
}

TEST_P(conformance_observe, r86_r87_the_holder_of_a_lock_is_told_as_far_as_the_account_may_see) {
  const auto c = client();
  EXPECT_TRUE(ok(c->is_free(key())));
  EXPECT_EQ(ok(c->find_holder(key())), std::nullopt);
  auto mine = c->acquire(key(), 0s);
  ASSERT_TRUE(mine);
  EXPECT_FALSE(ok(c->is_free(key())));
  const auto held = ok(c->find_holder(key()));
  ASSERT_TRUE(held);
  EXPECT_EQ(held->connection_id, holder_of("conformance"));
  EXPECT_EQ(held->user, "baton");
  EXPECT_THAT(held->host, ::testing::AnyOf(HasSubstr("localhost"), HasSubstr("127.0.0.1")));
  EXPECT_EQ(held->instance, on_mariadb() ? "" : "conformance") << "MariaDB's performance schema is off by default";

  raw_connection root{server()};
  root.run("SELECT GET_LOCK('of somebody else',0)");
  const auto stranger = ok(c->find_holder(key("of somebody else")));
  ASSERT_TRUE(stranger);
  EXPECT_GT(stranger->connection_id, 0U);
  const auto s = session();
  EXPECT_EQ(ok(s->find_holder("conformance"))->connection_id, held->connection_id) << "a session can ask too";
}

TEST_P(conformance_observe, r88_held_locks_are_listed_by_prefix) {
  const auto c = client();
  std::vector<mysql::lease> leases;
  for (const auto* name : {"app:b", "app:a", "other:c"}) leases.push_back(std::move(*c->acquire(key(name), 0s)));
  EXPECT_THAT(ok(c->held_names("app:")), ElementsAre("app:a", "app:b")) << "its own where the account may see no more";
  const auto s = session();
  named_lock plain{*s, key("app:plain")};
  ASSERT_TRUE(plain.acquire());
  EXPECT_THAT(ok(s->held_names("app:")), Contains("app:plain"));
  EXPECT_THAT(ok(s->held_names("app:")), Not(Contains("other:c")));

  if (on_mariadb() && !std::filesystem::exists(private_server::mariadb_plugins()))
    GTEST_SKIP() << "SKIPPED: cannot here: no MariaDB plugin metadata_lock_info; run tests/support/fetch_mariadb_plugins.sh";
  sql(on_mariadb() ? "INSTALL SONAME 'metadata_lock_info'" : "GRANT SELECT ON performance_schema.metadata_locks TO baton@'%'");
  const auto all = c->held_names("app:");
  sql(on_mariadb() ? "UNINSTALL SONAME 'metadata_lock_info'" : "REVOKE SELECT ON performance_schema.metadata_locks FROM baton@'%'");
  EXPECT_THAT(ok(all), ElementsAre("app:a", "app:b", "app:plain")) << "everybody's";
}

TEST_P(conformance_observe, r89_attempts_are_counted_for_each_lock_session_and_client) {
  const auto one = session();
  const auto two = session();
  named_lock mine{*one, key()};
  named_lock theirs{*two, key()};
  ASSERT_TRUE(mine.acquire());
  EXPECT_TRUE(theirs.acquire(blocking::yes, 20ms).is_busy());
  EXPECT_TRUE(theirs.acquire(blocking::no).is_busy());
  ok(mine.release());
  EXPECT_EQ(mine.counters().acquired, 1U);
  EXPECT_EQ(mine.counters().released, 1U);
  EXPECT_EQ(theirs.counters().busy, 2U);
  EXPECT_EQ(theirs.counters().waits.count(), 2U);
  EXPECT_GE(theirs.counters().waits.sum(), 20ms);
  EXPECT_EQ(two->counters().busy, 2U);
  ASSERT_TRUE(one->probe({}));
  EXPECT_EQ(one->counters().probes.count(), 1U);

  const auto c = client();
  { auto lease = c->acquire(key(), 0s); }
  EXPECT_TRUE(eventually([&] { return c->report().counters.released == 1; }));
  auto lease = c->acquire(key(), 0s);
  sql("KILL " + std::to_string(holder_of("conformance")));
  EXPECT_TRUE(eventually([&] { return c->report().counters.lost == 1; }));
  EXPECT_EQ(c->report().counters.acquired, 2U);
}

TEST_P(conformance_observe, r90_r91_r92_r95_a_lock_tells_what_it_is_and_can_be_used_again) {
  const auto s = session();
  named_lock lock{*s, key("k"), {.contextual_timeout = 2s}};
  EXPECT_EQ(lock.describe(), "<unlocked named_lock key=k>");
  EXPECT_EQ(&lock.session(), s.get());
  EXPECT_EQ(lock.contextual_timeout(), lock::time_limit{2s});
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(lock.acquire());
    EXPECT_EQ(lock.describe(), "<locked named_lock key=k>");
    ok(lock.release());
    EXPECT_FALSE(lock.is_locked());
  }
}

template <typename T>
concept takes_an_unknown_option = requires {
  T{.no_such_option = 1};
};

TEST_P(conformance_observe, r93_r94_the_profile_is_the_live_servers_and_unknown_options_do_not_compile) {
  const auto s = session();
  const auto other = session();
  named_lock held{*s, key()};
  ASSERT_TRUE(held.acquire());
  // What differs between the servers - fractions of a second - is right on each, with either client library.
  expect_time(250ms, 400ms,
              [&] { EXPECT_EQ(ok(other->acquire("conformance", 250ms, lock::reentry::refuse)).outcome, lock::wait_outcome::busy); });
  static_assert(!takes_an_unknown_option<named_lock::options> && !takes_an_unknown_option<mysql::lock_client_options>);
}

// Row 85 is this whole suite: once for each transport and client library, with caching_sha2_password on MySQL.
TEST_P(conformance_observe, r85_the_connection_is_what_was_asked_for) {
  const auto s = session();
  const auto cipher = sql(std::string{"SELECT VARIABLE_VALUE FROM "} +
                          (on_mariadb() ? "information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME='Ssl_accepts'"
                                        : "performance_schema.global_status WHERE VARIABLE_NAME='Ssl_accepts'"));
  if (GetParam().via == transport::tls) {
    EXPECT_GT(std::stoul(cipher.front().front().value_or("0")), 0U);
  }
  const auto plugin = sql("SELECT plugin FROM mysql.user WHERE user='baton'").front().front();
  EXPECT_EQ(plugin, on_mariadb() ? "mysql_native_password" : "caching_sha2_password");
}

TEST_P(conformance_observe, r85_tls_refuses_a_wrong_authority_and_a_wrong_name) {
  auto tls = where();
  tls.socket.clear();
  tls.hosts = {{"127.0.0.1", server().port()}};  // the certificate is for localhost
  tls.tls_ca = server().tls_ca();
  const auto outcome = [&](mysql::tls_mode mode, const std::string& ca, const char* host) {
    tls.tls = mode;
    tls.tls_ca = ca;
    tls.hosts.front().host = host;
    const auto made = mysql::store::create(tls);
    return made ? code_of(made->open_lock_session()) : made.error().code;
  };
  using mysql::tls_mode;
  const auto right = server().tls_ca();
  const auto wrong = server().wrong_ca();
  EXPECT_EQ(outcome(tls_mode::disabled, "", "127.0.0.1"), errc{});
  EXPECT_EQ(outcome(tls_mode::required, "", "127.0.0.1"), errc{});
  EXPECT_EQ(outcome(tls_mode::required, wrong, "127.0.0.1"), errc{}) << "encrypted, with whatever certificate";
  EXPECT_EQ(outcome(tls_mode::verify_ca, right, "127.0.0.1"), errc{}) << "the name does not matter";
  EXPECT_EQ(outcome(tls_mode::verify_ca, wrong, "localhost"), errc::store_unavailable);
  EXPECT_EQ(outcome(tls_mode::verify_ca, wrong, "127.0.0.1"), errc::store_unavailable);
  EXPECT_EQ(outcome(tls_mode::verify_identity, right, "localhost"), errc{});
  EXPECT_EQ(outcome(tls_mode::verify_identity, wrong, "localhost"), errc::store_unavailable);
  // A library that would not compare an address of this host is not asked to: Connector/C from 3.4 on, of Debian 13.
  const auto library = mysql::store::client_version();
  const bool compares_addresses = !library.starts_with("MariaDB") || library < "MariaDB Connector/C 3.4";
  EXPECT_EQ(outcome(tls_mode::verify_identity, right, "127.0.0.1"), compares_addresses ? errc::store_unavailable : errc::invalid_argument);
  ok(server().show_certificate_for("IP:127.0.0.1"));
  EXPECT_EQ(outcome(tls_mode::verify_identity, right, "localhost"), errc::store_unavailable);
  EXPECT_EQ(outcome(tls_mode::verify_identity, right, "127.0.0.1"), compares_addresses ? errc{} : errc::invalid_argument);
  ok(server().show_certificate_for("DNS:localhost"));
  tls.tls = tls_mode::verify_ca;
  tls.tls_ca.clear();
  EXPECT_EQ(code_of(mysql::store::create(tls)), errc::invalid_argument);
}

}  // namespace
}  // namespace baton::conformance

#include "database.hpp"

#include <sqlite3.h>

#include <thread>

#include "fixture.hpp"
#include "schema.hpp"

namespace baton::local::testing {
namespace {

using ::testing::HasSubstr;

class database_test : public local_test {
 protected:
  [[nodiscard]] std::unique_ptr<database> open() const {
    return ok(database::open(ok(directory::open(path())), database::if_missing::create));
  }
  [[nodiscard]] std::string file() const { return path() + "/baton.db"; }
  void write_file(const std::string& text) const {
    std::filesystem::create_directories(path());
    std::ofstream{file()} << text;
  }
};

TEST_F(database_test, keeps_the_first_error_of_a_transaction_and_undoes_the_rest) {
  const auto db = open();
  ok(db->write([&] { db->script("CREATE TABLE t (a INTEGER PRIMARY KEY)"); }));
  const auto failed = db->write([&] {
    EXPECT_EQ(db->run("INSERT INTO t VALUES (?)", 1), 1U);
    db->run("INSERT INTO nowhere VALUES (1)");
    EXPECT_FALSE(db->query("SELECT 1").next()) << "nothing is found after an error";
  });
  EXPECT_EQ(code_of(failed), errc::store_query);
  EXPECT_THAT(failed.error().context, HasSubstr("no such table: nowhere"));
  ok(db->read([&] { EXPECT_FALSE(db->query("SELECT a FROM t").next()); }));
}

TEST_F(database_test, is_busy_within_a_second_when_another_writes) {
  const auto db = open();
  const auto other = open();
  ok(other->begin_write());
  EXPECT_EQ(code_of(db->begin_write()), errc::store_busy);
  ok(other->commit());
  ok(db->write([] {}));
}

TEST_F(database_test, ends_a_wait_at_once_when_interrupted_and_is_dead_then) {
  const auto db = open();
  const auto other = open();
  ok(other->begin_write());
  const auto start = std::chrono::steady_clock::now();
  std::thread caller{[&] { EXPECT_EQ(code_of(db->begin_write()), errc::store_unavailable); }};
  std::this_thread::sleep_for(std::chrono::milliseconds{50});  // lets the call wait; it fails just the same if it had not
  db->interrupt();
  caller.join();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds{400});
  EXPECT_EQ(code_of(db->read([] {})), errc::store_unavailable);
}

TEST_F(database_test, is_the_accounts_own_and_durable) {
  const auto db = open();
  EXPECT_EQ(std::filesystem::status(file()).permissions() & std::filesystem::perms::all,
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  ok(db->read([&] {
    auto mode = db->query("PRAGMA journal_mode");
    ASSERT_TRUE(mode.next());
    EXPECT_EQ(mode.text(0), "wal");
    auto flush = db->query("PRAGMA synchronous");
    ASSERT_TRUE(flush.next());
    EXPECT_EQ(flush.number(0), 2U) << "FULL";
  }));
}

TEST_F(database_test, refuses_a_file_that_is_no_database) {
  write_file(std::string(8192, 'x'));
  const auto refused = unmade().migrate();
  EXPECT_EQ(code_of(refused), errc::store_unfit);
  EXPECT_THAT(refused.error().context, HasSubstr("not an SQLite database"));
}

TEST_F(database_test, refuses_another_programs_database) {
  std::filesystem::create_directories(path());
  sqlite3* theirs = nullptr;
  ASSERT_EQ(sqlite3_open(file().c_str(), &theirs), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(theirs, "CREATE TABLE theirs (a)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(theirs);
  const auto refused = unmade().migrate();
  EXPECT_EQ(code_of(refused), errc::store_unfit);
  EXPECT_THAT(refused.error().context, HasSubstr("another program's"));
}

TEST_F(database_test, says_that_its_file_is_damaged_and_what_to_do) {
  (void)made();
  {
    std::fstream damaged{file(), std::ios::in | std::ios::out | std::ios::binary};
    damaged.seekp(100);
    damaged << std::string(3000, '\x55');
  }
  const auto refused = unmade().open_ledger_session();
  EXPECT_EQ(code_of(refused), errc::store_unfit);
  EXPECT_THAT(refused.error().context, HasSubstr(".recover"));
}

TEST_F(database_test, is_dead_when_its_file_was_removed) {
  const auto db = open();
  std::filesystem::remove(file());
  EXPECT_EQ(code_of(db->write([] {})), errc::store_unavailable);
  EXPECT_EQ(code_of(db->write([] {})), errc::store_unavailable);
}

TEST_F(database_test, tells_a_limit_on_the_size_of_files_as_a_full_disk_and_goes_on_behind_it) {
  const auto db = open();
  ok(db->write([&] { db->script("CREATE TABLE t (a TEXT)"); }));
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit tight{60'000, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto refused = db->write([&] { db->run("INSERT INTO t VALUES (?)", std::string(100'000, 'x')); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, before);
  EXPECT_EQ(code_of(refused), errc::store_query);
  EXPECT_THAT(refused.error().context, HasSubstr("the disk is full"));
  ok(db->write([&] { db->run("INSERT INTO t VALUES (?)", std::string(100'000, 'x')); }));
}

}  // namespace
}  // namespace baton::local::testing

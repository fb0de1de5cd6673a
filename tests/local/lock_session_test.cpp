#include "lock_session.hpp"

#include "fixture.hpp"

namespace baton::local::testing {
namespace {

using lock::try_outcome;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using names = std::vector<std::string>;

class lock_session_test : public local_test {};

TEST_F(lock_session_test, needs_the_tables_which_tell_whose_it_is) {
  EXPECT_EQ(code_of(unmade().open_lock_session()), errc::schema_outdated);
  const auto first = ok(made().open_lock_session());
  EXPECT_EQ(first->identity().uuid.size(), 32U);
  EXPECT_GT(first->identity().started, 0);
  EXPECT_EQ(first->descriptor(), -1);
}

TEST_F(lock_session_test, frees_its_names_at_once_when_its_process_is_killed) {
  const auto where = made();
  holder other{[&] {
    static auto session = where.open_lock_session();
    return session && (*session)->try_acquire(names{"baton:t:a"});
  }};
  const auto session = ok(where.open_lock_session());
  EXPECT_THAT(ok(session->try_acquire(names{"baton:t:a"})), ElementsAre(try_outcome::busy));
  other.kill();
  EXPECT_THAT(ok(session->try_acquire(names{"baton:t:a"})), ElementsAre(try_outcome::acquired));
}

TEST_F(lock_session_test, loses_a_name_whose_file_was_removed) {
  const auto session = ok(made().open_lock_session());
  (void)ok(session->try_acquire(names{"a", "b"}));
  std::filesystem::remove(path() + "/locks/a.lock");
  EXPECT_THAT(ok(session->probe(names{"a", "b"})).lost, ElementsAre("a"));
  EXPECT_THAT(ok(session->owned(names{"a", "b"})), ElementsAre(false, true));
}

TEST_F(lock_session_test, is_dead_when_its_directory_or_database_was_replaced) {
  auto session = ok(made().open_lock_session());
  (void)ok(session->try_acquire(names{"a"}));
  std::filesystem::remove(path() + "/baton.db");
  EXPECT_EQ(code_of(session->probe(names{"a"})), errc::store_unavailable);
  session = ok(made().open_lock_session());
  std::filesystem::rename(path(), folder_ + "/moved");
  EXPECT_EQ(code_of(session->probe(names{"a"})), errc::store_unavailable);
  ok(unmade().migrate());
  EXPECT_EQ(code_of(session->try_acquire(names{"a"})), errc::store_unavailable);
}

TEST_F(lock_session_test, is_the_process_that_opened_it) {
  const auto session = ok(made().open_lock_session());
  (void)ok(session->try_acquire(names{"a"}));
  const pid_t child = ::fork();
  if (child == 0) ::_exit(code_of(session->probe(names{"a"})) == errc::wrong_process ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(lock_session_test, sees_in_a_probe_that_the_file_system_has_become_read_only) {
  const small_disk disk{path()};
  if (!disk) GTEST_SKIP() << no_mount;
  const auto session = ok(made().open_lock_session());
  (void)ok(session->try_acquire(names{"a"}));
  EXPECT_TRUE(ok(session->probe(names{"a"})).writable);
  // The session holds its file open for writing, which forbids a remount: a second mount in the same place does the same to everybody.
  (void)ok(session->release(names{"a"}));
  ASSERT_TRUE(disk.make_read_only());
  EXPECT_FALSE(ok(session->probe({})).writable);
  const auto refused = session->try_acquire(names{"new"});
  EXPECT_EQ(code_of(refused), errc::store_unfit);
  EXPECT_THAT(refused.error().context, HasSubstr("read-only"));
  EXPECT_FALSE(unmade().open_ledger_session());
}

TEST_F(lock_session_test, says_that_the_disk_is_full_and_never_busy) {
  const small_disk disk{path()};
  if (!disk) GTEST_SKIP() << no_mount;
  const auto session = ok(made().open_lock_session());
  disk.fill();
  const auto refused = session->try_acquire(names{"new"});
  EXPECT_EQ(code_of(refused), errc::store_unfit);
  EXPECT_THAT(refused.error().context, HasSubstr("make room"));
  disk.make_room();
  EXPECT_THAT(ok(session->try_acquire(names{"new"})), ElementsAre(try_outcome::acquired));
}

}  // namespace
}  // namespace baton::local::testing

#include "schema.hpp"

#include <thread>

#include "fixture.hpp"

namespace baton::local::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class schema_test : public local_test {
 protected:
  void set_version(const std::string& version) const {
    const auto db = ok(database::open(ok(directory::open(path())), database::if_missing::create));
    ok(db->write([&] { db->run("UPDATE baton_meta SET value=? WHERE name='schema_version'", version); }));
  }
};

TEST_F(schema_test, is_made_once_with_an_identity_that_stays) {
  const auto first = ok(made().open_lock_session())->identity();
  ok(unmade().migrate());
  EXPECT_EQ(ok(unmade().open_lock_session())->identity(), first);
}

TEST_F(schema_test, refuses_tables_of_a_newer_release_and_names_both_versions) {
  (void)made();
  set_version("7");
  for (const auto& refused : {status{unmade().open_ledger_session().error()}, unmade().migrate()}) {
    EXPECT_EQ(code_of(refused), errc::store_unfit);
    EXPECT_THAT(refused.error().context, AllOf(HasSubstr("version 7"), HasSubstr("version " + std::to_string(schema_version))));
  }
}

TEST_F(schema_test, is_made_by_one_of_many_that_begin_at_once) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this] {
      const auto done = unmade().migrate();
      EXPECT_TRUE(done || done.error().code == errc::store_busy) << done.error().context;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(unmade().open_ledger_session());
}

/// Once a second, however many rows there are.
TEST_F(schema_test, has_an_index_for_all_that_a_reconcile_reads) {
  (void)made();
  const auto db = ok(database::open(ok(directory::open(path())), database::if_missing::fail));
  for (const auto* what : {"baton_tick WHERE cluster=? AND state IN (1, 2, 3)", "baton_tick WHERE cluster=? AND changed>=?",
                           "baton_job WHERE cluster=? AND changed>=?"}) {
    std::string plan;
    ok(db->read([&] {
      auto rows = db->query(std::string{"EXPLAIN QUERY PLAN SELECT 1 FROM "} + what);
      while (rows.next()) plan += rows.text(3) + "; ";
    }));
    const bool by_time = std::string_view{what}.ends_with("changed>=?");
    EXPECT_THAT(plan, HasSubstr(by_time ? "(cluster=? AND changed>?)" : "open_rows (cluster=?"));
  }
}

}  // namespace
}  // namespace baton::local::testing

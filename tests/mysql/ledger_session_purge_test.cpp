#include <atomic>
#include <thread>

#include "ledger_fixture.hpp"

namespace baton::mysql::testing {
namespace {

using ledger::finish_outcome;
using ledger::name_verdict;
using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ledger_session_purge_test : public store_test {};
BATON_ON_BOTH_SERVERS(ledger_session_purge_test);

/// Rows of kind schedule, one a second from `start` on, that were written long ago.
void insert_old(const std::string& job, wall_time start, int count, const std::string& state = "4") {
  std::string values;
  for (int i = 0; i < count; ++i) {
    values += (i == 0 ? "('t','" : ",('t','") + job + "','" + to_sql(start + seconds{i}) + "',1,'" + instance::name(job) + "'," + state +
              ",1,'','',1,1,1,0,'','','2020-01-01 00:00:" + (i % 60 < 10 ? "0" : "") + std::to_string(i % 60) + "')";
  }
  store_test::account_sql(
      "INSERT INTO baton_tick (cluster,job,tick,kind,lock_name,state,fence,incarnation,instance,attempt,tick_count,outcome,reason,error,"
      "output,changed) VALUES " +
      values);
}

TEST_P(ledger_session_purge_test, s27_purges_old_rows_in_batches_and_leaves_open_and_recent_ones) {
  instance a{open_store(), "a"};
  const auto start = a.now() - std::chrono::hours{24 * 60};
  a.register_job("job", start);
  insert_old("job", start, 5);
  insert_old("job", start + seconds{10}, 1, "1");
  insert_old("job", start + seconds{20}, 1, "2");
  insert_old("job", start + seconds{30}, 1, "3");
  insert_old("job", start + seconds{40}, 1);
  account_sql("UPDATE baton_tick SET changed=UTC_TIMESTAMP(6)-INTERVAL 1 HOUR WHERE tick='" + to_sql(start + seconds{40}) + "'");
  const ledger::purge_request request{"t", std::chrono::hours{2}, 2};
  EXPECT_EQ(ok(a.ledger->purge(request)), 2U);
  EXPECT_EQ(a.rows().at(0).key.tick, start + seconds{2}) << "what was written longest ago goes first";
  EXPECT_EQ(ok(a.ledger->purge(request)), 2U);
  EXPECT_EQ(ok(a.ledger->purge(request)), 1U);
  EXPECT_EQ(ok(a.ledger->purge(request)), 0U);
  EXPECT_THAT(a.rows(), SizeIs(4));
  EXPECT_EQ(account_sql("SELECT low_water FROM baton_job WHERE cluster='t'").at(0).at(0), to_sql(start + seconds{4}));
}

// G1: what was purged never runs again.
TEST_P(ledger_session_purge_test, g1_s27_never_runs_a_purged_tick_again) {
  instance a{open_store(), "a"};
  instance b{open_store(), "b"};
  const auto tick = a.now() - seconds{3};
  a.register_job("job", tick - seconds{100});
  const auto run = a.claim("job", {tick});
  ASSERT_EQ(run.verdict, name_verdict::claimed);
  (void)a.finish(*run.run);
  a.release("job");
  account_sql("UPDATE baton_tick SET changed='2020-01-01'");
  EXPECT_EQ(ok(b.ledger->purge({"t", std::chrono::hours{1}})), 1U);
  EXPECT_THAT(b.rows(), IsEmpty());
  const auto again = b.claim("job", {tick});
  EXPECT_EQ(again.verdict, name_verdict::nothing_due);
  EXPECT_THAT(b.rows(), IsEmpty());
  const auto registered = ok(b.ledger->register_jobs("t", std::vector<ledger::job_registration>{{"job", b.name("job"), "hash"}}));
  EXPECT_EQ(registered.at(0).decided_until, tick);
  EXPECT_EQ(b.claim("job", {tick + seconds{2}}).verdict, name_verdict::claimed) << "the next one does";
}

TEST_P(ledger_session_purge_test, s27_purges_twice_at_once_beside_claims_and_disturbs_neither) {
  instance a{open_store(), "a"};
  const auto start = a.now() - std::chrono::hours{24};
  a.register_job("job", start);
  constexpr int rows = 4000;
  insert_old("job", start, rows);
  std::atomic<std::uint64_t> purged = 0;
  std::vector<std::thread> sweepers;
  for (int i = 0; i < 2; ++i) {
    sweepers.emplace_back([&] {
      auto own = ok(open_store().open_ledger_session());
      for (std::uint64_t n = 1; n > 0; purged += n) n = ok(own->purge({"t", std::chrono::hours{1}, 100}));
    });
  }
  for (int i = 0; i < 50; ++i) {
    const auto run = a.claim("job", {a.now()});
    ASSERT_EQ(run.verdict, name_verdict::claimed);
    EXPECT_EQ(a.finish(*run.run), finish_outcome::written);
  }
  for (auto& each : sweepers) each.join();
  EXPECT_EQ(purged, static_cast<std::uint64_t>(rows));
  EXPECT_THAT(a.rows(), SizeIs(50));
}

}  // namespace
}  // namespace baton::mysql::testing

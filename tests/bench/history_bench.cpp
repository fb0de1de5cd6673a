// What a long history costs: claims and purges with a million rows in baton_tick, turn by turn with claims in a table that is nearly empty.
#include "due_jobs.hpp"

namespace baton::bench {
namespace {

constexpr int doublings = 20;  // 1,048,576 rows

mysql::store in_database(bed& b, const std::string& name) {
  (void)need(b.server->exec("CREATE DATABASE IF NOT EXISTS " + name + "; GRANT ALL ON " + name + ".* TO baton@'%'"));
  auto where = b.where();
  where.database = name;
  auto at = need(mysql::store::create(where));
  need(at.migrate());
  return at;
}

/// A row a second of job-0, the past twelve days long, all ended.
void fill(private_server& server, const std::string& database, const std::string& cluster) {
  const auto table = database + ".baton_tick";
  (void)need(
      server.exec("INSERT INTO " + table +
                  " (cluster,job,tick,kind,lock_name,state,fence,incarnation,instance,attempt,tick_count,claimed,started,finished,"
                  "outcome,reason,error,output,changed) VALUES ('" +
                  cluster + "','job-0',UTC_TIMESTAMP()-INTERVAL 1100000 SECOND,1,'" + lock::scheduler_name(cluster, "job-0") +
                  "',4,1,'incarnation','bench',1,1,UTC_TIMESTAMP(6),UTC_TIMESTAMP(6),UTC_TIMESTAMP(6),1,0,'','',UTC_TIMESTAMP(6)-INTERVAL "
                  "1100000 SECOND)"));
  for (int i = 0; i < doublings; ++i) {
    const auto later = "+INTERVAL " + std::to_string(1 << i) + " SECOND";
    (void)need(server.exec("INSERT INTO " + table +
                           " (cluster,job,tick,kind,lock_name,state,fence,incarnation,instance,attempt,tick_count,claimed,started,finished,"
                           "outcome,reason,error,output,changed) SELECT cluster,job,tick" +
                           later +
                           ",kind,lock_name,state,fence,incarnation,instance,attempt,tick_count,claimed,started,finished,outcome,"
                           "reason,error,output,changed" +
                           later + " FROM " + table));
  }
  (void)need(server.exec("ANALYZE TABLE " + table));
}

void claims_with_a_million_rows(benchmark::State& state, server_kind kind) {
  auto& b = on(kind);
  const auto full = in_database(b, "history_full");
  const auto empty = in_database(b, "history_empty");
  fill(*b.server, "history_full", "million");
  due_jobs ours{*b.server, full, "million", 100, "history_full"};
  due_jobs theirs{*b.server, empty, "nothing", 100, "history_empty"};
  compare(
      state, "claim_finish_100_million_rows/" + std::string{to_string(kind)}, [&] { turn(ours); }, [&] { turn(theirs); });
  // How fast they go.
  const auto start = steady::now();
  std::uint64_t purged = 0;
  for (int i = 0; i < 50; ++i) purged += need(ours.ledger->purge({"million", std::chrono::hours{24}, 500}));
  state.counters["purged_per_s"] = static_cast<double>(purged) / std::chrono::duration<double>(steady::now() - start).count();
}

[[maybe_unused]] const bool registered = [] {
  for (const auto kind : {server_kind::mariadb, server_kind::mysql}) {
    if (private_server::missing(kind)) continue;
    benchmark::RegisterBenchmark(("claim_finish_100_million_rows/" + std::string{to_string(kind)}).c_str(),
                                 [kind](auto& state) { claims_with_a_million_rows(state, kind); })
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond)
        ->Iterations(100);
  }
  return true;
}();

}  // namespace
}  // namespace baton::bench

// What the ledger costs over a raw C client that sends the equivalent statements to the same server in the same run, turn by turn.
#include "due_jobs.hpp"

namespace baton::bench {
namespace {

/// The same questions and writes, without looking at an answer but the last.
void raw_turn(raw_client& raw, due_jobs& due) {
  const auto before = to_sql(due.tick);
  due.tick += microseconds{1};
  const auto tick = to_sql(due.tick);
  std::string names;
  std::string jobs;
  std::string ranges;
  std::string rows;
  std::string owned;
  for (std::size_t i = 0; i < due.jobs.size(); ++i) {
    const auto* const comma = i == 0 ? "" : ",";
    names += comma + ("'" + due.names[i] + "'");
    jobs += comma + ("'" + due.jobs[i] + "'");
    ranges += (i == 0 ? "" : " OR ") + ("(job='" + due.jobs[i] + "' AND tick BETWEEN '" + before) + "' AND '" + tick + "')";
    rows += comma + ("('" + due.cluster + "','" + due.jobs[i] + "','" + tick + "',1,'" + due.names[i] +
                     "',1,1,'incarnation','bench',1,NULL,1,UTC_TIMESTAMP(6),NULL,NULL,0,0,'','',UTC_TIMESTAMP(6))");
    owned += comma + ("IS_USED_LOCK('" + due.names[i] + "')=" + std::to_string(due.locks->connection_id()));
  }
  const auto of_cluster = " FROM baton_tick FORCE INDEX (PRIMARY) WHERE cluster='" + due.cluster + "' AND ";
  raw.run("START TRANSACTION;SELECT lock_name,fence FROM baton_fence FORCE INDEX (PRIMARY) WHERE lock_name IN (" + names +
          ") ORDER BY lock_name FOR UPDATE SKIP LOCKED;SELECT job,tick,state,IS_USED_LOCK(CONCAT('baton:',cluster,':~i:',incarnation)) "
          "FROM baton_tick"
          " FORCE INDEX (open_rows) WHERE cluster='" +
          due.cluster + "' AND state IN (1,2,3) AND lock_name IN (" + names +
          ");SELECT job,paused,effective_since FROM baton_job WHERE cluster='" + due.cluster + "' AND job IN (" + jobs +
          ");SELECT job,tick,state" + of_cluster + "kind=1 AND (" + ranges + ");SELECT UTC_TIMESTAMP(6)");
  raw.run("INSERT INTO baton_tick VALUES " + rows + ";UPDATE baton_fence SET fence=fence+1 WHERE lock_name IN (" + names + ");SELECT " +
          owned);
  raw.run("COMMIT");
  std::string finish = "START TRANSACTION;";
  for (const auto& job : due.jobs)
    finish +=
        "UPDATE baton_tick SET state=4,outcome=1,started=UTC_TIMESTAMP(6),finished=UTC_TIMESTAMP(6),changed=UTC_TIMESTAMP(6) WHERE "
        "cluster='" +
        due.cluster + "' AND job='" + job + "' AND tick='" + tick + "' AND kind=1 AND state=1 AND fence=1;";
  raw.run(finish + "COMMIT");
}

void claim_and_finish(benchmark::State& state, server_kind kind, std::size_t count) {
  auto& b = on(kind);
  const auto label = std::to_string(count) + "/" + std::string{to_string(kind)};
  due_jobs ours{*b.server, b.at, "ours-" + std::to_string(count), count};
  due_jobs theirs{*b.server, b.at, "raw-" + std::to_string(count), count};
  raw_client raw{*b.server};
  compare(
      state, "claim_finish_" + label, [&] { turn(ours); }, [&] { raw_turn(raw, theirs); });
}

[[maybe_unused]] const bool registered = [] {
  for (const auto kind : {server_kind::mariadb, server_kind::mysql}) {
    const std::string suffix = "/" + std::string{to_string(kind)};
    if (private_server::missing(kind)) continue;
    for (const std::size_t count : {1UL, 100UL, 500UL})
      benchmark::RegisterBenchmark(("claim_finish_" + std::to_string(count) + suffix).c_str(),
                                   [kind, count](auto& state) { claim_and_finish(state, kind, count); })
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond)
          ->Iterations(count == 1 ? 500 : 60);
  }
  return true;
}();

}  // namespace
}  // namespace baton::bench

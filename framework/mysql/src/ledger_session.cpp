#include "ledger_session.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "baton/lock/name.hpp"
#include "claim.hpp"
#include "rows.hpp"

namespace baton::mysql {

using ledger::finish_outcome;
using ledger::finish_record;
using ledger::job_registration;

result<bool> ledger_session::hold_incarnation(const std::string& cluster, const std::string& incarnation) {
  const auto name = lock::incarnation_name(cluster, incarnation);
  if (name == held_incarnation_) return true;
  const auto text = link_->quoted(name);
  auto asked = link_->run("SELECT GET_LOCK(" + text + ",0),IS_USED_LOCK(" + text + ")");
  if (!asked) return std::move(asked).error();
  auto& answer = asked->front();
  if (!answer.next() || answer.is_null(0)) return failure{errc::interrupted, "GET_LOCK of " + name + " ended without an answer (NULL)"};
  if (!answer.is_true(0)) {
    // In one packet, so that the network cannot come in between: the lock is asked for while the server ends the session that has it.
    // A commit that hangs may keep that one alive, so the wait is short, and the next opening tries again.
    auto taken = link_->run("KILL " + std::to_string(answer.number(1)) + ";SELECT GET_LOCK(" + text + ",1)");
    if (!taken && link_->is_dead()) return std::move(taken).error();
    if (!taken || taken->size() < 2 || !(*taken)[1].next() || !(*taken)[1].is_true(0)) return false;
  }
  held_incarnation_ = name;
  return true;
}

/// What exists is read first and left alone: an INSERT IGNORE would wait for the fence rows that running claims have locked.
status ledger_session::insert_missing(const std::string& cluster, std::span<const job_registration> jobs) {
  const auto lock_name = [](const auto& job) -> const std::string& { return job.lock_name; };
  const auto job_name = [](const auto& job) -> const std::string& { return job.job; };
  sql_writer ask{*link_};
  ask.raw("SELECT lock_name FROM baton_fence WHERE lock_name ").in(jobs, lock_name);
  ask.raw(";SELECT job,lock_name,schedule_hash,configured FROM baton_job WHERE cluster=").text(cluster).raw(" AND job ").in(jobs, job_name);
  std::map<std::string, bool, std::less<>> fences;
  for (const auto& job : jobs) {
    for (const auto& tag : job.tag_fences) fences.try_emplace(tag);
  }
  if (!fences.empty()) {
    ask.raw(";SELECT lock_name FROM baton_fence WHERE lock_name ").in(fences, [](const auto& f) -> const std::string& { return f.first; });
  }
  auto answered = link_->run(ask.sql());
  if (!answered) return std::move(answered).error();
  while ((*answered)[0].next()) fences[(*answered)[0].text(0)] = true;
  while (answered->size() > 2 && (*answered)[2].next()) fences[(*answered)[2].text(0)] = true;
  using job_columns = std::tuple<std::string, std::string, std::uint64_t>;
  std::map<std::string, job_columns, std::less<>> known;
  while ((*answered)[1].next()) known[(*answered)[1].text(0)] = {(*answered)[1].text(1), (*answered)[1].text(2), (*answered)[1].number(3)};

  std::map<std::string, const job_registration*, std::less<>> sorted;  // rows in key order
  for (const auto& job : jobs) sorted[job.job] = &job;
  sql_writer new_fences{*link_};
  sql_writer new_jobs{*link_};
  std::vector<const job_registration*> changed;
  for (const auto& job : jobs) fences.try_emplace(job.lock_name, false);
  for (const auto& [name, exists] : fences) {
    if (!exists)
      new_fences.raw(new_fences.empty() ? "INSERT IGNORE INTO baton_fence (lock_name,fence) VALUES (" : ",(").text(name).raw(",0)");
  }
  for (const auto& [name, job] : sorted) {
    const auto it = known.find(name);
    if (it == known.end()) {
      new_jobs.raw(new_jobs.empty()
                       ? "INSERT IGNORE INTO baton_job (cluster,job,lock_name,schedule_hash,configured,effective_since,changed)"
                         " VALUES ("
                       : ",(");
      new_jobs.text(cluster).raw(",").text(name).raw(",").text(job->lock_name).raw(",").text(job->schedule_hash);
      new_jobs.raw(",0,UTC_TIMESTAMP(6),UTC_TIMESTAMP(6))");
      if (job->setting != ledger::job_setting::runs) changed.push_back(job);
    } else if (it->second != job_columns{job->lock_name, job->schedule_hash, static_cast<std::uint64_t>(job->setting)}) {
      changed.push_back(job);
    }
  }
  for (const auto* sql : {&new_fences, &new_jobs}) {
    if (sql->empty()) continue;
    if (auto written = link_->run(sql->sql()); !written) return std::move(written).error();
  }
  return changed.empty() ? status{} : change_settings(cluster, changed);
}

/// Under the rows' locks: somebody may pause a job meanwhile.
status ledger_session::change_settings(const std::string& cluster, std::span<const job_registration* const> changed) {
  sql_writer ask{*link_};
  ask.raw("START TRANSACTION;SELECT job,").raw(standing_columns).raw(",UTC_TIMESTAMP(6) FROM baton_job WHERE cluster=").text(cluster);
  ask.raw(" AND job ").in(changed, [](const auto* job) -> const std::string& { return job->job; }).raw(" ORDER BY job FOR UPDATE");
  auto answered = link_->run(ask.sql());
  status done;
  if (!answered) {
    done = std::move(answered).error();
  } else {
    sql_writer sql{*link_};
    auto& rows = (*answered)[1];
    while (rows.next()) {
      const auto& job = **std::ranges::find(changed, rows.text(0), [](const auto* j) -> const std::string& { return j->job; });
      auto standing = read_standing(rows, 1);
      standing.configured = job.setting;
      standing.settle(rows.time(1 + standing_column_count).value_or(wall_time{}));
      // Left to right: effective_since is set before schedule_hash, on which it depends.
      sql.raw("UPDATE baton_job SET lock_name=").text(job.lock_name);
      sql.raw(",effective_since=IF(schedule_hash=").text(job.schedule_hash).raw(",effective_since,UTC_TIMESTAMP(6)),schedule_hash=");
      sql.text(job.schedule_hash).raw(",").standing(standing).raw(" WHERE cluster=").text(cluster).raw(" AND job=").text(job.job).raw(";");
    }
    if (auto written = link_->run(sql.raw("COMMIT").sql()); !written) done = std::move(written).error();
  }
  if (done || done.error().code == errc::store_unavailable) return done;
  auto undone = link_->run("ROLLBACK");
  return undone ? done : status{std::move(undone).error()};
}

result<std::vector<ledger::registered_job>> ledger_session::register_jobs(const std::string& cluster,
                                                                          std::span<const job_registration> jobs) {
  std::vector<ledger::registered_job> all;
  constexpr std::size_t at_once = 500;
  for (; !jobs.empty(); jobs = jobs.subspan(std::min(at_once, jobs.size()))) {
    const auto part = jobs.first(std::min(at_once, jobs.size()));
    if (auto inserted = insert_missing(cluster, part); !inserted) return std::move(inserted).error().in("registering jobs");
    // Each subquery reads one row from the end of the job's range of the primary key; `last success` passes over failures.
    sql_writer ask{*link_};
    const std::string last = "FROM baton_tick t WHERE t.cluster=j.cluster AND t.job=j.job AND ";
    ask.raw("SELECT job,effective_since,stopped<>0,low_water,(SELECT COALESCE(until_tick,tick) ").raw(last);
    ask.raw("t.kind=1 ORDER BY tick DESC LIMIT 1),(SELECT finished ").raw(last);
    ask.raw("t.outcome=1 ORDER BY tick DESC LIMIT 1) FROM baton_job j WHERE cluster=").text(cluster).raw(" AND job ");
    ask.in(part, [](const auto& job) -> const std::string& { return job.job; });
    auto answered = link_->run(ask.sql());
    if (!answered) return std::move(answered).error().in("registering jobs");
    auto& rows = answered->front();
    while (rows.next()) {
      ledger::registered_job job{rows.text(0), rows.time(1).value_or(wall_time{}), rows.time(4), rows.is_true(2), rows.time(5)};
      if (const auto purged = rows.time(3); purged && (!job.decided_until || *job.decided_until < *purged)) job.decided_until = purged;
      all.push_back(std::move(job));
    }
  }
  return all;
}

result<ledger::claim_reply> ledger_session::claim(const ledger::claim_request& request) { return mysql::claim(*link_, request); }

result<std::vector<finish_outcome>> ledger_session::finish(const std::string& cluster, std::span<const finish_record> records) {
  std::vector<finish_outcome> outcomes(records.size(), finish_outcome::fenced);
  if (records.empty()) return outcomes;
  std::vector<std::size_t> order(records.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(
      order, {}, [&](std::size_t i) -> const auto& { return records[i].key; });
  std::vector<const finish_record*> sorted;
  sorted.reserve(records.size());
  for (const auto i : order) sorted.push_back(&records[i]);
  auto done = finish_once(cluster, sorted);
  if (!done) return std::move(done).error().in("finish");
  for (std::size_t i = 0; i < order.size(); ++i) outcomes[order[i]] = (*done)[i];
  return outcomes;
}

/// Where the row shows this attempt's end, and the follower has none yet.
static void append_followers(sql_writer& sql, const std::string& cluster, const finish_record& record) {
  for (const auto& f : record.followers) {
    sql.raw("INSERT IGNORE INTO baton_tick (cluster,").raw(tick_columns).raw(",output,changed,requested) SELECT ");
    sql.columns(cluster, ledger::follower_row(f, record.key.tick, {})).raw(",UTC_TIMESTAMP(6) FROM baton_tick WHERE ");
    sql.key(cluster, record.key).raw(" AND state=4 AND fence=").number(record.fence);
    sql.raw(" AND outcome=").number(static_cast<std::uint64_t>(record.outcome)).raw(" AND finished=").time(record.finished).raw(";");
  }
}

/// The final ends of runs, in one statement for all.
static void append_ends(sql_writer& sql, const std::string& cluster, const std::vector<const finish_record*>& ended) {
  const auto code = [](auto value) { return static_cast<std::uint64_t>(value); };
  sql.raw("UPDATE (");
  for (const auto* record : ended) {
    const bool is_first = record == ended.front();
    const auto column = [&](std::string_view name) { sql.raw(is_first ? name : "").raw(","); };
    sql.raw(is_first ? "SELECT _utf8mb4" : " UNION ALL SELECT ").text(record->key.job);
    column(" COLLATE utf8mb4_bin AS job");
    sql.raw("TIMESTAMP").time(record->key.tick);
    column(" AS tick");
    sql.number(code(record->key.kind));
    column(" AS kind");
    sql.number(record->fence);
    column(" AS fence");
    sql.number(code(record->outcome));
    column(" AS outcome");
    sql.number(code(record->reason));
    column(" AS reason");
    sql.raw(record->started ? "TIMESTAMP" : "").time(record->started);
    column(" AS started");
    sql.raw("TIMESTAMP").time(record->finished);
    column(" AS finished");
    sql.text(storable(record->error, text_limit, keep::first));
    column(" AS error");
    sql.text(storable(record->output, text_limit, keep::last)).raw(is_first ? " AS output" : "");
  }
  sql.raw(") x STRAIGHT_JOIN baton_tick t ON t.cluster=").text(cluster).raw(" AND t.job=x.job AND t.tick=x.tick AND t.kind=x.kind");
  sql.raw(" SET t.state=").number(code(ledger::row_state::finished)).raw(",t.outcome=x.outcome,t.reason=x.reason,t.started=x.started");
  sql.raw(",t.finished=x.finished,t.retry_at=NULL,t.error=x.error,t.output=x.output,t.changed=UTC_TIMESTAMP(6)");
  sql.raw(" WHERE t.state=1 AND t.fence=x.fence;");
}

/// One round trip: nothing in the transaction depends on an answer. Ends without followers are one statement, which needs no transaction
/// around it.
result<std::vector<finish_outcome>> ledger_session::finish_once(const std::string& cluster,
                                                                const std::vector<const finish_record*>& sorted) {
  const auto code = [](auto value) { return static_cast<std::uint64_t>(value); };
  const auto is_final = [](const finish_record* record) { return record->state() == ledger::row_state::finished; };
  std::vector<const finish_record*> ended;
  std::ranges::copy_if(sorted, std::back_inserter(ended), is_final);
  const bool is_one_statement =
      ended.size() == sorted.size() && std::ranges::all_of(ended, [](const auto* record) { return record->followers.empty(); });
  sql_writer sql{*link_};
  if (!is_one_statement) sql.raw("START TRANSACTION;");
  if (!ended.empty()) append_ends(sql, cluster, ended);
  for (const auto* record : sorted) {
    if (is_final(record)) continue;
    sql.raw("UPDATE baton_tick SET state=").number(code(record->state())).raw(",outcome=").number(code(record->outcome));
    sql.raw(",reason=").number(code(record->reason)).raw(",started=").time(record->started).raw(",finished=").time(record->finished);
    sql.raw(",retry_at=").time(record->retry_at).raw(",error=").text(storable(record->error, text_limit, keep::first));
    sql.raw(",output=").text(storable(record->output, text_limit, keep::last)).raw(",changed=UTC_TIMESTAMP(6) WHERE ");
    sql.key(cluster, record->key).raw(" AND state=1 AND fence=").number(record->fence).raw(";");
  }
  for (const auto* record : sorted) append_followers(sql, cluster, *record);
  if (!is_one_statement) sql.raw("COMMIT");
  auto answered = link_->run(sql.sql());
  if (!answered) {
    if (is_one_statement || answered.error().code == errc::store_unavailable) return std::move(answered).error();
    auto undone = link_->run("ROLLBACK");
    return undone ? std::move(answered).error() : std::move(undone).error();
  }
  // If one of the ends was not written, the rows say which: an end that is written stays.
  std::size_t next = is_one_statement ? 0 : 1;
  const bool all_ended = ended.empty() || (*answered)[next++].matched() == ended.size();
  std::vector<finish_outcome> outcomes;
  outcomes.reserve(sorted.size());
  for (const auto* record : sorted) {
    const bool is_written = is_final(record) ? all_ended : (*answered)[next++].matched() == 1;
    outcomes.push_back(is_written ? finish_outcome::written : finish_outcome::fenced);
  }
  if (std::ranges::find(outcomes, finish_outcome::fenced) != outcomes.end()) {
    if (auto settled = settle_repeated(cluster, sorted, outcomes); !settled) return std::move(settled).error();
  }
  return outcomes;
}

/// A finish whose reply was lost is sent again: what it finds is its own work.
status ledger_session::settle_repeated(const std::string& cluster, const std::vector<const finish_record*>& sorted,
                                       std::vector<finish_outcome>& outcomes) {
  sql_writer sql{*link_};
  std::vector<std::size_t> asked;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (outcomes[i] == finish_outcome::written) continue;
    sql.raw(asked.empty() ? "" : ";").raw("SELECT 1 FROM baton_tick WHERE ").key(cluster, sorted[i]->key).raw(" AND state=");
    sql.number(static_cast<std::uint64_t>(sorted[i]->state()))
        .raw(" AND fence=")
        .number(sorted[i]->fence)
        .raw(" AND outcome=")
        .number(static_cast<std::uint64_t>(sorted[i]->outcome));
    sql.raw(" AND finished=").time(sorted[i]->finished);
    asked.push_back(i);
  }
  auto answered = link_->run(sql.sql());
  if (!answered) return std::move(answered).error();
  for (std::size_t n = 0; n < asked.size(); ++n) {
    if ((*answered)[n].next()) outcomes[asked[n]] = finish_outcome::written;
  }
  return {};
}

/// One statement, so that an idle fleet costs its server one a second and instance; its rows say what they are in a column of their own.
result<ledger::reconcile_reply> ledger_session::reconcile(const ledger::reconcile_request& request) {
  enum kind : std::uint64_t { clock = 1, open_row, change, job, peer };
  sql_writer sql{*link_};
  const auto tzdata = storable(request.tzdata, 32, keep::first);
  if (request.beat) append_heartbeat(sql, request, tzdata);
  // In the places of read_columns.
  sql.raw("SELECT '' AS job,UTC_TIMESTAMP(6) AS tick,0 AS kind,'' AS lock_name,0 AS state,0 AS fence,'' AS incarnation,'' AS instance,");
  sql.raw("0 AS attempt,NULL AS until_tick,0,NULL,NULL,NULL,0,0,NULL,0,NULL,NULL,'',1");
  const std::string_view rest = ",0,NULL,NULL,NULL,0,0,NULL,0,NULL,NULL,'',";
  sql.raw(" UNION ALL SELECT ").raw(read_columns.substr(0, read_columns.rfind(','))).raw(",'',2");
  sql.raw(" FROM baton_tick FORCE INDEX (open_rows) WHERE cluster=").text(request.cluster).raw(" AND ").raw(open_states);
  sql.raw(" UNION ALL SELECT job,tick,kind,'',state,0,'','',0,until_tick").raw(rest).raw("3");
  sql.raw(" FROM baton_tick FORCE INDEX (changes) WHERE cluster=").text(request.cluster);
  sql.raw(" AND changed>=").time(request.ticks_since);
  sql.raw(" UNION ALL SELECT job,NULL,0,schedule_hash,stopped<>0,0,'','',0,NULL").raw(rest).raw("4");
  sql.raw(" FROM baton_job FORCE INDEX (changes) WHERE cluster=").text(request.cluster);
  sql.raw(" AND changed>=").time(request.jobs_since);
  if (request.beat) {
    sql.raw(" UNION ALL SELECT tzdata,NULL,0,'',0,config_hash,incarnation,instance,0,NULL").raw(rest).raw("5");
    sql.raw(" FROM baton_instance WHERE cluster=").text(request.cluster).raw(" AND incarnation<>").text(request.incarnation);
    sql.raw(" AND (config_hash<>").number(request.config_hash).raw(" OR tzdata<>").text(tzdata);
    sql.raw(") AND heartbeat>UTC_TIMESTAMP(6)-INTERVAL 60 SECOND");
  }
  auto answered = link_->run(sql.sql());
  if (!answered) return std::move(answered).error().in("reconcile");

  ledger::reconcile_reply reply;
  bool has_clock = false;
  auto& rows = answered->back();
  while (rows.next()) {
    switch (rows.number(read_column_count)) {
      case clock:
        reply.store_now = rows.time(1).value_or(wall_time{});
        has_clock = true;
        break;
      case open_row: reply.open.push_back(read_tick_row(rows)); break;
      case change:
        reply.changed.push_back({{rows.text(0), rows.time(1).value_or(wall_time{}), static_cast<ledger::tick_kind>(rows.number(2))},
                                 rows.time(9),
                                 static_cast<ledger::row_state>(rows.number(4))});
        break;
      case job: reply.jobs.push_back({rows.text(0), rows.text(3), rows.is_true(4)}); break;
      case peer: reply.different.push_back({rows.text(6), rows.text(7), rows.number(5), rows.text(0)}); break;
      default: break;
    }
  }
  if (!has_clock) return failure{errc::store_query, "reconcile: an answer is missing"};
  return reply;
}

void ledger_session::append_heartbeat(sql_writer& sql, const ledger::reconcile_request& request, const std::string& tzdata) {
  sql.raw("INSERT INTO baton_instance (cluster,incarnation,instance,version,config_hash,tzdata,connection_id,started,heartbeat) VALUES (");
  sql.text(request.cluster).raw(",").text(request.incarnation).raw(",").text(storable(request.instance, 255, keep::first)).raw(",");
  sql.text(storable(request.version, 64, keep::first)).raw(",").number(request.config_hash).raw(",");
  sql.text(tzdata).raw(",").number(link_->id());
  sql.raw(",UTC_TIMESTAMP(6),UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE heartbeat=UTC_TIMESTAMP(6),config_hash=")
      .number(request.config_hash);
  sql.raw(",tzdata=").text(tzdata).raw(",connection_id=").number(link_->id()).raw(";");
}

status ledger_session::request_cancel(const std::string& cluster, std::span<const ledger::tick_key> runs) {
  sql_writer sql{*link_};
  for (const auto& run : runs) {
    sql.raw(sql.empty() ? "" : ";").raw("UPDATE baton_tick SET cancel=1,changed=UTC_TIMESTAMP(6) WHERE ").key(cluster, run);
    sql.raw(" AND state=1");
  }
  if (sql.empty()) return {};
  auto done = link_->run(sql.sql());
  if (!done) return std::move(done).error().in("asking for the end of a run");
  return {};
}

/// A row within another's range: the range, whose end is not the newest row's any more, stays decided to there.
static void append_low_water(sql_writer& sql, const std::string& cluster, const ledger::tick_key& key) {
  sql.raw(";UPDATE baton_job j JOIN (SELECT until_tick FROM baton_tick FORCE INDEX (PRIMARY) WHERE cluster=").text(cluster);
  sql.raw(" AND job=").text(key.job).raw(" AND kind=1 AND tick<").time(key.tick).raw(" ORDER BY tick DESC LIMIT 1) r");
  sql.raw(" SET j.low_water=r.until_tick WHERE j.cluster=").text(cluster).raw(" AND j.job=").text(key.job);
  sql.raw(" AND r.until_tick>").time(key.tick).raw(" AND (j.low_water IS NULL OR j.low_water<r.until_tick)");
}

/// One round trip. The fence rows come first, as in a claim, so that nobody claims under these names meanwhile.
result<std::uint64_t> ledger_session::restore(const std::string& cluster, std::span<const ledger::own_claim> claims) {
  if (claims.empty()) return std::uint64_t{0};
  const auto code = [](auto value) { return static_cast<std::uint64_t>(value); };
  std::vector<const ledger::own_claim*> sorted;
  std::map<std::string, std::uint64_t> fences;
  for (const auto& claim : claims) {
    sorted.push_back(&claim);
    auto& fence = fences[claim.row.lock_name];
    fence = std::max(fence, claim.row.fence);
  }
  std::ranges::sort(
      sorted, {}, [](const auto* claim) -> const auto& { return claim->row.key; });
  sql_writer sql{*link_};
  sql.raw("START TRANSACTION;");
  for (const auto& [name, fence] : fences) {
    sql.raw("INSERT INTO baton_fence (lock_name,fence) VALUES (").text(name).raw(",").number(fence);
    sql.raw(") ON DUPLICATE KEY UPDATE fence=GREATEST(fence,").number(fence).raw(");");
  }
  sql.raw("INSERT IGNORE INTO baton_tick (cluster,").raw(tick_columns).raw(",output,changed,parameters) VALUES ");
  for (const auto* claim : sorted) {
    sql.raw(claim == sorted.front() ? "(" : ",(").columns(cluster, claim->row).raw(",").text(claim->row.parameters).raw(")");
  }
  for (const auto* claim : sorted) {  // as is_older() has it
    const auto& row = claim->row;
    sql.raw(";UPDATE baton_tick SET state=").number(code(row.state)).raw(",fence=").number(row.fence);
    sql.raw(",incarnation=").text(row.incarnation).raw(",instance=").text(storable(row.instance, 255, keep::first));
    sql.raw(",attempt=").number(row.attempt).raw(",claimed=").time(row.claimed).raw(",started=").time(row.started);
    sql.raw(",finished=").time(row.finished).raw(",outcome=").number(code(row.outcome)).raw(",reason=").number(code(row.reason));
    sql.raw(",retry_at=").time(row.retry_at).raw(",changed=UTC_TIMESTAMP(6) WHERE ").key(cluster, row.key).raw(" AND ").raw(open_states);
    sql.raw(" AND (fence<").number(row.fence).raw(" AND (state<>1 OR attempt<").number(row.attempt).raw(" OR incarnation=");
    sql.text(row.incarnation).raw(")");
    if (row.state != ledger::row_state::running) sql.raw(" OR fence=").number(row.fence).raw(" AND state=1");
    sql.raw(")");
  }
  for (const auto* claim : sorted) {
    if (claim->row.key.kind == ledger::tick_kind::schedule) append_low_water(sql, cluster, claim->row.key);
  }
  sql.raw(";");
  for (const auto* claim : sorted) {
    finish_record end;
    end.key = claim->row.key;
    end.fence = claim->row.fence;
    end.outcome = claim->row.outcome;
    end.finished = claim->row.finished.value_or(wall_time{});
    end.followers = claim->followers;
    append_followers(sql, cluster, end);
  }
  auto answered = link_->run(sql.raw("COMMIT").sql());
  if (!answered) {
    if (answered.error().code == errc::store_unavailable) return std::move(answered).error().in("restore");
    auto undone = link_->run("ROLLBACK");
    return (undone ? std::move(answered).error() : std::move(undone).error()).in("restore");
  }
  std::uint64_t restored = 0;
  for (std::size_t i = 0; i <= sorted.size(); ++i) restored += (*answered)[1 + fences.size() + i].matched();
  return restored;
}

/// The rows that were written longest ago; a job's low water rises in the same transaction.
result<std::uint64_t> ledger_session::purge(const ledger::purge_request& request) {
  const auto once = [&]() -> result<std::uint64_t> {
    sql_writer ask{*link_};
    ask.raw("START TRANSACTION;SELECT job,tick,kind,until_tick,lock_name FROM baton_tick FORCE INDEX (changes) WHERE cluster=")
        .text(request.cluster);
    ask.raw(" AND changed<UTC_TIMESTAMP(6)-INTERVAL ")
        .number(static_cast<std::uint64_t>(request.keep.count()))
        .raw(" MICROSECOND AND NOT ");
    ask.raw(open_states).raw(" ORDER BY changed LIMIT ").number(request.at_most).raw(" FOR UPDATE SKIP LOCKED");
    auto answered = link_->run(ask.sql());
    if (!answered) return std::move(answered).error();
    std::vector<ledger::tick_key> keys;
    std::map<std::string, wall_time> low_water;
    std::set<std::string> names_of_runs;
    auto& rows = (*answered)[1];
    while (rows.next()) {
      const ledger::tick_key key{rows.text(0), rows.time(1).value_or(wall_time{}), static_cast<ledger::tick_kind>(rows.number(2))};
      if (key.kind == ledger::tick_kind::schedule) {
        auto& water = low_water[key.job];
        water = std::max(water, rows.time(3).value_or(key.tick));
      }
      if (auto name = rows.text(4); name.starts_with(lock::run_name_prefix(request.cluster))) names_of_runs.insert(std::move(name));
      keys.push_back(key);
    }
    std::ranges::sort(keys);
    sql_writer sql{*link_};
    for (const auto& [job, water] : low_water) {
      sql.raw("UPDATE baton_job SET low_water=").time(water).raw(" WHERE cluster=").text(request.cluster).raw(" AND job=").text(job);
      sql.raw(" AND (low_water IS NULL OR low_water<").time(water).raw(");");
    }
    for (const auto& key : keys) sql.raw("DELETE FROM baton_tick WHERE ").key(request.cluster, key).raw(";");
    if (!names_of_runs.empty()) {
      sql.raw("DELETE FROM baton_fence WHERE lock_name ")
          .in(
              names_of_runs, [](const auto& n) -> const auto& { return n; })
          .raw(";");
    }
    if (auto done = link_->run(sql.raw("COMMIT").sql()); !done) return std::move(done).error();
    return keys.size();
  };
  auto purged = once();
  if (purged || purged.error().code == errc::store_unavailable) return purged;
  if (auto undone = link_->run("ROLLBACK"); !undone) return std::move(undone).error().in("purge");
  return std::move(purged).error().in("purge");
}

status ledger_session::sign_off(const std::string& cluster, const std::string& incarnation) {
  auto done =
      link_->run("DELETE FROM baton_instance WHERE cluster=" + link_->quoted(cluster) + " AND incarnation=" + link_->quoted(incarnation));
  if (!done) return std::move(done).error().in("sign off");
  return {};
}

}  // namespace baton::mysql

#include "ledger_control.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "baton/base/utf8.hpp"
#include "rows.hpp"

namespace baton::mysql {
namespace {

using ledger::cancel_outcome;
using ledger::row_query;
using ledger::row_state;
using ledger::run_order;
using ledger::tick_key;
using ledger::tick_kind;
using ledger::tick_row;

bool comes_first(const tick_key& a, const tick_key& b) { return std::tie(a.tick, a.job, a.kind) < std::tie(b.tick, b.job, b.kind); }

/// What comes after a row in the order of the answer, as far as it can be of this job: "" or " AND …".
std::string after(const row_query& query, std::string_view job) {
  if (!query.after) return {};
  const auto& [other, tick, kind] = *query.after;
  const auto at = "'" + to_sql(tick) + "'";
  const bool is_later = job > other;  // in the ascending order
  if (job == other) {
    const std::string beyond = query.newest_first ? "<" : ">";
    return " AND tick" + beyond + "=" + at + " AND (tick" + beyond + at + " OR kind" + beyond +
           std::to_string(static_cast<unsigned>(kind)) + ")";
  }
  return std::string{" AND tick"} + (query.newest_first ? "<" : ">") + (is_later == query.newest_first ? "" : "=") + at;
}

tick_row pending_row(const run_order& order, const std::string& lock_name, wall_time tick) {
  tick_row row;
  row.key = {order.job, tick, tick_kind::trigger};
  row.lock_name = lock_name;
  row.state = row_state::pending;
  return row;
}

/// What a transaction saw that decides about orders.
struct order_book {
  std::map<std::string, std::string, std::less<>> lock_names;     ///< of each job
  std::map<tick_key, std::string> requests;                       ///< of the triggers that are there
  std::map<std::pair<std::string, std::string>, tick_key> plain;  ///< by job and request
  std::map<std::string, wall_time, std::less<>> newest;           ///< trigger of a job
};

}  // namespace

failure ledger_control::rolled_back(failure why) {
  if (why.code == errc::store_unavailable) return why;
  auto undone = link_->run("ROLLBACK");
  return undone ? std::move(why) : std::move(undone).error();
}

failure ledger_control::unknown_job(const std::string& cluster, const std::string& job) {
  auto asked = link_->run("SELECT job FROM baton_job WHERE cluster=" + link_->quoted(cluster) + " ORDER BY job");
  std::vector<std::string> names;
  while (asked && asked->front().next()) names.push_back(asked->front().text(0));
  return ledger::unknown_job(cluster, job, names);
}

result<wall_time> ledger_control::now() {
  auto asked = link_->run("SELECT UTC_TIMESTAMP(6)");
  if (!asked) return std::move(asked).error();
  if (!asked->front().next() || !asked->front().time(0)) return failure{errc::store_query, "the store did not tell its time"};
  return *asked->front().time(0);
}

result<std::vector<ledger::job_record>> ledger_control::jobs(const std::string& cluster) {
  sql_writer ask{*link_};
  ask.raw("SELECT job,lock_name,schedule_hash,effective_since,low_water,(SELECT COALESCE(until_tick,tick) FROM baton_tick t WHERE ");
  ask.raw("t.cluster=j.cluster AND t.job=j.job AND t.kind=1 ORDER BY tick DESC LIMIT 1),").raw(standing_columns);
  ask.raw(" FROM baton_job j WHERE cluster=").text(cluster).raw(" ORDER BY job");
  auto answered = link_->run(ask.sql());
  if (!answered) return std::move(answered).error().in("reading jobs");
  std::vector<ledger::job_record> all;
  auto& rows = answered->front();
  while (rows.next()) {
    auto& job = all.emplace_back();
    job.job = rows.text(0);
    job.lock_name = rows.text(1);
    job.schedule_hash = rows.text(2);
    job.effective_since = rows.time(3).value_or(wall_time{});
    job.low_water = rows.time(4);
    job.decided_until = rows.time(5);
    job.standing = read_standing(rows, 6);
  }
  return all;
}

result<std::vector<ledger::instance_record>> ledger_control::instances(const std::string& cluster) {
  sql_writer ask{*link_};
  ask.raw("SELECT incarnation,instance,version,config_hash,tzdata,started,heartbeat,");
  ask.raw("IS_USED_LOCK(CONCAT('baton:',cluster,':~i:',incarnation)) IS NOT NULL FROM baton_instance WHERE cluster=").text(cluster);
  auto answered = link_->run(ask.raw(" ORDER BY instance,started").sql());
  if (!answered) return std::move(answered).error().in("reading instances");
  std::vector<ledger::instance_record> all;
  auto& rows = answered->front();
  while (rows.next()) {
    all.push_back({rows.text(0), rows.text(1), rows.text(2), rows.number(3), rows.text(4), rows.time(5).value_or(wall_time{}),
                   rows.time(6).value_or(wall_time{}), rows.is_true(7)});
  }
  return all;
}

result<std::vector<std::string>> ledger_control::jobs_to_search(const std::string& cluster, const row_query& query) {
  sql_writer ask{*link_};
  ask.raw("SELECT job FROM baton_job WHERE cluster=").text(cluster);
  if (!query.job.empty()) ask.raw(" AND job=").text(query.job);
  auto answered = link_->run(ask.sql());
  if (!answered) return std::move(answered).error();
  std::vector<std::string> all;
  while (answered->front().next()) all.push_back(answered->front().text(0));
  if (all.empty() && !query.job.empty()) return unknown_job(cluster, query.job);
  return all;
}

/// A range row that began before `from` may reach into it: it is the last row of the schedule before that. Each job is asked for by
/// itself: of a subquery that depends on a row the servers read all that is newer than `from`.
result<ledger_control::first_ticks> ledger_control::where_to_begin(const std::string& cluster, std::span<const std::string> jobs,
                                                                   const row_query& query) {
  first_ticks first;
  if (!query.from) return first;
  sql_writer ask{*link_};
  for (const auto& job : jobs) {
    ask.raw(ask.empty() ? "" : " UNION ALL ").raw("(SELECT job,tick FROM baton_tick FORCE INDEX (PRIMARY) WHERE cluster=").text(cluster);
    ask.raw(" AND job=").text(job).raw(" AND kind=1 AND tick<").time(query.from).raw(" ORDER BY tick DESC LIMIT 1)");
  }
  auto answered = link_->run(ask.sql());
  if (!answered) return std::move(answered).error();
  auto& rows = answered->front();
  while (rows.next()) first[rows.text(0)] = rows.time(1).value_or(*query.from);
  return first;
}

result<std::vector<tick_row>> ledger_control::read_rows(std::string_view sql) {
  auto answered = link_->run(sql);
  if (!answered) return std::move(answered).error();
  std::vector<tick_row> all;
  auto& rows = answered->front();
  while (rows.next()) {
    all.push_back(read_tick_row(rows));
    all.back().output = rows.text(read_column_count);
  }
  return all;
}

/// Each job's rows stand in order in the primary key: the first keys of each are read, and the first of all fetched.
result<std::vector<tick_row>> ledger_control::rows(const std::string& cluster, const row_query& query) {
  auto wanted = jobs_to_search(cluster, query);
  if (!wanted) return std::move(wanted).error().in("reading the ledger");
  const auto way = std::string{query.newest_first ? " DESC" : ""};
  const auto limit = " LIMIT " + std::to_string(query.limit);
  std::vector<tick_row> all;
  constexpr std::size_t at_once = 200;
  for (std::span<const std::string> left{*wanted}; !left.empty(); left = left.subspan(std::min(at_once, left.size()))) {
    sql_writer ask{*link_};
    ask.raw("SELECT ").raw(read_columns).raw(",output FROM (SELECT job AS j,tick AS w,kind AS k FROM (");
    const auto part = left.first(std::min(at_once, left.size()));
    auto first = where_to_begin(cluster, part, query);
    if (!first) return std::move(first).error().in("reading the ledger");
    for (const auto& job : part) {
      ask.raw(&job == &part.front() ? "" : " UNION ALL ").raw("(SELECT job,tick,kind FROM baton_tick ");
      ask.raw(query.only_open ? "FORCE INDEX (open_rows)" : "FORCE INDEX (PRIMARY)").raw(" WHERE cluster=").text(cluster);
      ask.raw(" AND job=").text(job);
      if (query.only_open) ask.raw(" AND ").raw(open_states);
      if (query.from) {
        const auto before = first->find(job);
        ask.raw(" AND tick>=").time(before == first->end() ? query.from : before->second);
        ask.raw(" AND (tick>=").time(query.from).raw(" OR until_tick>=").time(query.from).raw(")");
      }
      if (query.to) ask.raw(" AND tick<").time(query.to);
      ask.raw(after(query, job)).raw(" ORDER BY tick").raw(way).raw(",kind").raw(way).raw(limit).raw(")");
    }
    ask.raw(") keys_of_jobs ORDER BY tick").raw(way).raw(",job").raw(way).raw(",kind").raw(way).raw(limit);
    ask.raw(") wanted STRAIGHT_JOIN baton_tick ON cluster=").text(cluster).raw(" AND job=j AND tick=w AND kind=k ORDER BY w").raw(way);
    auto some = read_rows(ask.raw(",j").raw(way).raw(",k").raw(way).sql());
    if (!some) return std::move(some).error().in("reading the ledger");
    std::ranges::move(*some, std::back_inserter(all));
  }
  std::ranges::sort(
      all, [&](const auto& a, const auto& b) { return query.newest_first ? comes_first(b.key, a.key) : comes_first(a.key, b.key); });
  if (all.size() > query.limit) all.resize(query.limit);
  return all;
}

status ledger_control::set_paused(const std::string& cluster, const std::string& job, bool paused) {
  auto done = set_paused_once(cluster, job, paused);
  if (done) return done;
  return rolled_back(std::move(done).error()).in(paused ? "pause" : "resume");
}

/// Under the row's lock: an instance may change what it registers meanwhile.
status ledger_control::set_paused_once(const std::string& cluster, const std::string& job, bool paused) {
  sql_writer ask{*link_};
  ask.raw("START TRANSACTION;SELECT ").raw(standing_columns).raw(" FROM baton_job WHERE cluster=").text(cluster);
  ask.raw(" AND job=").text(job).raw(" FOR UPDATE;SELECT UTC_TIMESTAMP(6)");
  auto answered = link_->run(ask.sql());
  if (!answered) return std::move(answered).error();
  auto& found = (*answered)[1];
  if (!found.next()) return unknown_job(cluster, job);
  auto standing = read_standing(found, 0);
  standing.paused = paused;
  auto& clock = (*answered)[2];
  if (!clock.next() || !clock.time(0)) return failure{errc::store_query, "the store did not tell its time"};
  standing.settle(*clock.time(0));
  sql_writer sql{*link_};
  sql.raw("UPDATE baton_job SET ").standing(standing).raw(" WHERE cluster=").text(cluster).raw(" AND job=").text(job).raw(";COMMIT");
  if (auto written = link_->run(sql.sql()); !written) return std::move(written).error();
  return {};
}

result<std::vector<tick_key>> ledger_control::order(const std::string& cluster, const std::vector<run_order>& runs) {
  if (runs.empty()) return std::vector<tick_key>{};
  for (const auto& run : runs) {
    if (auto sound = check(run); !sound) return std::move(sound).error().in("trigger");
  }
  auto made = order_once(cluster, runs);
  if (made) return made;
  return rolled_back(std::move(made).error()).in("trigger");
}

/// The jobs' rows are locked, so that orders of one job come one after the other: of an order that is sent twice, the second sees the
/// first.
result<std::vector<tick_key>> ledger_control::order_once(const std::string& cluster, const std::vector<run_order>& runs) {
  std::set<std::string, std::less<>> names;
  for (const auto& run : runs) names.insert(run.job);
  const auto itself = [](const std::string& name) -> const std::string& { return name; };
  sql_writer ask{*link_};
  ask.raw("START TRANSACTION;SELECT job,lock_name FROM baton_job WHERE cluster=").text(cluster).raw(" AND job ").in(names, itself);
  ask.raw(" ORDER BY job FOR UPDATE;SELECT UTC_TIMESTAMP(6);SELECT job,tick,kind,request FROM baton_tick FORCE INDEX (PRIMARY) WHERE ");
  ask.raw("cluster=").text(cluster).raw(" AND job ").in(names, itself).raw(" AND kind=2 AND tick>=UTC_TIMESTAMP(6)-INTERVAL 1 HOUR");
  for (const auto& run : runs) {
    if (!run.tick) continue;
    ask.raw(" UNION ALL SELECT job,tick,kind,request FROM baton_tick WHERE ");
    ask.key(cluster, {run.job, *run.tick, tick_kind::trigger});
  }
  auto answered = link_->run(ask.sql());
  if (!answered) return std::move(answered).error();
  auto& answers = *answered;
  order_book book;
  while (answers[1].next()) book.lock_names[answers[1].text(0)] = answers[1].text(1);
  if (!answers[2].next() || !answers[2].time(0)) return failure{errc::store_query, "the store did not tell its time"};
  const auto now = *answers[2].time(0);
  while (answers[3].next()) {
    const tick_key key{answers[3].text(0), answers[3].time(1).value_or(wall_time{}), tick_kind::trigger};
    book.requests[key] = answers[3].text(3);
    book.plain[{key.job, answers[3].text(3)}] = key;
    auto& newest = book.newest[key.job];
    newest = std::max(newest, key.tick);
  }

  std::vector<tick_key> keys;
  sql_writer sql{*link_};
  for (const auto& run : runs) {
    const auto lock_name = book.lock_names.find(run.job);
    if (lock_name == book.lock_names.end()) return unknown_job(cluster, run.job);
    if (!run.tick) {
      if (const auto own = book.plain.find({run.job, run.request}); own != book.plain.end()) {
        keys.push_back(own->second);
        continue;
      }
    }
    auto& newest = book.newest[run.job];
    const tick_key key{run.job, run.tick.value_or(std::max(now, newest + microseconds{1})), tick_kind::trigger};
    keys.push_back(key);
    if (run.tick && *run.tick > now)
      return failure{errc::invalid_argument, "tick " + to_rfc3339(key.tick) + " of job '" + run.job + "' is still to come: it is now " +
                                                 to_rfc3339(now) + " by the store's clock"};
    if (const auto there = book.requests.find(key); there != book.requests.end()) {
      if (there->second == run.request) continue;
      return failure{errc::already_exists, "tick " + to_rfc3339(key.tick) + " of job '" + run.job +
                                               "' has been triggered before; a tick is triggered once, `baton why " + run.job + " " +
                                               to_rfc3339(key.tick) + "` tells what became of it"};
    }
    newest = std::max(newest, key.tick);
    book.requests[key] = run.request;
    if (!run.tick) book.plain[{run.job, run.request}] = key;
    if (sql.empty()) {
      sql.raw("INSERT INTO baton_tick (cluster,").raw(tick_columns).raw(",output,changed,requested,request,parameters) VALUES (");
    } else {
      sql.raw(",(");
    }
    sql.columns(cluster, pending_row(run, lock_name->second, key.tick)).raw(",UTC_TIMESTAMP(6),").text(run.request).raw(",");
    run.parameters.empty() ? sql.raw("NULL") : sql.text(valid_utf8(run.parameters));
    sql.raw(")");
  }
  if (auto written = link_->run(sql.raw(sql.empty() ? "COMMIT" : ";COMMIT").sql()); !written) return std::move(written).error();
  return keys;
}

/// What was read may be over when it is written: then it is read again.
result<cancel_outcome> ledger_control::cancel(const std::string& cluster, const tick_key& run) {
  constexpr int tries = 10;
  for (int i = 0; i < tries; ++i) {
    sql_writer ask{*link_};
    auto answered = link_->run(ask.raw("SELECT state,fence FROM baton_tick WHERE ").key(cluster, run).sql());
    if (!answered) return std::move(answered).error().in("cancel");
    auto& found = answered->front();
    if (!found.next()) return cancel_outcome::unknown;
    const auto state = static_cast<row_state>(found.number(0));
    if (!ledger::is_open(state)) return cancel_outcome::not_open;
    const bool is_pending = state == row_state::pending;  // else an instance ends it, and asks for its followers
    sql_writer sql{*link_};
    sql.raw("UPDATE baton_tick SET cancel=1,changed=UTC_TIMESTAMP(6)");
    if (is_pending) sql.raw(",state=4,outcome=4,retry_at=NULL,finished=UTC_TIMESTAMP(6)");
    sql.raw(" WHERE ").key(cluster, run).raw(" AND state=").number(found.number(0)).raw(" AND fence=").number(found.number(1));
    auto written = link_->run(sql.sql());
    if (!written) return std::move(written).error().in("cancel");
    if (written->front().matched() == 1) return is_pending ? cancel_outcome::cancelled : cancel_outcome::requested;
  }
  return failure{errc::store_busy, "cancel: the run changed each time it was looked at; try again"};
}

}  // namespace baton::mysql

#include "ledger_session.hpp"

#include <algorithm>

#include "baton/base/utf8.hpp"
#include "baton/lock/name.hpp"
#include "claim.hpp"
#include "lock_session.hpp"
#include "rows.hpp"

namespace baton::local {

using ledger::finish_outcome;
using ledger::finish_record;
using ledger::job_registration;

ledger_session::ledger_session(std::shared_ptr<const directory> where, std::unique_ptr<database> db, std::shared_ptr<const clock> time,
                               server_identity identity)
    : where_(std::move(where)), db_(std::move(db)), time_(std::move(time)), identity_(std::move(identity)), id_(new_session_id()) {}

result<bool> ledger_session::hold_incarnation(const std::string& cluster, const std::string& incarnation) {
  const auto name = lock::incarnation_name(cluster, incarnation);
  if (name == held_incarnation_ && incarnation_->is_in_place()) return true;
  sweep_lock_files(*where_, now());
  auto taken = lock_file::try_take(where_, name, id_);
  if (!taken) return std::move(taken).error();
  if (!*taken) return false;
  incarnation_ = std::move(*taken);
  incarnation_->remove_at_end();
  held_incarnation_ = name;
  return true;
}

// ---- jobs

void ledger_session::register_job(const std::string& cluster, const job_registration& job) {
  static const std::string known_job = "SELECT lock_name,schedule_hash," + standing_columns + " FROM baton_job WHERE cluster=? AND job=?";
  constexpr std::string_view fence = "INSERT OR IGNORE INTO baton_fence (lock_name,fence) VALUES (?,0)";
  db_->run(fence, job.lock_name);
  for (const auto& tag : job.tag_fences) db_->run(fence, tag);
  ledger::job_standing standing;
  bool is_known = false;
  bool is_same = false;
  if (auto found = db_->query(known_job, cluster, job.job); found.next()) {
    is_known = true;
    standing = read_standing(found, 2);
    is_same = found.text(0) == job.lock_name && found.text(1) == job.schedule_hash && standing.configured == job.setting;
  }
  if (is_same) return;
  standing.configured = job.setting;
  standing.settle(now());
  if (!is_known) {
    db_->run("INSERT INTO baton_job (cluster,job,lock_name,schedule_hash,configured,effective_since,changed) VALUES (?,?,?,?,?,?,?)",
             cluster, job.job, job.lock_name, job.schedule_hash, job.setting, now(), now());
  } else {
    db_->run(
        "UPDATE baton_job SET lock_name=?,effective_since=iif(schedule_hash=?,effective_since,?),schedule_hash=? WHERE cluster=? AND job=?",
        job.lock_name, job.schedule_hash, now(), job.schedule_hash, cluster, job.job);
  }
  update_standing(*db_, cluster, job.job, standing, now());
}

std::optional<ledger::registered_job> ledger_session::standing_of(const std::string& cluster, const std::string& job) {
  ledger::registered_job known;
  known.job = job;
  {
    auto row = db_->query("SELECT effective_since,stopped,low_water FROM baton_job WHERE cluster=? AND job=?", cluster, job);
    if (!row.next()) return std::nullopt;
    known.effective_since = row.time(0).value_or(wall_time{});
    known.stopped = row.is_true(1);
    known.decided_until = row.time(2);
  }
  auto last = db_->query("SELECT COALESCE(until_tick,tick) FROM baton_tick WHERE cluster=? AND job=? AND kind=1 ORDER BY tick DESC LIMIT 1",
                         cluster, job);
  if (last.next()) known.decided_until = std::max(known.decided_until, last.time(0));
  auto success =
      db_->query("SELECT finished FROM baton_tick WHERE cluster=? AND job=? AND outcome=1 ORDER BY tick DESC LIMIT 1", cluster, job);
  if (success.next()) known.last_success = success.time(0);
  return known;
}

result<std::vector<ledger::registered_job>> ledger_session::register_jobs(const std::string& cluster,
                                                                          std::span<const job_registration> jobs) {
  std::vector<ledger::registered_job> all;
  const auto done = db_->write([&] {
    for (const auto& job : jobs) register_job(cluster, job);
    for (const auto& job : jobs) {
      if (auto known = standing_of(cluster, job.job)) all.push_back(std::move(*known));
    }
  });
  if (!done) return failure{done.error()}.in("registering jobs");
  return all;
}

// ---- runs

result<ledger::claim_reply> ledger_session::claim(const ledger::claim_request& request) {
  return local::claim(*db_, *where_, *time_, request);
}

/// A finish whose reply was lost is sent again: what it finds is its own work.
finish_outcome ledger_session::finish_one(const std::string& cluster, const finish_record& record) {
  const auto& key = record.key;
  const auto written = db_->run(
      "UPDATE baton_tick SET state=?,outcome=?,reason=?,started=?,finished=?,retry_at=?,error=?,output=?,changed=? WHERE cluster=? AND "
      "job=? AND tick=? AND kind=? AND state=1 AND fence=?",
      record.state(), record.outcome, record.reason, record.started, record.finished, record.retry_at,
      storable(record.error, text_limit, keep::first), storable(record.output, text_limit, keep::last), now(), cluster, key.job, key.tick,
      key.kind, record.fence);
  if (written == 0) {
    auto own = db_->query(
        "SELECT 1 FROM baton_tick WHERE cluster=? AND job=? AND tick=? AND kind=? AND state=? AND fence=? AND outcome=? AND finished=?",
        cluster, key.job, key.tick, key.kind, record.state(), record.fence, record.outcome, record.finished);
    if (!own.next()) return finish_outcome::fenced;
  }
  if (record.state() != ledger::row_state::finished) return finish_outcome::written;
  for (const auto& f : record.followers) {
    auto row = ledger::follower_row(f, key.tick, now());
    row.requested = now();
    insert_tick_row(*db_, cluster, row, now(), if_there::keep);
  }
  return finish_outcome::written;
}

result<std::vector<finish_outcome>> ledger_session::finish(const std::string& cluster, std::span<const finish_record> records) {
  std::vector<finish_outcome> outcomes;
  if (records.empty()) return outcomes;
  const auto done = db_->write([&] {
    for (const auto& record : records) outcomes.push_back(finish_one(cluster, record));
  });
  if (!done) return failure{done.error()}.in("finish");
  return outcomes;
}

result<ledger::reconcile_reply> ledger_session::reconcile(const ledger::reconcile_request& request) {
  static const std::string open_rows = "SELECT " + tick_columns + " FROM baton_tick WHERE cluster=? AND " + open_states;
  constexpr auto living = std::chrono::seconds{60};
  ledger::reconcile_reply reply;
  const auto tzdata = storable(request.tzdata, 32, keep::first);
  reply.store_now = now();
  const auto beat = [&] {
    db_->run(
        "INSERT INTO baton_instance (cluster,incarnation,instance,version,config_hash,tzdata,connection_id,started,heartbeat) VALUES "
        "(?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET heartbeat=excluded.heartbeat,config_hash=excluded.config_hash,"
        "tzdata=excluded.tzdata,connection_id=excluded.connection_id",
        request.cluster, request.incarnation, storable(request.instance, 255, keep::first), storable(request.version, 64, keep::first),
        request.config_hash, tzdata, id_, reply.store_now, reply.store_now);
  };
  if (request.beat) {
    if (auto done = db_->write(beat); !done) return std::move(done).error().in("reconcile");
  }
  const auto read = db_->read([&] {
    auto open = db_->query(open_rows, request.cluster);
    while (open.next()) {
      reply.open.push_back(read_tick_row(open));
      reply.open.back().error.clear();
    }
    auto changed = db_->query("SELECT job,tick,kind,until_tick,state FROM baton_tick WHERE cluster=? AND changed>=?", request.cluster,
                              request.ticks_since);
    while (changed.next()) {
      reply.changed.push_back({{changed.text(0), changed.time(1).value_or(wall_time{}), static_cast<ledger::tick_kind>(changed.number(2))},
                               changed.time(3),
                               static_cast<ledger::row_state>(changed.number(4))});
    }
    auto jobs =
        db_->query("SELECT job,schedule_hash,stopped FROM baton_job WHERE cluster=? AND changed>=?", request.cluster, request.jobs_since);
    while (jobs.next()) reply.jobs.push_back({jobs.text(0), jobs.text(1), jobs.is_true(2)});
    if (!request.beat) return;
    auto others = db_->query(
        "SELECT incarnation,instance,config_hash,tzdata FROM baton_instance WHERE cluster=? AND incarnation<>? AND (config_hash<>? OR "
        "tzdata<>?) AND heartbeat>?",
        request.cluster, request.incarnation, request.config_hash, tzdata, reply.store_now - living);
    while (others.next()) reply.different.push_back({others.text(0), others.text(1), others.number(2), others.text(3)});
  });
  if (!read) return failure{read.error()}.in("reconcile");
  return reply;
}

status ledger_session::request_cancel(const std::string& cluster, std::span<const ledger::tick_key> runs) {
  if (runs.empty()) return {};
  auto done = db_->write([&] {
    for (const auto& run : runs)
      db_->run("UPDATE baton_tick SET cancel=1,changed=? WHERE cluster=? AND job=? AND tick=? AND kind=? AND state=1", now(), cluster,
               run.job, run.tick, run.kind);
  });
  if (!done) return std::move(done).error().in("asking for the end of a run");
  return done;
}

void ledger_session::raise_low_water(const std::string& cluster, const std::string& job, wall_time to) {
  db_->run("UPDATE baton_job SET low_water=? WHERE cluster=? AND job=? AND (low_water IS NULL OR low_water<?)", to, cluster, job, to);
}

/// A row within another's range: the range, whose end is not the newest row's any more, stays decided to there.
void ledger_session::keep_range_before(const std::string& cluster, const ledger::tick_key& key) {
  std::optional<wall_time> until;
  if (auto before =
          db_->query("SELECT until_tick FROM baton_tick WHERE cluster=? AND job=? AND kind=1 AND tick<? ORDER BY tick DESC LIMIT 1",
                     cluster, key.job, key.tick);
      before.next())
    until = before.time(0);
  if (until && *until > key.tick) raise_low_water(cluster, key.job, *until);
}

/// A database keeps what it has committed: there is something to do only where its directory was removed and made anew.
bool ledger_session::restore_one(const std::string& cluster, const ledger::own_claim& claim) {
  static const std::string one = "SELECT " + tick_columns + " FROM baton_tick WHERE cluster=? AND job=? AND tick=? AND kind=?";
  const auto& row = claim.row;
  db_->run("INSERT INTO baton_fence (lock_name,fence) VALUES (?,?) ON CONFLICT DO UPDATE SET fence=max(fence,excluded.fence)",
           row.lock_name, row.fence);
  std::optional<ledger::tick_row> there;
  if (auto found = db_->query(one, cluster, row.key.job, row.key.tick, row.key.kind); found.next()) there = read_tick_row(found);
  const bool is_lost = !there || ledger::is_older(*there, claim);
  if (!there) {
    insert_tick_row(*db_, cluster, row, now(), if_there::keep);
    if (row.key.kind == ledger::tick_kind::schedule) keep_range_before(cluster, row.key);
  } else if (is_lost) {
    db_->run(
        "UPDATE baton_tick SET state=?,fence=?,incarnation=?,instance=?,attempt=?,claimed=?,started=?,finished=?,outcome=?,reason=?,"
        "retry_at=?,changed=? WHERE cluster=? AND job=? AND tick=? AND kind=?",
        row.state, row.fence, row.incarnation, storable(row.instance, 255, keep::first), row.attempt, row.claimed, row.started,
        row.finished, row.outcome, row.reason, row.retry_at, now(), cluster, row.key.job, row.key.tick, row.key.kind);
  }
  const bool has_ended = is_lost ? row.state == ledger::row_state::finished : ledger::is_end_of(*there, claim);
  if (!has_ended) return is_lost;
  for (const auto& f : claim.followers) {
    auto asked_for = ledger::follower_row(f, row.key.tick, now());
    insert_tick_row(*db_, cluster, asked_for, now(), if_there::keep);
  }
  return is_lost;
}

result<std::uint64_t> ledger_session::restore(const std::string& cluster, std::span<const ledger::own_claim> claims) {
  std::uint64_t restored = 0;
  const auto done = db_->write([&] {
    restored = static_cast<std::uint64_t>(std::ranges::count_if(claims, [&](const auto& c) { return restore_one(cluster, c); }));
  });
  if (!done) return failure{done.error()}.in("restore");
  return restored;
}

// ---- keeping house

/// The rows that were written longest ago; a job's low water rises in the same transaction.
result<std::uint64_t> ledger_session::purge(const ledger::purge_request& request) {
  static const std::string old_rows = "SELECT job,tick,kind,until_tick,lock_name FROM baton_tick WHERE cluster=? AND changed<? AND NOT " +
                                      open_states + " ORDER BY changed LIMIT ?";
  std::uint64_t deleted = 0;
  const auto done = db_->write([&] {
    struct old_row {
      ledger::tick_key key;
      wall_time end;
      std::string lock_name;
    };
    std::vector<old_row> old;
    {
      auto rows = db_->query(old_rows, request.cluster, now() - request.keep, request.at_most);
      while (rows.next()) {
        const ledger::tick_key key{rows.text(0), rows.time(1).value_or(wall_time{}), static_cast<ledger::tick_kind>(rows.number(2))};
        old.push_back({key, rows.time(3).value_or(key.tick), rows.text(4)});
      }
    }
    for (const auto& [key, end, lock_name] : old) {
      if (key.kind == ledger::tick_kind::schedule) raise_low_water(request.cluster, key.job, end);
      deleted +=
          db_->run("DELETE FROM baton_tick WHERE cluster=? AND job=? AND tick=? AND kind=?", request.cluster, key.job, key.tick, key.kind);
      if (lock_name.starts_with(lock::run_name_prefix(request.cluster))) db_->run("DELETE FROM baton_fence WHERE lock_name=?", lock_name);
    }
  });
  if (!done) return failure{done.error()}.in("purge");
  return deleted;
}

status ledger_session::sign_off(const std::string& cluster, const std::string& incarnation) {
  auto done = db_->write([&] { db_->run("DELETE FROM baton_instance WHERE cluster=? AND incarnation=?", cluster, incarnation); });
  if (!done) return std::move(done).error().in("sign off");
  return done;
}

}  // namespace baton::local

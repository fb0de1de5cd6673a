#include "control.hpp"

#include <algorithm>

#include "baton/base/utf8.hpp"
#include "baton/lock/name.hpp"
#include "lock_file.hpp"
#include "rows.hpp"

namespace baton::local {

using ledger::tick_key;

/// Within a transaction.
failure control::unknown_job(const std::string& cluster, const std::string& job) {
  std::vector<std::string> names;
  auto rows = db_->query("SELECT job FROM baton_job WHERE cluster=? ORDER BY job", cluster);
  while (rows.next()) names.push_back(rows.text(0));
  return ledger::unknown_job(cluster, job, names);
}

// ---- reading

result<std::vector<ledger::job_record>> control::jobs(const std::string& cluster) {
  static const std::string all =
      "SELECT job,lock_name,schedule_hash,effective_since,low_water,(SELECT COALESCE(until_tick,tick) FROM baton_tick t WHERE "
      "t.cluster=j.cluster AND t.job=j.job AND t.kind=1 ORDER BY tick DESC LIMIT 1)," +
      standing_columns + " FROM baton_job j WHERE cluster=? ORDER BY job";
  std::vector<ledger::job_record> found;
  const auto done = db_->read([&] {
    auto rows = db_->query(all, cluster);
    while (rows.next())
      found.push_back({rows.text(0), rows.text(1), rows.text(2), rows.time(3).value_or(wall_time{}), read_standing(rows, 6), rows.time(4),
                       rows.time(5)});
  });
  if (!done) return done.error();
  return found;
}

result<std::vector<ledger::instance_record>> control::instances(const std::string& cluster) {
  std::vector<ledger::instance_record> found;
  const auto done = db_->read([&] {
    auto rows = db_->query(
        "SELECT incarnation,instance,version,config_hash,tzdata,started,heartbeat FROM baton_instance WHERE cluster=? ORDER BY "
        "instance,incarnation",
        cluster);
    while (rows.next())
      found.push_back({rows.text(0), rows.text(1), rows.text(2), rows.number(3), rows.text(4), rows.time(5).value_or(wall_time{}),
                       rows.time(6).value_or(wall_time{}), false});
  });
  if (!done) return done.error();
  for (auto& instance : found) {
    auto held = is_held(*where_, lock::incarnation_name(cluster, instance.incarnation));
    if (!held) return std::move(held).error();
    instance.alive = *held;
  }
  return found;
}

result<std::vector<ledger::tick_row>> control::rows(const std::string& cluster, const ledger::row_query& query) {
  // A condition that is not asked for is true by its first half.
  static const std::string select = "SELECT " + tick_columns +
                                    ",output FROM baton_tick WHERE cluster=?1 AND (?2='' OR job=?2) AND (?3 IS NULL OR "
                                    "COALESCE(until_tick,tick)>=?3) AND (?4 IS NULL OR tick<?4)";
  static const std::string only_open = " AND " + open_states;
  const auto sql = select + (query.only_open ? only_open : "") +
                   (query.newest_first ? " AND (?5 IS NULL OR (tick,job,kind)<(?5,?6,?7))"
                                         " ORDER BY tick DESC,job DESC,kind DESC LIMIT ?8"
                                       : " AND (?5 IS NULL OR (tick,job,kind)>(?5,?6,?7))"
                                         " ORDER BY tick,job,kind LIMIT ?8");
  const auto after = query.after.value_or(tick_key{});
  std::vector<ledger::tick_row> found;
  const auto done = db_->read([&] {
    const bool is_known = query.job.empty() || db_->query("SELECT 1 FROM baton_job WHERE cluster=? AND job=?", cluster, query.job).next();
    if (!is_known) return db_->fail(unknown_job(cluster, query.job));
    auto rows = db_->query(sql, cluster, query.job, query.from, query.to, query.after ? std::optional{after.tick} : std::nullopt, after.job,
                           after.kind, query.limit);
    while (rows.next()) {
      found.push_back(read_tick_row(rows));
      found.back().output = rows.text(tick_column_count);
    }
  });
  if (!done) return done.error();
  return found;
}

// ---- changing

status control::set_paused(const std::string& cluster, const std::string& job, bool paused) {
  static const std::string known = "SELECT " + standing_columns + " FROM baton_job WHERE cluster=? AND job=?";
  return db_->write([&] {
    ledger::job_standing standing;
    {
      auto found = db_->query(known, cluster, job);
      if (!found.next()) return db_->fail(unknown_job(cluster, job));
      standing = read_standing(found, 0);
    }
    const auto now = time_->now().wall;
    standing.paused = paused;
    standing.settle(now);
    update_standing(*db_, cluster, job, standing, now);
  });
}

tick_key control::order_one(const std::string& cluster, const ledger::run_order& order, wall_time now) {
  tick_key key{order.job, order.tick.value_or(now), ledger::tick_kind::trigger};
  ledger::tick_row row;
  {
    auto job = db_->query("SELECT lock_name FROM baton_job WHERE cluster=? AND job=?", cluster, order.job);
    if (job.next()) row.lock_name = job.text(0);
  }
  if (row.lock_name.empty()) return db_->fail(unknown_job(cluster, order.job)), key;
  if (key.tick > now) {
    db_->fail({errc::invalid_argument, "tick " + to_rfc3339(key.tick) + " of job '" + order.job + "' is still to come: it is now " +
                                           to_rfc3339(now) + " by the store's clock"});
    return key;
  }
  if (!order.tick) {
    auto same =
        db_->query("SELECT tick FROM baton_tick WHERE cluster=? AND job=? AND kind=2 AND request=?", cluster, order.job, order.request);
    if (same.next()) key.tick = same.time(0).value_or(now);
  }
  for (;;) {
    auto there = db_->query("SELECT request FROM baton_tick WHERE cluster=? AND job=? AND tick=? AND kind=2", cluster, order.job, key.tick);
    if (!there.next()) break;
    if (there.text(0) == order.request) return key;
    if (order.tick) {
      db_->fail({errc::already_exists, "tick " + to_rfc3339(key.tick) + " of job '" + order.job +
                                           "' has been triggered before; a tick is triggered once, `baton why " + order.job + " " +
                                           to_rfc3339(key.tick) + "` tells what became of it"});
      return key;
    }
    key.tick += microseconds{1};  // two people, one microsecond
  }
  row.key = key;
  row.state = ledger::row_state::pending;
  row.requested = now;
  row.parameters = valid_utf8(order.parameters);
  insert_tick_row(*db_, cluster, row, now, if_there::fail);
  db_->run("UPDATE baton_tick SET request=? WHERE cluster=? AND job=? AND tick=? AND kind=2", order.request, cluster, order.job, key.tick);
  return key;
}

result<std::vector<tick_key>> control::order(const std::string& cluster, const std::vector<ledger::run_order>& runs) {
  for (const auto& run : runs) {
    if (auto sound = check(run); !sound) return std::move(sound).error().in("trigger");
  }
  std::vector<tick_key> keys;
  const auto done = db_->write([&] {
    for (const auto& run : runs) keys.push_back(order_one(cluster, run, time_->now().wall));
  });
  if (!done) return done.error();
  return keys;
}

result<ledger::cancel_outcome> control::cancel(const std::string& cluster, const tick_key& run) {
  auto outcome = ledger::cancel_outcome::unknown;
  const auto done = db_->write([&] {
    const auto now = time_->now().wall;
    std::optional<ledger::row_state> state;
    {
      auto found =
          db_->query("SELECT state FROM baton_tick WHERE cluster=? AND job=? AND tick=? AND kind=?", cluster, run.job, run.tick, run.kind);
      if (found.next()) state = static_cast<ledger::row_state>(found.number(0));
    }
    if (!state) return;
    if (!ledger::is_open(*state)) {
      outcome = ledger::cancel_outcome::not_open;
    } else if (*state != ledger::row_state::pending) {
      outcome = ledger::cancel_outcome::requested;
      db_->run("UPDATE baton_tick SET cancel=1,changed=? WHERE cluster=? AND job=? AND tick=? AND kind=?", now, cluster, run.job, run.tick,
               run.kind);
    } else {
      outcome = ledger::cancel_outcome::cancelled;
      db_->run(
          "UPDATE baton_tick SET cancel=1,state=4,outcome=4,retry_at=NULL,finished=?,changed=? WHERE cluster=? AND job=? AND tick=? AND "
          "kind=?",
          now, now, cluster, run.job, run.tick, run.kind);
    }
  });
  if (!done) return done.error();
  return outcome;
}

}  // namespace baton::local

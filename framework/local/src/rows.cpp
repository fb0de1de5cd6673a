#include "rows.hpp"

#include "baton/base/utf8.hpp"

namespace baton::local {

ledger::tick_row read_tick_row(const cursor& rows) {
  ledger::tick_row row;
  row.key = {rows.text(0), rows.time(1).value_or(wall_time{}), static_cast<ledger::tick_kind>(rows.number(2))};
  row.lock_name = rows.text(3);
  row.state = static_cast<ledger::row_state>(rows.number(4));
  row.fence = rows.number(5);
  row.incarnation = rows.text(6);
  row.instance = rows.text(7);
  row.attempt = static_cast<std::uint32_t>(rows.number(8));
  row.until = rows.time(9);
  row.count = rows.number(10);
  row.claimed = rows.time(11);
  row.started = rows.time(12);
  row.finished = rows.time(13);
  row.outcome = static_cast<ledger::run_outcome>(rows.number(14));
  row.reason = static_cast<ledger::reason_code>(rows.number(15));
  row.retry_at = rows.time(16);
  row.cancel = rows.is_true(17);
  row.requested = rows.time(18);
  row.parameters = rows.text(19);
  row.error = rows.text(20);
  return row;
}

ledger::job_standing read_standing(const cursor& rows, int first) {
  ledger::job_standing s;
  if (!rows.is_null(first)) s.paused = rows.is_true(first);
  s.configured = static_cast<ledger::job_setting>(rows.number(first + 1));
  s.stopped = static_cast<ledger::reason_code>(rows.number(first + 2));
  s.last_stopped = static_cast<ledger::reason_code>(rows.number(first + 3));
  s.stopped_from = rows.time(first + 4);
  s.stopped_until = rows.time(first + 5);
  return s;
}

void insert_tick_row(database& db, const std::string& cluster, const ledger::tick_row& row, wall_time now, if_there what) {
  static const std::string rest =
      " INTO baton_tick (cluster," + tick_columns + ",output,changed) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
  static const std::string strict = "INSERT" + rest;
  static const std::string lenient = "INSERT OR IGNORE" + rest;
  db.run(what == if_there::fail ? strict : lenient, cluster, row.key.job, row.key.tick, row.key.kind, row.lock_name, row.state, row.fence,
         row.incarnation, storable(row.instance, 255, keep::first), row.attempt, row.until, row.count, row.claimed, row.started,
         row.finished, row.outcome, row.reason, row.retry_at, row.cancel, row.requested, row.parameters,
         storable(row.error, text_limit, keep::first), storable(row.output, text_limit, keep::last), now);
}

void update_standing(database& db, const std::string& cluster, const std::string& job, const ledger::job_standing& s, wall_time now) {
  db.run(
      "UPDATE baton_job SET paused=?,configured=?,stopped=?,last_stopped=?,stopped_from=?,stopped_until=?,changed=? WHERE cluster=? AND "
      "job=?",
      s.paused ? parameter{*s.paused} : parameter{nullptr}, s.configured, s.stopped, s.last_stopped, s.stopped_from, s.stopped_until, now,
      cluster, job);
}

}  // namespace baton::local

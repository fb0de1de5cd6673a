#include "rows.hpp"

namespace baton::mysql {

ledger::tick_row read_tick_row(const result_set& rows) {
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

ledger::job_standing read_standing(const result_set& rows, unsigned first) {
  ledger::job_standing s;
  if (!rows.is_null(first)) s.paused = rows.is_true(first);
  s.configured = static_cast<ledger::job_setting>(rows.number(first + 1));
  s.stopped = static_cast<ledger::reason_code>(rows.number(first + 2));
  s.last_stopped = static_cast<ledger::reason_code>(rows.number(first + 3));
  s.stopped_from = rows.time(first + 4);
  s.stopped_until = rows.time(first + 5);
  return s;
}

sql_writer& sql_writer::time(const std::optional<wall_time>& value) {
  if (!value) return raw("NULL");
  return raw("'").raw(to_sql(*value)).raw("'");
}

sql_writer& sql_writer::key(std::string_view cluster, const ledger::tick_key& k) {
  raw("cluster=").text(cluster).raw(" AND job=").text(k.job).raw(" AND tick=").time(k.tick);
  return raw(" AND kind=").number(static_cast<std::uint64_t>(k.kind));
}

sql_writer& sql_writer::standing(const ledger::job_standing& s) {
  const auto code = [](auto value) { return static_cast<std::uint64_t>(value); };
  raw("paused=").raw(!s.paused ? "NULL" : *s.paused ? "1" : "0").raw(",configured=").number(code(s.configured));
  raw(",stopped=").number(code(s.stopped)).raw(",last_stopped=").number(code(s.last_stopped));
  return raw(",stopped_from=").time(s.stopped_from).raw(",stopped_until=").time(s.stopped_until).raw(",changed=UTC_TIMESTAMP(6)");
}

sql_writer& sql_writer::columns(std::string_view cluster, const ledger::tick_row& row) {
  const auto code = [](auto value) { return static_cast<std::uint64_t>(value); };
  text(cluster).raw(",").text(row.key.job).raw(",").time(row.key.tick).raw(",").number(code(row.key.kind)).raw(",");
  text(row.lock_name).raw(",").number(code(row.state)).raw(",").number(row.fence).raw(",").text(row.incarnation).raw(",");
  text(storable(row.instance, 255, keep::first)).raw(",").number(row.attempt).raw(",").time(row.until).raw(",").number(row.count).raw(",");
  time(row.claimed).raw(",").time(row.started).raw(",").time(row.finished).raw(",").number(code(row.outcome)).raw(",");
  number(code(row.reason)).raw(",").time(row.retry_at).raw(",").text(storable(row.error, text_limit, keep::first)).raw(",");
  return text(storable(row.output, text_limit, keep::last)).raw(",UTC_TIMESTAMP(6)");
}

}  // namespace baton::mysql

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "baton/base/utf8.hpp"
#include "baton/ledger/records.hpp"
#include "connection.hpp"

namespace baton::mysql {

/// Of baton_tick, as claims write them. Without `output`, which only people read, and what only some kinds of rows have.
inline constexpr std::string_view tick_columns =
    "job,tick,kind,lock_name,state,fence,incarnation,instance,attempt,until_tick,tick_count,claimed,started,finished,outcome,reason,"
    "retry_at,error";
/// The same and more, in the order in which read_tick_row() expects them.
inline constexpr std::string_view read_columns =
    "job,tick,kind,lock_name,state,fence,incarnation,instance,attempt,until_tick,tick_count,claimed,started,finished,outcome,reason,"
    "retry_at,cancel,requested,parameters,error";
inline constexpr unsigned read_column_count = 21;
inline constexpr std::string_view open_states = "state IN (1,2,3)";

[[nodiscard]] ledger::tick_row read_tick_row(const result_set& rows);

/// Of baton_job, in the order in which read_standing() expects them.
inline constexpr std::string_view standing_columns = "paused,configured,stopped,last_stopped,stopped_from,stopped_until";
inline constexpr unsigned standing_column_count = 6;
[[nodiscard]] ledger::job_standing read_standing(const result_set& rows, unsigned first);

inline constexpr std::size_t text_limit = 4096;

/// Writes SQL for one connection. Append-only.
class sql_writer {
 public:
  explicit sql_writer(connection& link) : link_(link) {}

  sql_writer& raw(std::string_view sql) { return sql_ += sql, *this; }
  sql_writer& text(std::string_view value) { return link_.append_quoted(sql_, value), *this; }
  sql_writer& number(std::uint64_t value) { return sql_ += std::to_string(value), *this; }
  sql_writer& time(const std::optional<wall_time>& value);

  /// "cluster=… AND job=… AND tick=… AND kind=…"
  sql_writer& key(std::string_view cluster, const ledger::tick_key& k);
  /// What INSERT INTO baton_tick (cluster, <tick_columns>, output, changed) takes, without brackets.
  sql_writer& columns(std::string_view cluster, const ledger::tick_row& row);
  /// "paused=…,configured=…,…" of UPDATE baton_job.
  sql_writer& standing(const ledger::job_standing& s);
  /// "IN ('a','b')"
  template <typename Range, typename Name>
  sql_writer& in(const Range& range, Name name) {
    sql_ += "IN (";
    const char* separator = "";
    for (const auto& element : range) {
      sql_ += separator;
      text(name(element));
      separator = ",";
    }
    return raw(")");
  }

  [[nodiscard]] const std::string& sql() const noexcept { return sql_; }
  [[nodiscard]] bool empty() const noexcept { return sql_.empty(); }

 private:
  connection& link_;
  std::string sql_;
};

}  // namespace baton::mysql

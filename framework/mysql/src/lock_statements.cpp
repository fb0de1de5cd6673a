#include "lock_statements.hpp"

#include <algorithm>
#include <array>

namespace baton::mysql {
namespace {

using std::chrono::seconds;

constexpr seconds longest_wait{31'536'000};  // a year: what both servers take; -1 is for ever on MySQL and an error on MariaDB

std::string columns(std::span<const std::string> names, std::string_view before, std::string_view after) {
  std::string sql = "SELECT ";
  for (const auto& name : names) {
    if (&name != &names.front()) sql += ',';
    sql += before;
    append_name(sql, name);
    sql += after;
  }
  return sql;
}

result<result_set> one_row(std::vector<result_set>&& answers, std::size_t columns) {
  if (answers.empty() || !answers.front().next() || answers.front().columns() != columns)
    return failure{errc::store_query, "the server answered another question than was asked about named locks"};
  return std::move(answers.front());
}

/// (((a+b)+(c+d))+…): as deep as the logarithm of the count; a plain chain of 512 additions overflows MariaDB's stack check.
void append_sum(std::string& sql, std::span<const std::string> names) {
  if (names.size() == 1) {
    sql += "(IS_USED_LOCK(";
    append_name(sql, names.front());
    sql += ")<=>CONNECTION_ID())";
    return;
  }
  const auto half = names.size() / 2;
  sql += '(';
  append_sum(sql, names.first(half));
  sql += '+';
  append_sum(sql, names.subspan(half));
  sql += ')';
}

/// How many of the names the session holds. Of many, as rows: 500 expressions take MariaDB 3.5 ms to read, the rows 0.9 ms.
void append_count(std::string& sql, std::span<const std::string> names) {
  constexpr std::size_t many = 32;
  const auto is_plain = [](std::string_view name) {
    return std::ranges::all_of(name, [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '\''; });
  };
  if (names.empty()) {
    sql += '0';
  } else if (names.size() < many || !std::ranges::all_of(names, is_plain)) {
    append_sum(sql, names);
  } else {
    sql += "(SELECT SUM(IS_USED_LOCK(n)<=>CONNECTION_ID()) FROM JSON_TABLE('[";
    for (const auto& name : names) {
      if (&name != &names.front()) sql += ',';
      sql.append("\"").append(name).append("\"");
    }
    sql += "]','$[*]' COLUMNS(n VARCHAR(64) PATH '$'))t)";
  }
}

/// "0.300000": what MariaDB honours to the microsecond.
std::string decimal_seconds(microseconds d) {
  auto fraction = std::to_string(d.count() % 1'000'000);
  fraction.insert(0, 6 - fraction.size(), '0');
  return std::to_string(d.count() / 1'000'000) + "." + fraction;
}

bool has_no_named_locks(const failure& f, unsigned number) {
  // 1235: a MariaDB of one month in a Galera cluster; 1305: no such function; 1105: Percona XtraDB Cluster in strict mode.
  return number == 1235 || number == 1305 || (number == 1105 && f.context.find("GET_LOCK") != std::string::npos);
}

}  // namespace

void append_name(std::string& sql, std::string_view name) {
  if (name.find_first_of("'\\") == std::string_view::npos) {
    sql.append("'").append(name).append("'");
    return;
  }
  sql += "_utf8mb4 x'";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    sql += "0123456789abcdef"[byte >> 4U];
    sql += "0123456789abcdef"[byte & 15U];
  }
  sql += '\'';
}

std::string try_acquire_sql(std::span<const std::string> names) { return columns(names, "GET_LOCK(", ",0)"); }
std::string owned_sql(std::span<const std::string> names) { return columns(names, "COALESCE(IS_USED_LOCK(", ")=CONNECTION_ID(),0)"); }
std::string release_sql(std::span<const std::string> names) { return columns(names, "RELEASE_LOCK(", ")"); }

result<std::vector<lock::try_outcome>> read_try_acquire(std::vector<result_set>&& answers, std::span<const std::string> names) {
  auto row = one_row(std::move(answers), names.size());
  if (!row) return std::move(row).error();
  std::vector<lock::try_outcome> outcomes;
  for (unsigned i = 0; i < names.size(); ++i) {
    // MariaDB says NULL where MySQL raises an error: killed, out of memory, a name it does not take.
    if (row->is_null(i)) return failure{errc::interrupted, "GET_LOCK of " + names[i] + " ended without an answer (NULL)"};
    outcomes.push_back(row->is_true(i) ? lock::try_outcome::acquired : lock::try_outcome::busy);
  }
  return outcomes;
}

result<std::vector<bool>> read_owned(std::vector<result_set>&& answers, std::span<const std::string> names) {
  auto row = one_row(std::move(answers), names.size());
  if (!row) return std::move(row).error();
  std::vector<bool> held;
  for (unsigned i = 0; i < names.size(); ++i) held.push_back(row->is_true(i));
  return held;
}

result<std::vector<lock::release_outcome>> read_release(std::vector<result_set>&& answers, std::span<const std::string> names) {
  auto row = one_row(std::move(answers), names.size());
  if (!row) return std::move(row).error();
  std::vector<lock::release_outcome> outcomes;
  for (unsigned i = 0; i < names.size(); ++i)
    outcomes.push_back(row->is_true(i) ? lock::release_outcome::released : lock::release_outcome::not_held);
  return outcomes;
}

std::string probe_sql(std::span<const std::string> names, const server& of) {
  std::string sql = "SELECT ";
  sql.append(uuid_sql(of.kind)).append(",").append(writable_sql(of.kind)).append(",").append(quorum_sql(of));
  sql.append(",COALESCE(@baton_session='").append(of.nonce).append("',0),");
  append_count(sql, names);
  return sql;
}

result<probe_answer> read_probe(std::vector<result_set>&& answers, std::span<const std::string> names, const server& of) {
  auto row = one_row(std::move(answers), 5);
  if (!row) return std::move(row).error();
  probe_answer answer;
  answer.reply.identity = {row->text(0), of.identity.started};
  answer.reply.writable = row->is_true(1);
  answer.reply.quorum = row->is_true(2);
  // Our mark is gone: the session behind this connection is not the one that took the locks.
  if (!row->is_true(3)) answer.reply.identity.started = 0;
  answer.all_held = row->number(4) == names.size();
  return answer;
}

wait_statement acquire_sql(std::string_view name, lock::time_limit limit, lock::reentry again, flavour kind) {
  wait_statement made;
  made.answer_after = std::min<microseconds>(limit.value(), longest_wait);
  made.is_whole = limit.value() <= longest_wait;
  std::string wait;
  made.sql.reserve(128 + 2 * name.size());
  made.sql = "SELECT ";
  if (kind == flavour::mariadb) {
    wait = decimal_seconds(made.answer_after);
  } else if (made.answer_after % seconds{1} == microseconds{0}) {
    wait = std::to_string(std::chrono::duration_cast<seconds>(made.answer_after).count());
  } else {
    made.answer_after = std::chrono::ceil<milliseconds>(made.answer_after);
    made.is_limited = true;
    made.sql.append("/*+ MAX_EXECUTION_TIME(").append(std::to_string(made.answer_after.count() / 1000)).append(") */ ");
    wait = std::to_string(std::chrono::ceil<seconds>(made.answer_after).count() + 1);
  }
  const bool asks_first = again != lock::reentry::count;
  if (asks_first) {
    made.sql += "IF(IS_USED_LOCK(";
    append_name(made.sql, name);
    made.sql += ")=CONNECTION_ID(),-1,";
  }
  made.sql += "GET_LOCK(";
  append_name(made.sql, name);
  made.sql.append(",").append(wait).append(asks_first ? "))" : ")");
  return made;
}

wait_verdict judge_wait(result<std::vector<result_set>>&& answers, const wait_statement& asked, unsigned error_number,
                        std::string_view name, bool is_cancelled) {
  const auto cancelled = [name] { return failure{errc::cancelled, "the wait for " + std::string{name} + " was cancelled"}; };
  if (answers) {
    auto row = one_row(std::move(*answers), 1);
    if (!row) return {std::move(row).error(), true};
    if (row->is_null(0))
      return {
          is_cancelled ? cancelled() : failure{errc::interrupted, "the wait for " + std::string{name} + " was ended from outside (NULL)"},
          true};
    if (row->view(0) == "-1")
      return {failure{errc::held_by_this_session, "another lock of this session holds " + std::string{name} +
                                                      "; use a session of its own, or reentry::count to let the server count"}};
    if (is_cancelled) return {cancelled(), row->is_true(0), false, row->is_true(0)};
    return {row->is_true(0) ? lock::wait_outcome::acquired : lock::wait_outcome::busy};
  }
  auto error = std::move(answers).error();
  if (error.code == errc::store_unavailable || error.code == errc::invalid_key) return {std::move(error)};
  if (has_no_named_locks(error, error_number)) {
    error.code = errc::store_unfit;
    return {std::move(error).in("the server refuses named locks; connect to MySQL or MariaDB outside of a multi-writer cluster")};
  }
  if (is_cancelled) return {cancelled(), true};
  constexpr unsigned time_limit_of_mysql = 3024;
  if (error_number == time_limit_of_mysql && asked.is_limited) return {lock::wait_outcome::busy, true, true};
  constexpr std::array<unsigned, 2> deadlocks{1213, 3058};
  if (std::ranges::find(deadlocks, error_number) != deadlocks.end()) error.code = errc::deadlock;
  return {std::move(error), true};
}

}  // namespace baton::mysql

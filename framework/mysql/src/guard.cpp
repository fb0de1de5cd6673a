#include "baton/mysql/guard.hpp"

#include "connection.hpp"
#include "lock_statements.hpp"

namespace baton::mysql {
namespace {

/// Rows changed, or found.
result<std::uint64_t> run(MYSQL* link, const std::string& sql) {
  const auto refused = [&] {
    const auto number = mysql_errno(link);
    return failure{number == 0 ? errc::store_unavailable : classify(number),
                   std::string{mysql_error(link)} + " (" + std::to_string(number) + "): " + sql};
  };
  if (mysql_real_query(link, sql.data(), sql.size()) != 0) return refused();
  MYSQL_RES* const rows = mysql_store_result(link);
  if (mysql_errno(link) != 0) return refused();
  if (rows == nullptr) return mysql_affected_rows(link);
  const std::uint64_t found = mysql_num_rows(rows);
  mysql_free_result(rows);
  return found;
}

}  // namespace

guard::guard(std::string_view lock_name, std::uint64_t fence) : name_(lock_name) {
  std::string where = " FROM baton_fence WHERE lock_name=";
  append_name(where, lock_name);
  where += " AND fence=" + std::to_string(fence);
  lock_statement_ = "SELECT 1" + where + " LOCK IN SHARE MODE";  // MariaDB has no FOR SHARE
  condition_ = "EXISTS(SELECT 1" + where + ")";
}

result<std::uint64_t> guard::write(MYSQL* connection, std::span<const std::string> statements) const {
  auto begun = run(connection, "START TRANSACTION");
  if (!begun) return begun;
  const auto undo = [&](failure why) -> result<std::uint64_t> {
    (void)run(connection, "ROLLBACK");  // if it fails the connection is gone, and the transaction with it
    return why;
  };
  auto current = run(connection, lock_statement_);
  if (!current) return undo(std::move(current).error().in(name_));
  if (*current == 0)
    return undo({errc::stale_fence, name_ + ": another holder has taken a later fence; nothing was written, and this one must stop"});
  std::uint64_t changed = 0;
  for (const auto& statement : statements) {
    auto done = run(connection, statement);
    if (!done) return undo(std::move(done).error());
    changed += *done;
  }
  auto committed = run(connection, "COMMIT");
  if (!committed) return undo(std::move(committed).error());
  return changed;
}

}  // namespace baton::mysql

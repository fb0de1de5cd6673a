#include "server.hpp"

#include <array>
#include <cstdio>
#include <random>

#include "fitness.hpp"

namespace baton::mysql {
namespace {

failure unfit(std::string sentence) { return {errc::store_unfit, std::move(sentence)}; }

std::string random_text() {
  std::random_device source;
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%08x%08x", source(), source());
  return text.data();
}

/// Everything that a server, an account or init_connect may have set otherwise. net_*_timeout: a server that waits for us in the middle
/// of a packet must give up as early as between packets.
std::string session_sql(flavour kind, const std::string& seconds, const std::string& nonce) {
  std::string sql =
      "SET SESSION sql_mode='STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', autocommit=1, time_zone='+00:00', sql_safe_updates=0,"
      " sql_select_limit=DEFAULT, innodb_lock_wait_timeout=1, lock_wait_timeout=1";
  for (const auto* name : {"wait_timeout", "net_read_timeout", "net_write_timeout"}) sql += std::string{", "} + name + "=" + seconds;
  sql += kind == flavour::mysql ? ", max_execution_time=0" : ", max_statement_time=0, idle_transaction_timeout=0";
  sql += ", @baton_session='" + nonce + "'; SET NAMES utf8mb4; SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
  return sql;
}

/// What the server is; nothing of the session is touched.
result<server> identify(connection& session, server_facts& facts) {
  auto version = read_version(session);
  if (!version) return std::move(version).error();
  facts = std::move(*version);
  if (auto fit = fitness_checks().front().verdict(facts); !fit) return std::move(fit).error();
  server found;
  found.kind = facts.kind.kind;
  found.nonce = random_text();
  return found;
}

/// Whether the server that was identified may be used, and the rest of what there is to know of it.
status examine(connection& session, server& found, server_facts& facts) {
  // UNIX_TIMESTAMP() and Uptime of one statement come from one reading of the server's clock: their difference is the very second in
  // which it started, every time.
  const auto* const status_table = found.kind == flavour::mysql ? "performance_schema.global_status" : "information_schema.GLOBAL_STATUS";
  auto answered = session.run("SELECT UNIX_TIMESTAMP() - CAST(VARIABLE_VALUE AS SIGNED), " + std::string{uuid_sql(found.kind)} + " FROM " +
                              status_table + " WHERE VARIABLE_NAME='Uptime'");
  if (!answered) return std::move(answered).error().in("reading the server's identity");
  if (!answered->front().next()) return unfit("the server does not tell since when it has been up; connect to MySQL or MariaDB");
  found.identity = {answered->front().text(1), std::atoll(answered->front().text(0).c_str())};

  if (auto read = read_variables(session, facts); !read) return read;
  for (const auto& check : fitness_checks()) {
    if (auto fit = check.verdict(facts); !fit) return fit;
  }
  found.in_group = !facts.value("group_replication_group_name").empty();
  if (found.in_group) {
    auto members = session.run("SELECT " + std::string{quorum_sql(found)});
    if (!members)
      return unfit(
          "the server is in a replication group that the account may not see: GRANT SELECT ON"
          " performance_schema.replication_group_members TO it");
  }
  return check_named_lock(session, found.nonce);
}

}  // namespace

version parse_version(std::string_view text) {
  version v;
  v.kind = text.find("MariaDB") != std::string_view::npos ? flavour::mariadb : flavour::mysql;
  // An old trick of MariaDB's for clients that knew only MySQL.
  if (v.kind == flavour::mariadb && text.starts_with("5.5.5-")) text.remove_prefix(6);
  std::sscanf(std::string{text}.c_str(), "%u.%u.%u", &v.major, &v.minor, &v.patch);
  return v;
}

result<server> set_up(connection& session, microseconds patience) {
  server_facts facts;
  auto found = identify(session, facts);
  if (!found) return found;
  const auto seconds = std::to_string(std::chrono::ceil<std::chrono::seconds>(patience).count());
  auto answered = session.run(session_sql(found->kind, seconds, found->nonce));
  if (!answered) return std::move(answered).error().in("setting the session up");
  if (auto fit = examine(session, *found, facts); !fit) return std::move(fit).error();
  answered = session.run("SELECT @@session.wait_timeout");
  if (!answered) return std::move(answered).error();
  if (!answered->front().next() || answered->front().view(0) != seconds)
    return unfit("wait_timeout was set to " + seconds + " but reads " + answered->front().text(0) +
                 ": a proxy keeps it from the server; connect directly");
  return found;
}

result<server> look_over(connection& session) {
  if (const std::string_view charset = mysql_character_set_name(session.handle()); charset != "utf8mb4")
    return unfit("the connection's character set is " + std::string{charset} +
                 ", in which the names of locks may become others; call mysql_set_character_set(handle, \"utf8mb4\")");
  server_facts facts;
  auto found = identify(session, facts);
  if (!found) return found;
  auto marked = session.run("SET @baton_session='" + found->nonce + "'");
  if (!marked) return std::move(marked).error();
  if (auto fit = examine(session, *found, facts); !fit) return std::move(fit).error();
  return found;
}

// CAST: read_only is 0/1 so far and an enumeration from MariaDB 12 on.
std::string_view writable_sql(flavour kind) noexcept {
  if (kind == flavour::mysql) return "(NOT (@@global.read_only OR @@global.super_read_only OR @@global.innodb_read_only))";
  return "(CAST(@@global.read_only AS CHAR) IN ('0','OFF') AND NOT @@global.innodb_read_only)";
}

std::string_view quorum_sql(const server& of) noexcept {
  if (!of.in_group) return "1";
  return "(SELECT COALESCE(SUM(MEMBER_STATE='UNREACHABLE')*2<COUNT(*),1) FROM performance_schema.replication_group_members"
         " WHERE MEMBER_ID<>'')";
}

std::string_view uuid_sql(flavour kind) noexcept { return kind == flavour::mysql ? "@@server_uuid" : "@@server_uid"; }

}  // namespace baton::mysql

#include "server.hpp"

#include <array>
#include <cstdio>
#include <map>
#include <random>
#include <tuple>

namespace baton::mysql {
namespace {

using variables = std::map<std::string, std::string, std::less<>>;

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

variables read_variables(std::vector<result_set>& answers) {
  variables found;
  for (auto& rows : answers) {
    if (rows.columns() != 2) continue;
    while (rows.next()) found[rows.text(0)] = rows.text(1);
  }
  return found;
}

bool is_on(const variables& all, std::string_view name) {
  const auto it = all.find(name);
  return it != all.end() && (it->second == "ON" || it->second == "1");
}

std::string value_of(const variables& all, std::string_view name) {
  const auto it = all.find(name);
  return it == all.end() ? "" : it->second;
}

status check_version(const version& v, const std::string& text) {
  if (text.find("TiDB") != std::string::npos)
    return unfit("the server is TiDB (" + text + "), which cannot say who holds a lock; use MySQL or MariaDB");
  // 8.0.0 was never released for use, and Aurora's patch level is no number.
  if (v.kind == flavour::mysql && v.major < 8)
    return unfit("the server is MySQL " + text + ", which has no SKIP LOCKED; upgrade to 8.0.1 or newer");
  if (v.kind == flavour::mariadb && std::tuple{v.major, v.minor} < std::tuple{10U, 6U})
    return unfit("the server is MariaDB " + text + ", which has no SKIP LOCKED; upgrade to 10.6 or newer");
  return {};
}

status check_variables(const variables& all) {
  if (is_on(all, "wsrep_on"))
    return unfit("the server is a node of a Galera cluster (wsrep_on), where each node grants the same lock; use a single-primary server");
  if (is_on(all, "group_replication_single_primary_mode") || value_of(all, "group_replication_group_name").empty()) {
    // one primary, or no group at all
  } else {
    return unfit("the group has several primaries, and each grants the same lock; set group_replication_single_primary_mode=ON");
  }
  for (const auto* name : {"read_only", "super_read_only", "innodb_read_only"}) {
    const auto value = value_of(all, name);
    if (!value.empty() && value != "OFF" && value != "0")
      return unfit(std::string{"the server does not take writes ("} + name + "=" + value +
                   "); connect to the primary, or list all members in the URL");
  }
  if (is_on(all, "log_bin") && value_of(all, "binlog_format") == "STATEMENT")
    return unfit("binlog_format=STATEMENT refuses READ COMMITTED writes; set binlog_format=ROW or MIXED");
  return {};
}

/// What the server is; nothing of the session is touched.
result<server> identify(connection& session) {
  auto asked = session.run("SELECT VERSION()");
  if (!asked) return std::move(asked).error();
  if (!asked->front().next()) return unfit("the server does not tell its version; connect to MySQL or MariaDB");
  const auto text = asked->front().text(0);
  const auto v = parse_version(text);
  if (auto fit = check_version(v, text); !fit) return std::move(fit).error();
  server found;
  found.kind = v.kind;
  found.nonce = random_text();
  return found;
}

/// GET_LOCK must do what it says, and CONNECTION_ID() must stay ours from packet to packet.
status check_named_lock(connection& session, const std::string& nonce) {
  const auto name = "'baton:~check:" + nonce + "'";
  auto asked = session.run("SELECT GET_LOCK(" + name + ",0), IS_USED_LOCK(" + name + ")=CONNECTION_ID(), RELEASE_LOCK(" + name +
                           "), CONNECTION_ID(), @baton_session");
  if (!asked) return std::move(asked).error().in("GET_LOCK");
  auto& answer = asked->front();
  if (!answer.next() || !answer.is_true(0) || !answer.is_true(1) || !answer.is_true(2))
    return unfit(
        "the server does not grant, show and release a named lock as MySQL does; connect to MySQL or MariaDB without a proxy between");
  if (answer.number(3) != session.id() || answer.view(4) != nonce)
    return unfit("statements of one connection reach different server sessions: a proxy that multiplexes is between; connect directly");
  return {};
}

/// Whether the server that was identified may be used, and the rest of what there is to know of it.
status examine(connection& session, server& found) {
  // UNIX_TIMESTAMP() and Uptime of one statement come from one reading of the server's clock: their difference is the very second in
  // which it started, every time.
  const auto* const status_table = found.kind == flavour::mysql ? "performance_schema.global_status" : "information_schema.GLOBAL_STATUS";
  auto answered = session.run("SELECT UNIX_TIMESTAMP() - CAST(VARIABLE_VALUE AS SIGNED), " + std::string{uuid_sql(found.kind)} + " FROM " +
                              status_table + " WHERE VARIABLE_NAME='Uptime'");
  if (!answered) return std::move(answered).error().in("reading the server's identity");
  if (!answered->front().next()) return unfit("the server does not tell since when it has been up; connect to MySQL or MariaDB");
  found.identity = {answered->front().text(1), std::atoll(answered->front().text(0).c_str())};

  answered = session.run(
      "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('wsrep_on','group_replication_group_name','group_replication_single_primary_mode',"
      "'read_only','super_read_only','innodb_read_only','log_bin','binlog_format')");
  if (!answered) return std::move(answered).error().in("reading the server's variables");
  const auto all = read_variables(*answered);
  if (auto fit = check_variables(all); !fit) return std::move(fit).error();
  found.in_group = !value_of(all, "group_replication_group_name").empty();
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
  auto found = identify(session);
  if (!found) return found;
  const auto seconds = std::to_string(std::chrono::ceil<std::chrono::seconds>(patience).count());
  auto answered = session.run(session_sql(found->kind, seconds, found->nonce));
  if (!answered) return std::move(answered).error().in("setting the session up");
  if (auto fit = examine(session, *found); !fit) return std::move(fit).error();
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
  auto found = identify(session);
  if (!found) return found;
  auto marked = session.run("SET @baton_session='" + found->nonce + "'");
  if (!marked) return std::move(marked).error();
  if (auto fit = examine(session, *found); !fit) return std::move(fit).error();
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

#include "fitness.hpp"

#include <array>
#include <tuple>

namespace baton::mysql {
namespace {

failure unfit(std::string sentence) { return {errc::store_unfit, std::move(sentence)}; }

status version_is_new_enough(const server_facts& f) {
  if (f.version_text.find("TiDB") != std::string::npos)
    return unfit("the server is TiDB (" + f.version_text + "), which cannot say who holds a lock; use MySQL or MariaDB");
  // 8.0.0 was never released for use, and Aurora's patch level is no number.
  if (f.kind.kind == flavour::mysql && f.kind.major < 8)
    return unfit("the server is MySQL " + f.version_text + ", which has no SKIP LOCKED and no JSON_TABLE; upgrade to 8.0 or newer");
  if (f.kind.kind == flavour::mariadb && std::tuple{f.kind.major, f.kind.minor} < std::tuple{10U, 6U})
    return unfit("the server is MariaDB " + f.version_text + ", which has no SKIP LOCKED; upgrade to 10.6 or newer");
  return {};
}

status has_one_writer(const server_facts& f) {
  if (f.is_on("wsrep_on"))
    return unfit("the server is a node of a Galera cluster (wsrep_on), where each node grants the same lock; use a single-primary server");
  if (!f.value("group_replication_group_name").empty() && !f.is_on("group_replication_single_primary_mode"))
    return unfit("the group has several primaries, and each grants the same lock; set group_replication_single_primary_mode=ON");
  return {};
}

status takes_writes(const server_facts& f) {
  for (const auto* name : {"read_only", "super_read_only", "innodb_read_only"}) {
    const auto value = f.value(name);
    if (!value.empty() && value != "OFF" && value != "0")
      return unfit(std::string{"the server does not take writes ("} + name + "=" + value +
                   "); connect to the primary, or list all members in the URL");
  }
  return {};
}

status logs_rows(const server_facts& f) {
  if (f.is_on("log_bin") && f.value("binlog_format") == "STATEMENT")
    return unfit("binlog_format=STATEMENT refuses READ COMMITTED writes; set binlog_format=ROW or MIXED");
  return {};
}

// ---- advice

status keeps_what_it_acknowledged(const server_facts& f) {
  for (const auto& [name, safe] : {std::pair{"innodb_flush_log_at_trx_commit", "1"}, std::pair{"sync_binlog", "1"}}) {
    const auto value = f.value(name);
    const bool matters = std::string_view{name} != "sync_binlog" || f.is_on("log_bin");
    if (matters && !value.empty() && value != safe)
      return unfit(std::string{name} + "=" + value +
                   " loses acknowledged commits when the machine fails, and a tick may then run twice; set it to " + safe);
  }
  return {};
}

status fails_over_in_order(const server_facts& f) {
  if (f.value("group_replication_group_name").empty()) return {};
  const auto value = f.value("group_replication_consistency");
  if (value == "EVENTUAL" || value.empty())
    return unfit("group_replication_consistency=" + value +
                 " lets a new primary answer before it has applied what the old one committed; set it to BEFORE_ON_PRIMARY_FAILOVER");
  return {};
}

constexpr std::array fit{fitness_check{"version", version_is_new_enough}, fitness_check{"one writer", has_one_writer},
                         fitness_check{"writable", takes_writes}, fitness_check{"binary log", logs_rows}};
constexpr std::array advice{fitness_check{"durability", keeps_what_it_acknowledged}, fitness_check{"failover", fails_over_in_order}};

}  // namespace

std::string server_facts::value(std::string_view name) const {
  const auto it = variables.find(name);
  return it == variables.end() ? "" : it->second;
}

bool server_facts::is_on(std::string_view name) const {
  const auto it = variables.find(name);
  return it != variables.end() && (it->second == "ON" || it->second == "1");
}

result<server_facts> read_version(connection& session) {
  auto asked = session.run("SELECT VERSION()");
  if (!asked) return std::move(asked).error();
  if (!asked->front().next()) return unfit("the server does not tell its version; connect to MySQL or MariaDB");
  server_facts facts;
  facts.version_text = asked->front().text(0);
  facts.kind = parse_version(facts.version_text);
  return facts;
}

status read_variables(connection& session, server_facts& facts) {
  auto answered = session.run(
      "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('wsrep_on','group_replication_group_name','group_replication_single_primary_mode',"
      "'group_replication_consistency','read_only','super_read_only','innodb_read_only','log_bin','binlog_format','max_connections',"
      "'innodb_flush_log_at_trx_commit','sync_binlog')");
  if (!answered) return std::move(answered).error().in("reading the server's variables");
  for (auto& rows = answered->front(); rows.next();) facts.variables[rows.text(0)] = rows.text(1);
  return {};
}

std::span<const fitness_check> fitness_checks() noexcept { return fit; }
std::span<const fitness_check> advice_checks() noexcept { return advice; }

status check_named_lock(connection& session, const std::string& nonce) {
  const auto name = "'baton:~check:" + nonce + "'";
  auto asked = session.run("SELECT GET_LOCK(" + name + ",0), IS_USED_LOCK(" + name + ")=CONNECTION_ID(), RELEASE_LOCK(" + name +
                           "), CONNECTION_ID(), @baton_session");
  if (!asked && asked.error().code != errc::store_unavailable)
    return unfit("the server refuses named locks (" + asked.error().context +
                 "); connect to MySQL or MariaDB outside of a multi-writer cluster");
  if (!asked) return std::move(asked).error().in("GET_LOCK");
  auto& answer = asked->front();
  if (!answer.next() || !answer.is_true(0) || !answer.is_true(1) || !answer.is_true(2))
    return unfit(
        "the server does not grant, show and release a named lock as MySQL does; connect to MySQL or MariaDB without a proxy between");
  if (answer.number(3) != session.id() || answer.view(4) != nonce)
    return unfit("statements of one connection reach different server sessions: a proxy that multiplexes is between; connect directly");
  return {};
}

status check_from_second_session(connection& one, connection& two, const std::string& nonce) {
  const auto name = "'baton:~check:" + nonce + "'";
  auto taken = one.run("SELECT GET_LOCK(" + name + ",0)");
  if (!taken) return std::move(taken).error();
  auto seen = two.run("SELECT IS_USED_LOCK(" + name + ")=" + std::to_string(one.id()));
  auto released = one.run("SELECT RELEASE_LOCK(" + name + ")");
  if (!seen) return std::move(seen).error();
  if (!released) return std::move(released).error();
  if (!seen->front().next() || !seen->front().is_true(0))
    return unfit(
        "a lock that one connection holds is not seen by another: they reach different servers, by a proxy or a name with several "
        "addresses;"
        " connect to the primary alone, or list all members in the URL");
  return {};
}

}  // namespace baton::mysql

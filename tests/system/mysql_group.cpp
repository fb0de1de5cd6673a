#include "mysql_group.hpp"

#include <stdexcept>

namespace baton::system_test {
namespace {

void must(private_server& at, const std::string& sql) {
  if (const auto done = at.exec(sql); !done) throw std::runtime_error{sql + ": " + done.error().context};
}

const std::string start_sql = "START GROUP_REPLICATION USER='group', PASSWORD='g'";

}  // namespace

mysql_group::mysql_group(std::vector<site> sites) : sites_(std::move(sites)) {
  const auto count = sites_.size();
  std::vector<std::string> ports;
  while (ports.size() < count) {
    auto port = std::to_string(private_server::unused_port());
    if (std::ranges::find(ports, port) == ports.end()) ports.push_back(std::move(port));
  }
  std::string seeds;
  for (std::size_t i = 0; i < count; ++i) seeds += (seeds.empty() ? "" : ",") + sites_[i].address + ":" + ports[i];
  for (std::size_t i = 0; i < count; ++i) {
    private_server::options wanted;
    wanted.kind = server_kind::mysql;
    wanted.binary_log = true;
    wanted.command_prefix = sites_[i].command_prefix;
    wanted.extra_arguments = {
        "--server-id=" + std::to_string(i + 1), "--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--plugin-load-add=group_replication.so",
        "--report-host=" + sites_[i].address,
        "--bind-address=127.0.0.1" + (sites_[i].address == "127.0.0.1" ? "" : "," + sites_[i].address),
        "--loose-group-replication-group-name=8a94f357-aab4-11df-86ab-c80aa9420000", "--loose-group-replication-start-on-boot=OFF",
        "--loose-group-replication-bootstrap-group=OFF", "--loose-group-replication-local-address=" + sites_[i].address + ":" + ports[i],
        "--loose-group-replication-group-seeds=" + seeds, "--loose-group-replication-ip-allowlist=127.0.0.0/8,10.0.0.0/8",
        "--loose-group-replication-recovery-get-public-key=ON",
        // What expels a member that is only silent; 5 s are MySQL's own choice.
        "--loose-group-replication-member-expel-timeout=0", "--loose-group-replication-consistency=BEFORE_ON_PRIMARY_FAILOVER"};
    auto started = private_server::start(wanted);
    if (!started) throw std::runtime_error{started.error().context};
    members_.push_back(std::move(*started));
    must(*members_[i],
         "SET SQL_LOG_BIN=0; CREATE USER `group`@'%' IDENTIFIED BY 'g'; GRANT REPLICATION SLAVE, CONNECTION_ADMIN, BACKUP_ADMIN, "
         "GROUP_REPLICATION_STREAM ON *.* TO `group`@'%'; SET SQL_LOG_BIN=1; RESET BINARY LOGS AND GTIDS");
  }
  must(*members_[0],
       "SET GLOBAL group_replication_bootstrap_group=ON; " + start_sql + "; SET GLOBAL group_replication_bootstrap_group=OFF");
  for (std::size_t i = 1; i < count; ++i) must(*members_[i], start_sql);
  if (!await_online(count, seconds{60})) throw std::runtime_error{"the members of the group do not find each other"};
}

std::string mysql_group::url() const {
  std::string hosts;
  for (std::size_t i = 0; i < size(); ++i)
    hosts += (hosts.empty() ? "" : ",") + sites_[i].address + ":" + std::to_string(members_[i]->port());
  return "mysql://baton@" + hosts + "/baton";
}

std::string mysql_group::ask(std::size_t member, const std::string& sql) {
  if (members_[member]->pid() == 0 || std::ranges::count(left_out_, member) > 0) return "";
  const auto rows = members_[member]->exec(sql);
  return rows && !rows->empty() ? rows->front().front().value_or("") : "";
}

std::optional<std::size_t> mysql_group::primary() {
  for (std::size_t i = 0; i < size(); ++i) {
    if (ask(i,
            "SELECT 1 FROM performance_schema.replication_group_members WHERE member_id=@@server_uuid AND member_role='PRIMARY' AND "
            "member_state='ONLINE' AND NOT @@global.super_read_only") == "1")
      return i;
  }
  return std::nullopt;
}

bool mysql_group::await_primary_after(std::size_t before, microseconds limit) {
  return eventually(
      [&] {
        const auto now = primary();
        return now && *now != before;
      },
      limit);
}

bool mysql_group::await_online(std::size_t count, microseconds limit) {
  return eventually(
      [&] {
        const auto now = primary();
        return now && ask(*now, "SELECT COUNT(*) FROM performance_schema.replication_group_members WHERE member_state='ONLINE'") ==
                          std::to_string(count);
      },
      limit);
}

void mysql_group::make_primary(std::size_t member) { must(*members_[member], "SELECT group_replication_set_as_primary(@@server_uuid)"); }

void mysql_group::suspend(std::size_t member) {
  leave_out(member);
  members_[member]->suspend();
}

void mysql_group::resume(std::size_t member) {
  members_[member]->resume();
  take_in(member);
}

void mysql_group::join(std::size_t member) {
  if (members_[member]->pid() == 0) {
    if (const auto again = members_[member]->start_again(); !again) throw std::runtime_error{again.error().context};
  } else {
    must(*members_[member], "STOP GROUP_REPLICATION");
  }
  must(*members_[member], start_sql);
  if (!await_online(size(), seconds{60})) throw std::runtime_error{"a member of the group does not come back"};
}

}  // namespace baton::system_test

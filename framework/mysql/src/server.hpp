#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "baton/lock/session.hpp"
#include "connection.hpp"

namespace baton::mysql {

enum class flavour : std::uint8_t { mysql = 1, mariadb };

/// What a session learnt of its server when it was opened.
struct server {
  flavour kind{};
  lock::server_identity identity;
  bool in_group = false;  ///< of group replication
  std::string nonce;      ///< @baton_session of this session: gone after a reset, a change of user or behind another connection
};

struct version {
  flavour kind{};
  unsigned major = 0, minor = 0, patch = 0;
};
/// Reads VERSION(): "8.4.3", "10.11.19-MariaDB-0+deb12u1", "5.5.5-10.6.4-MariaDB".
[[nodiscard]] version parse_version(std::string_view text);

/// Sets the session up (timeouts, character set, time zone, isolation) and proves that the server is fit for it. After `patience` of
/// silence the server ends it.
/// Errors: store_unfit with one sentence and its cure.
[[nodiscard]] result<server> set_up(connection& session, microseconds patience);

/// The same proof for a session that is somebody else's, of which nothing is changed.
[[nodiscard]] result<server> look_over(connection& session);

/// SQL that is 1 where the server takes writes and 0 where it is read-only.
[[nodiscard]] std::string_view writable_sql(flavour kind) noexcept;
/// SQL that is 1 where a majority of the group is reachable; "1" outside a group.
[[nodiscard]] std::string_view quorum_sql(const server& of) noexcept;
/// SQL for the server's lasting identity.
[[nodiscard]] std::string_view uuid_sql(flavour kind) noexcept;

}  // namespace baton::mysql

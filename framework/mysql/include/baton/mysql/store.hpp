#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/base/system_clock.hpp"
#include "baton/base/time.hpp"
#include "baton/ledger/control.hpp"
#include "baton/ledger/session.hpp"
#include "baton/lock/waiting_session.hpp"

namespace baton::mysql {

struct endpoint {
  std::string host;
  std::uint16_t port = 3306;
  friend bool operator==(const endpoint&, const endpoint&) = default;
};

/// What a TCP connection must be; a unix socket never uses TLS. There is no "preferred": it would hide its own failure.
enum class tls_mode : std::uint8_t {
  disabled = 1,
  required,         ///< encrypted, with whatever certificate
  verify_ca,        ///< signed by `tls_ca`
  verify_identity,  ///< and issued for the host name of the endpoint
};

struct options {
  std::string user;
  std::string password;
  std::vector<endpoint> hosts;  ///< tried in order, from the one that was writable last; the first writable one is used
  std::string socket;           ///< path of a unix socket; `hosts` is then empty
  std::string database;
  tls_mode tls = tls_mode::disabled;
  std::string tls_ca;                                      ///< PEM file; verify_ca and verify_identity need it
  microseconds connect_timeout = std::chrono::seconds{4};  ///< of one endpoint: name resolution, TCP, TLS and authentication together
  lock::lease_timing lease;
  std::string instance;  ///< label, shown in the server's connection attributes
  std::shared_ptr<const clock> time = std::make_shared<system_clock>();
  /// Told of problems that no caller is there to be told of (a destructor's), on any thread.
  std::function<void(const std::string&)> on_warning;
};

class endpoint_memory;

/// One cluster's MySQL or MariaDB server, or the members of which one is writable.
///
/// Every open makes a new connection, proves that the server is fit (version, writable, no Galera, GET_LOCK as expected, wait_timeout
/// as set) and gives it up otherwise. Sessions never reconnect.
///
/// Errors: store_unavailable: no endpoint answered; store_unfit: one did, and the context says why it must not be used and what cures
/// it; access_denied.
/// Thread safety: all members from any thread.
class store {
 public:
  /// Errors: invalid_argument when `wanted` names no server, two ways to it, or no database; invalid_configuration for the lease.
  [[nodiscard]] static result<store> create(options wanted);

  /// A session that holds its locks for as long as it is heard of: the server ends it after lease.wait_timeout of silence, and nobody
  /// but its user breaks that. For a session that is kept alive, and for leases: lock_client.
  [[nodiscard]] result<std::unique_ptr<lock::waiting_session>> open_lock_session() const;

  /// Errors: also schema_outdated, when migrate() has to run first.
  [[nodiscard]] result<std::unique_ptr<ledger::session>> open_ledger_session() const;

  /// For people and tools, which may be idle for up to an hour between two calls. Errors: those of open_ledger_session().
  /// `answer_timeout`: of each statement; nullopt: as a ledger session's.
  [[nodiscard]] result<std::unique_ptr<ledger::control>> open_control(std::optional<microseconds> answer_timeout = std::nullopt) const;

  /// Creates or upgrades the tables; safe to repeat and from several instances at once. Needs CREATE, ALTER and INDEX.
  [[nodiscard]] status migrate() const;

  /// All that migrate() would send to an empty database.
  [[nodiscard]] static std::string migration_sql();

  /// The client library and its version, such as "MariaDB Connector/C 3.3.20".
  [[nodiscard]] static std::string client_version();

  /// KILL QUERY of a connection of this account's, on the endpoint that was writable last: ends its statement and nothing else.
  [[nodiscard]] status kill_query(std::uint64_t connection_id, microseconds limit) const;

  /// "HOST:PORT" of the endpoint that was writable last, or the socket; for messages.
  [[nodiscard]] std::string describe() const;

 private:
  explicit store(options wanted);

  options options_;
  std::shared_ptr<endpoint_memory> memory_;
};

}  // namespace baton::mysql

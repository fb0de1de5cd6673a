#include "baton/mysql/store.hpp"

#include "baton/mysql/adopt.hpp"

#include "connection.hpp"
#include "ledger_control.hpp"
#include "ledger_session.hpp"
#include "lock_session.hpp"
#include "open.hpp"
#include "schema.hpp"
#include "server.hpp"

namespace baton::mysql {
store::store(options wanted) : options_(std::move(wanted)), memory_(std::make_shared<endpoint_memory>()) {}

result<store> store::create(options wanted) {
  if (auto timing = wanted.lease.validate(); !timing) return std::move(timing).error();
  if (wanted.database.empty()) return failure{errc::invalid_argument, "the store names no database: write mysql://USER@HOST/DATABASE"};
  if (wanted.hosts.empty() == wanted.socket.empty())
    return failure{errc::invalid_argument,
                   "the store needs either hosts or a socket: write mysql://USER@HOST/DATABASE or …@localhost/DATABASE?socket=PATH"};
  if ((wanted.tls == tls_mode::verify_ca || wanted.tls == tls_mode::verify_identity) && wanted.tls_ca.empty())
    return failure{errc::invalid_argument, "tls is to be verified, but against nothing: name a file of certificate authorities (tls_ca)"};
  if (auto compared = can_compare_names(wanted); !compared) return std::move(compared).error();
  return store{std::move(wanted)};
}

result<std::unique_ptr<lock::waiting_session>> store::open_lock_session() const {
  auto made = open_session(options_, *memory_, lock_role(options_));
  if (!made) return std::move(made).error().in("lock session");
  session_surroundings around{[control = *this](std::uint64_t id, microseconds limit) { return control.kill_query(id, limit); },
                              options_.on_warning};
  return std::unique_ptr<lock::waiting_session>{
      std::make_unique<lock_session>(std::move(made->link), std::move(made->facts), std::move(around))};
}

/// A connection to a ledger whose tables are of this release, or newer.
static result<opened> open_ledger(const options& wanted, endpoint_memory& memory, const connect_options& how) {
  auto made = open_session(wanted, memory, how);
  if (!made) return std::move(made).error();
  auto version = read_schema_version(*made->link);
  if (!version) return std::move(version).error();
  if (*version < schema_version)
    return failure{errc::schema_outdated, "the tables in database " + wanted.database + " are of version " + std::to_string(*version) +
                                              " and version " + std::to_string(schema_version) + " is needed; run baton migrate"};
  return made;
}

result<std::unique_ptr<ledger::session>> store::open_ledger_session() const {
  auto made = open_ledger(options_, *memory_, ledger_role(options_));
  if (!made) return std::move(made).error().in("ledger session");
  return std::unique_ptr<ledger::session>{std::make_unique<ledger_session>(std::move(made->link), std::move(made->facts.identity))};
}

result<std::unique_ptr<ledger::control>> store::open_control(std::optional<microseconds> answer_timeout) const {
  auto how = helper_role(options_, "control");
  if (answer_timeout) how.answer_timeout = *answer_timeout;
  auto made = open_ledger(options_, *memory_, how);
  if (!made) return std::move(made).error();
  return std::unique_ptr<ledger::control>{std::make_unique<ledger_control>(std::move(made->link))};
}

result<std::unique_ptr<lock::waiting_session>> adopt(MYSQL* handle, adopt_options how) {
  auto link = connection::adopt(handle, std::move(how.time), how.answer_timeout);
  if (!link) return std::move(link).error();
  auto facts = look_over(**link);
  if (!facts) return std::move(facts).error().in((*link)->where());
  session_surroundings around{.kill_query = {}, .warn = std::move(how.on_warning), .is_adopted = true};
  if (how.control)
    around.kill_query = [control = *how.control](std::uint64_t id, microseconds limit) { return control.kill_query(id, limit); };
  return std::unique_ptr<lock::waiting_session>{std::make_unique<lock_session>(std::move(*link), std::move(*facts), std::move(around))};
}

status store::migrate() const {
  connect_options how;
  how.role = "migrate";
  how.answer_timeout = std::chrono::minutes{5};
  auto made = open_session(options_, *memory_, how);
  if (!made) return std::move(made).error().in("migrate");
  return migrate_schema(*made->link, options_.database);
}

status store::kill_query(std::uint64_t connection_id, microseconds limit) const {
  return mysql::kill_query(options_, *memory_, connection_id, limit);
}

std::string store::migration_sql() { return full_schema_sql(); }

std::string store::client_version() { return mysql::client_version(); }

std::string store::describe() const {
  if (!options_.socket.empty()) return options_.socket;
  const auto& host = options_.hosts[memory_->preferred() % options_.hosts.size()];
  return host.host + ":" + std::to_string(host.port);
}

}  // namespace baton::mysql

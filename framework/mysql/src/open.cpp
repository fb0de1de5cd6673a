#include "open.hpp"

#include <algorithm>

#include "fitness.hpp"

namespace baton::mysql {
namespace {

/// A load balancer gives each connection a server of its own, and each grants the same lock: looked for once for each start of a server.
status reaches_one_server(const options& wanted, const endpoint* host, opened& first, endpoint_memory& memory) {
  if (memory.is_seen_by_two(first.facts.identity)) return {};
  auto second = connection::open(wanted, host, {"check", wanted.lease.probe_timeout});
  if (!second) return std::move(second).error();
  if (auto seen = check_from_second_session(*first.link, **second, first.facts.nonce); !seen) return seen;
  memory.seen_by_two(first.facts.identity);
  return {};
}

result<opened> open_at(const options& wanted, const endpoint* host, const connect_options& how, endpoint_memory& memory) {
  auto link = connection::open(wanted, host, how);
  if (!link) return std::move(link).error();
  const auto sent = (*link)->now();
  auto facts = set_up(**link, how.wait_timeout.value_or(wanted.lease.wait_timeout));
  if (!facts) return std::move(facts).error();
  opened made{std::move(*link), std::move(*facts), sent};
  if (auto fit = reaches_one_server(wanted, host, made, memory); !fit) return std::move(fit).error();
  return made;
}

}  // namespace

bool endpoint_memory::is_seen_by_two(const lock::server_identity& server) const {
  const std::lock_guard guard{mutex_};
  return seen_by_two_ == server;
}

void endpoint_memory::seen_by_two(const lock::server_identity& server) {
  const std::lock_guard guard{mutex_};
  seen_by_two_ = server;
}

/// The most telling failure is reported: an answer says more than silence.
result<opened> open_session(const options& wanted, endpoint_memory& memory, const connect_options& how) {
  if (!wanted.socket.empty()) return open_at(wanted, nullptr, how, memory);
  std::string tried;
  auto code = errc::store_unavailable;
  const auto count = wanted.hosts.size();
  const auto first = memory.preferred();
  for (std::size_t i = 0; i < count; ++i) {
    const auto index = (first + i) % count;
    auto at = open_at(wanted, &wanted.hosts[index], how, memory);
    if (at) {
      memory.prefer(index);
      return at;
    }
    if (code == errc::store_unavailable) code = at.error().code;
    const auto name = wanted.hosts[index].host + ":" + std::to_string(wanted.hosts[index].port);
    auto context = at.error().context;
    if (!context.starts_with(name)) context.insert(0, name + ": ");
    tried += (tried.empty() ? "" : "; ") + context;
  }
  return failure{code, tried};
}

status kill_query(const options& wanted, const endpoint_memory& memory, std::uint64_t connection_id, microseconds limit) {
  connect_options how;
  how.role = "control";
  how.answer_timeout = limit;
  how.connect_timeout = limit;
  auto link = connection::open(wanted, wanted.socket.empty() ? &wanted.hosts[memory.preferred()] : nullptr, how);
  if (!link) return std::move(link).error().in("control");
  auto killed = (*link)->run("KILL QUERY " + std::to_string(connection_id));
  if (!killed) return std::move(killed).error().in("control");
  return {};
}

connect_options lock_role(const options& wanted) { return {"lock", wanted.lease.probe_timeout}; }

connect_options ledger_role(const options& wanted) {
  return {"ledger", std::max<microseconds>(2 * wanted.lease.wait_timeout, std::chrono::seconds{30})};
}

connect_options helper_role(const options& wanted, std::string role) {
  auto how = ledger_role(wanted);
  how.role = std::move(role);
  how.wait_timeout = std::chrono::hours{1};
  return how;
}

}  // namespace baton::mysql

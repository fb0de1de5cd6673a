#include "open.hpp"

#include <algorithm>

namespace baton::mysql {
namespace {

result<opened> open_at(const options& wanted, const endpoint* host, const connect_options& how) {
  auto link = connection::open(wanted, host, how);
  if (!link) return std::move(link).error();
  const auto sent = (*link)->now();
  auto facts = set_up(**link, how.wait_timeout.value_or(wanted.lease.wait_timeout));
  if (!facts) return std::move(facts).error();
  return opened{std::move(*link), std::move(*facts), sent};
}

}  // namespace

/// The most telling failure is reported: an answer says more than silence.
result<opened> open_session(const options& wanted, std::atomic<std::size_t>& preferred, const connect_options& how) {
  if (!wanted.socket.empty()) return open_at(wanted, nullptr, how);
  std::string tried;
  auto code = errc::store_unavailable;
  const auto count = wanted.hosts.size();
  const auto first = preferred.load();
  for (std::size_t i = 0; i < count; ++i) {
    const auto index = (first + i) % count;
    auto at = open_at(wanted, &wanted.hosts[index], how);
    if (at) {
      preferred = index;
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

status kill_query(const options& wanted, std::size_t preferred, std::uint64_t connection_id, microseconds limit) {
  connect_options how;
  how.role = "control";
  how.answer_timeout = limit;
  how.connect_timeout = limit;
  auto link = connection::open(wanted, wanted.socket.empty() ? &wanted.hosts[preferred] : nullptr, how);
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

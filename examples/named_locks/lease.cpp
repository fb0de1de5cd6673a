// A lock that is proven again and again, says when it is lost, and whose holder of the past writes nothing.
#include <baton/mysql/guard.hpp>
#include <baton/mysql/lock_client.hpp>
#include <iostream>
#include <stop_token>
#include <vector>

#include "connection.hpp"

using namespace std::chrono_literals;

baton::result<void> work(MYSQL* connection) {
  const auto where = connection_from_environment();
  // The tables for fences, once for each database.
  auto store = baton::mysql::store::create(where);
  if (!store) return std::move(store).error();
  if (auto made = store->migrate(); !made) return made;

  // [lease]
  auto client = baton::mysql::lock_client::create(where);
  if (!client) return std::move(client).error();
  const auto name = baton::lock::key::from("payout:2026-11", {baton::lock::key_mode::portable, {}});
  std::stop_source lost;  // before the lease, whose callback uses it
  auto lease = (*client)->acquire(*name, 30s);
  if (lease.is_busy()) return baton::failure{baton::errc::timed_out, "somebody else pays out"};
  if (!lease) return lease.error();
  lease->on_lost([&lost](baton::lock::loss reason) {
    std::cerr << "the lock is lost: " << to_string(reason) << "\n";
    lost.request_stop();
  });
  // [lease]

  // [guarded]
  const baton::mysql::guard guard{*lease};
  const std::vector<std::string> statements{"UPDATE account SET balance = balance - 10 WHERE id = 1",
                                            "UPDATE account SET balance = balance + 10 WHERE id = 2"};
  auto written = guard.write(connection, statements);  // one transaction
  if (!written) return std::move(written).error();     // stale_fence: another holds the lock, and nothing was written
  std::cout << "changed " << *written << " rows under a fence, lock " << (lost.stop_requested() ? "lost" : "held") << "\n";
  // [guarded]
  return lease->release();
}

int main() {
  const auto where = connection_from_environment();
  MYSQL* const connection = mysql_init(nullptr);
  const bool by_socket = !where.socket.empty();
  if (mysql_real_connect(connection, by_socket ? nullptr : where.hosts.front().host.c_str(), where.user.c_str(), where.password.c_str(),
                         where.database.c_str(), by_socket ? 0 : where.hosts.front().port, by_socket ? where.socket.c_str() : nullptr,
                         0) == nullptr) {
    std::cerr << mysql_error(connection) << "\n";
    return 1;
  }
  for (const auto* statement :
       {"CREATE TABLE IF NOT EXISTS account (id INT PRIMARY KEY, balance INT)", "INSERT IGNORE INTO account VALUES (1, 100), (2, 100)"})
    (void)mysql_query(connection, statement);
  const auto done = work(connection);
  if (!done) std::cerr << to_string(done.error().code) << ": " << done.error().context << "\n";
  mysql_close(connection);
  return done ? 0 : 1;
}

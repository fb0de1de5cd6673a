#pragma once

// What the benchmarks stand on: a private server of each kind, a client as short as C can make it, and turns between two sides.
#include <benchmark/benchmark.h>
#include <mysql.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "baton/mysql/store.hpp"
#include "baton/testing/private_server.hpp"
#include "figures.hpp"

namespace baton::bench {

using testing::private_server;
using testing::server_kind;
using steady = std::chrono::steady_clock;

template <typename T>
T need(result<T> r) {
  if (!r) throw std::runtime_error{r.error().context};
  return std::move(r).value();
}
inline void need(const status& s) {
  if (!s) throw std::runtime_error{s.error().context};
}

/// As short as C code against the client library can be: no escaping, rows fetched and dropped.
class raw_client {
 public:
  enum class by : std::uint8_t { tcp = 1, socket };
  explicit raw_client(const private_server& server, by way = by::tcp) : handle_(mysql_init(nullptr)) {
    const std::string user{private_server::user()};
    const std::string password{private_server::password()};
    if (mysql_real_connect(handle_, way == by::tcp ? "127.0.0.1" : nullptr, user.c_str(), password.c_str(), "baton",
                           way == by::tcp ? server.port() : 0, way == by::tcp ? nullptr : server.socket().c_str(),
                           CLIENT_MULTI_STATEMENTS) == nullptr)
      throw std::runtime_error{mysql_error(handle_)};
    run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; SET time_zone='+00:00'");
  }
  ~raw_client() { mysql_close(handle_); }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  /// The first column of the last row.
  std::string run(const std::string& sql) {
    std::string last;
    if (mysql_real_query(handle_, sql.data(), sql.size()) != 0) throw std::runtime_error{mysql_error(handle_)};
    do {
      MYSQL_RES* const rows = mysql_store_result(handle_);
      if (rows == nullptr) continue;
      while (MYSQL_ROW row = mysql_fetch_row(rows)) last = row[0] != nullptr ? row[0] : "";
      mysql_free_result(rows);
    } while (mysql_next_result(handle_) == 0);
    if (mysql_errno(handle_) != 0) throw std::runtime_error{mysql_error(handle_)};
    return last;
  }
  unsigned long id() { return mysql_thread_id(handle_); }

 private:
  MYSQL* handle_;
};

struct bed {
  explicit bed(server_kind kind) : server(need(private_server::start(with(kind)))), at(need(mysql::store::create(where()))) {
    need(at.migrate());
  }
  static private_server::options with(server_kind kind) {
    private_server::options wanted;
    wanted.kind = kind;
    wanted.max_connections = 2000;
    return wanted;
  }
  mysql::options where(raw_client::by way = raw_client::by::tcp) const {
    mysql::options o;
    o.user = private_server::user();
    o.password = private_server::password();
    if (way == raw_client::by::tcp) o.hosts = {{"127.0.0.1", server->port()}};
    if (way == raw_client::by::socket) o.socket = server->socket();
    o.database = "baton";
    o.lease.wait_timeout = std::chrono::minutes{10};  // nobody probes here
    return o;
  }
  std::unique_ptr<private_server> server;
  mysql::store at;
};

inline bed& on(server_kind kind) {
  static std::unique_ptr<bed> beds[3];
  auto& made = beds[static_cast<std::size_t>(kind)];
  if (!made) made = std::make_unique<bed>(kind);
  return *made;
}

inline double median(std::vector<double>& all) {
  std::ranges::nth_element(all, all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2));
  return all[all.size() / 2];
}

/// Lets both sides take turns, and keeps the median of each. `limit`: the most that their ratio may be.
template <typename Ours, typename Raw>
void compare(benchmark::State& state, const std::string& name, Ours ours, Raw raw, double limit = 0) {
  std::vector<double> mine;
  std::vector<double> theirs;
  const auto timed = [](auto& side, std::vector<double>& into) {
    const auto start = steady::now();
    side();
    into.push_back(std::chrono::duration<double, std::micro>(steady::now() - start).count());
    return into.back() / 1e6;
  };
  for (int warm_up = 0; warm_up < 5; ++warm_up) ours(), raw();
  for (auto _ : state) {
    state.SetIterationTime(timed(ours, mine));
    timed(raw, theirs);
  }
  const figure f{name, median(mine), "us", median(theirs), limit};
  state.counters["p50_us"] = f.value;
  state.counters["raw_us"] = f.baseline;
  state.counters["ratio"] = f.value / f.baseline;
  keep(f);
}

}  // namespace baton::bench

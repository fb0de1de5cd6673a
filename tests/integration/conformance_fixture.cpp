#include "conformance_fixture.hpp"

#include <cstdlib>
#include <iostream>
#include <map>

namespace baton::conformance {
namespace {

std::map<server_kind, std::unique_ptr<private_server>>& servers() {
  static std::map<server_kind, std::unique_ptr<private_server>> all;
  return all;
}

class stop_servers final : public ::testing::Environment {
  void TearDown() override { servers().clear(); }
};
[[maybe_unused]] const auto* const registered = ::testing::AddGlobalTestEnvironment(new stop_servers);

std::size_t count(const std::string& condition) {
  const auto rows = conformance::sql("SELECT COUNT(*) FROM information_schema.processlist WHERE user='baton' AND " + condition);
  return std::stoul(rows.front().front().value_or("0"));
}

}  // namespace

bool eventually(const std::function<bool()>& condition, microseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

microseconds time_of(const std::function<void()>& what) {
  const auto start = std::chrono::steady_clock::now();
  what();
  return std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - start);
}

void expect_time(microseconds least, microseconds most, const std::function<void()>& what) {
  microseconds took{};
  for (int go = 0; go < 3; ++go) {
    took = time_of(what);
    EXPECT_GE(took, least);
    if (took < most) return;
  }
  EXPECT_LT(took, most);
}

raw_connection::raw_connection(const private_server& to, account as) {
  const std::string user{as == account::root ? "root" : private_server::user()};
  const std::string password{as == account::root ? "" : private_server::password()};
  if (mysql_real_connect(handle_, nullptr, user.c_str(), password.c_str(), nullptr, 0, to.socket().c_str(), 0) == nullptr)
    throw std::runtime_error{mysql_error(handle_)};
  mysql_set_character_set(handle_, "utf8mb4");
}

std::string raw_connection::run(const std::string& statement) {
  const auto fail = [&] { throw std::runtime_error{std::string{mysql_error(handle_)} + ": " + statement}; };
  if (mysql_real_query(handle_, statement.data(), statement.size()) != 0) fail();
  const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> rows{mysql_store_result(handle_), &mysql_free_result};
  if (mysql_errno(handle_) != 0) fail();
  MYSQL_ROW row = rows ? mysql_fetch_row(rows.get()) : nullptr;
  return row != nullptr && row[0] != nullptr ? row[0] : "";
}

private_server& conformance::server() { return *servers().at(GetParam().server); }

mysql::options conformance::where() {
  mysql::options o;
  o.user = private_server::user();
  o.password = private_server::password();
  o.database = "baton";
  o.instance = "conformance";
  o.lease = {500ms, 500ms, 3s, 1500ms, 500ms};
  if (GetParam().via == transport::socket) {
    o.socket = server().socket();
  } else {
    o.hosts = {{"localhost", server().port()}};
    o.tls = mysql::tls_mode::verify_identity;
    o.tls_ca = server().tls_ca();
  }
  return o;
}

void conformance::SetUp() {
  if (const auto reason = private_server::missing(GetParam().server)) {
    if (std::getenv("CI") != nullptr) FAIL() << *reason;
    std::cerr << "SKIPPED: " << *reason << "\n";
    GTEST_SKIP() << "SKIPPED: " << *reason;
  }
  auto& held = servers()[GetParam().server];
  if (!held) {
    private_server::options wanted;
    wanted.kind = GetParam().server;
    wanted.max_connections = 2000;
    wanted.tls = true;
    held = ok(private_server::start(wanted));
    ok(store().migrate());
  }
  ok(held->start_again());
}

void conformance::TearDown() {
  if (!servers().contains(GetParam().server)) return;
  server().resume();
  EXPECT_TRUE(eventually([] { return connections() == 0; })) << connections() << " sessions, and with them their locks, are left";
}

std::size_t conformance::connections() { return count("1"); }
std::size_t conformance::waiting() { return count("state='User lock'"); }

std::uint64_t conformance::holder_of(const std::string& name) {
  const auto rows = sql("SELECT IS_USED_LOCK('" + name + "')");
  return std::stoull(rows.front().front().value_or("0"));
}

std::thread conformance::start_waiting(const std::function<void()>& wait) {
  const auto before = waiting();
  std::thread waiter{wait};
  EXPECT_TRUE(eventually([&] { return waiting() > before; })) << "nobody began to wait";
  return waiter;
}

}  // namespace baton::conformance

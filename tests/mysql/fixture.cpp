#include "fixture.hpp"

#include <cstdlib>
#include <iostream>
#include <map>
#include <thread>

#include "connection.hpp"
#include "server.hpp"

namespace baton::mysql::testing {
namespace {

std::string variable(const char* name) { return std::getenv(name) != nullptr ? std::getenv(name) : ""; }

/// mysql://USER:PASSWORD@HOST:PORT/DATABASE
std::optional<options> user_server() {
  auto rest = variable("BATON_TEST_URL");
  if (!rest.starts_with("mysql://")) return std::nullopt;
  rest.erase(0, 8);
  const auto at = rest.rfind('@');
  const auto slash = rest.find('/', at);
  const auto account = rest.substr(0, at);
  const auto address = rest.substr(at + 1, slash - at - 1);
  options made;
  made.user = account.substr(0, account.find(':'));
  if (account.find(':') != std::string::npos) made.password = account.substr(account.find(':') + 1);
  const auto colon = address.find(':');
  made.hosts = {
      {address.substr(0, colon), static_cast<std::uint16_t>(colon == std::string::npos ? 3306 : std::stoi(address.substr(colon + 1)))}};
  made.database = rest.substr(slash + 1);
  return made;
}

std::map<server_kind, std::unique_ptr<private_server>>& servers() {
  static std::map<server_kind, std::unique_ptr<private_server>> all;
  return all;
}

/// Cluster "t" is the tests'.
constexpr auto clean =
    "DELETE FROM baton_tick WHERE cluster='t'; DELETE FROM baton_fence WHERE lock_name LIKE 'baton:t:%'; DELETE FROM baton_job WHERE "
    "cluster='t';"
    "DELETE FROM baton_instance WHERE cluster='t'";

class stop_servers final : public ::testing::Environment {
  void TearDown() override { servers().clear(); }
};
[[maybe_unused]] const auto* const registered = ::testing::AddGlobalTestEnvironment(new stop_servers);

}  // namespace

bool eventually(const std::function<bool()>& condition, microseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds{5});
  }
  return true;
}

private_server* store_test::server() {
  const auto it = servers().find(GetParam());
  return it == servers().end() ? nullptr : it->second.get();
}

void store_test::need_private_server() {
  if (server() == nullptr) GTEST_SKIP() << "SKIPPED: needs a private server, and BATON_TEST_URL names one of the user's";
}

void store_test::SetUp() {
  if (user_server()) {
    if (GetParam() != server_kind::mariadb)
      GTEST_SKIP() << "SKIPPED: BATON_TEST_URL names one server, which the other half of these tests uses";
    ok(open_store().migrate());
    account_sql(clean);
    return;
  }
  if (const auto reason = private_server::missing(GetParam())) {
    if (!variable("CI").empty()) FAIL() << *reason;
    std::cerr << "SKIPPED: " << *reason << "\n";
    GTEST_SKIP() << "SKIPPED: " << *reason;
  }
  auto& held = servers()[GetParam()];
  if (!held) {
    private_server::options wanted;
    wanted.kind = GetParam();
    held = ok(private_server::start(wanted));
  }
  ok(held->start_again());
  ok(open_store().migrate());
  account_sql(clean);
}

void store_test::TearDown() {
  if (server() == nullptr) return;
  server()->resume();
  // Sessions end a moment after their sockets. Every lock belongs to a session of the account's.
  const auto left = [] {
    return sql("SELECT COUNT(*) FROM information_schema.processlist WHERE user='baton'").front().front().value_or("?");
  };
  EXPECT_TRUE(eventually([&] { return left() == "0"; })) << left() << " sessions, and with them their locks, are left on the server";
}

std::vector<private_server::row> store_test::account_sql(const std::string& statements) {
  const auto wanted = store_options();
  connect_options how;
  how.role = "test";
  how.answer_timeout = std::chrono::seconds{30};
  const auto link = ok(connection::open(wanted, &wanted.hosts.front(), how));
  (void)ok(set_up(*link, wanted.lease.wait_timeout));
  std::vector<private_server::row> rows;
  for (auto& answer : ok(link->run(statements))) {
    if (answer.columns() > 0) rows.clear();
    while (answer.next()) {
      auto& row = rows.emplace_back();
      for (unsigned i = 0; i < answer.columns(); ++i) row.push_back(answer.is_null(i) ? std::nullopt : std::optional{answer.text(i)});
    }
  }
  return rows;
}

options store_test::store_options() {
  auto wanted = user_server().value_or(options{});
  if (server() != nullptr) {
    wanted.user = private_server::user();
    wanted.password = private_server::password();
    wanted.hosts = {{"127.0.0.1", server()->port()}};
    wanted.database = "baton";
  }
  wanted.lease = tight();
  wanted.instance = "test";
  return wanted;
}

}  // namespace baton::mysql::testing

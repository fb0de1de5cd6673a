#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "baton/ledger/session.hpp"
#include "baton/lock/name.hpp"
#include "baton/lock/session.hpp"
#include "baton/mysql/store.hpp"
#include "baton/testing/private_server.hpp"

namespace baton::mysql::testing {

using baton::testing::private_server;
using baton::testing::server_kind;

/// The tightest legal timing.
inline lock::lease_timing tight() {
  return {milliseconds{500}, milliseconds{500}, std::chrono::seconds{3}, milliseconds{1500}, milliseconds{500}};
}

/// Fails the test that calls it when `r` holds an error; use as `auto x = ok(f());`.
template <typename T>
T ok(result<T> r) {
  if (!r) {
    ADD_FAILURE() << to_string(r.error().code) << ": " << r.error().context;
    throw std::runtime_error{r.error().context};
  }
  return std::move(r).value();
}
inline void ok(status s) {
  if (!s) {
    ADD_FAILURE() << to_string(s.error().code) << ": " << s.error().context;
    throw std::runtime_error{s.error().context};
  }
}

template <typename T>
errc code_of(const result<T>& r) {
  return r ? errc{} : r.error().code;
}

/// Waits for `condition`, at most `limit`.
[[nodiscard]] bool eventually(const std::function<bool()>& condition, microseconds limit = std::chrono::seconds{10});

/// A store, its tables empty, on one server of each kind - shared by all tests of the program - or on BATON_TEST_URL.
///
/// After each test no named lock of Baton's may be left on the server.
class store_test : public ::testing::TestWithParam<server_kind> {
 public:
  /// What to connect with, as the account of the tests.
  [[nodiscard]] static options store_options();
  /// Statements of that account; gives the rows of the last one that has any.
  static std::vector<private_server::row> account_sql(const std::string& statements);
  [[nodiscard]] static store open_store() { return ok(store::create(store_options())); }

 protected:
  void SetUp() override;
  void TearDown() override;

  /// The private server, for faults; nullptr (and the test is skipped, loudly) on a server of the user's.
  static private_server* server();
  void need_private_server();

  [[nodiscard]] static std::unique_ptr<lock::waiting_session> lock_session() { return ok(open_store().open_lock_session()); }
  [[nodiscard]] static std::unique_ptr<ledger::session> ledger_session() { return ok(open_store().open_ledger_session()); }

  /// As root on the private server.
  static std::vector<private_server::row> sql(const std::string& statement) { return ok(server()->exec(statement)); }
  static void kill_connection(std::uint64_t id) { sql("KILL " + std::to_string(id)); }
};

#define BATON_ON_BOTH_SERVERS(suite)                                                                    \
  INSTANTIATE_TEST_SUITE_P(servers, suite, ::testing::Values(server_kind::mariadb, server_kind::mysql), \
                           [](const auto& parameter) { return std::string{baton::testing::to_string(parameter.param)}; })

}  // namespace baton::mysql::testing

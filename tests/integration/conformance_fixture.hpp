#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "baton/lock/named_lock.hpp"
#include "baton/mysql/adopt.hpp"
#include "baton/mysql/store.hpp"
#include "baton/testing/private_server.hpp"

namespace baton::conformance {

using testing::private_server;
using testing::server_kind;
using namespace std::chrono_literals;

enum class transport : std::uint8_t { socket = 1, tls };
struct setup {
  server_kind server;
  transport via;
};

/// Fails the test when `r` holds an error; use as `auto x = ok(f());`.
template <typename T>
T ok(result<T> r) {
  if (!r) {
    ADD_FAILURE() << to_string(r.error().code) << ": " << r.error().context;
    throw std::runtime_error{r.error().context};
  }
  if constexpr (!std::is_void_v<T>) return std::move(r).value();
}

template <typename T>
errc code_of(const result<T>& r) {
  return r ? errc{} : r.error().code;
}
template <typename T>
errc code_of(const lock::attempt<T>& a) {
  return a.has_failed() ? a.error().code : errc{};
}

/// Waits for `condition`, at most `limit`.
[[nodiscard]] bool eventually(const std::function<bool()>& condition, microseconds limit = 10s);

[[nodiscard]] microseconds time_of(const std::function<void()>& what);
/// `what` takes at least `least`, always, and less than `most` in one of three goes: a machine under load may stall any single one.
void expect_time(microseconds least, microseconds most, const std::function<void()>& what);

/// However a scope ends.
struct at_the_end {
  std::function<void()> what;
  ~at_the_end() { what(); }
};

/// A connection that a program made by itself.
class raw_connection {
 public:
  enum class account : std::uint8_t { root = 1, baton };
  /// By the unix socket.
  explicit raw_connection(const private_server& to, account as = account::root);
  ~raw_connection() { mysql_close(handle_); }
  raw_connection(const raw_connection&) = delete;
  raw_connection& operator=(const raw_connection&) = delete;

  /// The first column of the first row.
  std::string run(const std::string& statement);
  [[nodiscard]] MYSQL* handle() noexcept { return handle_; }

 private:
  MYSQL* handle_ = mysql_init(nullptr);
};

/// A row of the conformance list, on one server over one transport, with the client library that the program was linked with.
/// After each test no session, and so no lock, of Baton's is left on the server.
class conformance : public ::testing::TestWithParam<setup> {
 public:
  [[nodiscard]] static bool on_mariadb() { return GetParam().server == server_kind::mariadb; }
  [[nodiscard]] static private_server& server();
  [[nodiscard]] static mysql::options where();
  [[nodiscard]] static mysql::store store() { return ok(mysql::store::create(where())); }
  [[nodiscard]] static std::unique_ptr<lock::waiting_session> session() { return ok(store().open_lock_session()); }
  [[nodiscard]] static lock::key key(std::string_view text = "conformance", lock::key_options how = {}) {
    return ok(lock::key::from(text, how));
  }
  /// As root, by a connection of its own.
  static std::vector<private_server::row> sql(const std::string& statement) { return ok(server().exec(statement)); }
  /// The connections of Baton's on the server; of those that wait for a lock.
  [[nodiscard]] static std::size_t connections();
  [[nodiscard]] static std::size_t waiting();
  /// The connection that holds `name`; 0 if none.
  [[nodiscard]] static std::uint64_t holder_of(const std::string& name);

  /// Runs `wait` on a thread of its own, and returns when the server shows one more waiting connection.
  [[nodiscard]] static std::thread start_waiting(const std::function<void()>& wait);

 protected:
  void SetUp() override;
  void TearDown() override;
};

#define BATON_CONFORMANCE(suite)                                                                                                          \
  INSTANTIATE_TEST_SUITE_P(list, suite,                                                                                                   \
                           ::testing::Values(setup{server_kind::mariadb, transport::socket}, setup{server_kind::mariadb, transport::tls}, \
                                             setup{server_kind::mysql, transport::socket}, setup{server_kind::mysql, transport::tls}),    \
                           [](const auto& p) {                                                                                            \
                             return std::string{testing::to_string(p.param.server)} +                                                     \
                                    (p.param.via == transport::tls ? "_tls" : "_socket");                                                 \
                           })

}  // namespace baton::conformance

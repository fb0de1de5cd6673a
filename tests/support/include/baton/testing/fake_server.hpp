#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

namespace baton::testing {

/// Speaks the protocol of a MySQL server well enough to be taken for one by both client libraries, and answers as a fit one of version
/// 8.4 - but for what a test makes it say otherwise: for servers and proxies that cannot be had here. It runs no SQL.
///
/// Thread safety: the responder is called on a thread of each connection.
class fake_server {
 public:
  using row = std::vector<std::optional<std::string>>;
  struct error {
    unsigned number = 0;
    std::string text;
  };
  struct done {};  ///< a statement that gives no rows
  using table = std::vector<row>;
  using answer = std::variant<error, done, table>;
  /// What a connection asks; nullopt: as a fit server.
  using responder = std::function<std::optional<answer>(std::string_view statement, std::uint64_t connection_id)>;

  explicit fake_server(responder otherwise = {}, std::string version = "8.4.3");
  ~fake_server();
  fake_server(const fake_server&) = delete;
  fake_server& operator=(const fake_server&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  struct session {
    std::uint64_t id = 0;
    std::string nonce;
    std::string wait_timeout = "28800";
  };
  void accept_all();
  void serve(int socket, session s);
  [[nodiscard]] answer answer_to(std::string_view statement, session& s) const;

  const responder otherwise_;
  const std::string version_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::atomic<bool> is_ending_ = false;
  std::thread acceptor_;
};

}  // namespace baton::testing

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace baton::test {

/// A file that goes away with the test.
class scratch_file {
 public:
  explicit scratch_file(const std::string& text = {});
  ~scratch_file();
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;
  void write(const std::string& text) const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A certificate for 127.0.0.1 that is its own authority, with its key in the same file. Made anew each time.
class certificate {
 public:
  certificate();
  [[nodiscard]] const std::string& path() const { return file_.path(); }

 private:
  scratch_file file_;
};

/// An HTTP server on 127.0.0.1, with TLS if it has a certificate. Connections come one after the other and carry a request each.
class http_server {
 public:
  /// The response to a request, both as on the wire. None: the connection stays open until the client hangs up.
  using answer = std::function<std::string(const std::string& request)>;
  enum class clients : std::uint8_t { any, with_its_certificate };

  explicit http_server(answer respond, const certificate* own = nullptr, clients allowed = clients::any);
  ~http_server();
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  /// "127.0.0.1:PORT"
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + port(); }
  [[nodiscard]] std::string port() const { return std::to_string(port_); }
  /// What was asked so far.
  [[nodiscard]] std::vector<std::string> requests() const;

 private:
  class connection;
  void serve();

  answer respond_;
  std::shared_ptr<void> tls_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

/// A response with this status line, these headers and this body.
std::string response(const std::string& status, const std::string& body = {}, const std::string& headers = {});

}  // namespace baton::test

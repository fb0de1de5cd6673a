#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>

namespace baton::testing {

/// A plain socket that says what it is told, so that a test can be as rude as it likes. Every wait ends after ten seconds.
class http_client {
 public:
  explicit http_client(std::uint16_t port) : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    prepare(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }
  explicit http_client(const std::string& path) : descriptor_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    prepare(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;
  ~http_client() { ::close(descriptor_); }

  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// Everything until the server closes.
  std::string read_to_end() {
    while (receive()) {
    }
    return std::move(received_);
  }

  /// Whether the connection was reset instead of closed: elsewhere than on loopback that costs the client the last answer.
  [[nodiscard]] bool was_reset() const noexcept { return was_reset_; }

  /// One answer with its body, as Content-Length says (none for HEAD); empty if the connection ended before.
  std::string read_answer(bool has_body = true) {
    auto end = received_.find("\r\n\r\n");
    while (end == std::string::npos) {
      if (!receive()) return {};
      end = received_.find("\r\n\r\n");
    }
    std::size_t size = end + 4;
    if (const auto length = received_.find("Content-Length: "); has_body && length < end) size += std::stoul(received_.substr(length + 16));
    while (received_.size() < size) {
      if (!receive()) return {};
    }
    auto answer = received_.substr(0, size);
    received_.erase(0, size);
    return answer;
  }

  /// What comes up to and with `end`; empty if the connection ended before.
  std::string read_answer_to(std::string_view end) {
    while (received_.find(end) == std::string::npos) {
      if (!receive()) return {};
    }
    const auto size = received_.find(end) + end.size();
    auto answer = received_.substr(0, size);
    received_.erase(0, size);
    return answer;
  }

  std::string get(const std::string& target) {
    send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return read_answer();
  }

  [[nodiscard]] bool has_something_to_read_within(std::chrono::milliseconds longest) const {
    pollfd socket{descriptor_, POLLIN, 0};
    return ::poll(&socket, 1, static_cast<int>(longest.count())) > 0;
  }

  /// Whether nothing has come and the server has not closed.
  [[nodiscard]] bool is_waiting() const {
    char next = 0;
    return ::recv(descriptor_, &next, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

 private:
  void prepare(const sockaddr* address, socklen_t size) {
    const timeval longest{10, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof(longest));
    ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof(longest));
    EXPECT_EQ(::connect(descriptor_, address, size), 0) << std::strerror(errno);
  }

  bool receive() {
    std::array<char, 16384> buffer;
    const auto size = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    EXPECT_FALSE(size < 0 && errno == EAGAIN) << "the server said nothing for ten seconds";
    was_reset_ = was_reset_ || (size < 0 && errno == ECONNRESET);
    if (size > 0) received_.append(buffer.data(), static_cast<std::size_t>(size));
    return size > 0;
  }

  int descriptor_;
  bool was_reset_ = false;
  std::string received_;
};

}  // namespace baton::testing

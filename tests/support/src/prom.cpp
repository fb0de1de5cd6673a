#include "baton/testing/prom.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace baton::testing {
namespace {

struct socket_owner {
  int descriptor;
  ~socket_owner() { ::close(descriptor); }
};

/// NAME{LABEL="VALUE",…} NUMBER
scrape::sample read_sample(std::string_view line) {
  scrape::sample s;
  const auto end_of_name = line.find_first_of("{ ");
  s.name = line.substr(0, end_of_name);
  auto rest = line.substr(std::min(end_of_name, line.size()));
  while (!rest.empty() && (rest.front() == '{' || rest.front() == ',')) {
    rest.remove_prefix(1);
    const auto equals = rest.find("=\"");
    if (equals == std::string_view::npos) break;
    const std::string label{rest.substr(0, equals)};
    rest.remove_prefix(equals + 2);
    std::string value;
    while (!rest.empty() && rest.front() != '"') {
      if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
      value += rest.front();
      rest.remove_prefix(1);
    }
    if (!rest.empty()) rest.remove_prefix(1);
    s.labels[label] = value;
  }
  if (!rest.empty() && rest.front() == '}') rest.remove_prefix(1);
  s.value = std::strtod(std::string{rest}.c_str(), nullptr);
  return s;
}

}  // namespace

result<http_reply> http_get(std::uint16_t port, std::string_view path, microseconds limit) {
  const auto failed = [&](const char* what) {
    return failure{errc::io, std::string{what} + " 127.0.0.1:" + std::to_string(port) + std::string{path} + ": " + std::strerror(errno)};
  };
  const socket_owner link{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  timeval wait{};
  wait.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(limit).count();
  wait.tv_usec = (limit % std::chrono::seconds{1}).count();
  ::setsockopt(link.descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  ::setsockopt(link.descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(link.descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return failed("connect");
  const std::string request =
      "GET " + std::string{path} + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) + "\r\nAccept: */*\r\nConnection: close\r\n\r\n";
  if (::send(link.descriptor, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return failed("send");
  std::string text;
  std::array<char, 16384> part{};
  for (;;) {
    const auto n = ::recv(link.descriptor, part.data(), part.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("recv");
    if (n == 0) break;
    text.append(part.data(), static_cast<std::size_t>(n));
  }
  const auto head = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.1 ") || head == std::string::npos) return failure{errc::io, "no HTTP reply: " + text.substr(0, 80)};
  return http_reply{std::atoi(text.c_str() + 9), text.substr(head + 4)};
}

scrape scrape::parse(std::string_view text) {
  scrape s;
  std::stringstream lines{std::string{text}};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      const auto name = line.substr(7, line.find(' ', 7) - 7);
      s.families_[name] = line.substr(std::min(line.size(), 8 + name.size()));
    } else if (!line.empty() && line.front() != '#') {
      s.samples_.push_back(read_sample(line));
    }
  }
  return s;
}

std::optional<double> scrape::value(std::string_view name, const labels& with) const {
  std::optional<double> sum;
  for (const auto& s : samples_) {
    const auto has = [&](const auto& wanted) {
      const auto it = s.labels.find(wanted.first);
      return it != s.labels.end() && it->second == wanted.second;
    };
    if (s.name == name && std::ranges::all_of(with, has)) sum = sum.value_or(0) + s.value;
  }
  return sum;
}

}  // namespace baton::testing

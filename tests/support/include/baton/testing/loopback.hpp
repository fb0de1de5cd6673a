#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <stdexcept>

namespace baton::testing {

struct listener {
  int socket = -1;  ///< the caller's to close
  std::uint16_t port = 0;
};

/// Listens on a free port of 127.0.0.1. Throws std::runtime_error.
inline listener listen_on_loopback(int backlog) {
  listener l{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), 0};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(l.socket, generic, size) != 0 || ::listen(l.socket, backlog) != 0 || ::getsockname(l.socket, generic, &size) != 0)
    throw std::runtime_error{"no port to listen on"};
  l.port = ntohs(address.sin_port);
  return l;
}

}  // namespace baton::testing

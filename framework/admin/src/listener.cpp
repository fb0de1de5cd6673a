#include "listener.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <system_error>
#include <utility>

namespace baton::admin {
namespace {

constexpr int queue_length = 128;

failure io_failure(const std::string& what, int error, const char* cure) {
  return {errc::io, what + ": " + std::generic_category().message(error) + "; " + cure};
}

template <typename Address>
const sockaddr* generic(const Address& address) noexcept {
  return reinterpret_cast<const sockaddr*>(&address);
}

struct tcp_address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

result<tcp_address> parse_tcp_address(const std::string& host, std::uint16_t port) {
  tcp_address out;
  const std::string literal = host == "localhost" ? "127.0.0.1" : host;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, literal.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    out.size = sizeof(v4);
    std::memcpy(&out.storage, &v4, sizeof(v4));
  } else if (::inet_pton(AF_INET6, literal.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    out.size = sizeof(v6);
    std::memcpy(&out.storage, &v6, sizeof(v6));
  } else {
    return failure{errc::invalid_argument,
                   "http: cannot listen on '" + host + "': write an address such as 127.0.0.1, 0.0.0.0 or ::1, or localhost"};
  }
  return out;
}

/// Whether somebody listens on the unix socket at `address`.
bool is_alive(const sockaddr_un& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return true;  // not known: leave it alone
  const bool alive = ::connect(probe, generic(address), sizeof(address)) == 0 || errno != ECONNREFUSED;
  ::close(probe);
  return alive;
}

}  // namespace

listener::listener(listener&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      port_(other.port_),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

listener::~listener() {
  if (struct stat found{}; !path_.empty() && ::lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
  if (descriptor_ >= 0) ::close(descriptor_);
}

result<listener> listener::on_tcp(const std::string& host, std::uint16_t port) {
  const auto address = parse_tcp_address(host, port);
  if (!address) return address.error();
  const std::string what = "http: cannot listen on " + host + " port " + std::to_string(port);
  listener made{::socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (made.descriptor_ < 0) return io_failure(what, errno, "is this address family available here?");
  const int on = 1;
  ::setsockopt(made.descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(made.descriptor_, generic(address->storage), address->size) != 0 || ::listen(made.descriptor_, queue_length) != 0) {
    return io_failure(what, errno, "choose another with http.listen, or end what uses it");
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (::getsockname(made.descriptor_, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return io_failure(what, errno, "no port is known");
  in_port_t network_port = 0;  // sin_port and sin6_port are at the same place
  std::memcpy(&network_port, reinterpret_cast<const char*>(&bound) + offsetof(sockaddr_in, sin_port), sizeof(network_port));
  made.port_ = ntohs(network_port);
  return made;
}

result<listener> listener::on_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path) || path.find('\0') != std::string::npos) {
    return failure{errc::invalid_argument, "http: cannot listen on '" + path + "': the path of a unix socket has 1 to " +
                                               std::to_string(sizeof(address.sun_path) - 1) + " bytes"};
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const std::string what = "http: cannot listen on the unix socket " + path;
  listener made{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (made.descriptor_ < 0) return io_failure(what, errno, "unix sockets are needed");
  ::fchmod(made.descriptor_, 0660);  // before bind: the file is never open to more than these
  if (struct stat found{}; ::lstat(path.c_str(), &found) == 0) {
    if (!S_ISSOCK(found.st_mode)) return io_failure(what, EEXIST, "it is a file of another kind, and is left alone");
    if (is_alive(address)) return io_failure(what, EADDRINUSE, "another process listens there");
    ::unlink(path.c_str());
  }
  if (::bind(made.descriptor_, generic(address), sizeof(address)) != 0) {
    return io_failure(what, errno, "its directory must exist and be writable; choose it with http.socket");
  }
  struct stat found {};
  const bool opened = ::chmod(path.c_str(), 0660) == 0;  // to all of these, whatever the umask
  if (!opened || ::lstat(path.c_str(), &found) != 0) return io_failure(what, errno, "it changed hands at once");
  made.path_ = path;
  made.device_ = found.st_dev;
  made.inode_ = found.st_ino;
  if (::listen(made.descriptor_, queue_length) != 0) return io_failure(what, errno, "choose another with http.socket");
  return made;
}

int listener::accept() const noexcept {
  const int client = ::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  const int on = 1;
  if (client >= 0 && port_ != 0) ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return client;
}

std::string peer_of(int client) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return "unknown";
  return "uid " + std::to_string(peer.uid);
}

}  // namespace baton::admin

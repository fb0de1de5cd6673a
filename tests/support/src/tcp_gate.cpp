#include "baton/testing/tcp_gate.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <stdexcept>

#include "baton/testing/disturbance.hpp"

namespace baton::testing {
namespace {

using steady = std::chrono::steady_clock;

sockaddr_in at(const std::string& address, std::uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &a.sin_addr);
  return a;
}

void no_delay(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/// Bytes that may pass when their time has come.
struct queue {
  struct chunk {
    steady::time_point due;
    std::string bytes;
  };
  std::deque<chunk> chunks;
};

}  // namespace

struct tcp_gate::pair {
  int client = -1;
  int server = -1;
  queue to_server;
  queue to_client;
  bool is_over = false;
  bool is_silent = false;

  ~pair() {
    ::close(client);
    ::close(server);
  }
};

tcp_gate::tcp_gate(std::uint16_t target, const std::string& address) : target_(target), address_(address) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto a = at(address, 0);
  socklen_t size = sizeof a;
  auto* const generic = reinterpret_cast<sockaddr*>(&a);
  if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 || ::getsockname(listener_, generic, &size) != 0)
    throw std::runtime_error{"tcp_gate: no port to listen on at " + address};
  port_ = ntohs(a.sin_port);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread{[this] { run(); }};
}

tcp_gate::~tcp_gate() {
  is_ending_ = true;
  ::eventfd_write(wake_, 1);
  thread_.join();
  ::close(listener_);
  ::close(wake_);
}

void tcp_gate::swallow(bool on) noexcept {
  swallows_ = on;
  disturbance::note();
}

void tcp_gate::delay(microseconds each_way) noexcept {
  delay_ = each_way;
  disturbance::note();
}

void tcp_gate::silence(std::uint16_t port) {
  disturbance::note();
  const std::lock_guard guard{mutex_};
  for (const auto& p : pairs_) {
    sockaddr_in own{};
    socklen_t size = sizeof own;
    if (::getsockname(p->server, reinterpret_cast<sockaddr*>(&own), &size) == 0 && ntohs(own.sin_port) == port) p->is_silent = true;
  }
  ::eventfd_write(wake_, 1);
}

void tcp_gate::cut() {
  disturbance::note();
  const std::lock_guard guard{mutex_};
  for (const auto& p : pairs_) {
    p->is_over = true;
    const linger reset{1, 0};
    ::setsockopt(p->client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    ::setsockopt(p->server, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  ::eventfd_write(wake_, 1);
}

void tcp_gate::accept_one() {
  const auto p = std::make_shared<pair>();
  p->client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  p->server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto a = at("127.0.0.1", target_);
  if (p->client < 0 || ::connect(p->server, reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0) return;  // the pair closes both
  no_delay(p->client);
  no_delay(p->server);
  const std::lock_guard guard{mutex_};
  pairs_.push_back(p);
}

void tcp_gate::move_bytes(const std::shared_ptr<pair>& p, int from, int to) {
  std::array<char, 65536> buffer{};
  const auto n = ::recv(from, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    if (!swallows_) p->is_over = true;  // an end is swallowed too
    return;
  }
  if (swallows_) return;
  auto& way = to == p->server ? p->to_server : p->to_client;
  way.chunks.push_back({steady::now() + delay_.load(), std::string{buffer.data(), static_cast<std::size_t>(n)}});
}

void tcp_gate::run() {
  while (!is_ending_) {
    std::vector<std::shared_ptr<pair>> pairs;
    {
      const std::lock_guard guard{mutex_};
      std::erase_if(pairs_, [](const auto& p) { return p->is_over; });
      pairs = pairs_;
      std::erase_if(pairs, [](const auto& p) { return p->is_silent; });
    }
    std::vector<pollfd> watched{{listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
    int wait_ms = -1;
    for (const auto& p : pairs) {
      watched.push_back({p->client, POLLIN, 0});
      watched.push_back({p->server, POLLIN, 0});
      for (auto* way : {&p->to_server, &p->to_client}) {
        const int to = way == &p->to_server ? p->server : p->client;
        while (!way->chunks.empty() && way->chunks.front().due <= steady::now()) {
          const auto& bytes = way->chunks.front().bytes;
          if (::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) p->is_over = true;
          way->chunks.pop_front();
        }
        if (way->chunks.empty()) continue;
        const auto left = std::chrono::ceil<milliseconds>(way->chunks.front().due - steady::now());
        wait_ms = std::max(0, wait_ms < 0 ? static_cast<int>(left.count()) : std::min(wait_ms, static_cast<int>(left.count())));
      }
    }
    // A side whose end is swallowed stays readable: it is not to be spun on.
    if (swallows_) wait_ms = 5;
    if (::poll(watched.data(), swallows_ ? 2 : watched.size(), wait_ms) < 0) continue;
    if (watched[0].revents != 0) accept_one();
    if (watched[1].revents != 0) {
      eventfd_t ignored = 0;
      ::eventfd_read(wake_, &ignored);
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      if (swallows_ || watched[2 + 2 * i].revents != 0) move_bytes(pairs[i], pairs[i]->client, pairs[i]->server);
      if (swallows_ || watched[3 + 2 * i].revents != 0) move_bytes(pairs[i], pairs[i]->server, pairs[i]->client);
    }
  }
}

}  // namespace baton::testing

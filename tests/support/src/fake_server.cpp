#include "baton/testing/fake_server.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <stdexcept>

#include "baton/base/time.hpp"
#include "baton/testing/loopback.hpp"

namespace baton::testing {
namespace {

/// Packets of the protocol: three bytes of length, one of sequence, the payload.
class wire {
 public:
  explicit wire(int socket) : socket_(socket) {}

  bool send(std::string_view payload) {
    std::string packet;
    put(packet, payload.size(), 3);
    packet += static_cast<char>(sequence_++);
    packet += payload;
    return ::send(socket_, packet.data(), packet.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(packet.size());
  }
  std::optional<std::string> receive() {
    std::array<unsigned char, 4> head{};
    if (!read(head.data(), head.size())) return std::nullopt;
    sequence_ = static_cast<std::uint8_t>(head[3] + 1);
    std::string payload(head[0] | (head[1] << 8U) | (head[2] << 16U), '\0');
    if (!read(payload.data(), payload.size())) return std::nullopt;
    return payload;
  }
  static void put(std::string& to, std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) to += static_cast<char>(value >> (8 * i));
  }
  /// Length-encoded; for texts of less than 64 KiB.
  static void put_text(std::string& to, std::string_view text) {
    if (text.size() < 251) {
      to += static_cast<char>(text.size());
    } else {
      to += static_cast<char>(0xfc);
      put(to, text.size(), 2);
    }
    to += text;
  }

 private:
  bool read(void* into, std::size_t size) {
    for (std::size_t got = 0; got < size;) {
      const auto n = ::recv(socket_, static_cast<char*>(into) + got, size - got, 0);
      if (n <= 0) return false;
      got += static_cast<std::size_t>(n);
    }
    return true;
  }
  int socket_;
  std::uint8_t sequence_ = 0;
};

constexpr std::uint16_t autocommit = 2;
constexpr std::uint16_t more_results = 8;

std::string ok_packet(bool more) {
  std::string p(3, '\0');
  wire::put(p, autocommit | (more ? more_results : 0), 2);
  wire::put(p, 0, 2);
  return p;
}

std::string end_packet(bool more) {
  std::string p{"\xfe\0\0", 3};
  wire::put(p, autocommit | (more ? more_results : 0), 2);
  return p;
}

std::string error_packet(const fake_server::error& e) {
  std::string p{"\xff"};
  wire::put(p, e.number, 2);
  return p + "#HY000" + e.text;
}

std::string column_packet() {
  std::string p;
  for (const auto* part : {"def", "", "", "", "c", ""}) wire::put_text(p, part);
  p += '\x0c';
  wire::put(p, 45, 2);    // utf8mb4
  wire::put(p, 1024, 4);  // display length
  p += static_cast<char>(253);
  wire::put(p, 0, 5);
  return p;
}

std::string greeting(std::uint64_t id, const std::string& version) {
  // 4.1 protocol, with database, transactions, secure connection, multi statements and results, plugins, attributes, long auth data.
  constexpr std::uint32_t capabilities =
      0x00000001 | 0x00000008 | 0x00000200 | 0x00002000 | 0x00008000 | 0x00010000 | 0x00020000 | 0x00080000 | 0x00100000 | 0x00200000;
  std::string p{"\x0a"};
  p += version;
  p += '\0';
  wire::put(p, id, 4);
  p += "abcdefgh";
  p += '\0';
  wire::put(p, capabilities & 0xffffU, 2);
  p += static_cast<char>(255);
  wire::put(p, autocommit, 2);
  wire::put(p, capabilities >> 16U, 2);
  p += static_cast<char>(21);
  p.append(10, '\0');
  p += "ijklmnopqrst";
  p += '\0';
  p += "caching_sha2_password";
  p += '\0';
  return p;
}

bool send_answer(wire& to, const fake_server::answer& a, bool more) {
  if (const auto* e = std::get_if<fake_server::error>(&a)) return to.send(error_packet(*e));
  if (std::holds_alternative<fake_server::done>(a)) return to.send(ok_packet(more));
  const auto& rows = std::get<fake_server::table>(a);
  const auto columns = rows.empty() ? 1 : rows.front().size();
  std::string count;
  wire::put(count, columns, 1);
  bool sent = to.send(count);
  for (std::size_t i = 0; i < columns; ++i) sent = sent && to.send(column_packet());
  sent = sent && to.send(end_packet(more));
  for (const auto& row : rows) {
    std::string p;
    for (const auto& value : row) {
      if (value) {
        wire::put_text(p, *value);
      } else {
        p += static_cast<char>(0xfb);
      }
    }
    sent = sent && to.send(p);
  }
  return sent && to.send(end_packet(more));
}

std::vector<std::string> split(std::string_view sql) {
  std::vector<std::string> statements;
  for (std::size_t from = 0; from <= sql.size();) {
    const auto to = std::min(sql.find(';', from), sql.size());
    statements.emplace_back(sql.substr(from, to - from));
    from = to + 1;
  }
  return statements;
}

std::string between(std::string_view text, std::string_view before, std::string_view after) {
  const auto at = text.find(before);
  if (at == std::string_view::npos) return "";
  const auto from = at + before.size();
  return std::string{text.substr(from, text.find(after, from) - from)};
}

}  // namespace

fake_server::fake_server(responder otherwise, std::string version) : otherwise_(std::move(otherwise)), version_(std::move(version)) {
  const auto [socket, port] = listen_on_loopback(64);
  listener_ = socket;
  port_ = port;
  acceptor_ = std::thread{[this] { accept_all(); }};
}

fake_server::~fake_server() {
  is_ending_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard guard{mutex_};
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  for (auto& thread : threads_) thread.join();
  for (const int socket : sockets_) ::close(socket);
  ::close(listener_);
}

void fake_server::accept_all() {
  for (std::uint64_t id = 8; !is_ending_; ++id) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::lock_guard guard{mutex_};
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket, id] {
      session s;
      s.id = id;
      serve(socket, s);
    });
  }
}

void fake_server::serve(int socket, session s) {
  wire peer{socket};
  if (!peer.send(greeting(s.id, version_))) return;
  const auto login = peer.receive();
  if (!login) return;
  // Whatever password is sent is the right one: "fast authentication succeeded". Of none the client expects no such word.
  constexpr std::size_t user_at = 32;
  const auto user_end = login->find('\0', user_at);
  const bool has_password = user_end != std::string::npos && user_end + 1 < login->size() && (*login)[user_end + 1] != '\0';
  if (has_password && !peer.send("\x01\x03")) return;
  if (!peer.send(ok_packet(false))) return;
  while (const auto command = peer.receive()) {
    if (command->empty() || (*command)[0] == '\x01') break;  // COM_QUIT
    if ((*command)[0] != '\x03') {                           // anything but COM_QUERY
      if (!peer.send(ok_packet(false))) break;
      continue;
    }
    const auto statements = split(std::string_view{*command}.substr(1));
    for (std::size_t i = 0; i < statements.size(); ++i) {
      const auto a = answer_to(statements[i], s);
      if (!send_answer(peer, a, i + 1 < statements.size())) return;
      if (std::holds_alternative<error>(a)) break;
    }
  }
  ::shutdown(socket, SHUT_RDWR);
}

fake_server::answer fake_server::answer_to(std::string_view statement, session& s) const {
  const auto has = [&](std::string_view part) { return statement.find(part) != std::string_view::npos; };
  if (has("@baton_session='")) s.nonce = between(statement, "@baton_session='", "'");
  if (has(" wait_timeout=")) s.wait_timeout = between(statement, " wait_timeout=", ",");
  if (otherwise_) {
    if (auto a = otherwise_(statement, s.id)) return std::move(*a);
  }
  if (has("SELECT VERSION()")) return table{{version_}};
  if (has("'Uptime'")) return table{{"1700000000", "fake-uuid"}};
  if (has("SHOW GLOBAL VARIABLES")) return table{{"log_bin", "OFF"}, {"max_connections", "151"}, {"read_only", "OFF"}};
  if (has("Threads_connected")) return table{{"Threads_connected", "2"}};
  if (has("@@session.wait_timeout")) return table{{s.wait_timeout}};
  if (has("@@session.")) return table{{"0"}};
  if (has("CONNECTION_ID(), @baton_session")) return table{{"1", "1", "1", std::to_string(s.id), s.nonce}};
  if (has("UTC_TIMESTAMP(6)")) return table{{to_sql(std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now()))}};
  if (has("baton_meta")) return table{{"1"}};
  if (has("SELECT")) return table{{"1"}};
  return done{};
}

}  // namespace baton::testing

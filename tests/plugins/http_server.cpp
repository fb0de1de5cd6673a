#include "http_server.hpp"

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "baton/testing/loopback.hpp"

namespace baton::test {

scratch_file::scratch_file(const std::string& text) : path_{(std::filesystem::temp_directory_path() / "baton-http-XXXXXX").string()} {
  ::close(::mkstemp(path_.data()));
  write(text);
}

scratch_file::~scratch_file() { ::unlink(path_.c_str()); }

void scratch_file::write(const std::string& text) const { std::ofstream{path_} << text; }

certificate::certificate() {
  const scratch_file key;
  const auto command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1 "
      "-keyout " +
      key.path() + " -out " + path() + " 2>/dev/null && cat " + key.path() + " >> " + path();
  if (std::system(command.c_str()) != 0) throw std::runtime_error{"openssl makes no certificate"};
}

/// A socket, with TLS or without.
class http_server::connection {
 public:
  connection(int socket, void* tls) : socket_{socket} {
    if (tls == nullptr) return;
    ssl_.reset(::SSL_new(static_cast<SSL_CTX*>(tls)));
    ::SSL_set_fd(ssl_.get(), socket_);
    is_open_ = ::SSL_accept(ssl_.get()) == 1;
  }
  ~connection() {
    if (ssl_ && is_open_) ::SSL_shutdown(ssl_.get());
    ::close(socket_);
  }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// A request with its body; empty if the client hung up before.
  std::string read_request() {
    std::string text;
    std::size_t size = std::string::npos;
    while (text.size() < size) {
      const auto more = read_some();
      if (more.empty()) return {};
      text += more;
      const auto end = text.find("\r\n\r\n");
      if (size != std::string::npos || end == std::string::npos) continue;
      const auto length = text.find("Content-Length: ");
      size = end + 4 + (length < end ? std::stoul(text.substr(length + 16)) : 0);
    }
    return text;
  }
  void write(std::string_view text) {
    while (is_open_ && !text.empty()) {
      const auto piece = text.substr(0, 1U << 16);
      const auto sent = ssl_ ? ::SSL_write(ssl_.get(), piece.data(), static_cast<int>(piece.size()))
                             : static_cast<int>(::send(socket_, piece.data(), piece.size(), 0));
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void wait_for_the_end() {
    while (!read_some().empty()) continue;
  }

 private:
  std::string read_some() {
    std::array<char, 16384> buffer{};
    if (!is_open_) return {};
    const auto size = ssl_ ? ::SSL_read(ssl_.get(), buffer.data(), buffer.size()) : ::recv(socket_, buffer.data(), buffer.size(), 0);
    return {buffer.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
  }

  struct freed {
    void operator()(SSL* ssl) const { ::SSL_free(ssl); }
  };
  int socket_;
  bool is_open_ = true;
  std::unique_ptr<SSL, freed> ssl_;
};

http_server::http_server(answer respond, const certificate* own, clients allowed) : respond_{std::move(respond)} {
  std::signal(SIGPIPE, SIG_IGN);
  if (own != nullptr) {
    auto* const tls = ::SSL_CTX_new(::TLS_server_method());
    tls_ = {tls, [](void* context) { ::SSL_CTX_free(static_cast<SSL_CTX*>(context)); }};
    const auto* const file = own->path().c_str();
    if (::SSL_CTX_use_certificate_file(tls, file, SSL_FILETYPE_PEM) != 1 ||
        ::SSL_CTX_use_PrivateKey_file(tls, file, SSL_FILETYPE_PEM) != 1 || ::SSL_CTX_load_verify_locations(tls, file, nullptr) != 1)
      throw std::runtime_error{"openssl does not take the certificate"};
    if (allowed == clients::with_its_certificate) ::SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  const auto [socket, port] = testing::listen_on_loopback(16);
  listener_ = socket;
  port_ = port;
  thread_ = std::thread{[this] { serve(); }};
}

http_server::~http_server() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

std::vector<std::string> http_server::requests() const {
  const std::scoped_lock guard{mutex_};
  return requests_;
}

void http_server::serve() {
  for (int socket = 0; (socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    connection client{socket, tls_.get()};
    const auto request = client.read_request();
    if (request.empty()) continue;
    {
      const std::scoped_lock guard{mutex_};
      requests_.push_back(request);
    }
    const auto text = respond_(request);
    client.write(text);
    if (text.empty()) client.wait_for_the_end();
  }
}

std::string response(const std::string& status, const std::string& body, const std::string& headers) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n" + headers + "\r\n" +
         body;
}

}  // namespace baton::test

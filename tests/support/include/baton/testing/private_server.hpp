#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"

namespace baton::testing {

enum class server_kind : std::uint8_t { mariadb = 1, mysql };
[[nodiscard]] std::string_view to_string(server_kind kind) noexcept;

/// A database server of this process's own: empty data directory, unix socket and loopback port, gone with the process.
///
/// It has the database `baton` and the account `baton` with the grants that the documentation asks for; root has no password and comes
/// in by the socket. MariaDB is the system's; MySQL is the folder of tests/support/fetch_mysql.sh (BATON_MYSQL_ROOT).
///
/// Lifetime: the server dies with this object, and by PDEATHSIG with the process however that ends.
/// Thread safety: exec() from any thread; everything else by one thread at a time.
class private_server {
 public:
  struct options {
    server_kind kind = server_kind::mariadb;
    std::vector<std::string> extra_arguments;  ///< appended to the command line; later options win
    unsigned max_connections = 400;
    bool binary_log = false;
    bool tls = false;                              ///< with a certificate for "localhost", and for no other name, signed by tls_ca()
    std::vector<std::string> command_prefix = {};  ///< of a program that becomes the server, such as network_space::prefix()
    microseconds start_timeout = std::chrono::seconds{60};
  };
  using row = std::vector<std::optional<std::string>>;

  /// Why `kind` cannot be started on this machine, and what to install; nullopt if it can.
  [[nodiscard]] static std::optional<std::string> missing(server_kind kind);

  /// How to run a program of MySQL's unpacked folder, such as "bin/mysqlrouter": under the folder's own loader.
  [[nodiscard]] static std::vector<std::string> mysql_program(std::string_view program);
  /// The unpacked folder.
  [[nodiscard]] static std::filesystem::path mysql_folder();
  /// A port that nobody listens on; it may be taken by another before it is used.
  [[nodiscard]] static std::uint16_t unused_port();

  /// The folder of MariaDB's further plugins; there is none where they were not fetched.
  [[nodiscard]] static std::string mariadb_plugins();

  [[nodiscard]] static result<std::unique_ptr<private_server>> start(const options& wanted);

  ~private_server();
  private_server(const private_server&) = delete;
  private_server& operator=(const private_server&) = delete;

  [[nodiscard]] status stop();         ///< orderly, by SIGTERM; the data stays
  void kill();                         ///< SIGKILL; the data stays
  [[nodiscard]] status start_again();  ///< after stop() or kill(): same data, port and socket
  [[nodiscard]] status restart();      ///< stop(), then start_again()
  void suspend();                      ///< SIGSTOP: connections stay open and nothing answers
  void resume();                       ///< SIGCONT

  /// `name`: "DNS:localhost", as at first, or "IP:127.0.0.1", instead of the one before, for new connections. Needs `tls`.
  [[nodiscard]] status show_certificate_for(const std::string& name);

  /// Runs statements as root and gives the rows of the last one that has any. `;` between them.
  [[nodiscard]] result<std::vector<row>> exec(const std::string& sql);

  [[nodiscard]] server_kind kind() const noexcept { return options_.kind; }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }  ///< 0 while stopped
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string socket() const { return directory_ / "sock"; }
  [[nodiscard]] std::string log_path() const { return directory_ / "log"; }
  [[nodiscard]] std::string tls_ca() const { return directory_ / "tls/ca.pem"; }
  [[nodiscard]] std::string wrong_ca() const { return directory_ / "tls/wrong-ca.pem"; }  ///< which has signed nothing here
  [[nodiscard]] static std::string_view user() noexcept { return "baton"; }
  [[nodiscard]] static std::string_view password() noexcept { return "relay-race"; }
  [[nodiscard]] std::string url(std::string_view database = "baton") const;         ///< mysql://USER:PASSWORD@127.0.0.1:PORT/DATABASE
  [[nodiscard]] std::string socket_url(std::string_view database = "baton") const;  ///< …@localhost/DATABASE?socket=PATH

 private:
  explicit private_server(options wanted) : options_(std::move(wanted)) {}
  [[nodiscard]] status create();
  [[nodiscard]] status make_certificate(const std::string& name) const;
  [[nodiscard]] status launch();
  [[nodiscard]] status await_answer();
  [[nodiscard]] bool running();
  [[nodiscard]] std::string log_tail() const;

  options options_;
  std::filesystem::path directory_;
  int directory_lock_ = -1;  ///< tells other processes that the directory is in use
  pid_t pid_ = 0;
  bool is_suspended_ = false;
  std::uint16_t port_ = 0;
};

}  // namespace baton::testing

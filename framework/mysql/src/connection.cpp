#include "connection.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

namespace baton::mysql {
namespace {

/// Once for the process; for each thread, for as long as it lives.
void use_library() {
  static const bool ready = mysql_library_init(0, nullptr, nullptr) == 0;
  BATON_ASSERT(ready);
  struct thread_use {
    thread_use() { mysql_thread_init(); }
    ~thread_use() { mysql_thread_end(); }
  };
  thread_local const thread_use in_use;
}

/// How many fork()s lie between this process and the one that loaded the library: getpid() without a system call for each statement.
std::atomic<std::uint32_t> forks = 0;

std::uint32_t forks_counted() {
  static const bool counting = ::pthread_atfork(nullptr, nullptr, [] { ++forks; }) == 0;
  BATON_ASSERT(counting);
  return forks;
}

unsigned whole_seconds(microseconds d) {
  return static_cast<unsigned>(std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(d).count()));
}

bool is_verified(tls_mode mode) { return mode == tls_mode::verify_ca || mode == tls_mode::verify_identity; }

#ifdef MARIADB_PACKAGE_VERSION_ID
int socket_of(MYSQL* handle) { return mysql_get_socket(handle); }

/// With a certificate authority the chain is checked in the handshake; "verify server cert" adds the host name. So `required` names none.
void set_tls(MYSQL* handle, tls_mode mode, const std::string& ca) {
  const my_bool enforce = mode != tls_mode::disabled;
  const my_bool check_host = mode == tls_mode::verify_identity;
  mysql_optionsv(handle, MYSQL_OPT_SSL_ENFORCE, &enforce);
  mysql_optionsv(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &check_host);
  if (is_verified(mode)) mysql_optionsv(handle, MYSQL_OPT_SSL_CA, ca.c_str());
}
#else
int socket_of(MYSQL* handle) { return handle->net.fd; }

void set_tls(MYSQL* handle, tls_mode mode, const std::string& ca) {
  unsigned value = SSL_MODE_DISABLED;
  if (mode == tls_mode::required) value = SSL_MODE_REQUIRED;
  if (mode == tls_mode::verify_ca) value = SSL_MODE_VERIFY_CA;
  if (mode == tls_mode::verify_identity) value = SSL_MODE_VERIFY_IDENTITY;
  mysql_options(handle, MYSQL_OPT_SSL_MODE, &value);
  if (is_verified(mode)) mysql_options(handle, MYSQL_OPT_SSL_CA, ca.c_str());
  const bool fetch_key = true;  // caching_sha2_password without TLS
  mysql_options(handle, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &fetch_key);
}
#endif

}  // namespace

std::string client_version() {
#ifdef MARIADB_PACKAGE_VERSION_ID
  return std::string{"MariaDB Connector/C "} + mysql_get_client_info();
#else
  return std::string{"libmysqlclient "} + mysql_get_client_info();
#endif
}

/// From 3.4 on Connector/C compares nothing with the certificate where the host is written so, as if nobody could be between; but a tunnel
/// may begin there. The name "localhost" it does compare.
status can_compare_names(const options& wanted) {
  if (wanted.tls != tls_mode::verify_identity) return {};
  const auto version = client_version();
  const auto is_of = [&](const char* series) { return version.starts_with(std::string{"MariaDB Connector/C "} + series); };
  if (!version.starts_with("MariaDB") || is_of("3.0.") || is_of("3.1.") || is_of("3.2.") || is_of("3.3.")) return {};
  for (const auto& [host, port] : wanted.hosts) {
    if (host == "127.0.0.1" || host == "::1")
      return failure{errc::invalid_argument, "tls is to verify the server's identity, but " + version + " compares no certificate with " +
                                                 host + ": write localhost, or another name, for which the certificate is"};
  }
  return {};
}

bool result_set::next() {
  if (!data_) return false;
  row_ = mysql_fetch_row(data_.get());  // from client memory: cannot fail
  if (row_ != nullptr) lengths_ = mysql_fetch_lengths(data_.get());
  return row_ != nullptr;
}

std::string_view result_set::view(unsigned column) const {
  return row_[column] == nullptr ? std::string_view{} : std::string_view{row_[column], lengths_[column]};
}

std::uint64_t result_set::number(unsigned column) const {
  const auto digits = view(column);
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

errc classify(unsigned number) noexcept {
  if (number >= 2000 && number < 3000) return errc::store_unavailable;  // the client library's own: connection or protocol
  switch (number) {
    case 1040:
    case 1053:
    case 1077:
    case 1078:
    case 1079:
    case 1152:
    case 1158:
    case 1159:
    case 1160:
    case 1161:
    case 1184:
    case 1203:
    case 1226:
    case 1927:
    case 3032:
    case 3169:
    case 4031: return errc::store_unavailable;  // too many connections, shutdown, killed
    case 1205:
    case 1213:
    case 3101:
    case 3572: return errc::store_busy;
    case 3058: return errc::deadlock;
    case 1317:
    case 1969:
    case 3024: return errc::interrupted;
    case 1054:
    case 1146: return errc::schema_outdated;
    case 1044:
    case 1045:
    case 1142:
    case 1143:
    case 1227:
    case 1370:
    case 1698: return errc::access_denied;
    case 1049:
    case 1235:
    case 1290:
    case 1792:
    case 1836: return errc::store_unfit;  // no such database, read-only
    case 1059:
    case 3057:
    case 4163:
    case 4079: return errc::invalid_key;
    default: return errc::store_query;
  }
}

namespace {

/// mysql_real_connect on a thread of its own, since nothing bounds its name resolution. A caller whose time is up leaves it behind.
class connecting {
 public:
  struct target {
    MYSQL* handle;
    std::string host, user, password, database, socket;
    unsigned port = 0;
  };

  /// Whether it connected; nullopt: not within `limit`, and the handle is the thread's to close.
  static std::optional<bool> connect(target to, microseconds limit) {
    const auto shared = std::make_shared<connecting>(std::move(to));
    try {
      std::thread{[shared] { shared->run(); }}.detach();
    } catch (const std::system_error&) {  // no thread to be had: then without a bound on name resolution
      shared->run();
    }
    std::unique_lock guard{shared->mutex_};
    if (shared->changed_.wait_for(guard, limit, [&] { return shared->connected_.has_value(); })) return shared->connected_;
    shared->is_left_behind_ = true;
    return std::nullopt;
  }

  explicit connecting(target to) : to_(std::move(to)) {}

 private:
  void run() {
    use_library();
    constexpr unsigned long flags = CLIENT_MULTI_STATEMENTS | CLIENT_FOUND_ROWS;
    const bool by_socket = to_.host.empty();
    const bool done = mysql_real_connect(to_.handle, by_socket ? nullptr : to_.host.c_str(), to_.user.c_str(), to_.password.c_str(),
                                         to_.database.c_str(), to_.port, by_socket ? to_.socket.c_str() : nullptr, flags) != nullptr;
    const std::lock_guard guard{mutex_};
    connected_ = done;
    if (is_left_behind_) mysql_close(to_.handle);
    changed_.notify_one();
  }

  target to_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<bool> connected_;
  bool is_left_behind_ = false;
};

}  // namespace

result<std::unique_ptr<connection>> connection::open(const options& wanted, const endpoint* host, const connect_options& how) {
  use_library();
  auto made = std::unique_ptr<connection>{new connection};
  made->process_ = forks_counted();
  made->time_ = wanted.time;
  made->where_ = host != nullptr ? host->host + ":" + std::to_string(host->port) : wanted.socket;
  MYSQL* const handle = made->handle_ = mysql_init(nullptr);
  if (handle == nullptr) return failure{errc::internal, "mysql_init: out of memory"};

  const auto limit = how.connect_timeout.value_or(wanted.connect_timeout);
  const unsigned connect_timeout = whole_seconds(limit);
  const unsigned answer_timeout = whole_seconds(how.answer_timeout);
  mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect_timeout);
  mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &answer_timeout);
  mysql_options(handle, MYSQL_OPT_WRITE_TIMEOUT, &answer_timeout);
  mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  const unsigned no_files = 0;  // a server could ask for any file that this process may read
  mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &no_files);
  mysql_options4(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "baton");
  mysql_options4(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "role", how.role.c_str());
  mysql_options4(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "instance", wanted.instance.c_str());
  // Otherwise both libraries take "localhost" for a unix socket in a place of their own.
  const unsigned protocol = host != nullptr ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET;
  mysql_options(handle, MYSQL_OPT_PROTOCOL, &protocol);
  set_tls(handle, host != nullptr ? wanted.tls : tls_mode::disabled, wanted.tls_ca);

  const auto connected = connecting::connect({handle, host != nullptr ? host->host : "", wanted.user, wanted.password, wanted.database,
                                              wanted.socket, host != nullptr ? host->port : 0U},
                                             limit);
  if (!connected) {
    made->handle_ = nullptr;
    return failure{errc::store_unavailable, made->where_ + ": no connection within " + to_text(limit) +
                                                "; is it the right host and port, and does its name resolve?"};
  }
  if (!*connected) return made->failed("connecting as " + wanted.user);
  made->id_ = mysql_thread_id(handle);
  if (host != nullptr && wanted.tls != tls_mode::disabled && mysql_get_ssl_cipher(handle) == nullptr)
    return failure{errc::store_unfit,
                   made->where_ + ": the connection is not encrypted although tls demands it; give the server a certificate"};
  if (auto adopted = made->adopt_socket(host != nullptr, how.answer_timeout); !adopted) return std::move(adopted).error();
  return made;
}

result<std::unique_ptr<connection>> connection::adopt(MYSQL* handle, std::shared_ptr<const clock> time, microseconds answer_timeout) {
  use_library();
  auto made = std::unique_ptr<connection>{new connection};
  made->process_ = forks_counted();
  made->time_ = std::move(time);
  made->is_adopted_ = true;
  made->handle_ = handle;
  made->where_ = "the adopted connection";
  made->id_ = mysql_thread_id(handle);
  if (made->id_ == 0) return failure{errc::store_unavailable, "the MYSQL* is not connected; call mysql_real_connect() first"};
  if (auto adopted = made->adopt_socket(false, answer_timeout); !adopted) return std::move(adopted).error();
  return made;
}

status connection::adopt_socket(bool is_tcp, microseconds answer_timeout) {
  const int own = socket_of(handle_);
  if (!is_adopted_) ::fcntl(own, F_SETFD, FD_CLOEXEC);
  if (is_tcp) {
    const int on = 1;
    const int quiet = static_cast<int>(whole_seconds(answer_timeout));
    const auto unanswered = static_cast<unsigned>(std::chrono::ceil<milliseconds>(answer_timeout).count());
    ::setsockopt(own, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(own, IPPROTO_TCP, TCP_KEEPIDLE, &quiet, sizeof quiet);
    ::setsockopt(own, IPPROTO_TCP, TCP_KEEPINTVL, &on, sizeof on);
    ::setsockopt(own, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(own, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered, sizeof unanswered);
  }
  answer_timeout_ = std::chrono::ceil<milliseconds>(answer_timeout);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  descriptor_ = ::fcntl(own, F_DUPFD_CLOEXEC, 0);
  if (descriptor_ < 0 || wake_ < 0) return failure{errc::io, where_ + ": duplicating the socket: " + std::strerror(errno)};
  return {};
}

connection::~connection() {
  use_library();
  if (!is_of_this_process()) {
    // The parent's session: no good-bye, and no shutdown, which would end it for the parent too. The library's memory is left behind; of
    // a connection that was dead its socket too, whose number may be anybody's by now.
    if (handle_ != nullptr && !is_adopted_ && !dead_) ::close(socket_of(handle_));
  } else if (!is_adopted_) {
    // A dead or silent server is not waited for: the orderly COM_QUIT could block.
    if (dead_ && descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
    if (handle_ != nullptr) mysql_close(handle_);
    if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
  }
  if (descriptor_ >= 0) ::close(descriptor_);
  if (wake_ >= 0) ::close(wake_);
}

void connection::interrupt() noexcept {
  if (!is_of_this_process()) return;
  dead_ = true;
  if (wake_ >= 0) ::eventfd_write(wake_, 1);
  // Oracle's library answers an end of file by shutting the socket down for the server too. So it is given one only where it is
  // inside a transfer; a call that waits for the server's answer waits in await() and not in the library.
  if (const int how = in_library_; how != idle && descriptor_ >= 0) ::shutdown(descriptor_, how);
}

void connection::hang_up() noexcept {
  interrupt();
  if (is_of_this_process() && descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
}

bool connection::is_of_this_process() const noexcept { return forks == process_; }

failure connection::foreign() const {
  return {errc::wrong_process, where_ + ": the connection belongs to the process that forked this one; open one here"};
}

/// Nothing is under way, so whatever arrives is the end, or the server's last words before it.
bool connection::has_ended() const noexcept {
  if (is_dead()) return true;
  char byte = 0;
  const auto n = ::recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/// Either this sees dead_, or interrupt() sees in_library_.
bool connection::enter(int transfer) {
  in_library_ = transfer;
  return !dead_;
}

failure connection::unavailable(std::string_view why) {
  dead_ = true;
  return failure{errc::store_unavailable, where_ + ": " + std::string{why}};
}

failure connection::failed(std::string_view doing) {
  last_error_ = mysql_errno(handle_);
  auto code = last_error_ == 0 ? errc::store_unavailable : classify(last_error_);
  if (dead_) code = errc::store_unavailable;
  if (code == errc::store_unavailable) dead_ = true;
  return failure{code, where_ + ": " + std::string{doing} + ": " + mysql_error(handle_) + " (" + std::to_string(last_error_) + ")"};
}

status connection::send(std::string_view sql) {
  use_library();
  last_error_ = 0;
  if (!is_of_this_process()) return foreign();
  if (dead_) return unavailable("the connection had ended before");
  doing_.assign("statement ").append(sql.substr(0, 80)).append(sql.size() > 80 ? "…" : "");
  const auto leave = std::unique_ptr<connection, void (*)(connection*)>{this, [](connection* c) { c->in_library_ = idle; }};
  if (!enter(SHUT_RDWR)) return unavailable("interrupted by the caller");
  if (mysql_send_query(handle_, sql.data(), sql.size()) != 0) return failed(doing_);
  return {};
}

awaited connection::await(microseconds limit, int other) {
  const auto deadline = limit == microseconds::max() ? boot_time::max() : now() + limit;
  std::array<pollfd, 3> watched{{{descriptor_, POLLIN, 0}, {wake_, POLLIN, 0}, {other, POLLIN, 0}}};
  for (;;) {
    const auto left = deadline == boot_time::max() ? milliseconds{-1} : std::chrono::ceil<milliseconds>(deadline - now());
    if (deadline != boot_time::max() && left <= milliseconds{0}) return awaited::timed_out;
    constexpr milliseconds longest{std::chrono::hours{24}};
    const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(std::min(left, longest).count()));
    if (ready < 0 && errno != EINTR) return awaited::interrupted;
    if (ready <= 0) continue;
    if (watched[1].revents != 0) return awaited::interrupted;
    if (watched[0].revents != 0) return awaited::answered;
    return awaited::woken;
  }
}

result<std::vector<result_set>> connection::run(std::string_view sql) {
  if (auto sent = send(sql); !sent) return std::move(sent).error();
  switch (await(answer_timeout_)) {
    case awaited::timed_out: return unavailable("no answer within " + to_text(answer_timeout_));
    case awaited::interrupted: return unavailable("interrupted by the caller");
    default: return receive();
  }
}

result<std::vector<result_set>> connection::receive() {
  use_library();
  const auto leave = std::unique_ptr<connection, void (*)(connection*)>{this, [](connection* c) { c->in_library_ = idle; }};
  if (!enter(SHUT_RD)) return unavailable("interrupted by the caller");
  if (mysql_read_query_result(handle_) != 0) return failed(doing_);

  std::vector<result_set> answers;
  for (;;) {
    MYSQL_RES* const rows = mysql_store_result(handle_);
    answers.emplace_back(rows, rows != nullptr ? 0 : mysql_affected_rows(handle_));
    // Errors of rows - an interruption, a name refused - show here and not at the query.
    if (mysql_errno(handle_) != 0) return failed(doing_);
    const int more = mysql_next_result(handle_);
    if (more > 0) return failed(doing_);
    if (more < 0) return answers;
  }
}

std::string connection::quoted(std::string_view text) {
  std::string sql;
  append_quoted(sql, text);
  return sql;
}

void connection::append_quoted(std::string& sql, std::string_view text) {
  const auto before = sql.size();
  sql.resize(before + 2 * text.size() + 3);
  sql[before] = '\'';
  const auto length = mysql_real_escape_string(handle_, sql.data() + before + 1, text.data(), text.size());
  sql.resize(before + 1 + length);
  sql += '\'';
}

}  // namespace baton::mysql

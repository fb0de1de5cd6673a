#include "connection.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

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

unsigned whole_seconds(microseconds d) {
  return static_cast<unsigned>(std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(d).count()));
}

#ifdef MARIADB_PACKAGE_VERSION_ID
int socket_of(MYSQL* handle) { return mysql_get_socket(handle); }

void set_tls(MYSQL* handle, tls_mode mode, const std::string& ca) {
  const my_bool enforce = mode != tls_mode::disabled;
  const my_bool verify = mode == tls_mode::verify_ca || mode == tls_mode::verify_identity;
  mysql_optionsv(handle, MYSQL_OPT_SSL_ENFORCE, &enforce);
  mysql_optionsv(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  if (!ca.empty()) mysql_optionsv(handle, MYSQL_OPT_SSL_CA, ca.c_str());
}
#else
int socket_of(MYSQL* handle) { return handle->net.fd; }

void set_tls(MYSQL* handle, tls_mode mode, const std::string& ca) {
  unsigned value = SSL_MODE_DISABLED;
  if (mode == tls_mode::required) value = SSL_MODE_REQUIRED;
  if (mode == tls_mode::verify_ca) value = SSL_MODE_VERIFY_CA;
  if (mode == tls_mode::verify_identity) value = SSL_MODE_VERIFY_IDENTITY;
  mysql_options(handle, MYSQL_OPT_SSL_MODE, &value);
  if (!ca.empty()) mysql_options(handle, MYSQL_OPT_SSL_CA, ca.c_str());
  const bool fetch_key = true;  // caching_sha2_password without TLS
  mysql_options(handle, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &fetch_key);
}
#endif

}  // namespace

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

result<std::unique_ptr<connection>> connection::open(const options& wanted, const endpoint* host, const connect_options& how) {
  use_library();
  auto made = std::unique_ptr<connection>{new connection};
  made->where_ = host != nullptr ? host->host + ":" + std::to_string(host->port) : wanted.socket;
  MYSQL* const handle = made->handle_ = mysql_init(nullptr);
  if (handle == nullptr) return failure{errc::internal, "mysql_init: out of memory"};

  const unsigned connect_timeout = whole_seconds(wanted.connect_timeout);
  const unsigned answer_timeout = whole_seconds(how.answer_timeout);
  mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &connect_timeout);
  mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &answer_timeout);
  mysql_options(handle, MYSQL_OPT_WRITE_TIMEOUT, &answer_timeout);
  mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_options4(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "baton");
  mysql_options4(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "role", how.role.c_str());
  mysql_options4(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "instance", wanted.instance.c_str());
  set_tls(handle, host != nullptr ? wanted.tls : tls_mode::disabled, wanted.tls_ca);

  constexpr unsigned long flags = CLIENT_MULTI_STATEMENTS | CLIENT_FOUND_ROWS;
  if (mysql_real_connect(handle, host != nullptr ? host->host.c_str() : nullptr, wanted.user.c_str(), wanted.password.c_str(),
                         wanted.database.c_str(), host != nullptr ? host->port : 0, host != nullptr ? nullptr : wanted.socket.c_str(),
                         flags) == nullptr)
    return made->failed("connecting as " + wanted.user);
  made->id_ = mysql_thread_id(handle);
  if (host != nullptr && wanted.tls != tls_mode::disabled && mysql_get_ssl_cipher(handle) == nullptr)
    return failure{errc::store_unfit,
                   made->where_ + ": the connection is not encrypted although tls demands it; give the server a certificate"};
  if (auto adopted = made->adopt_socket(host != nullptr, how.answer_timeout); !adopted) return std::move(adopted).error();
  return made;
}

status connection::adopt_socket(bool is_tcp, microseconds answer_timeout) {
  const int own = socket_of(handle_);
  ::fcntl(own, F_SETFD, FD_CLOEXEC);
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
  // A dead or silent server is not waited for: the orderly COM_QUIT could block.
  if (dead_ && descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
  if (handle_ != nullptr) mysql_close(handle_);
  if (descriptor_ >= 0) {
    ::shutdown(descriptor_, SHUT_RDWR);
    ::close(descriptor_);
  }
  if (wake_ >= 0) ::close(wake_);
}

void connection::interrupt() noexcept {
  dead_ = true;
  if (wake_ >= 0) ::eventfd_write(wake_, 1);
  // Oracle's library answers an end of file by shutting the socket down for the server too. So it is given one only where it is
  // inside a transfer; a call that waits for the server's answer waits in await_answer() and not in the library.
  if (const int how = in_library_; how != idle && descriptor_ >= 0) ::shutdown(descriptor_, how);
}

/// Either this sees dead_, or interrupt() sees in_library_.
bool connection::enter(int transfer) {
  in_library_ = transfer;
  return !dead_;
}

/// Until the first byte of the answer or the end of the connection is there to be read.
std::optional<failure> connection::await_answer() {
  std::array<pollfd, 2> watched{{{descriptor_, POLLIN, 0}, {wake_, POLLIN, 0}}};
  int ready = 0;
  do {
    ready = ::poll(watched.data(), watched.size(), static_cast<int>(answer_timeout_.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready > 0 && watched[1].revents == 0) return std::nullopt;
  dead_ = true;
  return failure{errc::store_unavailable,
                 where_ + (ready == 0 ? ": no answer within " + to_text(answer_timeout_) : ": interrupted by the caller")};
}

failure connection::failed(std::string_view doing) {
  last_error_ = mysql_errno(handle_);
  auto code = last_error_ == 0 ? errc::store_unavailable : classify(last_error_);
  if (dead_) code = errc::store_unavailable;
  if (code == errc::store_unavailable) dead_ = true;
  return failure{code, where_ + ": " + std::string{doing} + ": " + mysql_error(handle_) + " (" + std::to_string(last_error_) + ")"};
}

result<std::vector<result_set>> connection::run(std::string_view sql) {
  use_library();
  last_error_ = 0;
  if (dead_) return failure{errc::store_unavailable, where_ + ": the connection had ended before"};
  const auto leave = std::unique_ptr<connection, void (*)(connection*)>{this, [](connection* c) { c->in_library_ = idle; }};
  if (!enter(SHUT_RDWR)) return failure{errc::store_unavailable, where_ + ": interrupted by the caller"};
  const int sent = mysql_send_query(handle_, sql.data(), sql.size());
  in_library_ = idle;
  if (sent == 0) {
    if (auto unanswered = await_answer()) return std::move(*unanswered);
    if (!enter(SHUT_RD)) return failure{errc::store_unavailable, where_ + ": interrupted by the caller"};
  }
  const auto doing = [&] { return "statement " + std::string{sql.substr(0, 80)} + (sql.size() > 80 ? "…" : ""); };
  if (sent != 0 || mysql_read_query_result(handle_) != 0) return failed(doing());

  std::vector<result_set> answers;
  for (;;) {
    MYSQL_RES* const rows = mysql_store_result(handle_);
    answers.emplace_back(rows, rows != nullptr ? 0 : mysql_affected_rows(handle_));
    // Errors of rows - an interruption, a name refused - show here and not at the query.
    if (mysql_errno(handle_) != 0) return failed(doing());
    const int more = mysql_next_result(handle_);
    if (more > 0) return failed(doing());
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

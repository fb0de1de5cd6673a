// Preloaded before the client library: lets its calls fail, before or after they have had their effect, as a server or a network would.
//
//   BATON_FAULTS_WHILE   a file: calls fail only while it exists
//   BATON_FAULTS_RATE    which share of them, such as 0.2
//   BATON_FAULTS_SEED    of the choice; the process's number is mixed in
//   BATON_FAULTS_LOG     a file that takes a line for each: KIND FUNCTION
#include <dlfcn.h>
#include <fcntl.h>
#include <mysql.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

enum class fault { none, lost_before, lost_after, refused_before, refused_after, late };
constexpr std::array names{"none", "lost_before", "lost_after", "refused_before", "refused_after", "late"};

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::uint64_t drawn() {
  static std::atomic<std::uint64_t> state{std::strtoull(variable("BATON_FAULTS_SEED"), nullptr, 10) * 0x9E3779B97F4A7C15U +
                                          static_cast<std::uint64_t>(::getpid())};
  auto z = state += 0x9E3779B97F4A7C15U;  // splitmix64
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

fault draw(const char* function) {
  static const double rate = std::strtod(variable("BATON_FAULTS_RATE"), nullptr);
  static const std::string condition = variable("BATON_FAULTS_WHILE");
  static const int log = ::open(variable("BATON_FAULTS_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (condition.empty() || ::access(condition.c_str(), F_OK) != 0) return fault::none;
  const auto z = drawn();
  if (static_cast<double>(z >> 11) * 0x1.0p-53 >= rate) return fault::none;
  const auto kind = static_cast<fault>(1 + drawn() % 5);
  const auto line = std::string{names[static_cast<std::size_t>(kind)]} + " " + function + "\n";
  if (log >= 0 && ::write(log, line.data(), line.size()) < 0) return fault::none;
  return kind;
}

template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

void set_error(MYSQL* handle, unsigned number, const char* text) {
  handle->net.last_errno = number;
  std::snprintf(handle->net.last_error, sizeof handle->net.last_error, "%s (injected)", text);
  std::memcpy(handle->net.sqlstate, "HY000", 6);
}

/// The server hears of it too, at once, as after a reset.
void lose(MYSQL* handle) {
  ::shutdown(mysql_get_socket(handle), SHUT_RDWR);
  set_error(handle, 2013, "Lost connection to server during query");
}

/// What a live server says of a statement that it did not carry out, or, worse, that it did.
void refuse(MYSQL* handle) {
  if (drawn() % 2 == 0)
    set_error(handle, 1317, "Query execution was interrupted");
  else
    set_error(handle, 1205, "Lock wait timeout exceeded; try restarting transaction");
}

thread_local fault to_come = fault::none;  // a session's calls are one thread's

void wait_a_little() { ::usleep(static_cast<useconds_t>(drawn() % 300'000)); }

}  // namespace

extern "C" {

[[gnu::visibility("default")]] MYSQL* mysql_real_connect(MYSQL* handle, const char* host, const char* user, const char* password,
                                                         const char* database, unsigned port, const char* socket, unsigned long flags) {
  static auto* const next = real<decltype(mysql_real_connect)>("mysql_real_connect");
  const auto kind = draw("connect");
  if (kind == fault::lost_before || kind == fault::refused_before) {
    set_error(handle, 2003, "Can't connect to server");
    return nullptr;
  }
  if (kind == fault::late) wait_a_little();
  MYSQL* const made = next(handle, host, user, password, database, port, socket, flags);
  if (made == nullptr || kind == fault::none || kind == fault::late) return made;
  lose(handle);
  return nullptr;
}

// A statement is one call: what becomes of it is drawn when it is sent, and carried out there or where its answer is read.
[[gnu::visibility("default")]] int mysql_send_query(MYSQL* handle, const char* sql, unsigned long size) {
  static auto* const next = real<decltype(mysql_send_query)>("mysql_send_query");
  to_come = fault::none;
  switch (const auto kind = draw("statement")) {
    case fault::lost_before: lose(handle); return 1;
    case fault::refused_before: refuse(handle); return 1;
    case fault::late: wait_a_little(); break;
    default: to_come = kind;
  }
  return next(handle, sql, size);
}

[[gnu::visibility("default")]] decltype(mysql_read_query_result(nullptr)) mysql_read_query_result(MYSQL* handle) {
  static auto* const next = real<decltype(mysql_read_query_result)>("mysql_read_query_result");
  const auto kind = to_come;
  to_come = fault::none;
  auto failed = next(handle);
  if (kind == fault::lost_after) {
    lose(handle);
    return 1;
  }
  if (failed || kind != fault::refused_after) return failed;
  // All of it took place, and its answers are read: the connection can be used, and only the last word is false.
  for (;;) {
    if (MYSQL_RES* const rows = mysql_store_result(handle)) mysql_free_result(rows);
    if (mysql_errno(handle) != 0) return 1;
    const int more = mysql_next_result(handle);
    if (more > 0) return 1;
    if (more < 0) break;
  }
  refuse(handle);
  return 1;
}

}  // extern "C"

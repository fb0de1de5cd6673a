#pragma once

// The only header of the room that knows the client library; both MariaDB Connector/C and Oracle's libmysqlclient fit.
#include <mysql.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"
#include "baton/mysql/store.hpp"

namespace baton::mysql {

/// What one statement answered: rows, or a count of rows that it matched. Views live as long as this object.
class result_set {
 public:
  result_set(MYSQL_RES* data, std::uint64_t matched) : data_(data), matched_(matched) {}

  /// Moves to the next row; false after the last.
  bool next();
  [[nodiscard]] unsigned columns() const { return data_ ? mysql_num_fields(data_.get()) : 0; }
  [[nodiscard]] std::uint64_t matched() const noexcept { return matched_; }  ///< of INSERT, UPDATE, DELETE

  // Of the present row.
  [[nodiscard]] bool is_null(unsigned column) const { return row_[column] == nullptr; }
  [[nodiscard]] std::string_view view(unsigned column) const;  ///< NULL reads as ""
  [[nodiscard]] std::string text(unsigned column) const { return std::string{view(column)}; }
  [[nodiscard]] std::uint64_t number(unsigned column) const;  ///< NULL and garbage read as 0
  [[nodiscard]] bool is_true(unsigned column) const { return view(column) == "1"; }
  [[nodiscard]] std::optional<wall_time> time(unsigned column) const { return from_sql(view(column)); }

 private:
  struct release {
    void operator()(MYSQL_RES* data) const noexcept { mysql_free_result(data); }
  };
  std::unique_ptr<MYSQL_RES, release> data_;
  MYSQL_ROW row_ = nullptr;
  unsigned long* lengths_ = nullptr;
  std::uint64_t matched_ = 0;
};

/// A failed statement: what kind, and the server's or the client library's own number.
struct query_failure {
  failure what;
  unsigned number = 0;
};

/// Of the client library, with its name.
[[nodiscard]] std::string client_version();

/// Whether the library does what tls_mode::verify_identity says for each of the hosts.
[[nodiscard]] status can_compare_names(const options& wanted);

struct connect_options {
  std::string role;                                  ///< for the connection attributes: "lock" or "ledger"
  microseconds answer_timeout{};                     ///< backstop for a caller that does not interrupt()
  std::optional<microseconds> connect_timeout = {};  ///< instead of the one in the options
  std::optional<microseconds> wait_timeout = {};     ///< instead of the lease's: of a session whose silence means nothing
};

/// Why a wait for an answer ended.
enum class awaited : std::uint8_t {
  answered = 1,  ///< the first byte of the answer, or the end of the connection, is there to be read
  woken,         ///< the other descriptor became readable; the statement is still under way
  timed_out,
  interrupted,
};

/// One connection to one server, from connect to close. Never reconnects.
///
/// Thread safety: one call at a time; interrupt() and descriptor() at any time from any thread.
class connection {
 public:
  /// Bounded in all its parts - name resolution, TCP, TLS, authentication - by one deadline of ours.
  [[nodiscard]] static result<std::unique_ptr<connection>> open(const options& wanted, const endpoint* host, const connect_options& how);
  /// A connection of somebody else's, who closes it after this object's end.
  [[nodiscard]] static result<std::unique_ptr<connection>> adopt(MYSQL* handle, std::shared_ptr<const clock> time,
                                                                 microseconds answer_timeout);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// Sends one packet of statements separated by ';' and reads every answer. The first error ends it; the connection is dead
  /// after errc::store_unavailable and usable after any other.
  [[nodiscard]] result<std::vector<result_set>> run(std::string_view sql);

  // run() in three steps, for statements that wait. Between them the server is at work and nothing of the client library is.
  [[nodiscard]] status send(std::string_view sql);
  /// `other`: a further descriptor to look at, or -1. Nothing is decided by a time-out: await again, or interrupt().
  [[nodiscard]] awaited await(microseconds limit, int other = -1);
  [[nodiscard]] result<std::vector<result_set>> receive();
  /// Ends the connection for both sides, so that the server lets go of what it holds as soon as it looks.
  void hang_up() noexcept;

  /// The number of the error that the last run() ended with; 0 if none.
  [[nodiscard]] unsigned last_error() const noexcept { return last_error_; }

  /// `text` as a literal with its quotes. Relies on the sql_mode that the session set-up pins.
  [[nodiscard]] std::string quoted(std::string_view text);
  void append_quoted(std::string& sql, std::string_view text);

  /// Gives the connection up, and says why.
  [[nodiscard]] failure unavailable(std::string_view why);

  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] microseconds answer_timeout() const noexcept { return answer_timeout_; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] const std::string& where() const noexcept { return where_; }
  [[nodiscard]] MYSQL* handle() noexcept { return handle_; }
  [[nodiscard]] boot_time now() const noexcept { return time_->now().steady; }
  /// While no statement is under way: whether the connection has ended, as far as the socket tells.
  [[nodiscard]] bool has_ended() const noexcept;
  /// At any time: whether every further call would fail.
  [[nodiscard]] bool is_dead() const noexcept { return dead_ || !is_of_this_process(); }
  /// False in a child that was forked since: the session is its parent's.
  [[nodiscard]] bool is_of_this_process() const noexcept;
  [[nodiscard]] failure foreign() const;

  /// Wakes a running call, which then fails, as does every later one. While the server is at the statement it notices nothing until
  /// this object is destroyed: what the session holds there stays held for so long. Only a transfer under way is cut off.
  void interrupt() noexcept;

 private:
  connection() = default;
  [[nodiscard]] failure failed(std::string_view doing);
  [[nodiscard]] status adopt_socket(bool is_tcp, microseconds answer_timeout);
  [[nodiscard]] bool enter(int transfer);

  static constexpr int idle = -1;

  MYSQL* handle_ = nullptr;
  bool is_adopted_ = false;
  std::uint32_t process_ = 0;  ///< a forked child has the socket too, and must keep its hands off it
  std::shared_ptr<const clock> time_;
  std::uint64_t id_ = 0;
  int descriptor_ = -1;  ///< our own duplicate: the library closes its descriptor by itself, and its number may then be anybody's
  int wake_ = -1;        ///< an eventfd: readable once interrupted
  milliseconds answer_timeout_{};
  std::atomic<int> in_library_ = idle;  ///< how to shut down a transfer that the library has under way: SHUT_RD, SHUT_RDWR; `idle`: none is
  std::atomic<bool> dead_ = false;
  unsigned last_error_ = 0;
  std::string doing_;  ///< the beginning of the statement under way, for messages
  std::string where_;
};

/// Which kind of failure an error number of server or client library is.
[[nodiscard]] errc classify(unsigned number) noexcept;

}  // namespace baton::mysql

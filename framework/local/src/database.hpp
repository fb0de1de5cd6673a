#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"
#include "directory.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace baton::local {

/// What stands for a `?`. Times are microseconds since the epoch.
class parameter {
 public:
  parameter(std::nullptr_t) {}                          // NOLINT(google-explicit-constructor)
  parameter(std::string_view text) : value_(text) {}    // NOLINT(google-explicit-constructor)
  parameter(const std::string& text) : value_(text) {}  // NOLINT(google-explicit-constructor)
  parameter(wall_time t) : value_(to_number(t)) {}      // NOLINT(google-explicit-constructor)
  parameter(const std::optional<wall_time>& t) {        // NOLINT(google-explicit-constructor)
    if (t) value_ = to_number(*t);
  }
  template <typename T>
  requires(std::is_integral_v<T> || std::is_enum_v<T>) parameter(T number)  // NOLINT(google-explicit-constructor)
      : value_(static_cast<std::int64_t>(number)) {}

  void bind(sqlite3_stmt* statement, int index) const;

 private:
  static std::int64_t to_number(wall_time t) { return t.time_since_epoch().count(); }

  std::variant<std::nullptr_t, std::int64_t, std::string_view> value_ = nullptr;
};

class database;

/// The rows of a query, in turn; none after an error. Lifetime: ends before the next statement of the same text begins.
class cursor {
 public:
  cursor(database& from, sqlite3_stmt* statement) : from_(from), statement_(statement) {}
  ~cursor();
  cursor(const cursor&) = delete;
  cursor& operator=(const cursor&) = delete;

  [[nodiscard]] bool next();
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] bool is_true(int column) const { return number(column) != 0; }
  [[nodiscard]] std::uint64_t number(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::optional<wall_time> time(int column) const;

 private:
  database& from_;
  sqlite3_stmt* statement_;
};

/// One connection to the SQLite database of a store.
///
/// Statements run inside read() or write(), or between begin() and commit(). The first error of a transaction is kept: what follows it
/// does nothing and finds nothing, and commit() tells it. Nothing else may open and close the file in this process: that would drop
/// SQLite's own locks (POSIX).
///
/// Errors: store_busy, rolled back; store_query on a full disk, rolled back; store_unfit for what people have to cure;
/// store_unavailable for everything after which nothing is certain: the connection is dead.
/// Thread safety: one call at a time; interrupt() at any time from any thread.
class database {
 public:
  enum class if_missing : std::uint8_t { fail = 1, create };
  [[nodiscard]] static result<std::unique_ptr<database>> open(std::shared_ptr<const directory> where, if_missing what);
  ~database();
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  /// In one snapshot.
  [[nodiscard]] status read(const std::function<void()>& work);
  /// In one transaction, alone: others that write wait for it, at most a second.
  [[nodiscard]] status write(const std::function<void()>& work);
  [[nodiscard]] status begin_write() { return begin("BEGIN IMMEDIATE"); }
  [[nodiscard]] status commit();
  void rollback();

  template <typename... Parameters>
  [[nodiscard]] cursor query(std::string_view sql, const Parameters&... parameters) {
    return {*this, bound(sql, {parameter{parameters}...})};
  }
  /// How many rows it changed.
  template <typename... Parameters>
  std::uint64_t run(std::string_view sql, const Parameters&... parameters) {
    return finish(bound(sql, {parameter{parameters}...}));
  }
  /// Several statements without parameters.
  void script(const std::string& sql);

  [[nodiscard]] bool has_failed() const noexcept { return trouble_.has_value(); }
  /// Makes the transaction fail.
  void fail(failure why);

  /// Ends the call under way, which then fails; every later call fails too.
  void interrupt() noexcept;

 private:
  friend class cursor;
  explicit database(std::shared_ptr<const directory> where);
  [[nodiscard]] status usable();
  [[nodiscard]] status begin(std::string_view how);
  [[nodiscard]] sqlite3_stmt* bound(std::string_view sql, std::initializer_list<parameter> parameters);
  [[nodiscard]] bool step(sqlite3_stmt* statement);
  std::uint64_t finish(sqlite3_stmt* statement);
  void note(int code);
  [[nodiscard]] failure describe(int code) const;
  static int wait_for_others(void* self, int times) noexcept;

  std::shared_ptr<const directory> where_;
  pid_t owner_;
  sqlite3* handle_ = nullptr;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
  std::optional<failure> trouble_;
  bool is_dead_ = false;
  std::mutex mutex_;  ///< of what follows
  std::condition_variable interrupted_;
  bool is_interrupted_ = false;
};

}  // namespace baton::local

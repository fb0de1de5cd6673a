#include "database.hpp"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "schema.hpp"

namespace baton::local {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds busy_pause{2};
constexpr int busy_pauses = 450;  // less than a second, all in all

bool is_no_room(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

}  // namespace

void parameter::bind(sqlite3_stmt* statement, int index) const {
  if (const auto* text = std::get_if<std::string_view>(&value_)) {
    const char* const data = text->data() == nullptr ? "" : text->data();
    sqlite3_bind_text(statement, index, data, static_cast<int>(text->size()), SQLITE_TRANSIENT);
  } else if (const auto* number = std::get_if<std::int64_t>(&value_)) {
    sqlite3_bind_int64(statement, index, *number);
  } else {
    sqlite3_bind_null(statement, index);
  }
}

// ---- rows

cursor::~cursor() {
  if (statement_ != nullptr) sqlite3_reset(statement_);
}

bool cursor::next() { return statement_ != nullptr && from_.step(statement_); }

bool cursor::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

std::uint64_t cursor::number(int column) const { return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column)); }

std::string cursor::text(int column) const {
  const auto* const data = sqlite3_column_text(statement_, column);
  if (data == nullptr) return {};
  return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::optional<wall_time> cursor::time(int column) const {
  if (is_null(column)) return std::nullopt;
  return wall_time{microseconds{sqlite3_column_int64(statement_, column)}};
}

// ---- opening

database::database(std::shared_ptr<const directory> where) : where_(std::move(where)), owner_(::getpid()) {}

database::~database() {
  if (::getpid() != owner_) return;  // in a forked child SQLite must not be touched: what is lost is memory
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

result<std::unique_ptr<database>> database::open(std::shared_ptr<const directory> where, if_missing what) {
  std::unique_ptr<database> made{new database{std::move(where)}};
  const auto path = made->where_->database();
  if (what == if_missing::fail && made->where_->database_identity() == file_identity{})
    return failure{errc::schema_outdated, path.string() + " does not exist; run baton migrate"};
  const int flags = SQLITE_OPEN_READWRITE | (what == if_missing::create ? SQLITE_OPEN_CREATE : 0);
  errno = 0;
  const int code = sqlite3_open_v2(path.c_str(), &made->handle_, flags, nullptr);
  if (made->handle_ == nullptr) return failure{errc::internal, "sqlite3_open: out of memory"};
  if (code != SQLITE_OK) return made->describe(code);
  sqlite3_extended_result_codes(made->handle_, 1);
  sqlite3_busy_handler(made->handle_, &database::wait_for_others, made.get());
  if (sqlite3_db_readonly(made->handle_, "main") == 1) return made->describe(SQLITE_READONLY);
  if (what == if_missing::create) ::chmod(path.c_str(), 0600);  // errors and outputs of jobs are not for everybody
  if (auto ours = check_ownership(*made); !ours) return std::move(ours).error();
  // The change to WAL needs the file alone; whoever is refused that is told at once, without the wait.
  for (int go = 0; go < busy_pauses; ++go) {
    made->trouble_.reset();
    made->script("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
    if (!made->trouble_ || made->trouble_->code != errc::store_busy || wait_for_others(made.get(), go) == 0) break;
  }
  if (made->trouble_) return std::move(*made->trouble_);
  return made;
}

// ---- transactions

status database::usable() {
  if (::getpid() != owner_)
    return failure{errc::wrong_process,
                   where_->database().string() + ": the session belongs to the process that forked this one; open one here"};
  {
    const std::lock_guard guard{mutex_};
    if (is_interrupted_) return failure{errc::store_unavailable, where_->database().string() + ": the session was interrupted"};
  }
  if (is_dead_) return failure{errc::store_unavailable, where_->database().string() + ": the session has ended with an earlier error"};
  int has_moved = 0;
  sqlite3_file_control(handle_, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
  if (has_moved == 0) return {};
  is_dead_ = true;
  return failure{errc::store_unavailable, where_->database().string() + " was removed or replaced while it was in use; it is opened anew"};
}

status database::begin(std::string_view how) {
  trouble_.reset();
  if (auto fit = usable(); !fit) return fit;
  run(how);
  if (!trouble_) return {};
  return *std::exchange(trouble_, std::nullopt);
}

status database::commit() {
  if (!trouble_) run("COMMIT");
  if (!trouble_) return {};
  const auto why = *trouble_;
  rollback();
  return why;
}

void database::rollback() {
  trouble_.reset();
  if (sqlite3_get_autocommit(handle_) == 0) run("ROLLBACK");
  if (trouble_) is_dead_ = true;
  trouble_.reset();
}

status database::read(const std::function<void()>& work) {
  if (auto begun = begin("BEGIN"); !begun) return begun;
  work();
  return commit();
}

status database::write(const std::function<void()>& work) {
  if (auto begun = begin_write(); !begun) return begun;
  work();
  return commit();
}

// ---- statements

sqlite3_stmt* database::bound(std::string_view sql, std::initializer_list<parameter> parameters) {
  if (trouble_) return nullptr;
  auto it = statements_.find(sql);
  if (it == statements_.end()) {
    sqlite3_stmt* made = nullptr;
    if (const int code = sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &made, nullptr); code != SQLITE_OK) {
      note(code);
      return nullptr;
    }
    it = statements_.emplace(sql, made).first;
  }
  int index = 0;
  for (const auto& value : parameters) value.bind(it->second, ++index);
  return it->second;
}

bool database::step(sqlite3_stmt* statement) {
  if (trouble_) return false;
  errno = 0;
  const int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) note(code);
  return false;
}

std::uint64_t database::finish(sqlite3_stmt* statement) {
  if (statement == nullptr) return 0;
  while (step(statement)) {
  }
  sqlite3_reset(statement);
  return trouble_ ? 0 : static_cast<std::uint64_t>(sqlite3_changes64(handle_));
}

void database::script(const std::string& sql) {
  if (trouble_) return;
  errno = 0;
  if (const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK) note(code);
}

void database::fail(failure why) {
  if (!trouble_) trouble_ = std::move(why);
}

// ---- what goes wrong

void database::note(int code) {
  auto why = describe(code);
  {
    const std::lock_guard guard{mutex_};
    if (is_interrupted_) why = describe(SQLITE_INTERRUPT);
  }
  if (why.code == errc::store_unavailable) is_dead_ = true;
  fail(std::move(why));
}

failure database::describe(int code) const {
  const int last_error = errno;  // SQLite keeps the error of the system only outside of a commit
  const auto path = where_->database().string();
  const int error = is_no_room(last_error) ? last_error : sqlite3_system_errno(handle_);
  const std::string words = sqlite3_errmsg(handle_);
  if ((code & 0xff) == SQLITE_FULL || ((code & 0xff) == SQLITE_IOERR && is_no_room(error)))
    return {errc::store_query,
            path + ": the disk is full, or a quota or a limit on the size of files is reached; nothing was written; make room"};
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {errc::store_busy, path + ": another process has been writing for a second; nothing was written, and it is tried again"};
    case SQLITE_CONSTRAINT: return {errc::store_busy, path + ": " + words + "; nothing was written, and it is tried again"};
    case SQLITE_INTERRUPT: return {errc::store_unavailable, path + ": the session was interrupted"};
    case SQLITE_READONLY:
      return {errc::store_unfit, path + " cannot be written: its file system is read-only, or it belongs to another account"};
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return {error == EACCES || error == EPERM ? errc::access_denied : errc::store_unfit,
              path + " cannot be opened: " + (error == 0 ? words : error_text(error))};
    case SQLITE_NOTADB: return {errc::store_unfit, path + " is not an SQLite database: move it away, or name another directory"};
    case SQLITE_CORRUPT:
      return {errc::store_unfit, path + " is damaged (" + words +
                                     "): stop all instances, then restore it or repair it with sqlite3's .recover; without it all ticks "
                                     "start afresh"};
    case SQLITE_IOERR: return {errc::store_unavailable, path + ": reading or writing failed: " + (error == 0 ? words : error_text(error))};
    default: return {errc::store_query, path + ": " + words};
  }
}

/// Instead of SQLite's own handler, which interrupt() would not wake.
int database::wait_for_others(void* self, int times) noexcept {
  auto& db = *static_cast<database*>(self);
  std::unique_lock guard{db.mutex_};
  if (times >= busy_pauses) return 0;
  return db.interrupted_.wait_for(guard, busy_pause, [&db] { return db.is_interrupted_; }) ? 0 : 1;
}

void database::interrupt() noexcept {
  {
    const std::lock_guard guard{mutex_};
    is_interrupted_ = true;
  }
  interrupted_.notify_all();
  sqlite3_interrupt(handle_);
}

}  // namespace baton::local

#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "baton/base/result.hpp"
#include "baton/base/system_clock.hpp"
#include "baton/base/time.hpp"
#include "baton/ledger/control.hpp"
#include "baton/ledger/session.hpp"
#include "baton/lock/session.hpp"

namespace baton::local {

struct options {
  std::filesystem::path directory;                                       ///< absolute; made with mode 0700 where it is missing
  std::shared_ptr<const clock> time = std::make_shared<system_clock>();  ///< `wall` is the store's time
};

/// The store of one host: a directory with an SQLite database for the ledger, and a file with a flock() for each named lock. All
/// processes of the host that name the directory are one fleet.
///
/// A lock is its process's: kill -9 frees it at once, a stop (SIGSTOP) keeps it for as long as it lasts. A forked child that does not
/// exec shares the locks and must use none of the sessions, which answer wrong_process there.
///
/// Errors of opening a session: store_unfit with one sentence and its cure (a network file system, a directory that everybody may
/// write, a file that is no database of Baton's, tables of a newer release); schema_outdated until migrate() was called; access_denied.
///
/// Thread safety: any thread.
class store {
 public:
  /// Looks at the options alone. Errors: invalid_argument.
  [[nodiscard]] static result<store> create(options wanted);

  [[nodiscard]] result<std::unique_ptr<lock::session>> open_lock_session() const;
  [[nodiscard]] result<std::unique_ptr<ledger::session>> open_ledger_session() const;
  [[nodiscard]] result<std::unique_ptr<ledger::control>> open_control() const;

  /// Makes the directory, the database and its tables, or brings the tables to this release.
  [[nodiscard]] status migrate() const;
  [[nodiscard]] static std::string migration_sql();

  /// "local:///PATH", for messages.
  [[nodiscard]] std::string describe() const;

 private:
  explicit store(options wanted) : options_(std::move(wanted)) {}

  options options_;
};

}  // namespace baton::local

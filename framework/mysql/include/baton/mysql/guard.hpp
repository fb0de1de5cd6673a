#pragma once

// Includes the client library's header: for programs that write by a MYSQL* of their own.
#include <mysql.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "baton/base/result.hpp"
#include "baton/mysql/lease.hpp"

namespace baton::mysql {

/// What keeps a holder that does not know that it is one no more from writing: its fence, compared with the last one that was handed out
/// for the lock. The table baton_fence has to be in the server that is written to.
class guard {
 public:
  guard(std::string_view lock_name, std::uint64_t fence);
  explicit guard(const lease& held) : guard(held.name(), held.fence()) {}

  /// To begin a transaction with, before anything is written: gives a row while the fence is the last one, none when it is not - then end
  /// it. Until the transaction ends nobody can take a larger fence, so that what is written is written before what the next holder writes.
  [[nodiscard]] const std::string& lock_statement() const noexcept { return lock_statement_; }

  /// For the WHERE of a single statement: "EXISTS(SELECT 1 FROM baton_fence …)". Changes zero rows under an older fence. Under READ
  /// COMMITTED and REPEATABLE READ it is read from a snapshot: a fence that is taken at the very same time may be missed. What has to be
  /// in order with the next holder's writes begins with lock_statement().
  [[nodiscard]] const std::string& condition() const noexcept { return condition_; }

  /// `statements` in one transaction under this guard; how many rows they changed. Leaves the connection outside of a transaction.
  ///
  /// Errors: stale_fence: a later holder has taken a fence, nothing was written, stop; store_busy: a deadlock or a lock wait that ran
  /// out, nothing was written, try again; store_query and others: nothing was written; store_unavailable at COMMIT: nobody knows.
  [[nodiscard]] result<std::uint64_t> write(MYSQL* connection, std::span<const std::string> statements) const;

 private:
  std::string name_;
  std::string lock_statement_;
  std::string condition_;
};

}  // namespace baton::mysql

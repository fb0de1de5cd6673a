#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"
#include "baton/mysql/store.hpp"
#include "baton/sdk/run_context.hpp"

#include "connection.hpp"

namespace sql_plugin {

using baton::microseconds;
using baton::result;
using baton::status;

/// What ends a statement that is under way.
enum class patience : std::uint8_t {
  until_told = 1,  ///< a stop order, the end of the lease, or of the statement's own time
  to_the_end,      ///< the end of the lease alone
};

/// A session for one run. What is ended early is ended at the server too, with all that was not committed.
///
/// Errors: cancelled: the run was told to stop, or its lease ends; timed_out: the statement took too long; store_unavailable, store_busy,
/// interrupted: a later attempt may do better; others: the server's number and words. No failure shows a statement or a password.
class session {
 public:
  /// At the first host that answers; of several, at the first that takes writes.
  [[nodiscard]] static result<session> open(baton::mysql::options where, const baton::sdk::run_context& run);

  /// What Baton says of the run, as @baton_job, @baton_tick and so on. Bound, not written into SQL.
  [[nodiscard]] status set_variables();

  /// One statement; how many rows it changed (an UPDATE: matched), or gave. `limit`: nullopt: none of its own.
  [[nodiscard]] result<std::uint64_t> execute(std::string_view statement, patience how = patience::until_told,
                                              std::optional<microseconds> limit = std::nullopt);

  [[nodiscard]] bool is_in_transaction() noexcept { return (link_->handle()->server_status & SERVER_STATUS_IN_TRANS) != 0; }
  [[nodiscard]] bool is_usable() const noexcept { return !link_->is_dead(); }

 private:
  session(baton::mysql::options where, std::size_t host, std::unique_ptr<baton::mysql::connection> link, const baton::sdk::run_context& run)
      : where_{std::move(where)}, host_{host}, link_{std::move(link)}, run_{&run} {}

  [[nodiscard]] status prepare();
  [[nodiscard]] status wait_for_answer(patience how, baton::boot_time until);
  [[nodiscard]] result<std::uint64_t> read_answer(patience how, baton::boot_time until);
  [[nodiscard]] std::optional<baton::failure> reason_to_end(patience how, baton::boot_time until) const;
  [[nodiscard]] baton::failure end_at_server(baton::failure why);
  [[nodiscard]] baton::failure failed(patience how);
  [[nodiscard]] baton::failure failed(unsigned number, std::string_view words);

  baton::mysql::options where_;
  std::size_t host_;
  std::string server_;  ///< which one it is, of those behind one address
  std::unique_ptr<baton::mysql::connection> link_;
  const baton::sdk::run_context* run_;
};

}  // namespace sql_plugin

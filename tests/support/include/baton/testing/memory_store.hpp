#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "baton/base/time.hpp"
#include "baton/ledger/session.hpp"
#include "baton/lock/waiting_session.hpp"

namespace baton::testing {

/// A MySQL server in memory, as far as Baton can tell: connections with named locks and a wait_timeout, the tables of the ledger with
/// transactions and row locks, a clock. What would wait on a server for a row lock fails with store_busy here.
///
/// Thread safety: none. Time is the clock's: `wall` is the server's UTC_TIMESTAMP, `steady` measures silence.
class memory_store {
 public:
  using connection = std::uint64_t;

  explicit memory_store(const clock& time, lock::server_identity identity = {"memory", 1}) : clock_(time), identity_(std::move(identity)) {}

  // ---- what befalls a server
  void kill(connection c) { end(c); }
  /// Every connection ends, its locks and open transactions with it; what was committed stays; the identity is new.
  void restart();
  /// Another server takes its place, which lacks the last commits of ticks and fences (64 at most). What was lost, the newest first.
  struct lost_write {
    std::string cluster;
    ledger::tick_row was;
    std::optional<ledger::tick_row> is;  ///< nullopt: there is no row any more
  };
  std::vector<lost_write> fail_over(std::size_t lost_commits);
  void set_writable(bool writable) noexcept { writable_ = writable; }
  void set_quorum(bool quorum) noexcept { quorum_ = quorum; }

  // ---- what people ask for, as by ledger::control
  void set_paused(const std::string& cluster, const std::string& job, bool paused);
  void order(const std::string& cluster, const std::string& job, wall_time tick);
  void cancel(const std::string& cluster, const ledger::tick_key& run);

  // ---- what its administrator does, past the contracts
  void set_effective_since(const std::string& cluster, wall_time since);  ///< of all jobs
  void set_retries_due(const std::string& cluster);

  // ---- what its administrator sees
  [[nodiscard]] const lock::server_identity& identity() const noexcept { return identity_; }
  [[nodiscard]] std::optional<connection> owner_of(const std::string& lock_name);
  [[nodiscard]] std::size_t locks_held();
  [[nodiscard]] std::vector<connection> connections();
  [[nodiscard]] std::vector<ledger::tick_row> rows(const std::string& cluster) const;
  [[nodiscard]] std::optional<ledger::tick_row> row(const std::string& cluster, const ledger::tick_key& key) const;
  [[nodiscard]] std::optional<ledger::registered_job> registered(const std::string& cluster, const std::string& job) const;
  [[nodiscard]] std::set<std::string> heartbeats(const std::string& cluster) const;
  /// Called at every commit, for each row of baton_tick: as it was, as it is.
  std::function<void(const ledger::tick_row* before, const ledger::tick_row& after)> on_commit;

  /// For each claim of restore(): as its owner knows it, and as it is in the ledger now.
  std::function<void(const ledger::tick_row& claim, const ledger::tick_row& row)> on_restore;

  std::vector<std::string> warnings;  ///< that sessions of programs told

  // ---- what a client can do; every statement is a sign of life
  [[nodiscard]] connection connect(microseconds wait_timeout);
  void disconnect(connection c) { end(c); }
  [[nodiscard]] bool is_open(connection c);

  [[nodiscard]] result<std::vector<lock::try_outcome>> get_locks(connection c, std::span<const std::string> names);
  /// An earlier session that has the lock is ended.
  [[nodiscard]] result<bool> hold_incarnation(connection c, const std::string& cluster, const std::string& incarnation);
  [[nodiscard]] result<std::vector<bool>> owned(connection c, std::span<const std::string> names);
  [[nodiscard]] result<lock::probe_reply> probe(connection c, std::span<const std::string> names);
  [[nodiscard]] result<std::vector<lock::release_outcome>> release_locks(connection c, std::span<const std::string> names);

  [[nodiscard]] result<std::vector<ledger::registered_job>> register_jobs(connection c, const std::string& cluster,
                                                                          std::span<const ledger::job_registration> jobs);
  [[nodiscard]] result<std::vector<ledger::finish_outcome>> finish(connection c, const std::string& cluster,
                                                                   std::span<const ledger::finish_record> records);
  [[nodiscard]] result<ledger::reconcile_reply> reconcile(connection c, const ledger::reconcile_request& request);
  [[nodiscard]] status request_cancel(connection c, const std::string& cluster, std::span<const ledger::tick_key> runs);
  [[nodiscard]] result<std::uint64_t> restore(connection c, const std::string& cluster, std::span<const ledger::own_claim> claims);
  [[nodiscard]] result<std::uint64_t> purge(connection c, const ledger::purge_request& request);
  [[nodiscard]] status sign_off(connection c, const std::string& cluster, const std::string& incarnation);

  /// A claim as its statements reach the server one by one, so that others can come in between.
  class claim_transaction {
   public:
    enum class step : std::uint8_t { lock_fences = 1, read, write, ask_owners, commit, done };

    claim_transaction(memory_store& store, connection c, ledger::claim_request request)
        : store_(store), connection_(c), request_(std::move(request)) {}

    [[nodiscard]] step next() const noexcept { return next_; }
    /// One statement. After the last one, and after an error, next() is done.
    void advance();
    /// Of a transaction that is done.
    [[nodiscard]] result<ledger::claim_reply> reply() const;

   private:
    struct planned {
      const ledger::name_claim* name;
      ledger::name_snapshot seen;
      ledger::name_plan plan;
      bool refused = false;
    };
    void lock_fences();
    void read();
    void write();
    void ask_owners();
    void commit();
    void refuse(planned& p, ledger::name_verdict verdict);
    void fail(errc code, std::string why);

    memory_store& store_;
    connection connection_;
    ledger::claim_request request_;
    step next_ = step::lock_fences;
    std::vector<planned> names_;
    std::vector<ledger::name_reply> left_out_;
    wall_time read_at_{};
    std::vector<ledger::upcoming_tick> upcoming_;
    wall_time written_at_{};
    std::optional<failure> error_;
  };

  /// The two contracts on connections of their own. The store outlives them.
  [[nodiscard]] std::unique_ptr<lock::waiting_session> open_lock_session(microseconds wait_timeout);
  [[nodiscard]] std::unique_ptr<ledger::session> open_ledger_session(microseconds wait_timeout);

 private:
  struct session {
    microseconds wait_timeout{};
    boot_time last_byte{};
    std::set<std::string> locks;
  };
  struct stored_row {
    ledger::tick_row row;
    wall_time changed{};
  };
  struct fence_row {
    std::uint64_t fence = 0;
    connection locked_by = 0;
  };
  struct job_row {
    std::string lock_name;
    std::string schedule_hash;
    wall_time effective_since{};
    ledger::job_standing standing;
    std::optional<wall_time> low_water;
    wall_time changed{};
    bool registered = false;
  };
  struct tables {
    std::map<ledger::tick_key, stored_row> ticks;
    std::set<ledger::tick_key> open;
    std::map<ledger::tick_key, connection> row_locks;
    std::map<std::string, fence_row> fences;
    std::map<std::string, job_row> jobs;
    std::map<std::string, ledger::reconcile_request> instances;  ///< by incarnation, as they told last
  };

  /// What a commit changed, as it was.
  struct undo {
    tables* of = nullptr;
    std::optional<ledger::tick_key> row;
    std::optional<stored_row> row_was;
    std::string fence;
    std::optional<std::uint64_t> fence_was;
  };

  void end(connection c);
  void end_silent();
  void begin_commit();
  void set_fence(tables& t, const std::string& name, std::uint64_t fence);
  status touch(connection c);
  bool lock_row(tables& t, const ledger::tick_key& key, connection c);
  void unlock_all(connection c);
  void store_row(tables& t, ledger::tick_row row, wall_time changed);
  void write_row(tables& t, ledger::tick_row row, wall_time changed);
  static void keep_range_before(tables& t, const ledger::tick_key& key);
  [[nodiscard]] std::optional<wall_time> last_decided(const tables& t, const std::string& job) const;
  [[nodiscard]] static std::optional<wall_time> last_success(const tables& t, const std::string& job);

  const clock& clock_;
  lock::server_identity identity_;
  bool writable_ = true;
  bool quorum_ = true;
  connection next_connection_ = 1;
  std::map<connection, session> sessions_;
  std::map<std::string, connection> locks_;
  std::map<std::string, tables> tables_;
  std::deque<std::vector<undo>> commits_;  ///< the last ones
};

}  // namespace baton::testing

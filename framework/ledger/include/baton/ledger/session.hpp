#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/base/server_identity.hpp"
#include "baton/ledger/claim.hpp"
#include "baton/ledger/records.hpp"

namespace baton::ledger {

/// How an attempt ended. Written only where row, state `running` and fence are unchanged.
struct finish_record {
  tick_key key;
  std::uint64_t fence = 0;
  run_outcome outcome{};
  reason_code reason = reason_code::none;
  std::optional<wall_time> started;  ///< nullopt: it never started
  wall_time finished{};
  std::string error;
  std::string output;
  bool open_again = false;                 ///< the row becomes retry_due instead of finished: on_crash decides about a further attempt
  std::optional<wall_time> retry_at = {};  ///< the same, for an attempt that is due then
  std::vector<follower> followers = {};    ///< whose runs are asked for in the same transaction
  [[nodiscard]] row_state state() const noexcept { return open_again || retry_at ? row_state::retry_due : row_state::finished; }
  friend bool operator==(const finish_record&, const finish_record&) = default;
};

enum class finish_outcome : std::uint8_t {
  written = 1,
  fenced,  ///< the row is not this attempt's any more; nothing was written
};

/// What an instance asks at every reconcile, and now and then tells of itself.
struct reconcile_request {
  std::string cluster;
  std::string incarnation;
  std::string instance;
  std::string version;
  std::uint64_t config_hash = 0;
  std::string tzdata;       ///< the release of the time zone data that its schedules go by
  wall_time ticks_since{};  ///< rows of ticks that were written at or after this come back
  wall_time jobs_since{};   ///< and those of jobs
  bool beat = true;         ///< writes a heartbeat too, and asks who differs
};

struct reconcile_reply {
  wall_time store_now{};
  std::vector<tick_row> open;  ///< every open row of the cluster; a hint, never a verdict. Without error and output.
  struct change {
    tick_key key;
    std::optional<wall_time> until;
    row_state state{};
  };
  std::vector<change> changed;
  /// Jobs that were paused, resumed or registered anew since `jobs_since`.
  struct job_change {
    std::string job;
    std::string schedule_hash;
    bool stopped = false;
  };
  std::vector<job_change> jobs = {};
  /// With a heartbeat: a living instance - heard of within a minute - that differs from who asks in configuration or time zone data.
  struct peer {
    std::string incarnation;
    std::string instance;
    std::uint64_t config_hash = 0;
    std::string tzdata;
  };
  std::vector<peer> different = {};
};

/// A job as an instance knows it.
struct job_registration {
  std::string job;
  std::string lock_name;
  std::string schedule_hash;  ///< a change restarts effective_since
  job_setting setting = job_setting::runs;
  std::vector<std::string> tag_fences = {};  ///< tag_limit::fence_name of its tags
};

struct registered_job {
  std::string job;
  wall_time effective_since{};             ///< ticks before it do not exist
  std::optional<wall_time> decided_until;  ///< end of its last row of kind schedule
  bool stopped = false;                    ///< paused or disabled
  std::optional<wall_time> last_success;
};

/// A claim of the caller's own, as it stands: running, or as its end left it; without error and output.
struct own_claim {
  tick_row row;
  std::vector<follower> followers = {};  ///< whose runs were asked for with its final end
};

/// Whether the row `there` shows what was before the claim, or before its end, so that the claim was lost since.
[[nodiscard]] bool is_older(const tick_row& there, const own_claim& claim) noexcept;

/// Whether the row `there` shows how the claim ended, and not how somebody else ended it.
[[nodiscard]] bool is_end_of(const tick_row& there, const own_claim& claim) noexcept;

/// Rows that are to go: not open, and written last before `keep` ago.
struct purge_request {
  std::string cluster;
  microseconds keep{};
  std::uint32_t at_most = 500;
};

/// The store connection for claims, finishes and reconciling. Holds the named lock of its instance's incarnation.
///
/// Every call blocks; the caller bounds it with interrupt(). errc::store_busy: rolled back, safe to repeat;
/// errc::store_unavailable: nothing is known of what was under way, and the session is dead.
///
/// Thread safety: one call at a time, from any thread; interrupt() at any time from any thread.
class session {
 public:
  virtual ~session() = default;
  session() = default;
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  /// Takes the named lock of the incarnation. Another session that has it is an earlier one of this instance, which has given it up but
  /// may not close it: a store that can end it does so, so that the lock goes from one to the other. False while that one keeps it.
  [[nodiscard]] virtual result<bool> hold_incarnation(const std::string& cluster, const std::string& incarnation) = 0;

  /// Makes the rows that claims lock and reads where each job stands. Idempotent.
  [[nodiscard]] virtual result<std::vector<registered_job>> register_jobs(const std::string& cluster,
                                                                          std::span<const job_registration> jobs) = 0;

  /// One transaction for all names: fence rows, open rows, ticks, fences, ownership asked last, commit.
  [[nodiscard]] virtual result<claim_reply> claim(const claim_request& request) = 0;

  [[nodiscard]] virtual result<std::vector<finish_outcome>> finish(const std::string& cluster, std::span<const finish_record> records) = 0;

  [[nodiscard]] virtual result<reconcile_reply> reconcile(const reconcile_request& request) = 0;

  /// Asks for the end of a running run; whoever has it sees that at its next reconcile. Where it runs no more, nothing changes.
  [[nodiscard]] virtual status request_cancel(const std::string& cluster, std::span<const tick_key> runs) = 0;

  /// Makes up for commits that a failover lost. In one transaction: a claim without a row gets one, a row that is_older() is brought to
  /// where the claim stands, every other one is left alone; fences of their lock names are raised to the claims'. Idempotent.
  /// How many rows were not there, or older.
  [[nodiscard]] virtual result<std::uint64_t> restore(const std::string& cluster, std::span<const own_claim> claims) = 0;

  /// Deletes a batch of old rows, and how many they were. Their ticks never run again (baton_job.low_water).
  [[nodiscard]] virtual result<std::uint64_t> purge(const purge_request& request) = 0;

  /// Removes the instance's heartbeat row: an orderly stop.
  [[nodiscard]] virtual status sign_off(const std::string& cluster, const std::string& incarnation) = 0;

  [[nodiscard]] virtual std::uint64_t connection_id() const noexcept = 0;
  [[nodiscard]] virtual const server_identity& identity() const noexcept = 0;
  [[nodiscard]] virtual int descriptor() const noexcept = 0;
  virtual void interrupt() noexcept = 0;
};

}  // namespace baton::ledger

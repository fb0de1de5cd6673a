#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "baton/base/time.hpp"

namespace prometheus {
class Registry;
}

namespace baton::observe {

enum class plugin_metric_kind : std::uint8_t { counter = 1, gauge, histogram };

/// A series that a plugin keeps for each of its jobs: baton_plugin_<plugin>_<name>, with job_name beside its own labels.
struct plugin_metric {
  plugin_metric_kind kind{};
  std::string name;
  std::string help;
  std::map<std::string, std::string> labels;
  std::vector<double> buckets;  ///< of a histogram: rising upper bounds
};

/// What a run adds to a counter, where a gauge stands, or what a histogram saw: the sum, and how many in each bucket, the last of which has
/// no bound.
struct plugin_update {
  plugin_metric_kind kind{};
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
  std::vector<std::uint64_t> buckets;
};

struct job_labels {
  std::string job_name;
  std::string schedule;
  std::string timezone;
  std::string plugin;
  std::string lock_name;
  std::vector<plugin_metric> plugin_metrics{};
};

/// The metrics of contract.md section 4: every series of a configured job exists from the start, with 0.
///
/// Recording costs well under a microsecond, takes no lock but that of one histogram, and allocates only when a histogram of a job first
/// sees something; without memory it is not counted. A job name that was not configured, or a label value that contract.md does not list,
/// is ignored: what is counted never stops what is done.
///
/// A registry of the caller's keeps the series when this object goes, and whoever scrapes it elsewhere sees baton_* but not process_*.
/// Two objects on one registry count into the same series where their job names are the same.
///
/// Thread safety: all functions may be called from any thread; serialize() blocks no recording for longer than a map look-up.
class metrics {
 public:
  struct options {
    std::string version;
    std::string revision;
    std::string compiler;
    std::string mysql_client;
    std::string instance_id;
    std::string cluster;
    std::string store;  ///< "mysql" or "local"
    std::uint32_t run_slots = 16;
    std::vector<job_labels> jobs;
    wall_time started{};  ///< for process_start_time_seconds; epoch: worked out from /proc/stat, which ProcSubset=pid hides
    std::shared_ptr<prometheus::Registry> registry;  ///< of the caller's, see below; default: one of its own
  };
  /// Throws std::invalid_argument when a registry of the caller's already has one of the names with another type.
  explicit metrics(options opts);
  ~metrics();

  // Label values are those of docs/reference/metrics.md. Negative durations count as 0.
  void lock_attempt(std::string_view job, std::string_view outcome,
                    microseconds took) noexcept;       ///< acquired, busy, error: attempt and duration
  void duplicate_tick(std::string_view job) noexcept;  ///< an acquired lock whose tick had a row already
  void lock_held(std::string_view job, bool held) noexcept;
  void lock_hold(std::string_view job, microseconds how_long) noexcept;
  void lock_lost(std::string_view job, std::string_view reason) noexcept;
  void lease_probe(microseconds took) noexcept;
  void lease_age(microseconds age) noexcept;
  void fenced_write_rejected() noexcept;
  void tick(std::string_view job, std::string_view result, std::uint64_t count = 1) noexcept;  ///< run, caught_up, skipped, missed
  void skip(std::string_view job, std::string_view reason, std::uint64_t count = 1) noexcept;
  void tick_lateness(std::string_view job, microseconds late) noexcept;
  void run_started(std::string_view job, std::string_view trigger) noexcept;  ///< schedule, catch_up, trigger, after, retry
  void run_ended(std::string_view job, std::string_view outcome, microseconds took) noexcept;
  void job_times(std::string_view job, wall_time last_run, wall_time last_success) noexcept;  ///< left as they are where that is later
  void job_next_tick(std::string_view job, wall_time tick) noexcept;
  void job_paused(std::string_view job, bool paused) noexcept;
  void job_schedule_max_gap(std::string_view job, microseconds gap) noexcept;  ///< the longest time between two ticks to come
  void running(std::string_view job, std::int64_t count) noexcept;
  void retried(std::string_view job) noexcept;
  void overlap_suspected(std::string_view job) noexcept;
  void schedule_disagreement(std::string_view job, bool disagrees) noexcept;
  void leader(bool is_leader) noexcept;
  void leader_change() noexcept;
  void run_slots(std::uint32_t busy) noexcept;
  void run_slots_total(std::uint32_t slots) noexcept;
  /// After a reload: series for jobs that have none yet, and for those of another plugin. Those of jobs that are gone, and of plugins they
  /// had before, stay as they are. One call at a time.
  void add_jobs(const std::vector<job_labels>& jobs);
  void due_queue_length(std::size_t length) noexcept;
  void scheduler_lag(microseconds lag) noexcept;
  void store_up(bool up) noexcept;
  void store_connections(std::string_view kind, std::size_t count) noexcept;  ///< lock, ledger, abandoned
  void store_reconnect() noexcept;
  void store_identity_change() noexcept;
  /// connect, acquire, owned, probe, release, incarnation, register, claim, finish, reconcile, sign_off, migrate, purge; else counted as
  /// other.
  void store_query(std::string_view operation, microseconds took) noexcept;
  void clock_offset(microseconds offset) noexcept;
  void clock_step() noexcept;
  void tzdata(std::string_view version) noexcept;  ///< once
  void tzdata_restart_needed(bool needed) noexcept;
  void config_hash(std::uint64_t hash48) noexcept;
  void config_reloaded(bool successful, wall_time at) noexcept;
  void admin_request(std::string_view verb, std::string_view result) noexcept;
  void log_message(std::string_view level) noexcept;  ///< debug, info, warning, error
  void plugin(std::string_view plugin, std::string_view version, std::string_view abi, std::string_view build_id) noexcept;
  /// Ignored: a series that the job's plugin did not name, another kind or number of buckets, a value that is not finite, a counter that
  /// falls.
  void plugin_counted(std::string_view job, std::string_view plugin, const plugin_update& update) noexcept;

  /// The text exposition format, version 0.0.4, with process_* read on the spot.
  [[nodiscard]] std::string serialize() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace baton::observe

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "baton/base/time.hpp"

namespace prometheus {
class Registry;
}

namespace baton::observe {

struct job_labels {
  std::string job_name;
  std::string schedule;
  std::string timezone;
  std::string plugin;
  std::string lock_name;
};

/// The metrics of contract.md section 4: every series of a configured job exists from the start, with 0.
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
    std::shared_ptr<prometheus::Registry> registry;  ///< of the caller's; default: one of its own
  };
  explicit metrics(options opts);
  ~metrics();

  // Label values are those of contract.md. A job name that was not configured is ignored.
  void lock_attempt(std::string_view job, std::string_view outcome, microseconds took) noexcept;  ///< acquired, busy, error: attempt and duration
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
  void run_started(std::string_view job, std::string_view trigger) noexcept;
  void run_ended(std::string_view job, std::string_view outcome, microseconds took) noexcept;
  void job_times(std::string_view job, wall_time last_run, wall_time last_success) noexcept;  ///< epoch: unknown, left as it is
  void job_next_tick(std::string_view job, wall_time tick) noexcept;
  void job_paused(std::string_view job, bool paused) noexcept;
  void running(std::string_view job, std::int64_t count) noexcept;
  void run_slots(std::uint32_t busy) noexcept;
  void due_queue_length(std::size_t length) noexcept;
  void scheduler_lag(microseconds lag) noexcept;
  void store_up(bool up) noexcept;
  void store_connections(std::string_view state, std::size_t count) noexcept;  ///< lock, ledger, abandoned
  void store_reconnect() noexcept;
  void store_identity_change() noexcept;
  void store_query(std::string_view operation, microseconds took) noexcept;
  void clock_offset(microseconds offset) noexcept;
  void clock_step() noexcept;
  void config_hash(std::uint64_t hash48) noexcept;
  void config_reloaded(bool successful, wall_time at) noexcept;
  void log_message(std::string_view level) noexcept;
  void plugin(std::string_view plugin, std::string_view version, std::string_view abi, std::string_view build_id) noexcept;

  /// The text exposition format, version 0.0.4, with process_* read on the spot.
  [[nodiscard]] std::string serialize() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace baton::observe

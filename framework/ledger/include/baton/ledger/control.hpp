#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/ledger/records.hpp"

namespace baton::ledger {

/// A run that somebody asks for.
struct run_order {
  std::string job;
  std::optional<wall_time> tick;  ///< nullopt: now, by the store's clock
  std::string request;            ///< made by the client, up to 36 characters: the same order sent twice is one
  std::string parameters;         ///< a JSON object of texts, over those of the configuration; may be empty
};

/// Whether a row can hold it; else why not.
[[nodiscard]] status check(const run_order& order);
/// The error for a job that is not among those that are known, which are named if one of them may be meant.
[[nodiscard]] failure unknown_job(const std::string& cluster, const std::string& job, const std::vector<std::string>& known);

struct job_record {
  std::string job;
  std::string lock_name;
  std::string schedule_hash;
  wall_time effective_since{};
  job_standing standing;
  std::optional<wall_time> low_water;
  std::optional<wall_time> decided_until;  ///< end of its last row of kind schedule
};

struct instance_record {
  std::string incarnation;
  std::string instance;
  std::string version;
  std::uint64_t config_hash = 0;
  std::string tzdata;
  wall_time started{};
  wall_time heartbeat{};
  bool alive = false;  ///< its incarnation's lock is held
};

/// Which rows of baton_tick. `from` and `to` are about nominal times; a range row counts if any of its ticks is within [from, to).
struct row_query {
  std::string job;  ///< empty: all
  std::optional<wall_time> from;
  std::optional<wall_time> to;
  bool newest_first = true;
  bool only_open = false;
  std::uint32_t limit = 100;
  std::optional<tick_key> after = {};  ///< those that follow this one in the order of the answer: (tick, job, kind), or its reverse
};

enum class cancel_outcome : std::uint8_t {
  requested = 1,  ///< it runs, or waits for another attempt; an instance brings it to its end
  cancelled,      ///< it had not begun, and will not
  not_open,       ///< it has ended
  unknown,        ///< there is no such row
};

/// What people and tools ask of a cluster's ledger, with no instance at hand. All is obeyed by the whole cluster within two seconds, and
/// survives restarts.
///
/// Errors: errc::not_found for a job that no instance has registered; those of session.
/// Thread safety: one call at a time, from any thread.
class control {
 public:
  virtual ~control() = default;
  control() = default;
  control(const control&) = delete;
  control& operator=(const control&) = delete;

  [[nodiscard]] virtual result<wall_time> now() = 0;
  /// By name, ascending.
  [[nodiscard]] virtual result<std::vector<job_record>> jobs(const std::string& cluster) = 0;
  [[nodiscard]] virtual result<std::vector<instance_record>> instances(const std::string& cluster) = 0;
  /// With error and output.
  [[nodiscard]] virtual result<std::vector<tick_row>> rows(const std::string& cluster, const row_query& query) = 0;

  [[nodiscard]] virtual status set_paused(const std::string& cluster, const std::string& job, bool paused) = 0;
  /// All of them or none; the tick of each. One that exists already, of another request, is errc::already_exists.
  [[nodiscard]] virtual result<std::vector<tick_key>> order(const std::string& cluster, const std::vector<run_order>& runs) = 0;
  [[nodiscard]] virtual result<cancel_outcome> cancel(const std::string& cluster, const tick_key& run) = 0;
};

}  // namespace baton::ledger

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/ledger/claim.hpp"
#include "baton/ledger/records.hpp"

namespace baton::ledger {

/// Something in the ledger that the schedules do not explain.
struct finding {
  enum class kind : std::uint8_t {
    missing = 1,  ///< was due, and nobody has run, skipped or missed it
    extra,        ///< a row of kind schedule that is no tick of the schedule, or ran although its calendars exclude it
    late,         ///< started long after it was due
    overlapping,  ///< ran while another run under its lock name did
  };
  kind what{};
  tick_key run;
  std::optional<wall_time> until = {};  ///< missing: the last of several ticks in a row
  std::uint64_t count = 1;              ///< missing: how many ticks
  microseconds by{};                    ///< late: how much; overlapping: for how long both ran
  std::optional<tick_key> other = {};   ///< overlapping: the run that had begun earlier
  friend bool operator==(const finding&, const finding&) = default;
};
[[nodiscard]] std::string_view to_string(finding::kind) noexcept;

/// A job to be held against its ticks.
struct verified_job {
  std::string job;
  std::function<std::optional<due_tick>()> next_tick;  ///< its ticks in [from, to), ascending, one at each call
  wall_time effective_since{};                         ///< ticks before it do not exist
  job_standing standing = {};
  std::optional<wall_time> low_water = {};  ///< ticks up to it may have been purged
};

struct verify_request {
  std::vector<verified_job> jobs;  ///< all that share a lock name
  /// Their rows of every kind that lie in or reach into [from, to), ascending by (tick, job, kind), one at each call; nullopt at the end.
  std::function<result<std::optional<tick_row>>()> next_row;
  wall_time from{};
  wall_time now{};                                     ///< by the store's clock, before the first row was read
  std::optional<wall_time> busy_since = {};            ///< the turn of a run that is open: later ticks are decided at its end
  microseconds grace = std::chrono::minutes{2};        ///< how long a tick may be undecided
  microseconds late_limit = std::chrono::seconds{60};  ///< what starts later than this is `late`
  microseconds clock_error = milliseconds{50};         ///< of the times that instances write: a shorter overlap is none
  std::function<void(const finding&)> on_finding;      ///< of one job in the order of ticks
};

struct verify_counts {
  std::uint64_t due = 0;  ///< ticks that existed and were due
  std::uint64_t run = 0;  ///< of those, and so on
  std::uint64_t skipped = 0;
  std::uint64_t missed = 0;
  std::uint64_t undecided = 0;  ///< due a moment ago, or while a run is under way, or in a pause
  std::uint64_t purged = 0;     ///< without a row, and as old as what was purged
  std::uint64_t missing = 0;
  std::uint64_t other_runs = 0;  ///< of triggers and `after`
  std::uint64_t findings = 0;
  verify_counts& operator+=(const verify_counts& more) noexcept;
  friend bool operator==(const verify_counts&, const verify_counts&) = default;
};

/// Holds what the ledger says against the schedules. What is remembered does not grow with the number of rows: a run starts no earlier
/// than its tick, so that a run that ended before the present tick overlaps none to come. Of a row with several attempts only the last one
/// is known: it is never `late`, and overlaps are looked for in its last attempt.
///
/// Errors: those of next_row.
[[nodiscard]] result<verify_counts> verify(const verify_request& request);

}  // namespace baton::ledger

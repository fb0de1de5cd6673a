#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baton/base/time.hpp"

namespace baton::ledger {

// The numbers of these enums are stored (docs/reference/tables.md) and never reused.

enum class tick_kind : std::uint8_t { schedule = 1, trigger = 2, after = 3 };

enum class row_state : std::uint8_t {
  running = 1,    ///< from its claim on
  retry_due = 2,  ///< between attempts; nobody owns it
  pending = 3,    ///< asked for (trigger, after), not yet claimed
  finished = 4,
  skipped = 5,
  missed = 6,
};
[[nodiscard]] constexpr bool is_open(row_state s) noexcept {
  return s == row_state::running || s == row_state::retry_due || s == row_state::pending;
}

enum class run_outcome : std::uint8_t { none = 0, success = 1, failure = 2, timeout = 3, cancelled = 4, crashed = 5, lock_lost = 6 };

enum class reason_code : std::uint16_t {
  none = 0,
  overlap = 1,
  paused = 2,
  calendar = 3,
  queue_full = 4,
  disabled = 5,
  no_catch_up = 20,
  outside_window = 21,
  over_limit = 22,
  skipped_by_handler = 40,
};

[[nodiscard]] std::string_view to_string(tick_kind) noexcept;
[[nodiscard]] std::string_view to_string(row_state) noexcept;
[[nodiscard]] std::string_view to_string(run_outcome) noexcept;
[[nodiscard]] std::string_view to_string(reason_code) noexcept;

struct tick_key {
  std::string job;
  wall_time tick{};
  tick_kind kind = tick_kind::schedule;
  friend auto operator<=>(const tick_key&, const tick_key&) = default;
};

/// One row of baton_tick.
struct tick_row {
  tick_key key;
  std::string lock_name;
  row_state state{};
  std::uint64_t fence = 0;
  std::string incarnation;  ///< the owner's, while running; the last owner's after that
  std::string instance;     ///< its label
  std::uint32_t attempt = 0;
  std::optional<wall_time> until;  ///< a range row covers [tick, until]
  std::uint64_t count = 1;         ///< ticks it stands for
  std::optional<wall_time> claimed;
  std::optional<wall_time> started;
  std::optional<wall_time> finished;
  std::optional<wall_time> retry_at;  ///< of a failed attempt: not before that
  run_outcome outcome = run_outcome::none;
  reason_code reason = reason_code::none;
  std::string error;
  std::string output;                  ///< the last 4 KiB
  bool cancel = false;                 ///< somebody asked for its end
  std::optional<wall_time> requested;  ///< of kind trigger and after: when it was asked for
  std::string parameters;              ///< of kind trigger: what `--with` gave, a JSON object of texts; may be empty
};

/// What becomes of a tick that comes while a run of its job is under way.
enum class overlap_policy : std::uint8_t {
  skip = 1,
  queue_one,       ///< one waits for the end, further ones are skipped
  queue_all,       ///< up to a limit wait, and run one after the other
  cancel_running,  ///< the run is cancelled, and the newest tick runs
  allow,           ///< it runs too: each run has a lock name of its own
};
enum class crash_policy : std::uint8_t { give_up = 1, retry = 2 };
/// What becomes of a tick that nobody ran in time.
enum class catch_up_policy : std::uint8_t {
  none = 1,
  latest,  ///< the newest one runs
  all,     ///< the newest ones run, up to a limit, one after the other
};
enum class takeover_policy : std::uint8_t { fast = 1, safe = 2 };

/// Attempts after one that failed or timed out.
struct retry_policy {
  std::uint32_t attempts = 1;  ///< all in all
  microseconds backoff = std::chrono::seconds{10};
  microseconds max_backoff = std::chrono::minutes{5};
  std::uint32_t multiplier = 2;
  /// How long after the n-th attempt the next one is due.
  [[nodiscard]] microseconds delay(std::uint32_t attempt) const noexcept;
  friend bool operator==(const retry_policy&, const retry_policy&) = default;
};

/// A job that runs after the end of another one, for the same tick.
struct follower {
  enum class when : std::uint8_t { success = 1, failure, any };  ///< failure: whatever is no success
  std::string job;
  std::string lock_name;
  when on = when::success;
  [[nodiscard]] bool follows(run_outcome end) const noexcept {
    return on == when::any || (on == when::success) == (end == run_outcome::success);
  }
  friend bool operator==(const follower&, const follower&) = default;
};

/// What a claim needs to know of a job's rules.
struct job_policy {
  overlap_policy overlap = overlap_policy::skip;
  std::uint32_t queue_limit = 100;  ///< `queue_all`: so many ticks wait at once
  crash_policy on_crash = crash_policy::give_up;
  std::uint32_t crash_attempts = 3;  ///< with retry: at most this many attempts
  retry_policy retry = {};
  catch_up_policy catch_up = catch_up_policy::latest;
  microseconds catch_up_window = std::chrono::hours{1};  ///< what is older does not run any more
  std::uint32_t catch_up_limit = 100;                    ///< `all`: at most this many, the newest
  std::vector<follower> followers = {};
  /// How many ticks may wait while a run is under way.
  [[nodiscard]] std::uint32_t waiting_limit() const noexcept {
    return overlap == overlap_policy::queue_all ? queue_limit : overlap == overlap_policy::skip ? 0 : 1;
  }
  friend bool operator==(const job_policy&, const job_policy&) = default;
};

/// What the configuration says of a job's ticks.
enum class job_setting : std::uint8_t { runs = 0, paused = 1, disabled = 2 };

/// Whether a job's ticks run, and when they did not of late. A pause is one interval: what was due in it is skipped, whenever that is
/// decided.
struct job_standing {
  std::optional<bool> paused = {};              ///< by command, which outlives and overrides the configuration; nullopt: none was given
  job_setting configured = {};                  ///< as the instance said that registered the job last
  reason_code stopped = {};                     ///< paused or disabled now, else none
  reason_code last_stopped = {};                ///< why its ticks were skipped in [from, to)
  std::optional<wall_time> stopped_from = {};   ///< nullopt: never
  std::optional<wall_time> stopped_until = {};  ///< nullopt: to this day
  /// Makes `stopped` what `paused` and `configured` say.
  void settle(wall_time now) noexcept;
  /// Why a tick that was due at `t` does not run; none: it does.
  [[nodiscard]] reason_code reason_at(wall_time t) const noexcept;
  friend bool operator==(const job_standing&, const job_standing&) = default;
};

}  // namespace baton::ledger

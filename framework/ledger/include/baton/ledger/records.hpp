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
  run_outcome outcome = run_outcome::none;
  reason_code reason = reason_code::none;
  std::string error;
  std::string output;  ///< the last 4 KiB
};

enum class overlap_policy : std::uint8_t { skip = 1 };
enum class crash_policy : std::uint8_t { give_up = 1, retry = 2 };
enum class takeover_policy : std::uint8_t { fast = 1, safe = 2 };

/// What a claim needs to know of a job's rules.
struct job_policy {
  overlap_policy overlap = overlap_policy::skip;
  crash_policy on_crash = crash_policy::give_up;
  std::uint32_t crash_attempts = 3;                      ///< with retry: at most this many attempts
  microseconds catch_up_window = std::chrono::hours{1};  ///< `latest`: the newest missed tick runs if not older than this
  friend bool operator==(const job_policy&, const job_policy&) = default;
};

}  // namespace baton::ledger

#include "baton/ledger/records.hpp"

#include <algorithm>

namespace baton::ledger {

std::string_view to_string(tick_kind k) noexcept {
  switch (k) {
    case tick_kind::schedule: return "schedule";
    case tick_kind::trigger: return "trigger";
    case tick_kind::after: return "after";
  }
  return "unknown";
}

std::string_view to_string(row_state s) noexcept {
  switch (s) {
    case row_state::running: return "running";
    case row_state::retry_due: return "retry_due";
    case row_state::pending: return "pending";
    case row_state::finished: return "finished";
    case row_state::skipped: return "skipped";
    case row_state::missed: return "missed";
  }
  return "unknown";
}

std::string_view to_string(run_outcome o) noexcept {
  switch (o) {
    case run_outcome::none: return "none";
    case run_outcome::success: return "success";
    case run_outcome::failure: return "failure";
    case run_outcome::timeout: return "timeout";
    case run_outcome::cancelled: return "cancelled";
    case run_outcome::crashed: return "crashed";
    case run_outcome::lock_lost: return "lock_lost";
  }
  return "unknown";
}

std::string_view to_string(reason_code r) noexcept {
  switch (r) {
    case reason_code::none: return "none";
    case reason_code::overlap: return "overlap";
    case reason_code::paused: return "paused";
    case reason_code::calendar: return "calendar";
    case reason_code::queue_full: return "queue_full";
    case reason_code::disabled: return "disabled";
    case reason_code::no_catch_up: return "no_catch_up";
    case reason_code::outside_window: return "outside_window";
    case reason_code::over_limit: return "over_limit";
    case reason_code::skipped_by_handler: return "skipped_by_handler";
  }
  return "unknown";
}

microseconds retry_policy::delay(std::uint32_t attempt) const noexcept {
  auto d = backoff;
  for (std::uint32_t n = 1; n < attempt && d < max_backoff; ++n) d = d > max_backoff / multiplier ? max_backoff : d * multiplier;
  return std::min(d, max_backoff);
}

void job_standing::settle(wall_time now) noexcept {
  const auto wanted = configured == job_setting::disabled                  ? reason_code::disabled
                      : paused.value_or(configured == job_setting::paused) ? reason_code::paused
                                                                           : reason_code::none;
  if (wanted == stopped) return;
  if (wanted == reason_code::none) {
    stopped_until = now;
  } else {
    // One interval is kept: what was due in the last one may not have been decided yet.
    constexpr microseconds soon = std::chrono::minutes{1};
    const bool goes_on = stopped_from && (!stopped_until || now - *stopped_until < soon);
    if (!goes_on) stopped_from = now;
    stopped_until.reset();
    last_stopped = wanted;
  }
  stopped = wanted;
}

reason_code job_standing::reason_at(wall_time t) const noexcept {
  const bool is_within = stopped_from && *stopped_from <= t && (!stopped_until || t < *stopped_until);
  return is_within ? last_stopped : reason_code::none;
}

}  // namespace baton::ledger

#include "baton/ledger/records.hpp"

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

}  // namespace baton::ledger

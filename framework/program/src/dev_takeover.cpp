#include "dev_takeover.hpp"

namespace baton::program {

std::optional<std::string> takeover::on(const journal_entry& e) {
  if (e.what != sign::start || e.job != victim_.job || e.at.steady < killed_.steady) return std::nullopt;
  if (!again_after_ && e.tick == victim_.tick && e.attempt > victim_.attempt) {
    again_after_ = e.at.steady - killed_.steady;
    return "takeover: attempt " + std::to_string(e.attempt) + " began on " + e.instance + ", " +
           to_text(std::chrono::round<milliseconds>(*again_after_)) + " after the kill";
  }
  if (!next_late_ && e.tick > victim_.tick && e.attempt == 1) {
    next_late_ = e.at.wall - e.tick;
    return "the next tick of " + e.job + " began on " + e.instance + ", " + to_text(std::chrono::round<milliseconds>(*next_late_)) +
           " after its time";
  }
  return std::nullopt;
}

std::optional<std::string> takeover::on(const ledger::tick_row& row) {
  if (is_claimed_again_ || row.key.job != victim_.job || row.key.tick != victim_.tick || row.key.kind != ledger::tick_kind::schedule)
    return std::nullopt;
  const bool is_closed = row.state == ledger::row_state::finished && row.outcome == ledger::run_outcome::crashed;
  if (row.attempt == victim_.attempt && row.state != ledger::row_state::retry_due && !is_closed) return std::nullopt;
  is_claimed_again_ = true;
  const auto found = "found: its row in the ledger, left running by " + victim_.instance + ", was closed as crashed";
  if (is_closed) return found + " for good";
  if (row.state == ledger::row_state::retry_due) return found + ", to be tried again";
  return found + "; " + row.instance + " claimed attempt " + std::to_string(row.attempt);
}

}  // namespace baton::program

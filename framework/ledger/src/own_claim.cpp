#include "baton/ledger/session.hpp"

namespace baton::ledger {

bool is_older(const tick_row& there, const own_claim& claim) noexcept {
  const auto& own = claim.row;
  if (!is_open(there.state)) return false;
  if (there.fence == own.fence) return there.state == row_state::running && own.state != row_state::running;
  // A run of somebody else's that is no earlier attempt was begun since, on a server whose clock is behind.
  const bool is_elsewhere = there.state == row_state::running && there.incarnation != own.incarnation && there.attempt >= own.attempt;
  return there.fence < own.fence && !is_elsewhere;
}

/// A resolver closes a row without taking a fence.
bool is_end_of(const tick_row& there, const own_claim& claim) noexcept {
  const auto& own = claim.row;
  return own.state == row_state::finished && there.state == own.state && there.fence == own.fence && there.outcome == own.outcome &&
         there.finished == own.finished;
}

}  // namespace baton::ledger

#pragma once

#include <optional>

#include "baton/base/time.hpp"
#include "cron.hpp"
#include "zone_data.hpp"

namespace baton::schedule {

// Which instants are ticks of an expression in a zone:
//  1. the first instant of a wall time that matches; if the expression is an interval also the second, where the clocks go back over it;
//  2. the first instant after the clocks went forward over a time that matches, once, unless every hour matches anyway.
// Whether clocks go forward or back is seen by their offset alone.

/// The first tick after `t`.
[[nodiscard]] std::optional<wall_time> next_in(const cron& c, const zone_data& zone, wall_time t) noexcept;
/// The last tick before `t`.
[[nodiscard]] std::optional<wall_time> previous_in(const cron& c, const zone_data& zone, wall_time t) noexcept;

/// Whether rule 2 makes the beginning of this segment a tick: then the clocks went over at least one that matches.
[[nodiscard]] bool stands_for_skipped(const cron& c, const zone_segment& s) noexcept;

}  // namespace baton::schedule

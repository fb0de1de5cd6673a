#pragma once

#include "baton/base/time.hpp"
#include "cron.hpp"
#include "zone_data.hpp"

namespace baton::schedule {

/// A bound of the time between two neighbouring ticks, from the tick `first` on: the longest wait of local time, and the widest step that
/// the zone's clocks still make back, unless it runs in every hour anyway.
[[nodiscard]] microseconds longest_gap_in(const cron& c, const zone_data& zone, wall_time first);

}  // namespace baton::schedule

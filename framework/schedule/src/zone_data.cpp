#include "zone_data.hpp"

#include <algorithm>

namespace baton::schedule {

zone_segment zone_data::segment_at(seconds_count utc) const noexcept {
  seconds_count shift = 0;
  if (utc >= tabled_until && changes.size() > 1) {
    shift = ((utc - tabled_until) / period + 1) * period;
    utc -= shift;
  }
  const auto next = std::upper_bound(changes.begin(), changes.end(), utc, [](seconds_count t, const change& c) { return t < c.at; });
  const auto current = next - 1;
  const bool is_first = current == changes.begin();
  return {is_first ? current->at : current->at + shift, next == changes.end() ? always : next->at + shift,
          is_first ? current->offset : (current - 1)->offset, current->offset};
}

zone_data::local_result zone_data::at_local(seconds_count local) const noexcept {
  constexpr seconds_count widest_offset = 26 * 3600;
  auto s = segment_at(local - widest_offset);
  while (local >= s.end + s.offset) s = segment_at(s.end);
  if (local < s.begin + s.offset) return {kind::skipped, s.begin, s.begin};
  const auto first = local - s.offset;
  if (s.end == always) return {kind::unique, first, first};
  const auto next = segment_at(s.end);
  if (local < next.begin + next.offset) return {kind::unique, first, first};
  return {kind::repeated, first, local - next.offset};
}

}  // namespace baton::schedule

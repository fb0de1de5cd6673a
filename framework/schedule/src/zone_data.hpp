#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace baton::schedule {

/// Seconds since 1970, of UTC or of a local clock: what the searches in a zone count with.
using seconds_count = std::int64_t;

/// A time between two changes of a zone's clocks.
struct zone_segment {
  seconds_count begin;  ///< UTC, of the change that began it
  seconds_count end;    ///< of the one that ends it
  std::int32_t before;  ///< the offset before `begin`
  std::int32_t offset;  ///< local minus UTC
};

/// Every change of offset, in order. What happens after `tabled_until` repeats what 400 years before did, for the calendar does.
struct zone_data {
  struct change {
    seconds_count at;
    std::int32_t offset;
  };
  static constexpr seconds_count always = std::numeric_limits<seconds_count>::max() / 4;
  static constexpr seconds_count period = 146'097LL * 86'400;

  std::string name;
  std::vector<change> changes;                  ///< the first one is at -always
  seconds_count tabled_until = 16'725'225'600;  ///< 2500-01-01: beyond all that tzdata lists one by one

  [[nodiscard]] zone_segment segment_at(seconds_count utc) const noexcept;

  enum class kind { unique, skipped, repeated };
  struct local_result {
    kind what;
    seconds_count first;   ///< UTC; of a skipped time: the change that skipped it
    seconds_count second;  ///< of a repeated time its second pass, else as `first`
  };
  [[nodiscard]] local_result at_local(seconds_count local) const noexcept;
};

}  // namespace baton::schedule

#pragma once

#include <deque>
#include <optional>

#include "baton/base/time.hpp"

namespace baton::engine {

/// The store's clock, estimated on the steady clock from the samples with the shortest round trips. The local wall clock plays no part, so
/// that neither its offset nor its steps reach a tick.
class store_clock {
 public:
  /// A statement was sent and answered at these times, and the store's clock read `store` in between.
  void sample(boot_time sent, boot_time received, wall_time store);
  /// Another server: what was known is void. Its time still does not run backwards.
  void forget();

  /// Never runs backwards. nullopt before the first sample.
  [[nodiscard]] std::optional<wall_time> now(boot_time steady) const;
  /// When `t` will be reached: the inverse of now().
  [[nodiscard]] std::optional<boot_time> when(wall_time t) const;

 private:
  struct reading {
    boot_time received;
    microseconds round_trip;
    microseconds offset;  ///< store time minus steady time, at the middle of the round trip
  };

  std::deque<reading> samples_;
  std::optional<reading> best_;  ///< the one with the shortest round trip
  mutable wall_time latest_{};
};

}  // namespace baton::engine

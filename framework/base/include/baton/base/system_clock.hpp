#pragma once

#include "baton/base/time.hpp"

namespace baton {

/// The system's clocks: CLOCK_REALTIME and CLOCK_BOOTTIME. Constructed once, by whoever wires the program.
class system_clock final : public clock {
 public:
  [[nodiscard]] time_point now() const noexcept override;
};

}  // namespace baton

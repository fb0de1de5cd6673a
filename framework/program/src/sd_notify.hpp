#pragma once

#include <optional>
#include <string_view>

#include "baton/base/time.hpp"

namespace baton::program {

/// Tells the service manager something ("READY=1"), if there is one: sd_notify(3)'s protocol, a datagram to $NOTIFY_SOCKET.
void sd_notify(std::string_view message) noexcept;

/// "RELOADING=1", and when, as Type=notify-reload wants it; READY=1 ends it.
void sd_notify_reloading() noexcept;

/// How often WATCHDOG=1 is expected of this process ($WATCHDOG_USEC, $WATCHDOG_PID); nullopt if it is not.
[[nodiscard]] std::optional<microseconds> sd_watchdog_interval() noexcept;

}  // namespace baton::program

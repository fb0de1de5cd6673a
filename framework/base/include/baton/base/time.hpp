#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace baton {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// A point of civil time, UTC, in microseconds: nominal ticks and everything that is stored.
using wall_time = std::chrono::sys_time<microseconds>;

/// Names CLOCK_BOOTTIME: monotonic, and counting while the machine is suspended. Leases are measured on it. It has no now():
/// time comes in as an argument.
struct boot_clock {
  using duration = microseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<boot_clock, duration>;
  static constexpr bool is_steady = true;
};
using boot_time = boot_clock::time_point;

/// One reading of both clocks: `wall` for what people see, `steady` for how long things take.
struct time_point {
  wall_time wall;
  boot_time steady;
  friend bool operator==(const time_point&, const time_point&) = default;
};

/// Where time comes from. Implemented by system_clock and by the tests' manual clock, and by nothing else.
///
/// Thread safety: now() may be called from any thread.
class clock {
 public:
  virtual ~clock() = default;
  [[nodiscard]] virtual time_point now() const noexcept = 0;
};

/// "2026-11-22T15:04:05.000000Z": RFC 3339, UTC, always microseconds.
[[nodiscard]] std::string to_rfc3339(wall_time t);
/// Reads what to_rfc3339 writes, with 0 to 6 digits of fraction; nullopt for anything else.
[[nodiscard]] std::optional<wall_time> from_rfc3339(std::string_view text) noexcept;
/// "2026-11-22 15:04:05.000000": the form of a DATETIME(6) column.
[[nodiscard]] std::string to_sql(wall_time t);
/// Reads a DATETIME or DATETIME(6) as the servers print it; nullopt for anything else.
[[nodiscard]] std::optional<wall_time> from_sql(std::string_view text) noexcept;
/// "250ms", "1.5s", "2m": short, for messages.
[[nodiscard]] std::string to_text(microseconds d);

}  // namespace baton

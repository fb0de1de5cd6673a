#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "baton/base/time.hpp"
#include "baton/schedule/syntax_error.hpp"

namespace baton::schedule {

struct zone_data;

/// A time zone as the system's tzdata has it at the moment it is looked up: every change of its clocks, past and to come.
///
/// Thread safety: immutable; copies share their data.
class zone {
 public:
  /// Looks an IANA name up, such as "Europe/Berlin"; case matters. Its file ($TZDIR, else /usr/share/zoneinfo) is read once in each
  /// generation: raise that to see what an update of tzdata has changed. What is read stays in memory. Takes about 0.1 ms.
  /// An unknown name is an error that offers the nearest one; so is one that differs from machine to machine, such as "localtime".
  [[nodiscard]] static std::variant<zone, syntax_error> find(std::string_view name, std::uint32_t generation = 0);
  [[nodiscard]] static const zone& utc();

  [[nodiscard]] const std::string& name() const noexcept;
  /// What local clocks are ahead of UTC.
  [[nodiscard]] std::chrono::seconds offset(wall_time t) const noexcept;
  /// The first instant in (after, until] at which the two zones' clocks begin to differ; nullopt if they do not.
  [[nodiscard]] static std::optional<wall_time> first_difference(const zone& a, const zone& b, wall_time after, wall_time until);
  [[nodiscard]] const zone_data& data() const noexcept { return *data_; }

 private:
  explicit zone(std::shared_ptr<const zone_data> data) noexcept : data_(std::move(data)) {}
  std::shared_ptr<const zone_data> data_;
};

/// The release of the system's tzdata, such as "2026f"; "unknown" where it cannot be told.
[[nodiscard]] std::string tzdata_version();

/// "2026-10-25T02:30:00+01:00", to the second, or to the microsecond if there is a fraction: RFC 3339 in the zone.
[[nodiscard]] std::string to_local_text(wall_time t, const zone& z);

}  // namespace baton::schedule

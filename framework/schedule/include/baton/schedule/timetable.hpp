#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"
#include "baton/schedule/syntax_error.hpp"

namespace baton::schedule {

/// `{every: 90s, anchor: …}`: elapsed time from an anchor, so the same ticks on every instance. `every` is at least a second.
///
/// The anchor is a phase, not a start: there are ticks before it too.
struct every {
  microseconds period;
  wall_time anchor{};  ///< default: the epoch
};

/// When a job is due: an expression in a zone, as ticks. The same answers on every instance.
///
/// Thread safety: immutable; copies share their state.
class timetable {
 public:
  /// Reads a cron expression (five fields; six with seconds in front; @macros; @every 90s). `zone` must be "UTC" for now.
  ///
  /// Only a bare `*` or `?` leaves a day field open; with both day fields restricted a day matches by either of them. An
  /// expression that can never fire (30 February) is an error.
  [[nodiscard]] static std::variant<timetable, syntax_error> from_cron(std::string_view expression, std::string_view zone = "UTC");
  [[nodiscard]] static std::variant<timetable, syntax_error> from_every(every interval);

  /// The first tick strictly after `t`; nullopt when there is none before the end of year 9999. No tick is before year 1.
  /// Costs tens of nanoseconds and allocates nothing.
  [[nodiscard]] std::optional<wall_time> next(wall_time t) const noexcept;

  /// The text it was made from, in its canonical form: equal text, equal ticks. Part of the schedule hash.
  [[nodiscard]] const std::string& text() const noexcept;
  [[nodiscard]] const std::string& zone() const noexcept;

  friend bool operator==(const timetable& a, const timetable& b) noexcept { return a.text() == b.text() && a.zone() == b.zone(); }

 private:
  struct state;
  explicit timetable(std::shared_ptr<const state> s) noexcept : state_(std::move(s)) {}
  std::shared_ptr<const state> state_;
};

}  // namespace baton::schedule

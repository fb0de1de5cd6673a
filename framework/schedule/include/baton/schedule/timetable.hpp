#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"

namespace baton::schedule {

/// `{every: 90s, anchor: …}`: elapsed time from an anchor, so the same ticks on every instance. `every` is at least a second.
struct every {
  microseconds period;
  wall_time anchor{};  ///< default: the epoch
};

/// Why an expression was refused: what, and where in the text.
struct syntax_error {
  std::string message;     ///< "day-of-month: 32 is out of range 1-31"; a suggestion where there is one
  std::size_t offset = 0;  ///< of the first byte at fault, 0-based
  std::size_t length = 0;
};

/// When a job is due: an expression in a zone, as ticks. The same answers on every instance.
///
/// Thread safety: immutable; copies share their state.
class timetable {
 public:
  /// Reads a cron expression (five fields; six with seconds in front; @macros). `zone` must be "UTC" for now.
  [[nodiscard]] static std::variant<timetable, syntax_error> from_cron(std::string_view expression, std::string_view zone = "UTC");
  [[nodiscard]] static std::variant<timetable, syntax_error> from_every(every interval);

  /// The first tick strictly after `t`; nullopt when there is none before the end of year 9999.
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

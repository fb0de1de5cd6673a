#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "baton/schedule/syntax_error.hpp"

namespace baton::schedule {

/// A named set of days, such as a country's holidays. What a day is, a job's time zone says.
///
/// Thread safety: immutable.
class calendar {
 public:
  /// Both days belong to it.
  struct range {
    std::chrono::sys_days first;
    std::chrono::sys_days last;
    friend bool operator==(const range&, const range&) = default;
  };

  /// In any order; ranges may overlap.
  calendar(std::string name, std::vector<range> days);

  [[nodiscard]] bool contains(std::chrono::sys_days day) const noexcept;
  /// The range that has `day`, else the first one after it; nullptr: there is none.
  [[nodiscard]] const range* range_from(std::chrono::sys_days day) const noexcept;
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Ascending, and at least a day apart.
  [[nodiscard]] const std::vector<range>& ranges() const noexcept { return ranges_; }

 private:
  std::string name_;
  std::vector<range> ranges_;
};

/// Reads "2026-12-25".
[[nodiscard]] std::optional<std::chrono::sys_days> parse_day(std::string_view text) noexcept;
/// Reads "2026-12-29..2026-12-31".
[[nodiscard]] std::variant<calendar::range, syntax_error> parse_day_range(std::string_view text);
[[nodiscard]] std::string day_text(std::chrono::sys_days day);

/// The days on whose ticks a job runs: those of one of `only_on`, if there are any, and of none of `not_on`.
struct day_rules {
  using calendars = std::vector<std::shared_ptr<const calendar>>;
  calendars not_on = {};
  calendars only_on = {};

  [[nodiscard]] bool allow(std::chrono::sys_days day) const noexcept;
  /// The first day from `day` on that is allowed; nullopt: none is, ever.
  [[nodiscard]] std::optional<std::chrono::sys_days> first_allowed(std::chrono::sys_days day) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return not_on.empty() && only_on.empty(); }
};

}  // namespace baton::schedule

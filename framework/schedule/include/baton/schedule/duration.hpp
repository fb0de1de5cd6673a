#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "baton/base/time.hpp"
#include "baton/schedule/syntax_error.hpp"

namespace baton::schedule {

/// Reads "250ms", "90s", "1.5h", "1h30m": numbers with units us, ms, s, m, h, d, from the largest unit to the smallest.
///
/// A bare number is refused, 0 too: what it means differs from program to program. Never negative; at most 36500d.
[[nodiscard]] std::variant<microseconds, syntax_error> parse_duration(std::string_view text);

/// The shortest text that parse_duration reads back as exactly `d`, which is not negative: "1h30m", "250ms", "0s".
[[nodiscard]] std::string duration_text(microseconds d);

}  // namespace baton::schedule

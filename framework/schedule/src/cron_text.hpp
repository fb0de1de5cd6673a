#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "baton/schedule/syntax_error.hpp"
#include "cron.hpp"

namespace baton::schedule {

inline constexpr std::size_t longest_expression = 4096;  ///< no canonical text is longer
[[nodiscard]] syntax_error too_long(std::string_view expression);

/// Reads five to seven fields or a macro other than @every; at most `longest_expression` bytes. `hash_name` is what H is made from.
[[nodiscard]] std::variant<cron, syntax_error> parse_cron(std::string_view expression, std::optional<std::string_view> hash_name);

/// One text for the usual spellings of a schedule: numbers for names, sorted lists, no macros, no H. parse_cron() reads it back.
[[nodiscard]] std::string canonical_text(const cron& c);

/// "at 02:30, on the last day of the month or on Fridays, in March"
[[nodiscard]] std::string in_words(const cron& c);

}  // namespace baton::schedule

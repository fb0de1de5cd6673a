#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "baton/schedule/syntax_error.hpp"
#include "cron.hpp"

namespace baton::schedule {

struct cron_text {
  cron fields;
  std::string canonical;  ///< one space between fields, numbers for names, `*` for `?`, no macros
};

inline constexpr std::size_t longest_expression = 256;
[[nodiscard]] syntax_error too_long(std::string_view expression);

/// Reads five or six fields or a macro other than @every; at most `longest_expression` bytes.
[[nodiscard]] std::variant<cron_text, syntax_error> parse_cron(std::string_view expression);

}  // namespace baton::schedule

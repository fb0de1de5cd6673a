#pragma once

#include <optional>
#include <set>
#include <string>

#include "source.hpp"

namespace baton::settings {

/// What to say of a place that YAML cannot read.
struct advice {
  place at;
  std::string message;
  std::string hint;
};

/// A line `key: VALUE` whose value starts with a character that YAML keeps for itself, as in `schedule: */5 * * * *`.
[[nodiscard]] std::optional<advice> find_unquoted(const source& in, std::size_t line);

/// The text with the values of such lines in quotes; nothing else moves.
[[nodiscard]] std::string with_quotes(const source& in, const std::set<std::size_t>& lines);

/// What people did when yaml-cpp says `words` at `at`.
[[nodiscard]] advice explain_syntax_error(const place& at, const std::string& words);

}  // namespace baton::settings

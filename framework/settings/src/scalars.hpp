#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "tree.hpp"

namespace baton::settings {

/// What is wrong with a scalar, and what to write instead.
struct refusal {
  std::string message;
  std::string hint;
};

/// Replaces ${VAR}, ${VAR:-default}, ${VAR:?message} and $$ by what they stand for. A lone $ stays.
[[nodiscard]] std::variant<std::string, refusal> interpolate(std::string_view text);

/// Reads an unquoted decimal integer from `minimum` to `maximum`. No octal, no hexadecimal, no underscores.
[[nodiscard]] std::variant<std::int64_t, refusal> read_integer(std::string_view text, bool quoted, std::int64_t minimum,
                                                               std::int64_t maximum);

/// Reads true or false, without quotes.
[[nodiscard]] std::variant<bool, refusal> read_boolean(std::string_view text, bool quoted);

/// Reads a size with a unit (B, KiB, MiB, GiB, TiB; kB, MB, GB, TB) from `minimum` to `maximum` bytes.
[[nodiscard]] std::variant<std::int64_t, refusal> read_size(std::string_view text, std::int64_t minimum, std::int64_t maximum);

/// In the largest unit that leaves no rest: "512MiB".
[[nodiscard]] std::string size_text(std::int64_t bytes);

/// Whether all of `text` is in an alphabet such as "a-z0-9_-" (a '-' stands at its end).
[[nodiscard]] bool is_spelled_with(std::string_view text, std::string_view alphabet);

/// Whether a map is {credential: X}, {file: X} or {env: X}.
[[nodiscard]] bool is_reference(const node& n);

/// What a reference stands for; one line end at the end of a file is dropped. The refusal never holds a part of it.
[[nodiscard]] std::variant<std::string, refusal> resolve_reference(const node& n);

}  // namespace baton::settings

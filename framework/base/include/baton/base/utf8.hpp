#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace baton {

/// The first code point of a text and how many bytes it takes. Bytes that are not well-formed UTF-8 (RFC 3629: no overlong forms,
/// no surrogates) come one at a time, as U+FFFD with `well_formed` false.
struct code_point {
  char32_t value = 0;
  std::size_t size = 0;
  bool well_formed = false;
};

/// `text` must not be empty.
[[nodiscard]] code_point first_code_point(std::string_view text) noexcept;

/// `text` with every byte that is not well-formed UTF-8 replaced by U+FFFD: what JSON, journald and Prometheus accept.
[[nodiscard]] std::string valid_utf8(std::string_view text);

/// What a text column of a store takes: invalid UTF-8 becomes '?', and of a longer text the first or last `limit` bytes are kept.
enum class keep : std::uint8_t { first = 1, last };
[[nodiscard]] std::string storable(std::string_view text, std::size_t limit, keep which);

}  // namespace baton

#pragma once

#include <string>
#include <string_view>

namespace baton::lock {

inline constexpr std::size_t longest_name = 64;  // MySQL's limit, in characters; MariaDB's is 192 bytes

/// a-z 0-9 . _ - : what both servers take alike.
[[nodiscard]] constexpr bool is_safe(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/// ASCII only, whatever the locale.
[[nodiscard]] constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// What people can still recognise in a listing of locks: lower case, with '_' for whatever is neither safe nor `kept`.
[[nodiscard]] std::string readable(std::string_view text, std::string_view kept = {});

/// 26 characters of the alphabet, 130 bits.
[[nodiscard]] std::string hash(std::string_view text);

/// The beginning of `text`, '#', and 130 bits of a hash of `whole`: at most 64 characters.
[[nodiscard]] std::string shortened(std::string text, std::string_view whole);

}  // namespace baton::lock

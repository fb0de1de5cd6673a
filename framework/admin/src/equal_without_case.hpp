#pragma once

#include <algorithm>
#include <string_view>

namespace baton::admin {

/// Whether two texts are equal but for the case of ASCII letters, whatever the locale.
[[nodiscard]] inline bool equal_without_case(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace baton::admin

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace baton::plugin_host {

inline constexpr std::size_t max_printed = 4096;

/// The text with every byte that is not UTF-8 replaced by U+FFFD.
[[nodiscard]] std::string valid_utf8(std::string_view text);
/// Valid UTF-8 of at most `limit` bytes: the beginning of the text.
[[nodiscard]] std::string head(std::string_view text, std::size_t limit = max_printed);
/// Valid UTF-8 of at most `limit` bytes: its end.
[[nodiscard]] std::string tail(std::string_view text, std::size_t limit = max_printed);

/// Keeps the end of what a handler prints, however much that is.
class printed {
 public:
  void append(std::string_view text);
  [[nodiscard]] std::string text() const { return tail(kept_); }

 private:
  std::string kept_;
};

}  // namespace baton::plugin_host

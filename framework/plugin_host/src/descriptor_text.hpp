#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "baton/sdk/abi.h"

namespace baton::plugin_host {

/// Letters, digits and _ of a metric or its label; the first is a letter.
[[nodiscard]] bool is_identifier(std::string_view text);

/// Reads texts of a plugin's descriptor, which end up in logs, pages and metrics: each is at most `limit` bytes of UTF-8. The first one
/// that is not is remembered.
class descriptor_texts {
 public:
  /// On one line.
  [[nodiscard]] std::string line(std::string_view what, baton_string text, std::size_t limit);
  [[nodiscard]] std::string lines(std::string_view what, baton_string text, std::size_t limit);

  /// "has a help that is not UTF-8"; empty: nothing is wrong.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  void note(std::string_view what, const std::string& why);

  std::string problem_;
};

}  // namespace baton::plugin_host

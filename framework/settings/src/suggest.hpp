#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace baton::settings {

/// "did you mean 'schedule'?" or empty.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

/// "a|b|c" as a list.
[[nodiscard]] std::vector<std::string_view> split_choices(std::string_view choices);

/// `text` in quotes, fit to be printed in a message: short, without control characters.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace baton::settings

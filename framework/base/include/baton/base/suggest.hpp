#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace baton {

/// The candidate that `word` is most likely a slip of, or empty: at most two slips (one in short words). Candidates are in lower case,
/// with _ for -.
[[nodiscard]] std::string suggest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace baton

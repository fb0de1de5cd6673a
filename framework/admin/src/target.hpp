#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace baton::admin {

/// The target of a request, taken apart and decoded: "/api/v1/runs?job=a%20b" is {"api", "v1", "runs"} and {{"job", "a b"}}.
struct target {
  std::vector<std::string> path;
  std::vector<std::pair<std::string, std::string>> query;
};

/// nullopt: an escape that is none, a control character, bytes that are no UTF-8, or a slash that was escaped to hide. What looks like a
/// way up ("..") is a name like any other: no file is behind a path.
[[nodiscard]] std::optional<target> parse_target(std::string_view text);

}  // namespace baton::admin

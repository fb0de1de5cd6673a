#pragma once

#include <optional>
#include <string>
#include <vector>

#include "source.hpp"

namespace baton::settings {

/// A value of a YAML file, aliases copied in. yaml-cpp stays behind parse().
struct node {
  enum class kind { null, scalar, list, map };
  kind type = kind::null;
  place at;
  std::string text;          ///< of a scalar
  bool quoted = false;       ///< a scalar in quotes, or a block scalar
  std::vector<node> keys;    ///< of a map
  std::vector<node> values;  ///< of a map (beside `keys`) or of a list
};

/// Parses a file of one document. Errors of YAML go to `out`; where the cause is a schedule without its quotes, parsing goes on as if
/// it had them, so that the rest of the file is looked at too.
[[nodiscard]] std::optional<node> parse(const source& in, report& out);

}  // namespace baton::settings

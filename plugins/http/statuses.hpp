#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "baton/sdk/parameters.hpp"

namespace http_plugin {

/// Some of the HTTP statuses: "204", "200-299" or "2xx" each.
class statuses {
 public:
  /// nullopt: an item is none of these.
  static std::optional<statuses> parse(const baton::sdk::text_list& texts);
  [[nodiscard]] bool contains(long status) const;

 private:
  std::vector<std::pair<long, long>> ranges_;
};

}  // namespace http_plugin

#pragma once

#include <string>
#include <variant>
#include <vector>

#include "baton/plugin_host/parameters.hpp"
#include "baton/sdk/abi.h"

namespace baton::plugin_host {

/// The rows of a descriptor's metric table, or what is wrong with it: "metric 'rows_total' is there twice".
[[nodiscard]] std::variant<std::vector<metric>, std::string> read_metrics(const baton_plugin_descriptor& descriptor);

}  // namespace baton::plugin_host

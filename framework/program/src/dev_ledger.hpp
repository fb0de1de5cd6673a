#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/ledger/records.hpp"

namespace baton::testing {
class private_server;
}

namespace baton::program {

/// What the demo's fleet shares, and how the demo looks into it.
struct demo_store {
  std::string name;      ///< for people
  std::string url;       ///< for the configuration
  std::string password;  ///< empty: none
  /// The rows of the demo's cluster that were written since then.
  std::function<result<std::vector<ledger::tick_row>>(wall_time since)> rows;
};

/// Read by a connection of the demo's own, past the code under watch. The server outlives it.
[[nodiscard]] demo_store demo_store_on(testing::private_server& server);

/// In a directory; read by ledger::control.
[[nodiscard]] demo_store demo_store_in(const std::filesystem::path& directory);

}  // namespace baton::program

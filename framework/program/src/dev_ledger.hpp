#pragma once

#include <vector>

#include "baton/base/result.hpp"
#include "baton/ledger/records.hpp"

namespace baton::testing {
class private_server;
}

namespace baton::program {

/// The rows of the demo's cluster that were written since then; read by a connection of the demo's own, past the code under watch.
[[nodiscard]] result<std::vector<ledger::tick_row>> read_ledger(testing::private_server& server, wall_time since = {});

}  // namespace baton::program

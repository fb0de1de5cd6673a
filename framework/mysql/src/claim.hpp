#pragma once

#include "baton/ledger/claim.hpp"
#include "connection.hpp"

namespace baton::mysql {

/// ledger::session::claim() on `link`: fence rows, what is open, decide, write, ask for ownership, commit.
[[nodiscard]] result<ledger::claim_reply> claim(connection& link, const ledger::claim_request& request);

}  // namespace baton::mysql

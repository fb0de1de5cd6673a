#pragma once

#include "baton/ledger/claim.hpp"
#include "connection.hpp"

namespace baton::mysql {

/// ledger::session::claim() on `link`: design.md section 3, in that order.
[[nodiscard]] result<ledger::claim_reply> claim(connection& link, const ledger::claim_request& request);

}  // namespace baton::mysql

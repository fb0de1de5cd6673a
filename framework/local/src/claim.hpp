#pragma once

#include "baton/ledger/claim.hpp"
#include "database.hpp"

namespace baton::local {

/// The transaction of ledger::session::claim. Errors: those of database.
[[nodiscard]] result<ledger::claim_reply> claim(database& db, const directory& where, const clock& time,
                                                const ledger::claim_request& request);

}  // namespace baton::local

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "baton/ledger/records.hpp"

namespace baton::ledger {

/// How people and tools name a run: "nightly@2026-11-26T02:00:00Z", with "#trigger" or "#after" behind it for those kinds. Stable.
[[nodiscard]] std::string run_id(const tick_key& run);
/// Reads what run_id() writes, with 0 to 6 digits of fraction; nullopt for anything else.
[[nodiscard]] std::optional<tick_key> parse_run_id(std::string_view text);

/// RFC 3339 in UTC with no more digits than needed: "2026-11-26T02:00:00Z", "2026-11-26T02:00:00.25Z".
[[nodiscard]] std::string short_time(wall_time t);

}  // namespace baton::ledger

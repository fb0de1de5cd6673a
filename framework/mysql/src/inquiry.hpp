#pragma once

#include <optional>
#include <string>
#include <vector>

#include "baton/lock/waiting_session.hpp"
#include "connection.hpp"
#include "server.hpp"

// Who holds what. Statements that read the server's tables: not for a session whose probes must not be late.
namespace baton::mysql {

[[nodiscard]] result<std::optional<lock::holder>> find_holder(connection& link, flavour kind, const std::string& name);

/// Errors: whatever says that the account may not see it, or that the server does not keep it.
[[nodiscard]] result<std::vector<std::string>> held_names(connection& link, flavour kind, std::string_view prefix);

}  // namespace baton::mysql

#pragma once

#include <string>

#include "baton/base/result.hpp"
#include "connection.hpp"

namespace baton::mysql {

/// The release of the tables that this code writes. It reads one older and one newer.
inline constexpr unsigned schema_version = 1;

/// The version that the database has; 0 when there is none.
[[nodiscard]] result<unsigned> read_schema_version(connection& session);

/// Brings the tables to schema_version, one instance at a time.
[[nodiscard]] status migrate_schema(connection& session, const std::string& database);

/// All statements from nothing to schema_version.
[[nodiscard]] std::string full_schema_sql();

}  // namespace baton::mysql

#pragma once

#include <string>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"
#include "baton/lock/session.hpp"
#include "database.hpp"

namespace baton::local {

/// The release of the tables that this code reads and writes.
inline constexpr unsigned schema_version = 1;

/// Errors: store_unfit for a database that is somebody else's, store_unfit or others for a file that cannot be read.
[[nodiscard]] status check_ownership(database& db);

/// Errors: schema_outdated; store_unfit for tables of a newer release.
[[nodiscard]] status check_schema(database& db);

/// Brings the tables to schema_version, one process at a time.
[[nodiscard]] status migrate_schema(database& db, wall_time now);

/// All statements from nothing to schema_version.
[[nodiscard]] std::string full_schema_sql();

/// What was drawn when the tables were made.
[[nodiscard]] result<lock::server_identity> read_identity(database& db);

}  // namespace baton::local

#pragma once

#include <cstdint>
#include <string>

namespace baton {

/// Which server, and which start of it: a change means that every lock is gone.
struct server_identity {
  std::string uuid;        ///< server_uuid; MariaDB: server_uid; that of a local store's directory
  std::int64_t started{};  ///< start time, seconds since the epoch, as far as the server tells
  friend bool operator==(const server_identity&, const server_identity&) = default;
};

}  // namespace baton

#pragma once

#include <baton/mysql/store.hpp>
#include <cstdlib>
#include <string>

/// Where the examples connect to: DB_HOST and DB_PORT, or DB_SOCKET; DB_USER, DB_PASSWORD, DB_NAME.
inline baton::mysql::options connection_from_environment() {
  const auto variable = [](const char* name, const char* otherwise) {
    const char* const value = std::getenv(name);
    return std::string{value != nullptr ? value : otherwise};
  };
  baton::mysql::options where;
  where.user = variable("DB_USER", "baton");
  where.password = variable("DB_PASSWORD", "");
  where.database = variable("DB_NAME", "baton");
  where.socket = variable("DB_SOCKET", "");
  if (where.socket.empty())
    where.hosts = {{variable("DB_HOST", "127.0.0.1"), static_cast<std::uint16_t>(std::stoi(variable("DB_PORT", "3306")))}};
  return where;
}

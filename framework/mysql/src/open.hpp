#pragma once

#include <atomic>
#include <memory>

#include "connection.hpp"
#include "server.hpp"

namespace baton::mysql {

/// A connection whose server is fit, set up as a session.
struct opened {
  std::unique_ptr<connection> link;
  server facts;
  boot_time sent{};  ///< when its first statement left
};

/// At the first endpoint that is fit, from `preferred` on, which becomes the one that was used. Blocks.
[[nodiscard]] result<opened> open_session(const options& wanted, std::atomic<std::size_t>& preferred, const connect_options& how);

/// KILL QUERY of a connection on the endpoint that was used last, over a connection made for it. Blocks for `limit` at most.
[[nodiscard]] status kill_query(const options& wanted, std::size_t preferred, std::uint64_t connection_id, microseconds limit);

[[nodiscard]] connect_options lock_role(const options& wanted);
[[nodiscard]] connect_options ledger_role(const options& wanted);
/// Of a connection that holds no lock, and may be idle for long.
[[nodiscard]] connect_options helper_role(const options& wanted, std::string role);

}  // namespace baton::mysql

#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "connection.hpp"
#include "server.hpp"

namespace baton::mysql {

/// A connection whose server is fit, set up as a session.
struct opened {
  std::unique_ptr<connection> link;
  server facts;
  boot_time sent{};  ///< when its first statement left
};

/// What is remembered of a store from one connection to the next. Thread safety: any thread.
class endpoint_memory {
 public:
  [[nodiscard]] std::size_t preferred() const noexcept { return preferred_; }  ///< index of the endpoint that was fit last
  void prefer(std::size_t index) noexcept { preferred_ = index; }
  /// Whether two connections to this start of this server have been seen to reach the same one.
  [[nodiscard]] bool is_seen_by_two(const lock::server_identity& server) const;
  void seen_by_two(const lock::server_identity& server);

 private:
  std::atomic<std::size_t> preferred_ = 0;
  mutable std::mutex mutex_;
  std::optional<lock::server_identity> seen_by_two_;
};

/// At the first endpoint that is fit, from the preferred one on, which becomes the preferred one. Blocks.
[[nodiscard]] result<opened> open_session(const options& wanted, endpoint_memory& memory, const connect_options& how);

/// KILL QUERY of a connection on the endpoint that was used last, over a connection made for it. Blocks for `limit` at most.
[[nodiscard]] status kill_query(const options& wanted, const endpoint_memory& memory, std::uint64_t connection_id, microseconds limit);

[[nodiscard]] connect_options lock_role(const options& wanted);
[[nodiscard]] connect_options ledger_role(const options& wanted);
/// Of a connection that holds no lock, and may be idle for long.
[[nodiscard]] connect_options helper_role(const options& wanted, std::string role);

}  // namespace baton::mysql

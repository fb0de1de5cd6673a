#pragma once

#include <memory>

#include "async_lock_session.hpp"
#include "lock_client_core.hpp"

namespace baton::mysql {

/// lock::async_session on the loop of a client.
class client_session final : public lock::async_session {
 public:
  client_session(std::shared_ptr<lock_client_core> core, opened with, async_lock_session::probing how);
  ~client_session() override;

  ticket acquire(const std::string& name, lock::time_limit limit, lock::reentry again,
                 std::function<void(result<lock::wait_reply>)> done) override;
  void cancel(ticket t) override;
  void release(const std::string& name, std::function<void(result<lock::release_outcome>)> done) override;
  [[nodiscard]] std::uint64_t connection_id() const noexcept override { return id_; }
  [[nodiscard]] bool is_alive() const noexcept override;
  void warn(const std::string& message) noexcept override { core_->warn(message); }

 private:
  /// On the loop: calls that wait for their turn, since a session has one wait at a time.
  struct turns;

  std::shared_ptr<lock_client_core> core_;
  std::shared_ptr<turns> turns_;
  std::uint64_t id_ = 0;
  bool counts_;  ///< against the budget of the client
  std::atomic<ticket> next_ticket_ = 1;
};

}  // namespace baton::mysql

#pragma once

#include <memory>

#include "baton/lock/session.hpp"
#include "connection.hpp"
#include "server.hpp"

namespace baton::mysql {

/// lock::session on one connection.
class lock_session final : public lock::session {
 public:
  lock_session(std::unique_ptr<connection> link, server of) : link_(std::move(link)), server_(std::move(of)) {}

  [[nodiscard]] result<std::vector<lock::try_outcome>> try_acquire(std::span<const std::string> names) override;
  [[nodiscard]] result<std::vector<bool>> owned(std::span<const std::string> names) override;
  [[nodiscard]] result<lock::probe_reply> probe(std::span<const std::string> names) override;
  [[nodiscard]] result<std::vector<lock::release_outcome>> release(std::span<const std::string> names) override;

  [[nodiscard]] std::uint64_t connection_id() const noexcept override { return link_->id(); }
  [[nodiscard]] const lock::server_identity& identity() const noexcept override { return server_.identity; }
  [[nodiscard]] int descriptor() const noexcept override { return link_->descriptor(); }
  void interrupt() noexcept override { link_->interrupt(); }

 private:
  /// SELECT with one column for each name; no FROM, which would evaluate it for each row.
  [[nodiscard]] result<result_set> ask(std::span<const std::string> names, std::string_view before, std::string_view after);

  std::unique_ptr<connection> link_;
  server server_;
};

}  // namespace baton::mysql

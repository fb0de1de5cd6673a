#pragma once

#include <memory>
#include <string>

#include "baton/ledger/session.hpp"
#include "connection.hpp"
#include "rows.hpp"

namespace baton::mysql {

/// ledger::session on one connection.
class ledger_session final : public ledger::session {
 public:
  ledger_session(std::unique_ptr<connection> link, server_identity at) : link_(std::move(link)), identity_(std::move(at)) {}

  [[nodiscard]] result<bool> hold_incarnation(const std::string& cluster, const std::string& incarnation) override;
  [[nodiscard]] result<std::vector<ledger::registered_job>> register_jobs(const std::string& cluster,
                                                                          std::span<const ledger::job_registration> jobs) override;
  [[nodiscard]] result<ledger::claim_reply> claim(const ledger::claim_request& request) override;
  [[nodiscard]] result<std::vector<ledger::finish_outcome>> finish(const std::string& cluster,
                                                                   std::span<const ledger::finish_record> records) override;
  [[nodiscard]] result<ledger::reconcile_reply> reconcile(const ledger::reconcile_request& request) override;
  [[nodiscard]] status request_cancel(const std::string& cluster, std::span<const ledger::tick_key> runs) override;
  [[nodiscard]] result<std::uint64_t> restore(const std::string& cluster, std::span<const ledger::own_claim> claims) override;
  [[nodiscard]] result<std::uint64_t> purge(const ledger::purge_request& request) override;
  [[nodiscard]] status sign_off(const std::string& cluster, const std::string& incarnation) override;

  [[nodiscard]] std::uint64_t connection_id() const noexcept override { return link_->id(); }
  [[nodiscard]] const server_identity& identity() const noexcept override { return identity_; }
  [[nodiscard]] int descriptor() const noexcept override { return link_->descriptor(); }
  void interrupt() noexcept override { link_->interrupt(); }

 private:
  void append_heartbeat(sql_writer& sql, const ledger::reconcile_request& request, const std::string& tzdata);
  [[nodiscard]] status insert_missing(const std::string& cluster, std::span<const ledger::job_registration> jobs);
  [[nodiscard]] status change_settings(const std::string& cluster, std::span<const ledger::job_registration* const> changed);
  [[nodiscard]] result<std::vector<ledger::finish_outcome>> finish_once(const std::string& cluster,
                                                                        const std::vector<const ledger::finish_record*>& sorted);
  [[nodiscard]] status settle_repeated(const std::string& cluster, const std::vector<const ledger::finish_record*>& sorted,
                                       std::vector<ledger::finish_outcome>& outcomes);

  std::unique_ptr<connection> link_;
  server_identity identity_;
  std::string held_incarnation_;  ///< the lock name; GET_LOCK would grant it a second time
};

}  // namespace baton::mysql

#pragma once

#include <memory>
#include <string>

#include "baton/base/time.hpp"
#include "baton/ledger/session.hpp"
#include "database.hpp"
#include "lock_file.hpp"

namespace baton::local {

/// ledger::session on one connection to the database.
class ledger_session final : public ledger::session {
 public:
  ledger_session(std::shared_ptr<const directory> where, std::unique_ptr<database> db, std::shared_ptr<const clock> time,
                 server_identity identity);

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

  [[nodiscard]] std::uint64_t connection_id() const noexcept override { return id_; }
  [[nodiscard]] const server_identity& identity() const noexcept override { return identity_; }
  [[nodiscard]] int descriptor() const noexcept override { return -1; }
  void interrupt() noexcept override { db_->interrupt(); }

 private:
  [[nodiscard]] wall_time now() const { return time_->now().wall; }
  void register_job(const std::string& cluster, const ledger::job_registration& job);
  [[nodiscard]] std::optional<ledger::registered_job> standing_of(const std::string& cluster, const std::string& job);
  void raise_low_water(const std::string& cluster, const std::string& job, wall_time to);
  void keep_range_before(const std::string& cluster, const ledger::tick_key& key);
  [[nodiscard]] bool restore_one(const std::string& cluster, const ledger::own_claim& claim);
  [[nodiscard]] ledger::finish_outcome finish_one(const std::string& cluster, const ledger::finish_record& record);

  std::shared_ptr<const directory> where_;
  std::unique_ptr<database> db_;
  std::shared_ptr<const clock> time_;
  server_identity identity_;
  std::uint64_t id_;
  std::string held_incarnation_;
  std::unique_ptr<lock_file> incarnation_;
};

}  // namespace baton::local

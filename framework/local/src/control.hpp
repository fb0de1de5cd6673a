#pragma once

#include <memory>

#include "baton/base/time.hpp"
#include "baton/ledger/control.hpp"
#include "database.hpp"

namespace baton::local {

/// ledger::control on one connection to the database.
class control final : public ledger::control {
 public:
  control(std::shared_ptr<const directory> where, std::unique_ptr<database> db, std::shared_ptr<const clock> time)
      : where_(std::move(where)), db_(std::move(db)), time_(std::move(time)) {}

  [[nodiscard]] result<wall_time> now() override { return time_->now().wall; }
  [[nodiscard]] result<std::vector<ledger::job_record>> jobs(const std::string& cluster) override;
  [[nodiscard]] result<std::vector<ledger::instance_record>> instances(const std::string& cluster) override;
  [[nodiscard]] result<std::vector<ledger::tick_row>> rows(const std::string& cluster, const ledger::row_query& query) override;

  [[nodiscard]] status set_paused(const std::string& cluster, const std::string& job, bool paused) override;
  [[nodiscard]] result<std::vector<ledger::tick_key>> order(const std::string& cluster,
                                                            const std::vector<ledger::run_order>& runs) override;
  [[nodiscard]] result<ledger::cancel_outcome> cancel(const std::string& cluster, const ledger::tick_key& run) override;

 private:
  [[nodiscard]] failure unknown_job(const std::string& cluster, const std::string& job);
  [[nodiscard]] ledger::tick_key order_one(const std::string& cluster, const ledger::run_order& order, wall_time now);

  std::shared_ptr<const directory> where_;
  std::unique_ptr<database> db_;
  std::shared_ptr<const clock> time_;
};

}  // namespace baton::local

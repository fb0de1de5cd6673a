#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "baton/ledger/control.hpp"
#include "connection.hpp"

namespace baton::mysql {

/// ledger::control on one connection.
class ledger_control final : public ledger::control {
 public:
  explicit ledger_control(std::unique_ptr<connection> link) : link_(std::move(link)) {}

  [[nodiscard]] result<wall_time> now() override;
  [[nodiscard]] result<std::vector<ledger::job_record>> jobs(const std::string& cluster) override;
  [[nodiscard]] result<std::vector<ledger::instance_record>> instances(const std::string& cluster) override;
  [[nodiscard]] result<std::vector<ledger::tick_row>> rows(const std::string& cluster, const ledger::row_query& query) override;
  [[nodiscard]] status set_paused(const std::string& cluster, const std::string& job, bool paused) override;
  [[nodiscard]] result<std::vector<ledger::tick_key>> order(const std::string& cluster,
                                                            const std::vector<ledger::run_order>& runs) override;
  [[nodiscard]] result<ledger::cancel_outcome> cancel(const std::string& cluster, const ledger::tick_key& run) override;

 private:
  using first_ticks = std::map<std::string, wall_time, std::less<>>;  ///< of some jobs
  [[nodiscard]] failure unknown_job(const std::string& cluster, const std::string& job);
  [[nodiscard]] result<std::vector<std::string>> jobs_to_search(const std::string& cluster, const ledger::row_query& query);
  [[nodiscard]] result<first_ticks> where_to_begin(const std::string& cluster, std::span<const std::string> jobs,
                                                   const ledger::row_query& query);
  [[nodiscard]] result<std::vector<ledger::tick_row>> read_rows(std::string_view sql);
  [[nodiscard]] result<std::vector<ledger::tick_key>> order_once(const std::string& cluster, const std::vector<ledger::run_order>& runs);
  [[nodiscard]] status set_paused_once(const std::string& cluster, const std::string& job, bool paused);
  [[nodiscard]] failure rolled_back(failure why);

  std::unique_ptr<connection> link_;
};

}  // namespace baton::mysql

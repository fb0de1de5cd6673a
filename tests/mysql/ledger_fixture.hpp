#pragma once

#include <string>
#include <vector>

#include "fixture.hpp"

namespace baton::mysql::testing {

[[nodiscard]] const ledger::name_reply& reply_of(const ledger::claim_reply& reply, const std::string& lock_name);

/// A success that has just ended.
[[nodiscard]] ledger::finish_record finish_of(const ledger::claimed_run& run, wall_time now);

/// What an instance is to the store: a ledger session that holds its incarnation, and a lock session. Cluster "t", one name a job.
struct instance {
  instance(const store& at, const std::string& incarnation_text);

  [[nodiscard]] static std::string name(const std::string& job) { return lock::scheduler_name("t", job); }
  [[nodiscard]] wall_time now() { return ok(ledger->claim({})).store_now; }

  /// Registers the job, its ticks existing from `since` on.
  void register_job(const std::string& job, wall_time since);
  /// A request for one name, which is acquired unless this instance holds it. All waits are long over.
  [[nodiscard]] ledger::claim_request request(const std::string& job, std::vector<wall_time> ticks);
  /// The same without acquiring anything.
  [[nodiscard]] ledger::claim_request unheld_request(const std::string& job, std::vector<wall_time> ticks) const;
  [[nodiscard]] ledger::name_reply claim(const std::string& job, std::vector<wall_time> ticks);
  [[nodiscard]] ledger::finish_outcome finish(const ledger::claimed_run& run);
  void release(const std::string& job) { (void)ok(locks->release(std::vector{name(job)})); }
  [[nodiscard]] ledger::reconcile_reply reconcile(wall_time since);
  /// All of baton_tick, in key order, as a session of the account's sees it.
  [[nodiscard]] static std::vector<ledger::tick_row> rows();

  store at;
  std::string incarnation;
  std::unique_ptr<ledger::session> ledger;
  std::unique_ptr<lock::session> locks;
};

}  // namespace baton::mysql::testing

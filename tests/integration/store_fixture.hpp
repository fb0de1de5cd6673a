#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "baton/ledger/session.hpp"
#include "baton/lock/name.hpp"
#include "baton/lock/session.hpp"

namespace baton::conformance {

enum class store_kind : std::uint8_t { memory = 1, local, mariadb, mysql };

/// Fails the test when `r` holds an error; use as `auto x = ok(f());`.
template <typename T>
T ok(result<T> r) {
  if (!r) {
    ADD_FAILURE() << to_string(r.error().code) << ": " << r.error().context;
    throw std::runtime_error{r.error().context};
  }
  if constexpr (!std::is_void_v<T>) return std::move(r).value();
}

/// A store whose tables are empty, and what its administrator can do to it. Cluster "t".
class subject {
 public:
  virtual ~subject() = default;
  [[nodiscard]] virtual std::unique_ptr<lock::session> lock_session() = 0;
  [[nodiscard]] virtual std::unique_ptr<ledger::session> ledger_session() = 0;

  /// All of baton_tick in key order, with error and output.
  [[nodiscard]] virtual std::vector<ledger::tick_row> rows() = 0;
  /// All jobs exist since then.
  virtual void backdate(wall_time since) = 0;
  /// All that waits for its next attempt may begin at once.
  virtual void make_retries_due() = 0;
  virtual void pause(const std::string& job) = 0;
};

/// What holds for every store, whatever it is made of.
class every_store : public ::testing::TestWithParam<store_kind> {
 protected:
  void SetUp() override;

  /// What an instance is to the store: a ledger session that holds its incarnation, and a lock session. One name a job.
  struct instance {
    instance(subject& at, std::string incarnation_text);

    [[nodiscard]] static std::string name(const std::string& job) { return lock::scheduler_name("t", job); }
    [[nodiscard]] wall_time now() { return ok(ledger->claim({})).store_now; }
    /// Registers the job, its ticks existing from `since` on.
    void register_job(const std::string& job, wall_time since);
    /// A request for one name, which is acquired unless this instance holds it. All waits are long over.
    [[nodiscard]] ledger::claim_request request(const std::string& job, std::vector<wall_time> ticks);
    [[nodiscard]] ledger::claim_request unheld_request(const std::string& job, std::vector<wall_time> ticks) const;
    [[nodiscard]] ledger::name_reply claim(const std::string& job, std::vector<wall_time> ticks);
    [[nodiscard]] ledger::finish_outcome finish(const ledger::finish_record& record);
    [[nodiscard]] ledger::finish_outcome finish(const ledger::claimed_run& run) { return finish(success(run)); }
    /// A success that has just ended.
    [[nodiscard]] ledger::finish_record success(const ledger::claimed_run& run);
    void release(const std::string& job) { (void)ok(locks->release(std::vector{name(job)})); }
    [[nodiscard]] ledger::reconcile_reply reconcile(wall_time since, const std::string& tzdata = "");

    subject& at;
    std::string incarnation;
    std::unique_ptr<ledger::session> ledger;
    std::unique_ptr<lock::session> locks;
  };

  [[nodiscard]] subject& store() { return *subject_; }
  [[nodiscard]] instance make(const std::string& incarnation) { return {store(), incarnation}; }

 private:
  std::unique_ptr<subject> subject_;
};

[[nodiscard]] bool eventually(const std::function<bool()>& condition);

std::string kind_name(const ::testing::TestParamInfo<store_kind>& info);

#define BATON_EVERY_STORE(suite)          \
  INSTANTIATE_TEST_SUITE_P(stores, suite, \
                           ::testing::Values(store_kind::memory, store_kind::local, store_kind::mariadb, store_kind::mysql), kind_name)

}  // namespace baton::conformance

#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "baton/testing/fleet.hpp"

namespace baton::system_test {

/// A fleet whose work is judged when it goes, so that no test can forget it: every job ticks again after the last fault, the run file has
/// no breach of a guarantee, and `baton verify` finds the ledger as the schedules want it, with no grace beyond a few seconds.
class judged_fleet : public testing::fleet {
 public:
  struct options : testing::fleet::options {
    std::function<void()> end_faults;  ///< the store can be used again afterwards
  };

  explicit judged_fleet(options wanted);
  ~judged_fleet();
  judged_fleet(const judged_fleet&) = delete;
  judged_fleet& operator=(const judged_fleet&) = delete;

  /// Of this job nothing is awaited after a fault: it is paused, gone from the configuration, or nobody here may run it.
  void rests(const std::string& job) { resting_.insert(job); }
  /// `verify` finds this kind (missing, extra, overlapping), as the test says why.
  void expect_finding(const std::string& kind, const std::string& /*why*/) { expected_.insert(kind); }
  /// The configuration that the ledger is held against; the first instance's by default.
  void judge_by(const std::string& instance) { judged_by_ = instance; }
  /// It reaches no store: nothing runs, and there is no ledger that could be read.
  void cannot_work(const std::string& /*why*/) { can_work_ = false; }

  [[nodiscard]] bool awaits(const known_job& job) const { return !resting_.contains(job.name); }
  /// What `baton verify` tells of the time until now, or until the last instance ended. Every finding: "KIND RUN …".
  [[nodiscard]] std::vector<std::string> findings();
  /// The findings once nothing is merely late to be decided, at most `limit` from now.
  [[nodiscard]] std::vector<std::string> settled_findings(microseconds limit);

 private:
  void judge();
  [[nodiscard]] wall_time judged_until();

  std::function<void()> end_faults_;
  std::set<std::string> resting_;
  std::set<std::string> expected_;
  std::string judged_by_;
  bool can_work_ = true;
};

/// Every job that is due at least each 5 s has started a run since the last disturbance() and within `limit` of it, or one that was under
/// way has lived through it: nothing is wedged. Waits for that.
void expect_every_job_ticks_again(judged_fleet& f, microseconds limit);

}  // namespace baton::system_test

#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "baton/ledger/records.hpp"

namespace baton::simulation {

/// What may become of a job's ticks, told once more and by itself: of ledger's decide() nothing is used here.
///
/// It judges when all is over, by the rows and by what was written into them: whether each one is what its job's policies permit. Where
/// a row does not tell enough - a run that crashed has an end that nobody saw - it permits more, never less.
class policy_model {
 public:
  struct tick {
    wall_time nominal{};
    wall_time due{};
    bool excluded = false;
  };
  struct interval {
    wall_time from{};
    std::optional<wall_time> until;
  };

  policy_model(std::string job, ledger::job_policy policy, std::vector<tick> ticks, std::vector<interval> pauses)
      : job_(std::move(job)), policy_(std::move(policy)), ticks_(std::move(ticks)), pauses_(std::move(pauses)) {}

  /// In the order in which it was written: every version of every row of the job, and until when the ticks were due that its writer's
  /// claim was about.
  void wrote(const ledger::tick_row& row, wall_time asked);
  /// A sentence for each row that is not as it may be.
  [[nodiscard]] std::vector<std::string> judge(const std::vector<ledger::tick_row>& rows) const;

 private:
  struct run {
    ledger::tick_row last;
    wall_time first_claim{};
    wall_time asked{};  ///< that claim's
    std::vector<ledger::tick_row> versions;
  };
  using sentences = std::vector<std::string>;

  void judge_run(const run& r, sentences& wrong) const;
  void judge_attempts(const run& r, sentences& wrong) const;
  void judge_gap(const ledger::tick_row& row, const tick& t, sentences& wrong) const;
  [[nodiscard]] const char* forbids(const ledger::tick_row& row, const tick& t) const;
  [[nodiscard]] bool may_have_been_running(const ledger::tick_key& but, wall_time at) const;
  [[nodiscard]] bool was_running_for_sure(const ledger::tick_key& but, wall_time at, wall_time by) const;
  [[nodiscard]] std::size_t may_have_waited(wall_time at) const;
  [[nodiscard]] std::size_t later_ticks(const tick& t, wall_time by) const;
  [[nodiscard]] wall_time late_until(const tick& t) const;
  [[nodiscard]] bool may_be_paused(wall_time at, wall_time decided) const;
  [[nodiscard]] const tick* find(wall_time nominal) const;

  std::string job_;
  ledger::job_policy policy_;
  std::vector<tick> ticks_;
  std::vector<interval> pauses_;
  std::map<ledger::tick_key, run> runs_;
};

}  // namespace baton::simulation

#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "baton/engine/types.hpp"

namespace baton::engine {

/// What this instance claimed, or brought to an end, in the last ten minutes: what it can make up for where a failover lost it.
///
/// Bounded in time, and to most_claims entries of about 400 bytes; the oldest are forgotten first. Jobs are kept by their indices,
/// texts of handlers not at all.
class claim_memory {
 public:
  static constexpr microseconds remembered_for = std::chrono::minutes{10};
  static constexpr std::size_t most_claims = 20'000;

  struct end_of_run {
    ledger::row_state state{};
    ledger::run_outcome outcome{};
    ledger::reason_code reason{};
    std::optional<wall_time> started;
    wall_time finished{};
    std::optional<wall_time> retry_at;
  };
  struct entry {
    entry(job_index j, const ledger::claimed_run& run);
    job_index job;
    std::string lock_name;
    wall_time tick;
    ledger::tick_kind kind;
    std::uint32_t attempt;
    std::uint64_t fence;
    wall_time claimed;
    std::string parameters;
    std::optional<end_of_run> end;  ///< whether or not it is in the ledger yet
  };

  void claimed(job_index job, const ledger::claimed_run& run, boot_time now);
  void ended(job_index job, const ledger::claimed_run& run, const ledger::finish_record& end, boot_time now);
  void forget_old(boot_time now);

  /// In the order of their keys; at most so many of those after a key.
  using key = std::tuple<job_index, wall_time, ledger::tick_kind>;
  [[nodiscard]] std::vector<std::pair<key, const entry*>> after(const std::optional<key>& last, std::size_t at_most) const;
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct dated {
    entry what;
    boot_time changed;
  };
  void keep(entry what, boot_time now);

  std::map<key, dated> entries_;
  std::set<std::pair<boot_time, key>> by_age_;
};

}  // namespace baton::engine

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "baton/ledger/claim.hpp"
#include "baton/schedule/timetable.hpp"
#include "baton/testing/memory_store.hpp"

namespace baton::simulation {

/// Watches what really runs, and what is committed, and remembers every broken guarantee.
class checker {
 public:
  /// Runs under one name may overlap for so long; else not at all.
  void allow_overlaps(microseconds longest) { overlaps_allowed_ = longest; }
  [[nodiscard]] std::uint64_t overlaps() const noexcept { return overlaps_; }
  [[nodiscard]] microseconds longest_overlap() const noexcept { return longest_overlap_; }

  /// A handler's first instruction, and its death, however it dies.
  void run_begins(const std::string& who, const ledger::claimed_run& run, const schedule::timetable& of, microseconds now);
  void run_is_over(const std::string& lock_name, const std::string& who, microseconds now);
  void committed(const ledger::tick_row* before, const ledger::tick_row& after, microseconds now, wall_time store_now);

  /// An instance knows which server it is connected to.
  void met_server(const std::string& incarnation, microseconds now) { met_.try_emplace(incarnation, now); }
  /// Another server is the primary, whose rows these are. Who knew the last one takes no lock before `quiet` is over.
  void failed_over(const std::vector<testing::memory_store::lost_write>& lost, const std::vector<ledger::tick_row>& rows, microseconds now,
                   wall_time last_servers_time, microseconds quiet);
  /// Its owner has made up for the loss of a claim.
  void restored(const ledger::tick_row& claim, const ledger::tick_row& stands);
  [[nodiscard]] std::uint64_t claims_restored() const noexcept { return claims_restored_; }

  void paused(const std::string& job, bool is, microseconds now);
  void limit(const ledger::tag_limit& tag);
  void expect_followers(const std::map<std::string, std::vector<ledger::follower>>& followers, const std::vector<ledger::tick_row>& rows);

  void store_went_away(microseconds now, microseconds longest_lease);
  void store_came_back(microseconds now);

  /// At the end: each of these ticks of a job has exactly one row.
  void expect_every_tick(const std::string& job, const std::vector<wall_time>& ticks, const std::vector<ledger::tick_row>& rows);

  void broken(const std::string& guarantee, const std::string& how, microseconds now);
  [[nodiscard]] const std::vector<std::string>& violations() const noexcept { return violations_; }
  [[nodiscard]] std::uint64_t runs() const noexcept { return runs_; }

 private:
  static constexpr microseconds never = microseconds::max();

  struct claim_seen {
    ledger::tick_key key;
    std::uint64_t fence = 0;
    std::uint32_t attempt = 0;
    std::string owner;
    bool started = false;
    std::optional<microseconds> lost_at;      ///< in a failover, and its owner has not restored it
    std::optional<microseconds> was_lost_at;  ///< the same, restored or not
    bool was_run_again = false;               ///< by somebody who could not know
    bool is_overruled = false;                ///< its row had been closed without it, and that closing may be lost like any other
    bool is_blind = false;                    ///< what may be under way beside it was lost
  };
  struct name_state {
    std::vector<std::string> running;
    std::optional<microseconds> overlaps_since;
    std::vector<claim_seen> claims;  ///< in the order of their commits
    std::uint64_t started_fence = 0;
    microseconds newest_started{};  ///< when the run with that fence started
    std::uint64_t committed_fence = 0;
  };
  struct tag_state {
    ledger::tag_limit limit;
    std::set<ledger::tick_key> running;
  };
  /// Between what a claim's transaction reads and its commit, at the most.
  static constexpr microseconds longest_claim = std::chrono::seconds{60};
  void count_tags(const ledger::tick_row* before, const ledger::tick_row& after, microseconds now);
  void see_claim(const ledger::tick_row& row, microseconds now);
  [[nodiscard]] bool is_lost_tick(const std::string& job, wall_time tick) const;
  /// Started since the failover, so that it waits for nobody.
  [[nodiscard]] bool is_new_since(const std::string& incarnation, microseconds failover) const {
    const auto met = met_.find(incarnation);
    return met == met_.end() || met->second >= failover;
  }
  struct failover_seen {
    std::set<std::string> claimed_before;  ///< incarnations that had, on the server that was left
    microseconds reachable = never;        ///< when the new server was
  };
  /// Others may not have restored their claims yet.
  [[nodiscard]] bool is_too_soon(const failover_seen& since, microseconds now) const { return now - quiet_ < since.reachable; }
  /// It waits for nobody, and does not know what they are about to restore.
  [[nodiscard]] bool is_blind(const std::string& incarnation, microseconds failover, microseconds now) const {
    return is_new_since(incarnation, failover) && is_too_soon(failovers_.at(failover), now);
  }

  std::map<std::string, name_state> names_;
  std::map<std::string, microseconds> paused_since_;
  std::vector<tag_state> tags_;
  std::map<std::string, microseconds> met_;
  std::vector<ledger::tick_row> lost_rows_;  ///< by failovers, restored or not
  std::set<ledger::tick_key> lost_keys_;     ///< of them, and of rows that went back to what they had been
  microseconds quiet_{};
  wall_time last_servers_time_{};  ///< at the last failover
  std::map<microseconds, failover_seen> failovers_;
  std::set<std::string> claimed_since_;
  std::uint64_t claims_restored_ = 0;
  std::vector<std::string> violations_;
  microseconds away_since_ = never;
  microseconds longest_lease_{};
  std::uint64_t runs_ = 0;
  std::optional<microseconds> overlaps_allowed_;
  std::uint64_t overlaps_ = 0;
  microseconds longest_overlap_{};
};

}  // namespace baton::simulation

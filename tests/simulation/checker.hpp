#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "baton/ledger/claim.hpp"
#include "baton/schedule/timetable.hpp"

namespace baton::simulation {

/// Watches what really runs, and what is committed, and remembers every broken guarantee.
class checker {
 public:
  /// A handler's first instruction, and its death, however it dies.
  void run_begins(const std::string& who, const ledger::claimed_run& run, const schedule::timetable& of, microseconds now,
                  wall_time store_now);
  void run_is_over(const std::string& lock_name, const std::string& who, microseconds now);
  void committed(const ledger::tick_row* before, const ledger::tick_row& after, microseconds now);

  void paused(const std::string& job, bool is, microseconds now);
  void limit(const ledger::tag_limit& tag);
  void expect_followers(const std::map<std::string, std::vector<ledger::follower>>& followers, const std::vector<ledger::tick_row>& rows);

  void store_went_away(microseconds now, microseconds longest_lease);
  void store_came_back() { away_since_ = never; }

  /// At the end: each of these ticks of a job has exactly one row.
  void expect_every_tick(const std::string& job, const std::vector<wall_time>& ticks, const std::vector<ledger::tick_row>& rows);

  void broken(const std::string& guarantee, const std::string& how, microseconds now);
  [[nodiscard]] const std::vector<std::string>& violations() const noexcept { return violations_; }
  [[nodiscard]] std::uint64_t runs() const noexcept { return runs_; }

 private:
  static constexpr microseconds never = microseconds::max();

  struct name_state {
    std::vector<std::string> running;
    std::uint64_t started_fence = 0;
    std::uint64_t committed_fence = 0;
  };
  struct tag_state {
    ledger::tag_limit limit;
    std::set<ledger::tick_key> running;
  };
  /// Between what a claim's transaction reads and its commit, at the most.
  static constexpr microseconds longest_claim = std::chrono::seconds{60};
  void count_tags(const ledger::tick_row* before, const ledger::tick_row& after, microseconds now);

  std::map<std::string, name_state> names_;
  std::map<std::string, microseconds> paused_since_;
  std::vector<tag_state> tags_;
  std::map<ledger::tick_key, std::uint32_t> attempts_;
  std::vector<std::string> violations_;
  microseconds away_since_ = never;
  microseconds longest_lease_{};
  std::uint64_t runs_ = 0;
};

}  // namespace baton::simulation

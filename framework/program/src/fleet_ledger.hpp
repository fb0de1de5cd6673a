#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "baton/ledger/control.hpp"

namespace baton::program {

/// What the ledger says of a job's runs, as far as somebody has looked.
struct job_past {
  std::optional<ledger::tick_row> last;           ///< its newest tick that is or was a run
  std::optional<wall_time> last_success;          ///< when that ended
  ledger::run_outcome ended = {};                 ///< of its newest tick whose run has ended
  std::optional<ledger::tick_key> ended_at = {};  ///< that tick
  void see(const ledger::tick_row& row);
};

/// A cluster's ledger at one instant.
struct fleet_snapshot {
  std::optional<wall_time> as_of;        ///< by the store's clock; nullopt: it was never read
  std::vector<ledger::job_record> jobs;  ///< by name, ascending
  std::vector<ledger::instance_record> instances;
  std::vector<ledger::tick_row> open;
  std::vector<ledger::tick_row> newest;  ///< the newest first
  std::map<std::string, std::shared_ptr<const job_past>, std::less<>> past;
  std::vector<ledger::tick_row> changed;  ///< rows that are new, or were otherwise at the last look
  bool is_all_changed = false;            ///< there may be more of them than are known

  /// nullptr: nothing is known.
  [[nodiscard]] const job_past* past_of(std::string_view job) const;
  void see(const ledger::tick_row& row);
};

/// Whether people would see the two rows as the same.
[[nodiscard]] bool looks_the_same(const ledger::tick_row& a, const ledger::tick_row& b) noexcept;

/// Reads a cluster's ledger again and again, each time what may have changed.
///
/// The newest rows come in pages until one holds nothing new, the past of jobs a few jobs at each look, so that a look costs a handful of
/// statements however long the ledger is.
class fleet_ledger {
 public:
  explicit fleet_ledger(std::string cluster) : cluster_(std::move(cluster)) {}

  static constexpr std::size_t few_jobs = 50;
  /// `past_of`: of how many jobs at most, whose past was not searched yet, it is searched now; one statement for each.
  [[nodiscard]] result<std::shared_ptr<const fleet_snapshot>> look(ledger::control& control, std::size_t past_of = few_jobs);
  /// What was seen may be old: nobody looked for a while.
  void doubt() { searched_.clear(); }

 private:
  [[nodiscard]] status read_newest(ledger::control& control, fleet_snapshot& made);
  [[nodiscard]] status read_closed(ledger::control& control, fleet_snapshot& made);
  [[nodiscard]] status read_past(ledger::control& control, fleet_snapshot& made, std::size_t most);
  void see(const ledger::tick_row& row, fleet_snapshot& made) const;
  [[nodiscard]] const ledger::tick_row* known(const ledger::tick_key& key) const;

  std::string cluster_;
  std::shared_ptr<const fleet_snapshot> before_ = std::make_shared<fleet_snapshot>();
  std::map<ledger::tick_key, const ledger::tick_row*> known_;  // rows of before_
  std::set<std::string, std::less<>> searched_;                // jobs whose past is known
};

}  // namespace baton::program

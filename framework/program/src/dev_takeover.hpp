#pragma once

#include <optional>
#include <string>
#include <vector>

#include "baton/ledger/records.hpp"
#include "dev_journal.hpp"

namespace baton::program {

/// Watches what becomes of a run whose instance was killed, and measures it.
class takeover {
 public:
  /// `victim` is the start of the interrupted run.
  takeover(journal_entry victim, time_point killed) : victim_(std::move(victim)), killed_(killed) {}

  /// What is new and worth a line, or nothing.
  [[nodiscard]] std::optional<std::string> on(const journal_entry& entry);
  [[nodiscard]] std::optional<std::string> on(const ledger::tick_row& row);

  /// From the kill to the start of the next attempt.
  [[nodiscard]] std::optional<microseconds> again_after() const noexcept { return again_after_; }
  /// From the nominal time of the job's next tick to its start.
  [[nodiscard]] std::optional<microseconds> next_late() const noexcept { return next_late_; }
  [[nodiscard]] const journal_entry& victim() const noexcept { return victim_; }

 private:
  journal_entry victim_;
  time_point killed_;
  bool is_claimed_again_ = false;
  std::optional<microseconds> again_after_;
  std::optional<microseconds> next_late_;
};

}  // namespace baton::program

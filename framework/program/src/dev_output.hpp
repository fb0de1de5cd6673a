#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dev_checker.hpp"
#include "dev_jobs.hpp"

namespace baton::program {

/// What the demo prints: one line for each run as it ends, events between them, and the verdict. 100 columns; colour only on a terminal
/// and without NO_COLOR.
class dev_output {
 public:
  dev_output(const std::vector<demo_job>& jobs, int instances);

  void heading();
  /// Prints what became of a run: its start if it is a long one, its end.
  void tell(const journal_entry& entry);
  /// Prints the runs that have given no sign of life since `now` - 1 s as interrupted.
  void tell_interrupted(boot_time now);
  /// Prints decisions and the runs of jobs without a journal, each once.
  void tell(const ledger::tick_row& row, wall_time now);

  void event(std::string_view text);   ///< something happens to the fleet
  void remark(std::string_view text);  ///< indented below it
  void tell(const verdict& v, wall_time from, wall_time to);

  /// False once nobody reads any more.
  [[nodiscard]] bool is_read() const noexcept;

 private:
  struct columns {
    std::string at, job, tick, instance, attempt, late, took, note;
  };
  void row(const columns& c, std::string_view style);
  [[nodiscard]] std::string styled(std::string_view text, std::string_view style) const;
  void tell_starts(const verdict& v);

  bool has_colour_;
  std::map<std::string, milliseconds> takes_;  ///< by job
  std::map<std::string, bool> has_journal_;
  std::map<std::string, std::string> styles_;  ///< by instance
  std::vector<attempt_record> under_way_;
  std::set<ledger::tick_key> told_;
};

}  // namespace baton::program

#pragma once

#include <map>
#include <string>
#include <vector>

#include "baton/ledger/records.hpp"
#include "baton/schedule/timetable.hpp"
#include "dev_journal.hpp"

namespace baton::program {

struct watched_job {
  std::string name;
  std::string lock_name;
  schedule::timetable schedule;
  bool has_journal = true;  ///< false: its handler writes nothing, the ledger is all there is
};

/// What a fleet did, as its handlers wrote it down, and what its ledger says.
struct evidence {
  std::vector<watched_job> jobs;
  wall_time from;  ///< ticks strictly between these two have to be accounted for
  wall_time to;
  std::vector<journal_entry> entries;
  std::vector<ledger::tick_row> rows;
};

struct job_verdict {
  std::string name;
  std::size_t due = 0;      ///< ticks in the window
  std::size_t ran = 0;      ///< of these, started at least once
  std::size_t failed = 0;   ///< of these, recorded as ended badly before their handler wrote anything
  std::size_t skipped = 0;  ///< of these, recorded as skipped
  std::size_t missed = 0;   ///< of these, recorded as missed
  std::size_t retried = 0;  ///< second and later attempts, in the window or not; as all below
  std::size_t duplicates = 0;
  std::size_t overlaps = 0;
  std::size_t missing = 0;
  std::vector<microseconds> lateness;  ///< of first attempts, ascending
};

struct verdict {
  std::vector<job_verdict> jobs;
  std::map<std::string, std::size_t> starts;  ///< by instance
  std::vector<std::string> findings;          ///< what must not be, a sentence each
  [[nodiscard]] bool is_good() const noexcept { return findings.empty(); }
};

/// Holds the runs that really took place against the schedules: a tick attempted twice (duplicate), two runs under one lock name at the
/// same time (overlap), a tick neither run nor recorded with a reason (missing), a start before its tick or for no tick at all, and
/// fences that do not rise. Pure.
///
/// A run lasts until its last sign of life. A tick whose row says that it ran well, but which no handler has seen, is missing too.
[[nodiscard]] verdict judge(const evidence& seen);

/// One attempt of a run, pieced together from the journal.
struct attempt_record {
  journal_entry start;
  journal_entry last;  ///< the end, or the last sign of life
};
/// In the order of their starts.
[[nodiscard]] std::vector<attempt_record> attempts_of(const std::vector<journal_entry>& entries);

}  // namespace baton::program

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "baton/ledger/control.hpp"
#include "baton/schedule/timetable.hpp"

namespace baton::program {

/// What is known of one tick of a job.
struct tick_facts {
  std::string job;
  wall_time tick{};
  std::optional<schedule::timetable> schedule;  ///< of the file; nullopt: the job has none
  std::optional<ledger::job_record> record;     ///< nullopt: no instance has registered the job
  std::vector<ledger::tick_row> rows;           ///< those of this tick or that cover it, of every kind
  std::optional<ledger::tick_row> busy;         ///< a run under the job's lock name that is under way now
  wall_time now{};                              ///< by the store's clock
};

/// The story of a tick in plain sentences, one each: what happened and why, or why nothing did.
[[nodiscard]] std::vector<std::string> story_of(const tick_facts& facts);

}  // namespace baton::program

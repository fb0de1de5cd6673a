#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "baton/runtime/scheduler.hpp"

namespace baton::program {

/// Notices that newer time zone data is installed than the schedules go by: they keep what they were read with until a restart.
///
/// Thread safety: none.
class tzdata_watch {
 public:
  /// To be made together with the jobs.
  explicit tzdata_watch(const std::vector<runtime::job>& jobs);

  struct moved_zone {
    std::string name;
    wall_time from;                 ///< the first instant at which its clocks differ
    std::vector<std::string> jobs;  ///< whose ticks may move from then on
  };
  struct finding {
    std::string version;
    std::vector<moved_zone> moved;
  };
  /// What is new since the last look; nullopt: nothing. An update is told of when it is seen a second time, and so complete. Reads a line
  /// of a file, and zones only after a change.
  [[nodiscard]] std::optional<finding> look(wall_time now);

  [[nodiscard]] const std::string& version() const noexcept { return version_; }

 private:
  struct zone_in_use {
    schedule::zone as_read;
    std::vector<std::string> jobs;
  };
  const std::string version_;
  std::string seen_;
  std::string pending_;
  std::uint32_t generation_ = 0;
  std::map<std::string, zone_in_use> zones_;
};

}  // namespace baton::program

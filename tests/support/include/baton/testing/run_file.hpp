#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baton/base/time.hpp"

namespace baton::testing {

/// What one process of fleet_job said of itself. A process that was killed has no `ended`; `last_seen` is then its last sign of life.
struct executed_run {
  std::string job;
  wall_time tick{};
  std::uint32_t attempt = 0;
  std::uint64_t fence = 0;
  std::string instance;
  pid_t pid = 0;
  boot_time started{};
  boot_time last_seen{};  ///< of it or any of its children
  std::optional<boot_time> ended;
  std::optional<boot_time> told_to_stop;  ///< when it got its first SIGTERM
  std::vector<pid_t> children;
};

/// What really ran: the lines of all fleet_job processes, in the order in which they were written.
class run_file {
 public:
  [[nodiscard]] static run_file parse(std::string_view text);
  [[nodiscard]] static run_file read(const std::string& path);

  [[nodiscard]] const std::vector<executed_run>& runs() const& noexcept { return runs_; }  ///< by start
  void runs() const&& = delete;                                                            // it would be a reference into what is gone
  [[nodiscard]] std::vector<executed_run> of(std::string_view job) const;
  [[nodiscard]] std::map<wall_time, int> ticks_of(std::string_view job) const;  ///< how often each tick's first attempt started

  /// Every breach of what holds for any file, as sentences: a tick whose first attempt started twice (G1), two runs of one lock name at
  /// once (G2), fences of one lock name that do not rise (G8), lines that cannot be read. `lock_of` gives a run's lock name, its job's if
  /// none is given.
  [[nodiscard]] std::vector<std::string> violations(const std::function<std::string(const executed_run&)>& lock_of = {}) const;

 private:
  std::vector<executed_run> runs_;
  std::vector<std::string> unreadable_;
};

}  // namespace baton::testing

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "baton/plugin_host/executor.hpp"

#include "spawn.hpp"

namespace baton::plugin_host {

/// Which runs a runner is good for: those of one build of a plugin, under the same limits.
struct runner_purpose {
  std::string plugin_path;
  dev_t device = 0;
  ino_t inode = 0;
  std::int64_t size = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;  ///< also after a chmod
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> open_files;

  bool operator==(const runner_purpose&) const = default;
};

/// nullopt: a runner that is used once. The file cannot be looked at, or processor time is limited, which counts over a process's life.
[[nodiscard]] std::optional<runner_purpose> purpose_of(const run_request& request);

/// Runners between two runs, before their first or after their last, by a number of the caller's. At most `most` wait, each for `most_idle`
/// and after less than `most_runs` runs; one that waits no longer is told to go by the end of its socket, and stays here until it has been
/// reaped.
class runner_pool {
 public:
  static constexpr std::size_t most = 16;
  static constexpr std::size_t most_runs = 1000;
  static constexpr microseconds most_idle = std::chrono::seconds{30};

  struct entry {
    std::optional<runner_purpose> purpose;  ///< nullopt: it has run nothing
    spawned_runner runner;
    std::size_t runs = 0;
    boot_time since{};
  };
  struct taken {
    std::uint64_t number;
    entry what;
  };

  void keep(std::uint64_t number, entry e, boot_time now);
  /// The one that waits for the shortest time: its memory is the warmest.
  [[nodiscard]] std::optional<taken> take(const runner_purpose& purpose) { return take_if(purpose); }
  /// One that has run nothing yet, and may run anything.
  void keep_spare(std::uint64_t number, spawned_runner runner, boot_time now) {
    entries_.emplace(number, entry{{}, std::move(runner), 0, now});
  }
  [[nodiscard]] std::optional<taken> take_spare() { return take_if(std::nullopt); }
  [[nodiscard]] bool has_spare() const;
  [[nodiscard]] bool contains(std::uint64_t number) const { return entries_.contains(number); }
  /// A waiting runner says nothing, so one that is heard of is about to end.
  void send_away(std::uint64_t number) { entries_.at(number).runner.socket.reset(); }
  /// After its pidfd became readable. Returns the cgroup that its handler had; empty: none.
  [[nodiscard]] std::string reap(std::uint64_t number);
  void send_away_idle(boot_time now);
  void send_away_all();
  /// When send_away_idle() is due.
  [[nodiscard]] boot_time next_deadline() const;
  [[nodiscard]] bool is_empty() const noexcept { return entries_.empty(); }

 private:
  [[nodiscard]] std::optional<taken> take_if(const std::optional<runner_purpose>& purpose);

  std::map<std::uint64_t, entry> entries_;
};

}  // namespace baton::plugin_host

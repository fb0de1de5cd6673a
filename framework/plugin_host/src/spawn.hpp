#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "baton/base/result.hpp"

#include "system.hpp"

namespace baton::plugin_host {

/// The descriptor on which a runner finds its instance.
inline constexpr int runner_socket = 3;
/// The one of its own program's file, which it closes.
inline constexpr int runner_file = 4;

/// The program of runners as it is when this is made: what is put in its place later may be of another build, and speak otherwise.
class runner_program {
 public:
  explicit runner_program(std::string path);
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// Above those that a runner has; invalid: the file cannot be opened.
  [[nodiscard]] const unique_fd& file() const noexcept { return file_; }

 private:
  std::string path_;
  unique_fd file_;
};

struct spawned_runner {
  pid_t process = -1;
  unique_fd pidfd;
  unique_fd socket;    ///< non-blocking
  pid_t handler = 0;   ///< once it has said so
  std::string cgroup;  ///< of its handler; empty: none
};

/// Starts `<program> runner` in a session of its own, with runner_socket, runner_file, standard error, and no other descriptor of this
/// process. The runner dies when the calling thread ends. `environment` is all it gets.
[[nodiscard]] result<spawned_runner> spawn_runner(const runner_program& program, const std::vector<std::string>& environment);

/// PATH, LANG, TZ and HOME of this process, and `more`, which wins.
[[nodiscard]] std::vector<std::string> runner_environment(const std::vector<std::string>& more);

}  // namespace baton::plugin_host

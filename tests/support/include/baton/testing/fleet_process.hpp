#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"

namespace baton::testing {

/// CLOCK_BOOTTIME, the clock of the lines that fleet_job writes.
[[nodiscard]] boot_time boot_now() noexcept;
[[nodiscard]] wall_time wall_now() noexcept;

/// Waits until `condition` holds, asking every `step`; false if it does not within `limit`.
bool eventually(const std::function<bool()>& condition, microseconds limit, microseconds step = milliseconds{10});

/// Whether a process runs: neither gone nor a zombie. Of any process, not only of children.
[[nodiscard]] bool is_alive(pid_t pid);

/// A child with its own process group, its output in a file; killed with this object, and by PDEATHSIG with this process.
///
/// Thread safety: used and destroyed by the thread that started it, which lives as long as the process (PDEATHSIG).
class child_process {
 public:
  struct options {
    std::vector<std::string> command;
    std::vector<std::string> environment;  ///< NAME=VALUE beside what this process has
    std::string output;                    ///< file that takes what it prints
  };
  [[nodiscard]] static result<std::unique_ptr<child_process>> start(const options& wanted);
  ~child_process();
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  void signal(int number) noexcept;  ///< to the process alone, not to its group
  [[nodiscard]] bool is_running();
  [[nodiscard]] bool is_stopped() const;  ///< by SIGSTOP
  /// Its exit code, or 128 + the signal that ended it; nullopt while it runs.
  [[nodiscard]] std::optional<int> exit_code();
  [[nodiscard]] std::optional<int> await_exit(microseconds limit);
  /// Time on the processor so far, this process alone.
  [[nodiscard]] microseconds processor_time() const;
  /// Everything it has printed.
  [[nodiscard]] std::string output() const;
  [[nodiscard]] const std::string& output_path() const noexcept { return output_; }

 private:
  child_process(pid_t pid, std::string output) : pid_(pid), output_(std::move(output)) {}

  pid_t pid_;
  std::string output_;
  std::optional<int> exit_code_;
};

/// The whole of a file; empty if there is none.
[[nodiscard]] std::string read_text(const std::string& path);

}  // namespace baton::testing

#pragma once

#include <signal.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace exec_plugin {

/// Keeps a signal from the calling thread for as long as it lives; one that came meanwhile is forgotten.
class blocked_signal {
 public:
  explicit blocked_signal(int signal) noexcept;
  ~blocked_signal();
  blocked_signal(const blocked_signal&) = delete;
  blocked_signal& operator=(const blocked_signal&) = delete;

 private:
  int signal_;
  sigset_t set_;
  sigset_t before_;
};

/// A child process in this process's group, watched by pidfd. Its destructor kills and reaps what still runs.
class process {
 public:
  /// `error` says why there is none. It inherits standard input, output and error, and no other descriptor.
  static std::optional<process> start(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                                      const std::string& directory, std::string& error);
  process(process&& other) noexcept;
  process& operator=(process&&) = delete;
  ~process();

  /// Waits until the program has ended (true), or `descriptor` is readable (false). -1: until it has ended.
  bool wait_or(int descriptor);
  void send(int signal) noexcept;
  /// As from waitpid(); after wait_or() said true.
  [[nodiscard]] int status() const noexcept { return status_; }

 private:
  process(pid_t pid, int descriptor) noexcept : pid_{pid}, descriptor_{descriptor} {}

  pid_t pid_;
  int descriptor_;
  int status_ = 0;
};

}  // namespace exec_plugin

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "account.hpp"

namespace exec_plugin {

/// A program that is to be started.
struct program {
  std::vector<std::string> command;  ///< without a slash the first is looked for on this process's PATH
  std::vector<std::string> environment;
  std::string directory;        ///< empty: this process's
  std::optional<account> user;  ///< unset: this process's
};

/// A child process in this process's group, watched by pidfd. Its destructor kills and reaps what still runs.
class process {
 public:
  /// `error` says why there is none. It inherits standard input, output and error, and no other descriptor.
  static std::optional<process> start(const program& what, std::string& error);
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

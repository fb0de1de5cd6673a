#pragma once

#include <sys/types.h>

#include <csignal>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "baton/base/time.hpp"

namespace baton::plugin_host {

/// Owns a descriptor.
class unique_fd {
 public:
  unique_fd() = default;
  explicit unique_fd(int descriptor) noexcept : descriptor_{descriptor} {}
  unique_fd(unique_fd&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.descriptor_, -1));
    return *this;
  }
  ~unique_fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return descriptor_; }
  explicit operator bool() const noexcept { return descriptor_ >= 0; }
  void reset(int descriptor = -1) noexcept;

 private:
  int descriptor_ = -1;
};

/// CLOCK_BOOTTIME. Deadlines of leases are enforced against the machine's own clock, in whichever process is left to do it: the
/// supervisor has no scheduler to ask. Read here and nowhere else in this room.
[[nodiscard]] boot_time boot_now() noexcept;

/// `t + d` without running over the end of time.
[[nodiscard]] boot_time later(boot_time t, microseconds d) noexcept;

/// A timer on CLOCK_BOOTTIME, so that it also counts while the machine is suspended. Polls readable once it has run out.
class boot_timer {
 public:
  boot_timer() noexcept;
  [[nodiscard]] int descriptor() const noexcept { return timer_.get(); }
  /// boot_time::max(): never.
  void arm(boot_time at) noexcept;

 private:
  unique_fd timer_;
};

/// A descriptor for a process that is a child of ours and not reaped yet; not a thing to race for.
[[nodiscard]] unique_fd open_pidfd(pid_t pid) noexcept;
/// As waitid(P_PIDFD): nullopt-like, si_pid is 0 when nobody could be reaped. Never blocks.
[[nodiscard]] siginfo_t reap(const unique_fd& pidfd) noexcept;

/// A thread that no signal finds, so that signals reach the handler's.
[[nodiscard]] std::thread quiet_thread(auto code) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  struct restorer {
    const sigset_t& mask;
    ~restorer() { ::pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
  } const restore{before};
  return std::thread{std::move(code)};
}

/// The words for errno.
[[nodiscard]] std::string last_error();
/// "killed by signal 11 (Segmentation fault)"
[[nodiscard]] std::string killed_by(int signal);

/// Reads what is there, at most `limit` bytes, into the end of `buffer`. Never blocks on a non-blocking descriptor.
enum class read_end : unsigned char { more_later = 1, end_of_file };
[[nodiscard]] read_end read_some(int descriptor, std::string& buffer, std::size_t limit) noexcept;
/// Sends as much of `buffer` as fits and removes it. False: the other side is gone.
[[nodiscard]] bool send_some(int socket, std::string& buffer) noexcept;

}  // namespace baton::plugin_host

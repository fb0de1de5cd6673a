#include "system.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace baton::plugin_host {

void unique_fd::reset(int descriptor) noexcept {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = descriptor;
}

boot_time boot_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return boot_time{std::chrono::seconds{now.tv_sec} + std::chrono::duration_cast<microseconds>(std::chrono::nanoseconds{now.tv_nsec})};
}

boot_time later(boot_time t, microseconds d) noexcept {
  if (d >= boot_time::max() - t) return boot_time::max();
  return t + std::max(d, microseconds{0});
}

boot_timer::boot_timer() noexcept : timer_{::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)} {}

void boot_timer::arm(boot_time at) noexcept {
  itimerspec when{};
  if (at != boot_time::max()) {
    const auto us = std::max<std::int64_t>(at.time_since_epoch().count(), 1);  // 0 would disarm
    when.it_value.tv_sec = us / 1'000'000;
    when.it_value.tv_nsec = us % 1'000'000 * 1'000;
  }
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

// By number: <sys/pidfd.h> of glibc 2.36 has no extern "C".
unique_fd open_pidfd(pid_t pid) noexcept { return unique_fd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))}; }

siginfo_t reap(const unique_fd& pidfd) noexcept {
  siginfo_t info{};
  const auto id = static_cast<id_t>(pidfd.get());
  while (::waitid(P_PIDFD, id, &info, WEXITED | WNOHANG) < 0 && errno == EINTR) continue;
  return info;
}

std::string last_error() { return std::strerror(errno); }

std::string killed_by(int signal) { return "killed by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")"; }

read_end read_some(int descriptor, std::string& buffer, std::size_t limit) noexcept {
  std::array<char, 65536> block;
  while (limit > 0) {
    const auto count = ::read(descriptor, block.data(), std::min(limit, block.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return read_end::more_later;
    if (count <= 0) return read_end::end_of_file;
    buffer.append(block.data(), static_cast<std::size_t>(count));
    limit -= static_cast<std::size_t>(count);
  }
  return read_end::more_later;
}

bool send_some(int socket, std::string& buffer) noexcept {
  std::size_t sent = 0;
  bool open = true;
  while (sent < buffer.size()) {
    const auto count = ::send(socket, buffer.data() + sent, buffer.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      open = errno == EAGAIN || errno == EWOULDBLOCK;
      break;
    }
    sent += static_cast<std::size_t>(count);
  }
  buffer.erase(0, sent);
  return open;
}

}  // namespace baton::plugin_host

#include "process.hpp"

#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

namespace exec_plugin {
namespace {

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// Releases what posix_spawn's tables hold.
struct spawn_tables {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  spawn_tables() noexcept {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~spawn_tables() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  spawn_tables(const spawn_tables&) = delete;
  spawn_tables& operator=(const spawn_tables&) = delete;
};

}  // namespace

blocked_signal::blocked_signal(int signal) noexcept : signal_{signal} {
  ::sigemptyset(&set_);
  ::sigaddset(&set_, signal);
  ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
}

blocked_signal::~blocked_signal() {
  // Blocked before, too: whoever did that decides what becomes of the signal. Otherwise what waits for this thread would end the
  // process before it has said how the program ended.
  if (::sigismember(&before_, signal_) == 1) return;
  const timespec at_once{};
  while (::sigtimedwait(&set_, nullptr, &at_once) > 0) continue;
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<process> process::start(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                                      const std::string& directory, std::string& error) {
  spawn_tables tables;
  if (!directory.empty()) ::posix_spawn_file_actions_addchdir_np(&tables.actions, directory.c_str());
  ::posix_spawn_file_actions_addclosefrom_np(&tables.actions, 3);
  sigset_t set;
  ::sigemptyset(&set);
  ::posix_spawnattr_setsigmask(&tables.attributes, &set);
  ::sigfillset(&set);
  ::posix_spawnattr_setsigdefault(&tables.attributes, &set);
  ::posix_spawnattr_setflags(&tables.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  pid_t pid = -1;
  const auto arguments = pointers_to(command);
  const auto variables = pointers_to(environment);
  if (const int code = ::posix_spawnp(&pid, arguments.front(), &tables.actions, &tables.attributes, arguments.data(), variables.data());
      code != 0) {
    error = std::strerror(code);
    if (!directory.empty()) error += " (in directory " + directory + ")";
    return std::nullopt;
  }
  // The child is ours and unreaped, so its number cannot have been given to another process yet.
  process child{pid, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (child.descriptor_ < 0) {
    error = std::string{"pidfd_open: "} + std::strerror(errno);
    return std::nullopt;
  }
  return child;
}

process::process(process&& other) noexcept
    : pid_{std::exchange(other.pid_, -1)}, descriptor_{std::exchange(other.descriptor_, -1)}, status_{other.status_} {}

process::~process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) continue;
  }
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool process::wait_or(int descriptor) {
  pollfd watched[] = {{descriptor_, POLLIN, 0}, {descriptor, POLLIN, 0}};
  while (::poll(watched, 2, -1) < 0 && errno == EINTR) continue;
  if (watched[0].revents == 0) return false;
  while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) continue;
  pid_ = -1;
  return true;
}

void process::send(int signal) noexcept {
  if (pid_ > 0) ::kill(pid_, signal);
}

}  // namespace exec_plugin

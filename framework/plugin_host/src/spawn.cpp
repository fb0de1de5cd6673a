#include "spawn.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string_view>

namespace baton::plugin_host {
namespace {

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

std::vector<std::string> runner_environment(const std::vector<std::string>& more) {
  std::map<std::string, std::string> entries;
  for (const char* name : {"PATH", "LANG", "TZ", "HOME"}) {
    if (const char* found = std::getenv(name)) entries[name] = std::string{name} + "=" + found;  // NOLINT(concurrency-mt-unsafe)
  }
  for (const auto& entry : more) entries[entry.substr(0, entry.find('='))] = entry;
  std::vector<std::string> all;
  all.reserve(entries.size());
  for (auto& [name, entry] : entries) all.push_back(std::move(entry));
  return all;
}

runner_program::runner_program(std::string path) : path_{std::move(path)} {
  const unique_fd low{::open(path_.c_str(), O_PATH | O_CLOEXEC)};
  if (low) file_ = unique_fd{::fcntl(low.get(), F_DUPFD_CLOEXEC, runner_file + 1)};
}

result<spawned_runner> spawn_runner(const runner_program& program, const std::vector<std::string>& environment) {
  const auto failed = [&](const char* what, int code) {
    return failure{errc::spawn_failed, std::string{"cannot start a runner ("} + program.path() + "): " + what + ": " + std::strerror(code)};
  };
  std::array<int, 2> sockets{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0) return failed("socketpair", errno);
  spawned_runner runner;
  runner.socket = unique_fd{sockets[0]};
  const unique_fd theirs{sockets[1]};
  ::fcntl(runner.socket.get(), F_SETFL, O_NONBLOCK);

  spawn_tables tables;
  ::posix_spawn_file_actions_adddup2(&tables.actions, theirs.get(), runner_socket);  // clears close-on-exec, also if it is the same
  ::posix_spawn_file_actions_addopen(&tables.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&tables.actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  if (program.file()) ::posix_spawn_file_actions_adddup2(&tables.actions, program.file().get(), runner_file);
  ::posix_spawn_file_actions_addclosefrom_np(&tables.actions, program.file() ? runner_file + 1 : runner_file);
  sigset_t set;
  ::sigemptyset(&set);
  ::posix_spawnattr_setsigmask(&tables.attributes, &set);
  ::sigfillset(&set);
  ::posix_spawnattr_setsigdefault(&tables.attributes, &set);
  // A session of its own: no Ctrl-C on the instance's terminal decides about its runs.
  ::posix_spawnattr_setflags(&tables.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);

  const auto path = program.file() ? "/proc/self/fd/" + std::to_string(runner_file) : program.path();
  std::string name = program.path();
  std::string verb = "runner";
  const std::array<char*, 3> arguments{name.data(), verb.data(), nullptr};
  std::vector<char*> variables;
  variables.reserve(environment.size() + 1);
  for (const auto& entry : environment) variables.push_back(const_cast<char*>(entry.c_str()));
  variables.push_back(nullptr);
  if (const int code =
          ::posix_spawn(&runner.process, path.c_str(), &tables.actions, &tables.attributes, arguments.data(), variables.data());
      code != 0) {
    return failed("posix_spawn", code);
  }
  runner.pidfd = open_pidfd(runner.process);
  if (!runner.pidfd) {
    const int code = errno;
    ::kill(runner.process, SIGKILL);
    ::waitpid(runner.process, nullptr, 0);
    return failed("pidfd_open", code);
  }
  return runner;
}

}  // namespace baton::plugin_host

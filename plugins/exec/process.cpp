#include "process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
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

/// The files that `name` may mean, in the order in which they are tried.
std::vector<std::string> files_of(const std::string& name) {
  if (name.find('/') != std::string::npos) return {name};
  const char* const path = std::getenv("PATH");
  std::string_view rest{path != nullptr ? path : "/bin:/usr/bin"};
  std::vector<std::string> files;
  while (!rest.empty()) {
    const auto folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
    if (!folder.empty()) files.push_back(std::string{folder} + "/" + name);
  }
  return files;
}

/// Why a child could not become the program.
struct refusal {
  enum class step { user, directory, file } at{};
  int code = 0;
};

/// Everything a child needs, made before it is there.
struct image {
  explicit image(const program& p)
      : what{p}, files{files_of(p.command.front())}, arguments{pointers_to(p.command)}, variables{pointers_to(p.environment)} {}

  /// In the child, whose memory may be in any state: makes system calls alone, and comes back only when it is refused. Not execvp(),
  /// which hands what is no program to a shell.
  [[nodiscard]] refusal replace_this_process() const noexcept {
    ::closefrom(4);
    for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (what.user && !become(*what.user)) return {refusal::step::user, errno};
    if (!what.directory.empty() && ::chdir(what.directory.c_str()) != 0) return {refusal::step::directory, errno};
    int code = ENOENT;
    for (const auto& file : files) {
      ::execve(file.c_str(), arguments.data(), variables.data());
      if (errno != ENOENT && errno != ENOTDIR) code = errno;
      if (code != ENOENT && code != EACCES) break;
    }
    return {refusal::step::file, code};
  }

  [[nodiscard]] std::string words_for(const refusal& refused) const {
    const std::string reason = std::strerror(refused.code);
    if (refused.at == refusal::step::directory) return "directory " + what.directory + ": " + reason;
    if (refused.at == refusal::step::file) return reason;
    return "cannot become user '" + what.user->name + "': " + reason + "; it takes root, or CAP_SETUID and CAP_SETGID";
  }

  const program& what;
  std::vector<std::string> files;
  std::vector<char*> arguments;
  std::vector<char*> variables;
};

/// A pipe that no exec lets through.
struct report_pipe {
  int ends[2] = {-1, -1};
  report_pipe() noexcept { [[maybe_unused]] const int failed = ::pipe2(ends, O_CLOEXEC); }
  ~report_pipe() {
    ::close(ends[0]);
    close_writer();
  }
  report_pipe(const report_pipe&) = delete;
  report_pipe& operator=(const report_pipe&) = delete;
  void close_writer() noexcept {
    if (ends[1] >= 0) ::close(std::exchange(ends[1], -1));
  }
};

pid_t fork_without_signals(auto in_child) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) in_child();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return pid;
}

}  // namespace

std::optional<process> process::start(const program& what, std::string& error) {
  const image child_image{what};
  report_pipe report;
  const pid_t pid = report.ends[0] < 0 ? -1 : fork_without_signals([&] {
    if (report.ends[1] != 3) ::dup3(report.ends[1], 3, O_CLOEXEC);
    const auto refused = child_image.replace_this_process();
    [[maybe_unused]] const auto written = ::write(3, &refused, sizeof refused);
    ::_exit(127);
  });
  if (pid < 0) {
    error = std::strerror(errno);
    return std::nullopt;
  }
  // The child is ours and unreaped, so its number cannot have been given to another process yet.
  process child{pid, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (child.descriptor_ < 0) {
    error = std::string{"pidfd_open: "} + std::strerror(errno);
    return std::nullopt;
  }
  report.close_writer();
  refusal refused;
  ssize_t size = 0;
  while ((size = ::read(report.ends[0], &refused, sizeof refused)) < 0 && errno == EINTR) continue;
  if (size > 0) {
    error = child_image.words_for(refused);
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

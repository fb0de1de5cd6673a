#include "sweep.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <string>

#include "system.hpp"

namespace baton::plugin_host {
namespace {

/// The children of a thread: "/proc/self/task/1/children".
template <typename Callback>
void for_each_child(const std::string& file, Callback call) {
  const unique_fd list{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  std::string text;
  if (list) {
    while (read_some(list.get(), text, 65536) == read_end::more_later) continue;
  }
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    pid_t child = 0;
    const auto [stop, error] = std::from_chars(at, end, child);
    if (error == std::errc{} && child > 0) call(child);
    at = error == std::errc{} ? stop : at + 1;
  }
}

const std::string own_children = "/proc/thread-self/children";

/// Kills the children of this process. Grandchildren become children when their parents die, so only numbers that cannot have been
/// given away yet are ever used.
void kill_children() noexcept {
  for_each_child(own_children, [](pid_t child) { ::kill(child, SIGKILL); });
}

}  // namespace

std::optional<int> kill_descendants(pid_t handler) noexcept {
  std::optional<int> handler_status;
  // While the handler is not reaped, the number of its group is its own.
  ::kill(-handler, SIGKILL);
  while (true) {
    kill_children();
    int flags = 0;  // wait for one to die, take the others that have, look again
    while (true) {
      int status = 0;
      const auto child = ::waitpid(-1, &status, flags);
      if (child < 0 && errno == EINTR) continue;
      if (child < 0) return handler_status;
      if (child == 0) break;
      if (child == handler) handler_status = status;
      flags = WNOHANG;
    }
  }
}

bool is_only_child(pid_t handler) noexcept {
  bool is_only = true;
  bool sees_handler = false;  // else this kernel shows no children
  for_each_child(own_children, [&](pid_t child) {
    sees_handler = sees_handler || child == handler;
    is_only = is_only && child == handler;
  });
  return is_only && sees_handler;
}

void reap_orphans(pid_t handler) noexcept {
  while (true) {
    siginfo_t ended{};
    if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0 || ended.si_pid == handler) return;
    ::waitpid(ended.si_pid, nullptr, WNOHANG);
  }
}

}  // namespace baton::plugin_host

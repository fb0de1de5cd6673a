#include "isolated.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

#include "baton/base/result.hpp"

namespace baton::program {
namespace {

constexpr std::size_t longest_answer = 4096;  // fits into a pipe, so that nobody has to read it meanwhile

[[noreturn]] void be_the_child(const std::function<check_result(checkpoint&)>& check, checkpoint& where, int out) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  if (const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC); nowhere >= 0) {
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nowhere, standard);
  }
  const auto found = check(where);
  auto answer = std::string(1, static_cast<char>(found.outcome)) + found.text;
  answer.resize(std::min(answer.size(), longest_answer));
  [[maybe_unused]] const auto written = ::write(out, answer.data(), answer.size());
  ::_exit(0);
}

std::string end_of(int status) {
  if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
  return "ended its process with code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

checkpoint::checkpoint()
    : shared_{static_cast<char*>(::mmap(nullptr, longest, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))} {
  BATON_ASSERT(shared_ != MAP_FAILED);
}
checkpoint::~checkpoint() { ::munmap(shared_, longest); }
void checkpoint::reach(std::string_view where) noexcept {
  const auto size = std::min(where.size(), longest - 1);
  std::memcpy(shared_, where.data(), size);
  shared_[size] = '\0';
}
std::string checkpoint::text() const { return {shared_, ::strnlen(shared_, longest)}; }

check_result isolated(const std::function<check_result(checkpoint&)>& check, microseconds limit) {
  checkpoint where;
  std::array<int, 2> channel{};
  if (::pipe2(channel.data(), O_CLOEXEC) != 0) return check_result::failed("there are no descriptors left");
  const pid_t child = ::fork();
  if (child == 0) be_the_child(check, where, channel[1]);
  ::close(channel[1]);
  if (child < 0) {
    ::close(channel[0]);
    return check_result::failed("no process could be made");
  }
  ::setpgid(child, child);  // whoever comes first
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  pollfd ended{pidfd, POLLIN, 0};
  const bool is_over = ::poll(&ended, 1, static_cast<int>(std::chrono::ceil<milliseconds>(limit).count())) > 0;
  ::kill(-child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  std::array<char, longest_answer + 1> answer{};
  ::fcntl(channel[0], F_SETFL, O_NONBLOCK);
  const auto got = ::read(channel[0], answer.data(), answer.size());
  ::close(channel[0]);
  ::close(pidfd);
  if (is_over && WIFEXITED(status) && WEXITSTATUS(status) == 0 && got > 0)
    return {static_cast<check_result::kind>(answer[0]), std::string{answer.data() + 1, static_cast<std::size_t>(got) - 1}};
  const auto at = where.text();
  const auto when = at.empty() ? "" : " in " + at;
  if (!is_over) return check_result::failed("hangs" + when + ": not back after " + to_text(limit));
  return check_result::failed(end_of(status) + when);
}

}  // namespace baton::program

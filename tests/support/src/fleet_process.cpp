#include "baton/testing/fleet_process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

namespace baton::testing {
namespace {

microseconds read_clock(clockid_t id) noexcept {
  timespec t{};
  ::clock_gettime(id, &t);
  return std::chrono::seconds{t.tv_sec} + std::chrono::duration_cast<microseconds>(std::chrono::nanoseconds{t.tv_nsec});
}

/// The fields of /proc/PID/stat from the state on: the name before them may hold anything.
std::vector<std::string> stat_fields(pid_t pid) {
  const auto text = read_text("/proc/" + std::to_string(pid) + "/stat");
  std::vector<std::string> fields;
  const auto end_of_name = text.rfind(')');
  if (end_of_name == std::string::npos) return fields;
  std::stringstream rest{text.substr(end_of_name + 1)};
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

}  // namespace

boot_time boot_now() noexcept { return boot_time{read_clock(CLOCK_BOOTTIME)}; }
wall_time wall_now() noexcept { return wall_time{read_clock(CLOCK_REALTIME)}; }

bool eventually(const std::function<bool()>& condition, microseconds limit, microseconds step) {
  const auto deadline = boot_now() + limit;
  while (!condition()) {
    if (boot_now() > deadline) return false;
    std::this_thread::sleep_for(step);
  }
  return true;
}

bool is_alive(pid_t pid) {
  const auto fields = stat_fields(pid);
  return !fields.empty() && fields[0] != "Z" && fields[0] != "X";
}

std::string read_text(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();  // which does not throw where a process ends while its file of /proc is read
  return text.str();
}

result<std::unique_ptr<child_process>> child_process::start(const options& wanted) {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) variables.emplace_back(*entry);
  for (const auto& wants : wanted.environment) {  // the first of two of one name counts
    std::erase_if(variables, [name = wants.substr(0, wants.find('=') + 1)](const auto& known) { return known.starts_with(name); });
    variables.push_back(wants);
  }
  const auto pointers = [](const std::vector<std::string>& texts) {
    std::vector<char*> list;
    for (const auto& text : texts) list.push_back(const_cast<char*>(text.c_str()));
    list.push_back(nullptr);
    return list;
  };
  const auto arguments = pointers(wanted.command);
  const auto environment = pointers(variables);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return failure{errc::spawn_failed, std::string{"fork: "} + std::strerror(errno)};
  if (child > 0) return std::unique_ptr<child_process>{new child_process{child, wanted.output}};

  // Between fork and exec: only what is safe in a copy of a threaded process.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(126);
  ::setpgid(0, 0);
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int output = ::open(wanted.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ::dup2(input, 0);
  ::dup2(output, 1);
  ::dup2(output, 2);
  ::execve(arguments[0], arguments.data(), environment.data());
  ::_exit(127);
}

child_process::~child_process() {
  if (exit_code()) return;
  signal(SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

void child_process::signal(int number) noexcept {
  if (!exit_code_) ::kill(pid_, number);
}

bool child_process::is_stopped() const {
  const auto fields = stat_fields(pid_);
  return !fields.empty() && fields[0] == "T";
}

bool child_process::is_running() { return !exit_code(); }

std::optional<int> child_process::exit_code() {
  int state = 0;
  if (!exit_code_ && ::waitpid(pid_, &state, WNOHANG) == pid_) exit_code_ = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  return exit_code_;
}

std::optional<int> child_process::await_exit(microseconds limit) {
  eventually([this] { return !is_running(); }, limit, milliseconds{5});
  return exit_code();
}

microseconds child_process::processor_time() const {
  const auto fields = stat_fields(pid_);
  if (fields.size() < 13) return {};
  const auto ticks = std::stoll(fields[11]) + std::stoll(fields[12]);  // utime, stime
  return microseconds{ticks * 1'000'000 / ::sysconf(_SC_CLK_TCK)};
}

std::string child_process::output() const { return read_text(output_); }

}  // namespace baton::testing

// The job of the fleet tests: writes what happens to it to a file, each line by one append, so that a reader sees what really ran.
//
//   fleet_job FILE [--for MS] [--beat MS] [--ignore-term] [--after-term MS] [--children N] [--own-session] [--exit CODE]
//
// Without --ignore-term it ends --after-term (default 0) after its first SIGTERM, as exit code 143. Children never end before their
// parent, ignore SIGTERM and beat as it does; with --own-session each leaves the process group.

#include <fcntl.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

struct settings {
  const char* file = nullptr;
  std::int64_t duration = 20;
  std::int64_t beat = 0;
  std::int64_t after_term = 0;
  std::int64_t children = 0;
  bool ignore_term = false;
  bool own_session = false;
  int exit_code = 0;
};

std::int64_t boot_us() {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return std::int64_t{t.tv_sec} * 1'000'000 + t.tv_nsec / 1'000;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? "?" : value;
}

class writer {
 public:
  explicit writer(const char* file) : descriptor_(::open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0) std::exit(70);
    about_ = variable("BATON_JOB") + " " + variable("BATON_TICK") + " " + variable("BATON_ATTEMPT") + " " + variable("BATON_FENCE") + " " +
             variable("BATON_INSTANCE") + " ";
  }
  /// `of`: the process that the line is about, the parent in a child.
  void line(const char* event, pid_t of, const std::string& more = "") const {
    const auto text = std::string{event} + " " + about_ + std::to_string(of) + " " + std::to_string(boot_us()) + more + "\n";
    if (::write(descriptor_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::_Exit(74);
  }

 private:
  int descriptor_;
  std::string about_;
};

settings read_arguments(int count, char** values) {
  settings s;
  if (count < 2) std::exit(64);
  s.file = values[1];
  for (int i = 2; i < count; ++i) {
    const std::string_view option{values[i]};
    const auto number = [&]() -> std::int64_t { return ++i < count ? std::atoll(values[i]) : (std::exit(64), 0); };
    if (option == "--for")
      s.duration = number();
    else if (option == "--beat")
      s.beat = number();
    else if (option == "--after-term")
      s.after_term = number();
    else if (option == "--children")
      s.children = number();
    else if (option == "--ignore-term")
      s.ignore_term = true;
    else if (option == "--own-session")
      s.own_session = true;
    else if (option == "--exit")
      s.exit_code = static_cast<int>(number());
    else
      std::exit(64);
  }
  return s;
}

/// Until `until`, or until SIGTERM comes: beats meanwhile. True if the signal came.
bool wait(const writer& out, const settings& s, std::int64_t until, pid_t of, const sigset_t& signals) {
  for (;;) {
    const auto now = boot_us();
    if (now >= until) return false;
    const auto slice = std::min(until - now, s.beat > 0 ? s.beat * 1'000 : until - now);
    timespec limit{};
    limit.tv_sec = slice / 1'000'000;
    limit.tv_nsec = slice % 1'000'000 * 1'000;
    if (::sigtimedwait(&signals, nullptr, &limit) == SIGTERM) return true;
    if (s.beat > 0) out.line("beat", of);
  }
}

}  // namespace

int main(int count, char** values) {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  const auto s = read_arguments(count, values);
  const writer out{s.file};
  const pid_t self = ::getpid();
  out.line("start", self);
  auto until = boot_us() + s.duration * 1'000;
  for (std::int64_t i = 0; i < s.children; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (s.own_session) ::setsid();
      for (;;) wait(out, s, boot_us() + 3'600'000'000, self, signals);
    }
    out.line("child", self, " " + std::to_string(child));
  }
  bool told = false;
  while (wait(out, s, until, self, signals)) {
    out.line("term", self);
    if (!s.ignore_term && !told) until = std::min(until, boot_us() + s.after_term * 1'000);
    told = told || !s.ignore_term;
  }
  out.line("end", self);
  return told ? 143 : s.exit_code;
}

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "baton/base/system_clock.hpp"
#include "dev_journal.hpp"
#include "exit_codes.hpp"

namespace baton::program {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// A stop order, as a descriptor: SIGTERM and SIGINT.
int stop_descriptor() {
  sigset_t stop;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTERM);
  ::sigaddset(&stop, SIGINT);
  ::sigprocmask(SIG_BLOCK, &stop, nullptr);
  return ::signalfd(-1, &stop, SFD_CLOEXEC);
}

}  // namespace

int dev_job_main(int argc, char** argv) {
  const system_clock time;
  journal_entry entry;
  entry.at = time.now();
  const auto started = entry.at.steady;
  if (argc != 4) {
    std::fputs("baton: error: dev-job is for the handlers of baton dev: dev-job JOURNAL MILLISECONDS\n", stderr);
    return exit_usage;
  }
  const int stop = stop_descriptor();
  const int journal = ::open(argv[2], O_WRONLY | O_APPEND | O_CLOEXEC);  // never made here: it is gone when the demo is
  if (journal < 0) {
    std::fprintf(stderr, "baton: error: %s: %s\n", argv[2], std::strerror(errno));
    return exit_internal;
  }
  entry.pid = ::getpid();
  entry.job = variable("BATON_JOB");
  entry.tick = from_rfc3339(variable("BATON_TICK")).value_or(wall_time{});
  entry.attempt = static_cast<std::uint32_t>(number(variable("BATON_ATTEMPT")));
  entry.fence = number(variable("BATON_FENCE"));
  entry.instance = variable("BATON_INSTANCE");
  entry.run_id = variable("BATON_RUN_ID");

  const auto write = [&](sign what) {
    entry.what = what;
    const auto line = to_line(entry);
    return ::write(journal, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  };
  const auto end = started + milliseconds{static_cast<std::int64_t>(number(argv[3]))};
  if (!write(sign::start)) return exit_internal;
  for (;;) {
    entry.at = time.now();
    const auto left = std::chrono::ceil<milliseconds>(end - entry.at.steady);
    if (left.count() <= 0) return write(sign::end) ? exit_ok : exit_internal;
    if (entry.at.steady - started >= milliseconds{100} && !write(sign::alive)) return exit_internal;
    pollfd watched{stop, POLLIN, 0};
    if (::poll(&watched, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 100))) > 0) break;
  }
  entry.at = time.now();
  (void)write(sign::stop);
  return exit_negative;
}

}  // namespace baton::program

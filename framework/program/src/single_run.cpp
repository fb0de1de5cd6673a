#include "single_run.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <utility>

#include "baton/base/system_clock.hpp"
#include "configuration.hpp"

namespace baton::program {
namespace {

using namespace std::chrono_literals;
using plugin_host::run_ended;
using plugin_host::run_event;

constexpr microseconds lease = 10s;
constexpr microseconds extend_every = 1s;
constexpr plugin_host::run_id only_run{1};

/// What the executor's thread has told.
class events {
 public:
  events() : descriptor_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} { BATON_ASSERT(descriptor_ >= 0); }
  ~events() { ::close(descriptor_); }
  events(const events&) = delete;
  events& operator=(const events&) = delete;

  void add(const run_event& event, boot_time now) {
    const std::scoped_lock guard{mutex_};
    if (std::holds_alternative<plugin_host::run_started>(event)) started_ = now;
    if (const auto* end = std::get_if<run_ended>(&event)) ended_ = *end;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);
  }
  void clear() const noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(descriptor_, &count, sizeof count);
  }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] std::optional<boot_time> started() const {
    const std::scoped_lock guard{mutex_};
    return started_;
  }
  [[nodiscard]] std::optional<run_ended> ended() const {
    const std::scoped_lock guard{mutex_};
    return ended_;
  }

 private:
  int descriptor_;
  mutable std::mutex mutex_;
  std::optional<boot_time> started_;
  std::optional<run_ended> ended_;
};

/// Sent once more, it ends the program, and with it the run.
void unblock(int signal) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

plugin_host::run_request request_of(const single_run& run, const time_point& now) {
  plugin_host::run_request r;
  r.id = only_run;
  r.isolation = run.isolation;
  r.plugin_path = run.plugin_path;
  r.parameters = run.parameters;
  r.cluster = "local";
  r.instance = "baton-plugin";
  const auto file = run.plugin_path.substr(run.plugin_path.rfind('/') + 1);
  r.job = file.substr(0, file.rfind(".so"));
  r.trigger = "trigger";
  r.tick = now.wall;
  r.run_name = r.job + "@" + to_rfc3339(now.wall) + "#trigger";
  r.fence = 1;
  r.timeout = run.timeout;
  r.grace = run.grace;
  r.lease_deadline = now.steady + lease;
  return r;
}

}  // namespace

result<single_run_end> carry_out(const single_run& run) {
  const system_clock time;
  events heard;
  const auto made = plugin_host::executor::create(runner_options(), time, [&](plugin_host::run_id, const run_event& event) {
    if (run.on_event) run.on_event(event);
    heard.add(event, time.now().steady);
  });
  if (!made) return made.error();
  auto& executor = **made;
  std::optional<boot_time> stopped;
  const auto stop = [&] {
    if (stopped) return;
    stopped = time.now().steady;
    executor.stop(only_run, {run.grace, run.grace + std::min(run.grace, microseconds{10s})});
  };
  executor.start(request_of(run, time.now()));
  while (true) {
    heard.clear();
    auto end = heard.ended();
    const auto now = time.now().steady;
    if (end) return single_run_end{std::move(*end), stopped ? std::optional{now - *stopped} : std::nullopt};
    auto wait = extend_every;
    if (const auto began = heard.started(); began && run.stop_after && !stopped) {
      wait = std::clamp(*began + *run.stop_after - now, microseconds{0}, extend_every);
      if (wait == microseconds{0}) stop();
    }
    executor.extend(only_run, now + lease);
    pollfd ready[]{{heard.descriptor(), POLLIN, 0}, {run.signals, POLLIN, 0}};
    ::poll(ready, 2, static_cast<int>(std::chrono::ceil<milliseconds>(wait).count()));
    signalfd_siginfo signal{};
    if ((ready[1].revents & POLLIN) == 0 || ::read(run.signals, &signal, sizeof signal) <= 0) continue;
    stop();
    unblock(static_cast<int>(signal.ssi_signo));
  }
}

const char* end_word(plugin_host::run_end end) noexcept {
  using enum plugin_host::run_end;
  switch (end) {
    case success: return "success";
    case failure: return "failure";
    case retry_later: return "retry_later";
    case skipped: return "skipped";
    case cancelled: return "cancelled";
    case timeout: return "timeout";
    case crashed: return "crashed";
    case lease_expired: return "lock_lost";
    case not_started: return "not_started";
  }
  return "";
}

}  // namespace baton::program

#include "supervisor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>

#include "handler_process.hpp"
#include "spawn.hpp"
#include "sweep.hpp"

namespace baton::plugin_host {
namespace {

/// What is read from one descriptor before the clock is looked at again.
constexpr std::size_t max_read = 65536;
/// Log lines and progress are dropped while this much waits for an instance that does not read; metrics, of which a second makes one
/// frame, while there is twice as much.
constexpr std::size_t max_waiting = std::size_t{1} << 20;

sigset_t watched_signals() noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) ::sigaddset(&set, signal);
  return set;
}

}  // namespace

supervisor::supervisor(unique_fd instance, unique_fd signals) : instance_{std::move(instance)}, signals_{std::move(signals)} {}

int supervisor::supervise() {
  bool reusable = true;
  fork_handler();  // before there is anything to do: a runner that was begun ahead has all but the plugin ready; tried again if it fails
  while (reusable && receive_request()) {
    reusable = start_run() && finish(watch());
  }
  if (handler_ > 0) kill_descendants(handler_);
  flush();
  return EXIT_SUCCESS;
}

/// Returns with the request, or false when there will be none: the instance is gone, or what waits for it.
bool supervisor::receive_request() {
  while (true) {
    bool found = false;
    const bool good = take_frames(from_instance_, [&](frame content) {
      auto* request = std::get_if<request_frame>(&content);
      if (request == nullptr) return true;  // what came too late for the last run
      request_ = std::move(*request);
      found = true;
      return false;
    });
    if (found) return true;
    if (!good || !wait_for_instance()) return false;
  }
}

bool supervisor::wait_for_instance() {
  while (true) {
    const auto events = static_cast<short>(POLLIN | (to_instance_.empty() ? 0 : POLLOUT));
    std::array<pollfd, 3> watched{{{instance_.get(), events, 0}, {signals_.get(), POLLIN, 0}, {handler_fd_.get(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return false;
    if (watched[1].revents != 0 && was_terminated()) return false;
    if (watched[2].revents != 0) return false;
    if (watched[0].revents == 0) continue;
    if (!send_some(instance_.get(), to_instance_)) return false;
    const auto before = from_instance_.size();
    if (read_some(instance_.get(), from_instance_, max_read) == read_end::end_of_file) return false;
    if (from_instance_.size() > before) return true;
  }
}

bool supervisor::start_run() {
  lease_deadline_ = request_.request.lease_deadline;
  timeout_at_ = terminate_at_ = kill_at_ = boot_time::max();
  timed_out_ = stop_ordered_ = token_set_ = false;
  printed_ = {};
  answer_.reset();
  const auto refuse = [&](run_end end, std::string why) {
    say(ended_frame{end, std::move(why), {}});
    return false;
  };
  // Deadlines and stop orders that came right behind the request count before the handler does anything.
  if (const auto gone = read_instance(); gone != cause::none) return false;
  if (stop_ordered_) return refuse(run_end::cancelled, "stopped before the handler started");
  request_.request.lease_deadline = lease_deadline_;
  if (handler_ <= 0) {
    if (const auto* const what = fork_handler(); what != nullptr) return refuse(run_end::not_started, what + (": " + last_error()));
  }
  // The instance has to know of the handler before it does anything: this process may be killed, and a run that began must not be
  // taken for one that did not.
  say(spawned_frame{handler_});
  if (!flush()) return false;
  if (boot_now() >= lease_deadline_) return refuse(run_end::not_started, "the lease ended before the handler started");
  to_handler_ += encode_frame(request_);
  if (!send_some(channel_.get(), to_handler_)) to_handler_.clear();  // its end is seen next
  if (request_.request.timeout) timeout_at_ = later(boot_now(), *request_.request.timeout);
  return true;
}

/// What could not be done, for errno's reason; or null.
const char* supervisor::fork_handler() {
  std::array<int, 2> channel{};
  std::array<int, 2> output{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel.data()) != 0) return "socketpair";
  channel_ = unique_fd{channel[0]};
  unique_fd handler_channel{channel[1]};
  if (::pipe2(output.data(), O_CLOEXEC) != 0) return "pipe";
  output_ = unique_fd{output[0]};
  unique_fd handler_output{output[1]};

  handler_ = ::fork();
  if (handler_ < 0) return "fork";
  if (handler_ == 0) {
    ::setpgid(0, 0);
    ::dup2(handler_output.get(), STDOUT_FILENO);
    ::dup2(handler_output.get(), STDERR_FILENO);
    handler_output.reset();
    for (auto* ours : {&instance_, &signals_, &channel_, &output_}) ours->reset();
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    run_handler_process(std::move(handler_channel));
  }
  ::setpgid(handler_, handler_);  // on both sides of fork(): whoever comes first
  handler_fd_ = open_pidfd(handler_);
  for (const auto* ours : {&channel_, &output_}) ::fcntl(ours->get(), F_SETFL, O_NONBLOCK);
  return nullptr;
}

supervisor::cause supervisor::watch() {
  if (!handler_fd_) return cause::terminated;  // cannot be watched, so it must not run
  while (true) {
    // Who was held up first hears what was said meanwhile: the lease may have been extended.
    if (boot_now() >= lease_deadline_) {
      if (const auto why = read_instance(); why != cause::none) return why;
    }
    if (const auto why = look_at_clock(); why != cause::none) return why;
    timer_.arm(next_deadline());
    enum : std::size_t { timer, signals, instance, channel, output, handler, count };
    std::array<pollfd, count> watched{};
    watched[timer] = {timer_.descriptor(), POLLIN, 0};
    watched[signals] = {signals_.get(), POLLIN, 0};
    watched[instance] = {instance_.get(), static_cast<short>(POLLIN | (to_instance_.empty() ? 0 : POLLOUT)), 0};
    watched[channel] = {channel_.get(), static_cast<short>(POLLIN | (to_handler_.empty() ? 0 : POLLOUT)), 0};
    watched[output] = {output_.get(), POLLIN, 0};
    watched[handler] = {handler_fd_.get(), POLLIN, 0};
    if (::poll(watched.data(), watched.size(), -1) < 0) continue;

    if (watched[signals].revents != 0 && was_terminated()) return cause::terminated;
    if (watched[instance].revents != 0) {
      if (const auto why = read_instance(); why != cause::none) return why;
      if (!send_some(instance_.get(), to_instance_)) return cause::instance_gone;
    }
    if (watched[channel].revents != 0) {
      if (const auto why = read_handler(); why != cause::none) return why;
      if (channel_ && !send_some(channel_.get(), to_handler_)) to_handler_.clear();
    }
    if (watched[output].revents != 0) read_output(max_read);
    if (watched[handler].revents != 0 || (answer_ && answer_->reusable)) return cause::none;
  }
}

/// Not after a stop order or a time-out: what those did to it is not known.
bool supervisor::is_ready_for_another() const { return answer_ && answer_->reusable && !stop_ordered_ && !timed_out_ && channel_; }

boot_time supervisor::next_deadline() const {
  return std::min({lease_deadline_, timed_out_ ? boot_time::max() : timeout_at_, terminate_at_, kill_at_});
}

supervisor::cause supervisor::look_at_clock() {
  const auto now = boot_now();
  if (now >= lease_deadline_) return cause::lease;
  if (now >= timeout_at_ && !timed_out_) {
    timed_out_ = true;
    const auto grace = request_.request.grace;
    order_stop({grace, grace + std::min<microseconds>(grace, std::chrono::seconds{10})}, now);
  }
  if (now >= kill_at_) return timed_out_ ? cause::timeout : cause::stop;
  if (now >= terminate_at_) {
    terminate_at_ = boot_time::max();
    ::kill(-handler_, SIGTERM);
  }
  return cause::none;
}

void supervisor::order_stop(const stop_order& order, boot_time now) {
  if (!std::exchange(token_set_, true)) to_handler_ += encode_frame(stop_token_frame{});
  terminate_at_ = std::min(terminate_at_, later(now, order.terminate_after));
  kill_at_ = std::min(kill_at_, later(now, order.kill_after));
}

supervisor::cause supervisor::read_instance() {
  if (read_some(instance_.get(), from_instance_, max_read) == read_end::end_of_file) return cause::instance_gone;
  const bool good = take_frames(from_instance_, [&](const frame& content) {
    if (const auto* extended = std::get_if<extend_frame>(&content)) {
      lease_deadline_ = extended->lease_deadline;
      to_handler_ += encode_frame(content);
    } else if (const auto* stop = std::get_if<stop_frame>(&content)) {
      stop_ordered_ = true;
      order_stop(stop->order, boot_now());
    }
    return true;
  });
  return good ? cause::none : cause::instance_gone;
}

supervisor::cause supervisor::read_handler() {
  if (!channel_) return cause::none;
  const auto end = read_some(channel_.get(), from_handler_, max_read);
  const bool good = take_frames(from_handler_, [&](frame content) {
    if (auto* answer = std::get_if<ended_frame>(&content)) {
      if (!answer_) answer_ = std::move(*answer);
    } else if (std::holds_alternative<started_frame>(content) || std::holds_alternative<described_frame>(content)) {
      say(content);
    } else if (std::holds_alternative<run_log>(content) || std::holds_alternative<run_progress>(content)) {
      if (to_instance_.size() < max_waiting) {
        say(content);
      } else {
        ++dropped_lines_;
      }
    } else if (std::holds_alternative<run_metrics>(content)) {
      if (to_instance_.size() < 2 * max_waiting) say(content);
    } else {
      return false;
    }
    return true;
  });
  if (!good) return cause::babble;
  // Its end alone says nothing: a handler may close what it does not own. The pidfd says when it has ended.
  if (end == read_end::end_of_file) channel_.reset();
  return cause::none;
}

void supervisor::read_output(std::size_t limit) {
  if (!output_) return;
  std::string text;
  const auto end = read_some(output_.get(), text, limit);
  printed_.append(text);
  if (end == read_end::end_of_file) output_.reset();
}

bool supervisor::was_terminated() {
  signalfd_siginfo signal{};
  bool terminated = false;
  while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo == SIGCHLD) {
      if (handler_ > 0) reap_orphans(handler_);
    } else {
      terminated = true;
    }
  }
  return terminated;
}

/// True if the handler is ready for another run.
bool supervisor::finish(cause why) {
  // An answer given before the verdict counts: then the handler had ended in time, and only what it left behind is killed.
  if (why != cause::babble && read_handler() == cause::babble) why = cause::babble;
  if (answer_ && (why == cause::lease || why == cause::timeout || why == cause::stop)) why = cause::none;
  const bool goes_on = why == cause::none && is_ready_for_another() && from_handler_.empty() && is_only_child(handler_);
  std::optional<int> status;
  if (!goes_on) status = kill_descendants(std::exchange(handler_, -1));
  if (why == cause::none && read_handler() == cause::babble) why = cause::babble;
  read_output(std::size_t{1} << 20);
  if (dropped_lines_ > 0) say(run_log{3, "log lines of the handler were dropped", {{"count", std::to_string(dropped_lines_)}}});
  auto end = verdict(why, status);
  end.text = head(end.text);
  end.output = printed_.text();
  end.reusable = goes_on;
  say(end);
  return goes_on;
}

ended_frame supervisor::verdict(cause why, std::optional<int> status) const {
  const auto took_too_long = [&](std::string_view rest) {
    return ended_frame{run_end::timeout, "timed out after " + to_text(*request_.request.timeout) + std::string{rest}, {}};
  };
  switch (why) {
    case cause::lease: return {run_end::lease_expired, "killed at the lease's deadline", {}};
    case cause::timeout: return took_too_long("; killed by signal 9 (Killed) after its grace time");
    case cause::stop: return {run_end::cancelled, "killed by signal 9 (Killed): it did not stop in time", {}};
    case cause::instance_gone: return {run_end::cancelled, "killed because the instance went away", {}};
    case cause::terminated: return {run_end::crashed, "killed because its runner was told to terminate", {}};
    case cause::babble: return {run_end::crashed, "killed because it wrote to Baton's own descriptor", {}};
    case cause::none: break;
  }
  if (!answer_) return timed_out_ ? took_too_long("; " + verdict_without_answer(status).text) : verdict_without_answer(status);
  if (timed_out_ && answer_->end != run_end::success && answer_->end != run_end::skipped) {
    return took_too_long(answer_->text.empty() ? "" : "; " + answer_->text);
  }
  return *answer_;
}

ended_frame supervisor::verdict_without_answer(std::optional<int> status) const {
  if (!status) return {run_end::crashed, "ended in an unknown way", {}};
  if (WIFSIGNALED(*status)) {
    const int signal = WTERMSIG(*status);
    const bool is_ours = stop_ordered_ && (signal == SIGTERM || signal == SIGKILL);
    return {is_ours ? run_end::cancelled : run_end::crashed, killed_by(signal), {}};
  }
  return {stop_ordered_ ? run_end::cancelled : run_end::crashed,
          "exited with code " + std::to_string(WEXITSTATUS(*status)) + " without a result",
          {}};
}

void supervisor::say(const frame& f) { to_instance_ += encode_frame(f); }

/// True when the instance was told everything. Nothing runs meanwhile, so an instance that is stopped may take its time to read this.
bool supervisor::flush() {
  while (send_some(instance_.get(), to_instance_)) {
    if (to_instance_.empty()) return true;
    std::array<pollfd, 2> watched{{{instance_.get(), POLLOUT, 0}, {signals_.get(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return false;
    if (watched[1].revents != 0 && was_terminated()) return false;
  }
  return false;
}

int runner_main() {
  unique_fd instance{runner_socket};
  ::close(runner_file);
  // Before anything else: from here on this process does not outlive the thread that spawned it. It may be gone already; the socket
  // remembers who that was.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  ucred spawner{};
  socklen_t size = sizeof spawner;
  if (::getsockopt(instance.get(), SOL_SOCKET, SO_PEERCRED, &spawner, &size) != 0 || ::getppid() != spawner.pid) return EXIT_FAILURE;
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_NAME, "baton-runner");  // instead of the name of a descriptor
  ::umask(S_IWGRP | S_IWOTH);
  const auto signals = watched_signals();
  ::sigprocmask(SIG_SETMASK, &signals, nullptr);
  ::fcntl(instance.get(), F_SETFD, FD_CLOEXEC);
  ::fcntl(instance.get(), F_SETFL, O_NONBLOCK);
  try {
    supervisor self{std::move(instance), unique_fd{::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)}};
    return self.supervise();
  } catch (const std::exception&) {
    return EXIT_FAILURE;  // out of memory; the handler follows when its channel ends
  }
}

}  // namespace baton::plugin_host

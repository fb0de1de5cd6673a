#include "process_run.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>

#include "printed.hpp"

namespace baton::plugin_host {
namespace {

constexpr std::size_t max_read = 65536;

/// A handler that writes to Baton's descriptor itself can say what invocation would not.
void make_presentable(frame& f) {
  if (auto* line = std::get_if<run_log>(&f)) {
    line->message = head(line->message);
    for (auto& [name, text] : line->fields) {
      name = head(name, 256);
      text = head(text);
    }
  } else if (auto* step = std::get_if<run_progress>(&f)) {
    step->text = head(step->text, 256);
    if (!(step->fraction >= 0 && step->fraction <= 1)) step->fraction = 0;
  }
}

}  // namespace

process_run::process_run(spawned_runner runner, const request_frame& request) : runner_{std::move(runner)} { say(request); }

void process_run::say(const frame& f) {
  if (broken_) return;
  outgoing_ += encode_frame(f);
  send();
}

void process_run::send() {
  if (send_some(runner_.socket.get(), outgoing_)) return;
  broken_ = true;
  outgoing_.clear();
}

bool process_run::receive(const listener& on_frame) {
  const auto end = read_some(runner_.socket.get(), incoming_, max_read);
  const bool good = take_frames(incoming_, [&](frame content) {
    if (auto* ended = std::get_if<ended_frame>(&content)) {
      report_ = std::move(*ended);
    } else if (const auto* spawned = std::get_if<spawned_frame>(&content)) {
      runner_.handler = spawned->handler;
    } else {
      make_presentable(content);
      on_frame(std::move(content));
    }
    return true;
  });
  if (!good) hang_up();
  return good && end == read_end::more_later;
}

void process_run::hang_up() noexcept { ::shutdown(runner_.socket.get(), SHUT_WR); }

void process_run::reap_supervisor(const listener& on_frame) {
  supervisor_end_ = reap(runner_.pidfd);
  reaped_ = true;
  // What it sent before is there still.
  for (pollfd rest{socket(), POLLIN, 0}; !report_ && ::poll(&rest, 1, 0) > 0;) {
    if (!receive(on_frame)) break;
  }
  if (report_ || runner_.handler == 0) return;
  // The supervisor was killed. Its handler sees the end of its channel and kills its own group; this is for one that cannot.
  ::kill(-runner_.handler, SIGKILL);
  give_up_at_ = later(boot_now(), std::chrono::seconds{10});
}

bool process_run::is_gone() noexcept {
  if (report_ || runner_.handler == 0) return true;
  // An instance that is process 1 of a container inherits the group, and has to reap it.
  while (::waitpid(-runner_.handler, nullptr, WNOHANG) > 0) continue;
  return (::kill(-runner_.handler, SIGKILL) != 0 && errno == ESRCH) || boot_now() >= give_up_at_;
}

ended_frame process_run::verdict() const {
  if (report_) return *report_;
  const auto how = supervisor_end_.si_code == CLD_KILLED || supervisor_end_.si_code == CLD_DUMPED
                       ? killed_by(supervisor_end_.si_status)
                       : "exited with code " + std::to_string(supervisor_end_.si_status);
  if (runner_.handler == 0) return {run_end::not_started, "the runner ended before the handler started: " + how, {}};
  return {run_end::crashed, "the runner ended without a report: " + how, {}};
}

}  // namespace baton::plugin_host

#include "handler_process.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>

#include "invocation.hpp"

namespace baton::plugin_host {
namespace {

/// Writes frames to the supervisor, which always reads.
class channel_sink final : public run_sink {
 public:
  explicit channel_sink(int channel) : channel_{channel} {}
  void started() noexcept override { send(started_frame{}); }
  void log(run_log line) noexcept override { send(std::move(line)); }
  void progress(run_progress step) noexcept override { send(std::move(step)); }
  void count(run_metrics news) noexcept override { send(std::move(news)); }

  void send(const frame& f) noexcept {
    const auto bytes = encode_frame(f);
    const std::scoped_lock guard{mutex_};
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const auto count = ::send(channel_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return;
      sent += static_cast<std::size_t>(count);
    }
  }

 private:
  std::mutex mutex_;
  int channel_;
};

/// Carries out what the supervisor says; at its end, everything ends.
void obey(int channel, invocation& run) noexcept {
  std::string buffer;
  // A byte at a time, since read_some() waits until it has all it was asked for; these frames are few and small.
  while (read_some(channel, buffer, 1) == read_end::more_later) {
    const auto decoded = decode_frame(std::as_bytes(std::span{buffer}));
    if (!decoded) break;
    if (!*decoded) continue;
    if (const auto* extended = std::get_if<extend_frame>(&(*decoded)->content)) run.extend(extended->lease_deadline);
    if (std::holds_alternative<stop_token_frame>((*decoded)->content)) run.request_stop();
    buffer.erase(0, (*decoded)->size);
  }
  ::kill(0, SIGKILL);
}

void limit(int what, const std::optional<std::uint64_t>& most) noexcept {
  if (!most) return;
  const rlimit both{*most, *most};
  ::setrlimit(static_cast<__rlimit_resource>(what), &both);
}

}  // namespace

void run_handler_process(request_frame request, unique_fd channel) noexcept {
  // What is printed before a crash should not be lost in a buffer.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const auto limits = request.request.limits;
  limit(RLIMIT_AS, limits.memory_bytes);
  limit(RLIMIT_CPU, limits.cpu_seconds);
  limit(RLIMIT_NOFILE, limits.open_files);

  channel_sink sink{channel.get()};
  ended_frame end{run_end::not_started, {}, {}};
  try {
    invocation run{std::move(request), sink};
    quiet_thread([&run, descriptor = channel.get()] { obey(descriptor, run); }).detach();
    end = run.carry_out();
    std::fflush(nullptr);
    sink.send(end);
    ::_exit(0);  // here, while `run` is still there for the other thread; what the plugin leaked goes with the process
  } catch (const std::exception& e) {
    end.text = std::string{"the handler's process could not be prepared: "} + e.what();
  }
  sink.send(end);
  ::_exit(0);
}

}  // namespace baton::plugin_host

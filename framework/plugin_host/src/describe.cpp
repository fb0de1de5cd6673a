#include <poll.h>

#include <array>
#include <cerrno>

#include "baton/plugin_host/executor.hpp"

#include "process_run.hpp"

namespace baton::plugin_host {
namespace {

constexpr std::chrono::seconds most_time{10};

}  // namespace

result<plugin_description> describe_plugin_apart(const executor::options& options, const std::string& path) {
  auto runner = spawn_runner(runner_program{options.runner_program}, runner_environment(options.environment));
  if (!runner) return std::move(runner).error();
  request_frame request{{}, {}, true};
  request.request.plugin_path = path;
  request.request.timeout = most_time;
  request.request.lease_deadline = later(boot_now(), 2 * most_time);
  process_run run{std::move(*runner), request};

  std::optional<plugin_description> plugin;
  const auto hear = [&](frame&& content) {
    if (auto* described = std::get_if<described_frame>(&content)) plugin = std::move(described->plugin);
  };
  bool open = true;
  while (!run.is_reaped()) {
    const auto events = static_cast<short>(POLLIN | (run.wants_to_send() ? POLLOUT : 0));
    std::array<pollfd, 2> watched{{{open ? run.socket() : -1, events, 0}, {run.pidfd(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return failure{errc::io, "poll: " + last_error()};
    if ((watched[0].revents & POLLOUT) != 0) run.send();
    if ((watched[0].revents & ~POLLOUT) != 0) open = run.receive(hear);
    if (watched[1].revents != 0) run.reap_supervisor(hear);
  }
  while (!run.is_gone()) ::poll(nullptr, 0, 1);
  auto end = run.verdict();
  if (end.end == run_end::success && plugin) return *std::move(plugin);
  if (end.end == run_end::not_started) return failure{errc::plugin_refused, std::move(end.text)};
  auto why = end.end == run_end::timeout ? "it took more than " + to_text(most_time) : std::move(end.text);
  if (!end.output.empty()) why += "; it said: " + end.output;
  return failure{errc::plugin_refused, "plugin " + path + ": its code ran while it was loaded, and ended badly: " + why};
}

}  // namespace baton::plugin_host

#include "runner_pool.hpp"

#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace baton::plugin_host {
namespace {

std::int64_t nanoseconds_of(const timespec& t) { return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; }

bool waits(const runner_pool::entry& e) { return static_cast<bool>(e.runner.socket); }

bool is_silent(const runner_pool::entry& e) {
  pollfd socket{e.runner.socket.get(), POLLIN, 0};
  return ::poll(&socket, 1, 0) == 0;
}

}  // namespace

std::optional<runner_purpose> purpose_of(const run_request& request) {
  struct stat info {};
  if (request.limits.cpu_seconds || ::stat(request.plugin_path.c_str(), &info) != 0) return std::nullopt;
  return runner_purpose{request.plugin_path,
                        info.st_dev,
                        info.st_ino,
                        info.st_size,
                        nanoseconds_of(info.st_mtim),
                        nanoseconds_of(info.st_ctim),
                        request.limits.memory_bytes,
                        request.limits.open_files};
}

void runner_pool::keep(std::uint64_t number, entry e, boot_time now) {
  e.since = now;
  const bool stays = e.purpose && e.runs < most_runs &&
                     std::ranges::count_if(entries_, waits, &decltype(entries_)::value_type::second) < std::ptrdiff_t{most};
  if (!stays) e.runner.socket.reset();
  entries_.emplace(number, std::move(e));
}

std::optional<runner_pool::taken> runner_pool::take_if(const std::optional<runner_purpose>& purpose) {
  auto best = entries_.end();
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (!waits(it->second) || it->second.purpose != purpose) continue;
    if (best == entries_.end() || it->second.since > best->second.since) best = it;
  }
  if (best == entries_.end()) return std::nullopt;
  if (!is_silent(best->second)) {
    best->second.runner.socket.reset();
    return std::nullopt;
  }
  auto node = entries_.extract(best);
  return taken{node.key(), std::move(node.mapped())};
}

bool runner_pool::has_spare() const {
  return std::ranges::any_of(entries_, [](const auto& e) { return waits(e.second) && !e.second.purpose; });
}

std::string runner_pool::reap(std::uint64_t number) {
  auto node = entries_.extract(number);
  static_cast<void>(plugin_host::reap(node.mapped().runner.pidfd));
  return std::move(node.mapped().runner.cgroup);
}

void runner_pool::send_away_idle(boot_time now) {
  for (auto& [number, e] : entries_) {
    if (waits(e) && now >= e.since + most_idle) e.runner.socket.reset();
  }
}

void runner_pool::send_away_all() {
  for (auto& [number, e] : entries_) e.runner.socket.reset();
}

boot_time runner_pool::next_deadline() const {
  auto next = boot_time::max();
  for (const auto& [number, e] : entries_) {
    if (waits(e)) next = std::min(next, e.since + most_idle);
  }
  return next;
}

}  // namespace baton::plugin_host

#pragma once

#include <functional>
#include <optional>

#include "invocation.hpp"
#include "run_threads.hpp"

namespace baton::plugin_host {

/// A run in a thread of this process. Its token is the only thing that can end it.
///
/// Thread safety: everything but `post` is called on the executor's thread; `post` is called on the handler's.
class thread_run final : private run_sink {
 public:
  /// What the handler says; ended_frame is the last.
  using listener = std::function<void(frame)>;

  thread_run(request_frame request, run_threads& threads, listener post);
  ~thread_run() override;  ///< waits for the handler

  void extend(boot_time lease_deadline) noexcept;
  void stop() noexcept { run_.request_stop(); }
  /// When look_at_clock() is due.
  [[nodiscard]] boot_time next_deadline() const noexcept;
  void look_at_clock(boot_time now) noexcept;
  /// The handler's answer, or what a deadline that passed before makes of it.
  [[nodiscard]] ended_frame verdict(ended_frame answer) const;

 private:
  void started() noexcept override { post_(started_frame{}); }
  void log(run_log line) noexcept override { post_(std::move(line)); }
  void progress(run_progress step) noexcept override { post_(std::move(step)); }
  void count(run_metrics news) noexcept override { post_(std::move(news)); }

  const listener post_;
  const std::optional<microseconds> timeout_;
  boot_time lease_deadline_;
  boot_time timeout_at_;
  bool lease_ended_ = false;
  bool timed_out_ = false;
  invocation run_;
  std::future<void> done_;
};

}  // namespace baton::plugin_host

#pragma once

#include <csignal>
#include <functional>
#include <optional>
#include <string>

#include "frame.hpp"
#include "spawn.hpp"
#include "system.hpp"

namespace baton::plugin_host {

/// The instance's end of one supervised run. All on the executor's thread.
class process_run {
 public:
  /// What the supervisor says, ended_frame excepted: that is kept for verdict().
  using listener = std::function<void(frame&&)>;

  /// A runner that is new, or waits after another run.
  process_run(spawned_runner runner, const request_frame& request);

  [[nodiscard]] int socket() const noexcept { return runner_.socket.get(); }
  [[nodiscard]] int pidfd() const noexcept { return runner_.pidfd.get(); }
  [[nodiscard]] bool wants_to_send() const noexcept { return !outgoing_.empty(); }

  void say(const frame& f);
  void send();
  /// Reads what is there. False: there will be no more.
  [[nodiscard]] bool receive(const listener& on_frame);
  /// The supervisor sees the end of this side, kills its handler and reports.
  void hang_up() noexcept;

  /// The run has ended: all its processes are gone, but for one that waits if the runner is_reusable().
  [[nodiscard]] bool has_report() const noexcept { return report_.has_value(); }
  /// The run has ended, and the runner waits for another.
  [[nodiscard]] bool is_reusable() const noexcept { return report_ && report_->reusable && incoming_.empty() && !broken_; }
  /// Then; the rest of this object still has the verdict.
  [[nodiscard]] spawned_runner take_runner() noexcept { return std::move(runner_); }

  /// After the pidfd became readable: reaps the supervisor. If it left without a report, kills the handler's group.
  void reap_supervisor(const listener& on_frame);
  [[nodiscard]] bool is_reaped() const noexcept { return reaped_; }
  /// All of it is gone. True at once after a report; otherwise asked again until the group is empty.
  [[nodiscard]] bool is_gone() noexcept;
  [[nodiscard]] ended_frame verdict() const;
  /// Of its handler; empty: none, or the runner was taken.
  [[nodiscard]] const std::string& cgroup() const noexcept { return runner_.cgroup; }

 private:
  spawned_runner runner_;
  std::string incoming_;
  std::string outgoing_;
  std::optional<ended_frame> report_;
  siginfo_t supervisor_end_{};
  boot_time give_up_at_{};
  bool reaped_ = false;
  bool broken_ = false;
};

}  // namespace baton::plugin_host

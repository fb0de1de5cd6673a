#pragma once

#include <string>

#include "frame.hpp"
#include "printed.hpp"
#include "system.hpp"

namespace baton::plugin_host {

/// Keeps one handler process: starts it, passes on what it says, and sees to it that it and all its descendants are dead when the
/// lease's deadline, a time-out or a stop order says so, when the instance is gone, or when the handler has ended.
/// A handler process that ended its run well, left no process behind and says it is as it was before gets the next request.
///
/// Runs no plugin code and has one thread. It trusts the instance, and nothing that comes from the handler.
class supervisor {
 public:
  supervisor(unique_fd instance, unique_fd signals);

  /// From the first request to the end of the last run; returns the process's exit code.
  int supervise();

 private:
  enum class cause : std::uint8_t { none = 1, lease, timeout, stop, instance_gone, terminated, babble };

  bool receive_request();
  [[nodiscard]] bool wait_for_instance();
  bool start_run();
  const char* fork_handler();
  /// Why the handler has to die now, or none when it has ended by itself or is ready for another run.
  cause watch();
  [[nodiscard]] bool is_ready_for_another() const;
  cause look_at_clock();
  bool finish(cause why);
  [[nodiscard]] ended_frame verdict(cause why, std::optional<int> status) const;
  [[nodiscard]] ended_frame verdict_without_answer(std::optional<int> status) const;

  [[nodiscard]] boot_time next_deadline() const;
  cause read_instance();
  cause read_handler();
  void read_output(std::size_t limit);
  [[nodiscard]] bool was_terminated();
  void order_stop(const stop_order& order, boot_time now);
  void say(const frame& f);
  bool flush();

  unique_fd instance_;
  unique_fd signals_;
  boot_timer timer_;
  unique_fd channel_;
  unique_fd output_;
  unique_fd handler_fd_;
  pid_t handler_ = -1;

  request_frame request_;
  std::string from_instance_;
  std::string to_instance_;
  std::string from_handler_;
  std::string to_handler_;
  printed printed_;
  std::optional<ended_frame> answer_;
  std::size_t dropped_lines_ = 0;

  boot_time lease_deadline_{};
  boot_time timeout_at_ = boot_time::max();
  boot_time terminate_at_ = boot_time::max();
  boot_time kill_at_ = boot_time::max();
  bool timed_out_ = false;
  bool stop_ordered_ = false;
  bool token_set_ = false;
};

}  // namespace baton::plugin_host

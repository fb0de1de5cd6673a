#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "baton/sdk/abi.h"

#include "frame.hpp"
#include "system.hpp"
#include "tally.hpp"

namespace baton::plugin_host {

/// Where a handler's words go. Called from any thread of the handler.
class run_sink {
 public:
  virtual ~run_sink() = default;
  virtual void started() noexcept = 0;
  virtual void log(run_log line) noexcept = 0;
  virtual void progress(run_progress step) noexcept = 0;
  virtual void count(run_metrics news) noexcept = 0;
};

/// One call of a handler, and the host it sees. The same in a process of its own and in a thread.
///
/// Thread safety: carry_out() once, on one thread; request_stop() and extend() from any, also before and after it.
class invocation {
 public:
  invocation(request_frame request, run_sink& sink);
  invocation(const invocation&) = delete;
  invocation& operator=(const invocation&) = delete;

  /// Loads the plugin if it is one's, looks at the lease's deadline once more, runs the handler. What it printed is not in the answer.
  [[nodiscard]] ended_frame carry_out();
  void request_stop() noexcept;
  void extend(boot_time lease_deadline) noexcept { lease_deadline_ = lease_deadline.time_since_epoch().count(); }

 private:
  /// A value with the arrays its ABI form points to.
  struct offered {
    baton_value value{};
    std::vector<baton_string> items;
    std::vector<baton_field> entries;
  };

  void offer(const std::string& name, const value& v);
  void fill_host();
  [[nodiscard]] std::optional<ended_frame> reason_not_to_start() const;
  [[nodiscard]] ended_frame call_handler();
  [[nodiscard]] ended_frame call_plugin(const baton_plugin_descriptor& functions);
  [[nodiscard]] std::int64_t lease_time_left() const noexcept;
  [[nodiscard]] bool is_lease_held() const noexcept { return boot_now().time_since_epoch().count() < lease_deadline_; }
  [[nodiscard]] std::string take_text();

  const request_frame request_;
  run_sink& sink_;
  std::map<std::string, offered, std::less<>> offered_;
  baton_run_info info_{};
  baton_store store_{};
  baton_host host_{};
  unique_fd stop_descriptor_;
  std::atomic<bool> stopped_ = false;
  std::atomic<std::int64_t> lease_deadline_;
  std::string text_;
  std::optional<tally> tally_;    ///< of a plugin
  std::stop_source stop_source_;  ///< of the program's own handler; a plugin has one on its side

  std::mutex mutex_;  ///< keeps stop() inside run()
  const baton_plugin_descriptor* running_ = nullptr;
  void* instance_ = nullptr;
};

}  // namespace baton::plugin_host

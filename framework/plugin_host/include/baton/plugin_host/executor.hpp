#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"
#include "baton/plugin_host/parameters.hpp"
#include "baton/sdk/plugin.hpp"

namespace baton::plugin_host {

/// Names one run among those of an executor; never reused by it.
enum class run_id : std::uint64_t {};

enum class isolation : std::uint8_t {
  process = 1,
  in_process,  ///< in a thread, which may have run others before: what is thread_local stays
};

/// The code of a job in this very program, instead of a plugin's. It sees of its run what a plugin sees.
///
/// A copy is called for each run, on a thread that serves no other meanwhile; copies are made and destroyed on other threads. An exception
/// that leaves it is a failure with its text. Stop callbacks of its token are called on the executor's thread: they must neither block nor
/// throw.
using callable = std::function<sdk::outcome(sdk::run_context&)>;

/// What a handler's process may use, as rlimits of each process; unset: no limit of Baton's. Nothing in process.
struct run_limits {
  std::optional<std::uint64_t> memory_bytes;  ///< of all its processes, by a cgroup, where options::divides_cgroup; else address space
  std::optional<std::uint64_t> cpu_seconds;
  std::optional<std::uint64_t> open_files;
};

/// How the scheduler reaches its store, and what guards a run there: the fields of baton_store.
struct store_access {
  std::string url;  ///< without a password
  std::string password;
  std::string tls_mode;
  std::string tls_ca;
  std::string lock_name;  ///< of the run
};

/// Everything a handler may know of its run.
struct run_request {
  run_id id{};
  plugin_host::isolation isolation = plugin_host::isolation::process;
  std::string plugin_path;  ///< absolute path of the shared object
  callable handler;         ///< instead of a plugin; runs in process, whatever `isolation` says
  values parameters;        ///< `with`, checked
  std::string cluster;
  std::string instance;
  std::string job;
  std::string trigger;   ///< "schedule", "trigger", "after", "retry" or "catch_up"
  std::string run_name;  ///< BATON_RUN_ID: how people refer to this run
  wall_time tick{};
  std::uint32_t attempt = 1;
  std::uint64_t fence = 0;
  std::optional<microseconds> timeout;  ///< from its start; then outcome timeout
  microseconds grace{};                 ///< stop token, then SIGTERM after this, then SIGKILL after as long again at most 10 s
  boot_time lease_deadline{};           ///< the runner kills the run at this time unless extended
  run_limits limits;
  std::optional<store_access> store;  ///< only for a plugin that says it uses the store: it holds a password
};

/// What a handler answered, or how it ended without an answer.
enum class run_end : std::uint8_t { success = 1, failure, retry_later, skipped, cancelled, timeout, crashed, lease_expired, not_started };

///
/// Which end it is when several could be said: the lease's deadline comes before a time-out, a time-out before a stop order. After a
/// time-out or a stop order the handler's own success or skipped still counts if it came in time.
/// not_started is said only when no code of the plugin's handler ran; a plugin that crashes while it is loaded has crashed.
struct run_ended {
  run_end end{};
  std::string text;     ///< the handler's result text or the reason in words ("killed by signal 11 (Segmentation fault)")
  std::string output;   ///< the last 4 KiB of what it printed, valid UTF-8
  wall_time started{};  ///< by the clock given to the executor; unset if not_started
  wall_time finished{};
};
/// The handler's code is about to be called. Missing if it never was.
struct run_started {
  wall_time at{};
};
struct run_log {
  std::uint8_t level = 0;  ///< 1 debug … 4 error
  std::string message;
  std::vector<std::pair<std::string, std::string>> fields;
};
struct run_progress {
  double fraction = 0;
  std::string text;
};
/// What a plugin's handler has counted since it last said so: at most once a second, and before the end. A crash loses the last second.
struct run_metrics {
  struct update {
    metric_kind kind{};
    std::string name;
    text_map labels;
    double value = 0;                    ///< how much more of a counter, a gauge as it is, the sum of what a histogram observed
    std::vector<std::uint64_t> buckets;  ///< of a histogram: how many more in each, and at the end those above all bounds
  };
  /// As the plugin's table was when the run began: a file may have been replaced since it was described.
  std::vector<update> updates;
};
/// run_ended is the last event of a run and comes when all its processes are gone, but for one that is as it was before the run and waits
/// for another run of the same plugin.
using run_event = std::variant<run_started, run_log, run_progress, run_metrics, run_ended>;

/// How to stop a run: its token at once, SIGTERM after `terminate_after`, SIGKILL to all its processes after `kill_after`.
/// In process the token is all there is: nothing else can end a thread. A lease that expires in process sets the token, and the run
/// ends as lease_expired when the handler comes back.
struct stop_order {
  microseconds terminate_after{};
  microseconds kill_after{};
};

/// Runs handlers: each in a supervised process of its own, or in a thread of this process.
///
/// One thread of the executor's spawns every runner and watches them all; it lives as long as the executor, since a runner dies when
/// the thread that spawned it does.
/// Thread safety: all functions may be called from any thread. The listener is called on the executor's thread and must not block.
/// Lifetime: the destructor kills what still runs and returns when all of it is gone (in-process handlers: when they return).
class executor {
 public:
  struct options {
    std::string runner_program = "/proc/self/exe";  ///< started as `<runner_program> runner`, as its file is when the executor is made
    std::vector<std::string> environment;           ///< NAME=VALUE for runners; nothing else is inherited but PATH, LANG, TZ, HOME
    /// This process is all of its cgroup, and takes it over if it has been delegated (`Delegate=memory` of a systemd unit).
    bool divides_cgroup = false;
  };
  using listener = std::function<void(run_id, run_event)>;

  [[nodiscard]] static result<std::unique_ptr<executor>> create(options opts, const clock& time, listener on_event);
  virtual ~executor() = default;

  /// Never fails: what cannot be started ends as not_started with the reason.
  virtual void start(run_request request) = 0;
  /// The lease was proven again. Ignored for a run that has ended.
  virtual void extend(run_id run, boot_time lease_deadline) = 0;
  /// Later orders can only make it sooner.
  virtual void stop(run_id run, stop_order order) = 0;
  /// Why memory is not limited by cgroups; empty: it is, or nobody asked for it.
  [[nodiscard]] virtual const std::string& no_cgroup_reason() const noexcept = 0;
};

/// Reads a plugin's description in a process of its own that is gone afterwards: what a plugin's static constructors do, they do there.
/// Waits for it, ten seconds at most. Thread safety: any thread. Errors: errc::plugin_refused as for describe_plugin(), and when loading
/// the plugin crashes or hangs; errc::spawn_failed.
[[nodiscard]] result<plugin_description> describe_plugin_apart(const executor::options& options, const std::string& path);

/// The entry point of `baton runner`: supervises one handler process. Returns the exit code.
int runner_main();

}  // namespace baton::plugin_host

#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/engine/scheduler.hpp"
#include "baton/ledger/session.hpp"
#include "baton/lock/session.hpp"
#include "baton/observe/log.hpp"
#include "baton/observe/metrics.hpp"
#include "baton/observe/recorder.hpp"
#include "baton/plugin_host/executor.hpp"

namespace baton::runtime {

/// Where locks and ledger live. Both functions are called on threads of the scheduler's and may block for as long as connecting takes.
struct store {
  std::function<result<std::unique_ptr<lock::session>>()> open_lock_session;
  std::function<result<std::unique_ptr<ledger::session>>()> open_ledger_session;
  microseconds connect_limit = std::chrono::seconds{10};  ///< the longest that opening may take; beyond it a worker counts as stuck
  /// For the runs of plugins that use the store, which are told the lock's name too; unset where the store is no server.
  std::optional<plugin_host::store_access> access = {};
};

enum class lost_policy : std::uint8_t {
  abort = 1,  ///< a handler in process that outlives its lease by S ends the process: the only way to keep two from running
  report,     ///< it is counted and logged, and goes on
};

/// A job: when, under which lock, by which rules, and what to run: a `handler` of this program's, or a plugin.
struct job {
  std::string name;
  std::optional<schedule::timetable> schedule;
  std::string lock_name;         ///< as in `lock.name`; default: the job's name
  microseconds hold_at_least{};  ///< as in `lock.hold_at_least`
  ledger::job_policy policy;     ///< its followers are made from `after` of the others
  struct predecessor {
    std::string job;
    ledger::follower::when on = ledger::follower::when::success;
  };
  std::vector<predecessor> after;   ///< runs when any of these ended so, with its tick
  std::int32_t priority = 0;        ///< the higher one first, when slots are short
  std::vector<std::string> run_on;  ///< only where options::labels has all of these
  std::vector<std::string> tags;    ///< those in options::tag_limits are limited together
  std::optional<microseconds> timeout;
  microseconds grace = std::chrono::seconds{10};
  bool enabled = true;
  bool paused = false;            ///< until somebody says otherwise by ledger::control
  bool is_retired = false;        ///< not in the configuration any more: set by scheduler::reload()
  plugin_host::callable handler;  ///< runs in process; of a plugin's keys it can have `parameters`
  std::string plugin;             ///< its name, for people and for the names of its metrics
  std::string plugin_path;
  std::vector<plugin_host::metric> metrics;  ///< of the plugin, as described; others that it counts are ignored
  bool uses_store = false;                   ///< as the plugin describes itself
  plugin_host::values parameters;
  /// `parameters` with those of a trigger over them, a JSON object of texts; unset: a trigger can give none.
  std::function<result<plugin_host::values>(const std::string& json)> with;
  plugin_host::isolation isolation = plugin_host::isolation::process;
  plugin_host::run_limits limits;      ///< not in process
  std::optional<lost_policy> on_lost;  ///< in process only; default: report for a handler, abort for a plugin
};

struct options {
  std::string cluster;
  std::string instance;
  std::string version;
  std::uint64_t config_hash = 0;
  std::string tzdata;  ///< the release of the time zone data that the schedules go by, for the other instances to compare
  lock::lease_timing timing;
  ledger::takeover_policy takeover = ledger::takeover_policy::fast;
  std::uint32_t max_concurrent_runs = 16;
  microseconds max_clock_offset = std::chrono::seconds{10};
  bool elects_leader = false;                         ///< this instance starts runs only while it leads its cluster
  std::vector<std::string> labels;                    ///< of this instance
  std::map<std::string, std::uint32_t> tag_limits;    ///< how many runs of jobs with the tag may be under way in the cluster
  microseconds history_keep = std::chrono::days{30};  ///< rows that have ended, and were written last before this, are deleted
  observe::recorder* recorder = nullptr;   ///< of the caller's: what this instance sees of locks, for people; it outlives the scheduler
  plugin_host::executor::options runners;  ///< for plugins: `baton`, unless this program calls plugin_host::runner_main() for `runner`
};

/// The labels of the jobs' metrics, for observe::metrics::options: a job that is not among them is not counted.
[[nodiscard]] std::vector<observe::job_labels> labels_of(const std::string& cluster, const std::vector<job>& jobs);
[[nodiscard]] std::vector<observe::plugin_metric> plugin_metrics_of(const std::vector<plugin_host::metric>& metrics);

/// What an instance says of itself: health, and whether it makes progress at all.
struct report {
  engine::health health;
  bool is_stuck = false;  ///< the loop or a store worker has not finished an attempt within its deadline; a store that is away is none
  std::string stuck_reason;
};

/// An instance of the scheduler on an io_context of the caller's.
///
/// Thread safety: report() may be called from any thread; everything else from the thread that runs the io_context.
/// Lifetime: the io_context, clock, log and metrics must outlive *this. Destroying a scheduler that has not stopped kills its runs and
/// closes its connections.
class scheduler {
 public:
  /// Errors: errc::invalid_configuration if options or jobs contradict each other; the context has a line for each mistake.
  [[nodiscard]] static result<std::unique_ptr<scheduler>> create(boost::asio::io_context& io, options opts, std::vector<job> jobs,
                                                                 store where, const clock& time, observe::log& log,
                                                                 observe::metrics& metrics);
  ~scheduler();

  /// Other jobs, and of the options config_hash, max_concurrent_runs, labels and tag_limits, from now on. Runs that are under way end
  /// under the definition they began with. Errors: as create(); then nothing has changed.
  [[nodiscard]] status reload(options opts, std::vector<job> jobs);

  void start();
  /// Begins the orderly stop: no new run; running ones get their grace, then are stopped; rows closed, names released, store closed.
  /// The second call cuts the grace times short. `stopped` is called once, from the io_context, when nothing is left.
  void stop(std::function<void()> stopped);
  /// As stop(), but running ones have all the time they need, until stop() is called. After a stop() it does nothing.
  void drain(std::function<void()> stopped);

  [[nodiscard]] runtime::report report() const;
  [[nodiscard]] const std::string& incarnation() const noexcept;

 private:
  class impl;
  explicit scheduler(std::shared_ptr<impl> i);
  std::shared_ptr<impl> impl_;
};

}  // namespace baton::runtime

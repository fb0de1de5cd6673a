#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
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
#include "baton/plugin_host/executor.hpp"

namespace baton::runtime {

/// Where locks and ledger live. Both functions are called on threads of the scheduler's and may block for as long as connecting takes.
struct store {
  std::function<result<std::unique_ptr<lock::session>>()> open_lock_session;
  std::function<result<std::unique_ptr<ledger::session>>()> open_ledger_session;
  microseconds connect_limit = std::chrono::seconds{10};  ///< the longest that opening may take; beyond it a worker counts as stuck
};

enum class lost_policy : std::uint8_t {
  abort = 1,  ///< a handler in process that outlives its lease by S ends the process: the only way to keep two from running
  report,     ///< it is counted and logged, and goes on
};

/// A job: when, under which lock, by which rules, and what to run: a `handler` of this program's, or a plugin.
struct job {
  std::string name;
  std::optional<schedule::timetable> schedule;
  std::string lock_name;  ///< as in `lock.name`; default: the job's name
  ledger::job_policy policy;
  std::optional<microseconds> timeout;
  microseconds grace = std::chrono::seconds{10};
  bool enabled = true;
  plugin_host::callable handler;  ///< runs in process; of a plugin's keys it can have `parameters`
  std::string plugin;             ///< its name, for people
  std::string plugin_path;
  plugin_host::values parameters;
  plugin_host::isolation isolation = plugin_host::isolation::process;
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
  microseconds history_keep = std::chrono::days{30};  ///< rows that have ended, and were written last before this, are deleted
  plugin_host::executor::options runners;
};

/// The labels of the jobs' metrics, for observe::metrics::options: a job that is not among them is not counted.
[[nodiscard]] std::vector<observe::job_labels> labels_of(const std::string& cluster, const std::vector<job>& jobs);

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

  void start();
  /// Begins the orderly stop: no new run; running ones get their grace, then are stopped; rows closed, names released, store closed.
  /// The second call cuts the grace times short. `stopped` is called once, from the io_context, when nothing is left.
  void stop(std::function<void()> stopped);

  [[nodiscard]] runtime::report report() const;
  [[nodiscard]] const std::string& incarnation() const noexcept;

 private:
  class impl;
  explicit scheduler(std::shared_ptr<impl> i);
  std::shared_ptr<impl> impl_;
};

}  // namespace baton::runtime

#pragma once

#include <map>
#include <string>
#include <vector>

#include "baton/engine/types.hpp"
#include "baton/observe/log.hpp"
#include "baton/observe/metrics.hpp"
#include "baton/observe/recorder.hpp"
#include "baton/runtime/scheduler.hpp"

namespace baton::runtime {

/// Turns the engine's notes into log lines and metrics.
class observer {
 public:
  /// `recorder`: what people may look at; may be none.
  observer(const std::vector<job>& jobs, observe::log& log, observe::metrics& metrics, observe::recorder* recorder);

  void note(const engine::note& n, time_point now);

 private:
  void on(const engine::lock_attempted& n);
  void on(const engine::ticks_duplicate& n);
  void on(const engine::lock_taken& n);
  void on(const engine::lock_given_back& n);
  void on(const engine::lock_was_lost& n);
  void on(const engine::lease_probed& n);
  void on(const engine::tick_decided& n);
  void on(const engine::run_claimed& n);
  void on(const engine::run_over& n);
  void on(const engine::finish_refused& n);
  void on(const engine::owner_unresolved& n);
  void on(const engine::next_tick_known& n);
  void on(const engine::store_state& n);
  void on(const engine::session_trouble& n);
  void on(const engine::session_opened_note& n);
  void on(const engine::job_stopped& n);
  void on(const engine::schedule_disagrees& n);
  void on(const engine::success_known& n);
  void on(const engine::leadership& n);
  void on(const engine::run_cancelled& n);
  void on(const engine::rows_purged& n);
  void on(const engine::server_changed& n);
  void on(const engine::claims_restored& n);
  void on(const engine::clock_measured& n);
  void on(const engine::clock_stepped& n);
  void on(const engine::peer_differs& n);
  void on(const engine::clock_unfit& n);
  void on(const engine::call_took& n);

  void count_lock(engine::job_index j, std::int64_t change);
  [[nodiscard]] const std::string& name(engine::job_index j) const { return jobs_[j].name; }
  /// Whether a line was written in the last minute; a store that is away says so once, not at every attempt.
  bool is_repeated(const std::string& line);

  const std::vector<job>& jobs_;
  observe::log& log_;
  observe::metrics& metrics_;
  observe::recorder* recorder_;
  std::vector<std::int64_t> running_;
  std::vector<std::int64_t> held_;  ///< locks
  std::map<std::string, boot_time> said_;
  boot_time now_{};
  wall_time wall_now_{};
  bool was_up_ = false;
};

}  // namespace baton::runtime

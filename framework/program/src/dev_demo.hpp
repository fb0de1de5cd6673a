#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "baton/base/system_clock.hpp"
#include "dev_fleet.hpp"
#include "dev_ledger.hpp"
#include "dev_output.hpp"
#include "dev_takeover.hpp"

namespace baton::program {

/// A fleet at work, watched, disturbed once, stopped and checked.
///
/// Everything happens in step(): the journal of the handlers is read, the ledger now and then, ended instances are reaped and started
/// again. The phases are loops around it.
class demo {
 public:
  struct options {
    int instances = 3;
    std::optional<microseconds> length;  ///< from `began`; none: until a signal
    time_point began;
  };
  /// `signals` is a signalfd of those that end the demo. `folder` outlives this.
  demo(options wanted, demo_store store, const std::filesystem::path& folder, int signals);

  /// Whether what ran is what should have run. An error: the fleet could not be started.
  [[nodiscard]] result<bool> run();

 private:
  struct member {
    fleet_member process;
    bool is_wanted = true;                 ///< to be started again when it ends
    std::optional<boot_time> start_again;  ///< since it has ended
    std::optional<time_point> killed;      ///< by the demo
  };

  [[nodiscard]] status start_fleet();
  [[nodiscard]] result<bool> await_ready();
  void introduce();
  void watch();
  void settle();
  [[nodiscard]] bool stop_fleet();

  void step();
  void read_journal();
  void poll_ledger();
  void look_after(member& m);
  void interrupt_a_run();
  void remember(const journal_entry& entry);
  [[nodiscard]] std::optional<journal_entry> long_run_on(const std::string* instance) const;
  [[nodiscard]] evidence all_evidence() const;
  [[nodiscard]] bool is_over() const;

  options options_;
  demo_store store_;
  std::filesystem::path folder_;
  int signals_;
  system_clock clock_;
  std::vector<demo_job> jobs_ = demo_jobs();
  dev_output output_;
  journal_reader journal_;
  std::vector<journal_entry> entries_;         ///< without signs of life
  std::map<pid_t, journal_entry> last_signs_;  ///< of those that have not ended
  std::optional<takeover> takeover_;
  bool has_interrupted_ = false;
  boot_time interrupt_at_{};
  boot_time next_poll_{};
  int stop_requests_ = 0;
  wall_time from_{};
  wall_time to_{};
  std::vector<member> fleet_;  ///< last: the children end first
};

}  // namespace baton::program

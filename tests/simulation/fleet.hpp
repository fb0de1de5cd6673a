#pragma once

#include <memory>
#include <string>
#include <vector>

#include "instance.hpp"
#include "policy_model.hpp"

namespace baton::simulation {

struct verdict {
  std::vector<std::string> violations;
  std::uint64_t ticks = 0;  ///< decided
  std::uint64_t runs = 0;   ///< executed
  std::uint64_t events = 0;
  std::uint64_t fast = 0;      ///< fleets with `takeover: fast`
  std::uint64_t overlaps = 0;  ///< of runs, where that takeover meets the two faults that it does not survive
  microseconds longest_overlap{};
  std::uint64_t failovers = 0;
  std::uint64_t lost_writes = 0;
  std::uint64_t restored = 0;  ///< claims, by their owners
  std::uint64_t judged = 0;    ///< rows, by the model of the policies
  microseconds simulated{};
  void add(const verdict& other);
};

/// M instances against one store, everything drawn from one seed: jobs, timing, latencies, faults. A quiet time follows in which all is to
/// come right again, then an orderly stop.
class fleet {
 public:
  explicit fleet(std::uint64_t seed, bool trace = false);
  /// Jobs of the caller's, from an instant of the caller's on.
  fleet(std::uint64_t seed, wall_time begins, std::vector<job_plan> jobs);
  [[nodiscard]] verdict run();

 private:
  void draw_timing();
  void draw_jobs();
  void draw_links();
  void draw_instances();
  void schedule_faults();
  void strike();
  void strike_instance(instance& i);
  void ask_for_something();
  void set_paused(const std::string& job, bool pauses);
  void start_again(instance& i);
  void restart_store();
  void fail_over();
  void take_store_away();
  void slow_down();
  void end_faults();
  void expect_recovery();
  void stop_all();
  void expect_clean_store();
  void expect_every_tick();
  void expect_policies();
  [[nodiscard]] instance& any();
  [[nodiscard]] microseconds now() const { return world_.loop.now(); }
  [[nodiscard]] wall_time store_now() const { return world_.store_epoch + world_.store_offset + now(); }
  void run_until(microseconds t);

  world world_;
  std::vector<std::unique_ptr<instance>> instances_;
  bool meets_two_faults_ = false;           ///< `fast`, and all sessions of an instance may be killed while it is stopped or cut off
  std::vector<microseconds> kill_until_;    ///< `fast` only: until then an instance is neither cut off nor stopped...
  std::vector<microseconds> impair_until_;  ///< ... and until then it does not lose its ledger session
  microseconds faults_end_{};
  std::vector<std::pair<ledger::tick_row, wall_time>> written_;  ///< every version of every row, and when its writer asked for a claim
  std::map<std::string, std::vector<policy_model::interval>> pauses_;
  std::set<std::string> jobs_that_lost_;  ///< rows, by a failover
  bool clock_jumped_ = false;
  std::uint64_t judged_ = 0;
  std::uint64_t failovers_ = 0;
  std::uint64_t lost_writes_ = 0;
};

}  // namespace baton::simulation

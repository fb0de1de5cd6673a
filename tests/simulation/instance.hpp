#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "baton/engine/scheduler.hpp"
#include "baton/testing/manual_clock.hpp"
#include "baton/testing/memory_store.hpp"
#include "checker.hpp"
#include "loop.hpp"

namespace baton::simulation {

inline constexpr const char* cluster = "sim";

/// How long the handlers of a job work.
struct job_plan {
  engine::job job;
  std::function<std::vector<wall_time>(wall_time from, wall_time until)> ticks;  ///< as they should be, both ends included
  microseconds period{};
  microseconds shortest_run{};
  microseconds longest_run{};
};

/// What all instances share.
struct world {
  world(std::uint64_t seed, wall_time begins) : random(seed), store_time(time_point{begins, boot_time{}}) {}

  chance random;
  event_loop loop;
  testing::manual_clock store_time;
  wall_time store_epoch = store_time.now().wall;
  microseconds store_offset{};  ///< of the present server's clock
  testing::memory_store store{store_time};
  checker check;
  lock::lease_timing timing;
  ledger::takeover_policy takeover{};
  std::vector<job_plan> jobs;
  std::vector<ledger::tag_limit> tags;
  bool store_is_down = false;
  bool calls_fail = false;                      ///< now and then
  microseconds slowness{};                      ///< of every call, at the most
  std::map<std::string, wall_time> claim_sent;  ///< by incarnation: when the last one left, by the store's clock
  std::uint64_t starts = 0;
  bool trace = false;
  void say(const std::string& text) const;
};

/// One scheduler process on its host: its network, its clocks, its runners. Plays the part of `runtime` and `plugin_host`.
class instance {
 public:
  instance(world& w, std::string label, std::vector<std::size_t> jobs, std::uint32_t slots);
  ~instance();
  instance(const instance&) = delete;
  instance& operator=(const instance&) = delete;

  void start();
  void crash(bool host_too);  ///< kill -9, or the power goes
  void stop();                ///< SIGTERM
  void upgrade();             ///< crashes; its next start knows every job
  void reload();              ///< SIGHUP: it knows every job from then on
  void pause();
  void resume();
  void cut(bool to_server, bool from_server);
  void heal();
  void step_wall(microseconds by) { wall_offset_ += by; }
  void kill_sessions(bool lock_sessions, bool ledger_sessions);
  enum class link_kind : std::uint8_t { lock = 1, ledger };
  /// One session's packets vanish from now on, in both directions.
  void lose_a_link(link_kind kind);
  /// All of them: the server's host is gone, and nobody says so.
  void lose_every_link();
  void server_has_ended_sessions();

  [[nodiscard]] bool is_alive() const noexcept { return engine_ != nullptr; }
  [[nodiscard]] bool knows_every_job() const noexcept { return jobs_.size() == world_.jobs.size(); }
  /// A leader runs all, so that it needs slots for all.
  void elect_a_leader() {
    is_leader_mode_ = true;
    slots_ = 16;
  }
  void lack_a_label_for(std::size_t job) { not_here_.insert(job); }
  [[nodiscard]] bool is_stopping() const noexcept { return stopping_; }
  [[nodiscard]] bool is_impaired() const noexcept { return paused_ || cut_up_ || cut_down_; }
  [[nodiscard]] bool holds_its_incarnation() const;
  [[nodiscard]] const std::string& incarnation() const noexcept { return incarnation_; }
  [[nodiscard]] std::uint64_t finishes_refused() const noexcept { return finishes_refused_; }

 private:
  struct link : std::enable_shared_from_this<link> {
    engine::session_id id{};
    bool is_lock = false;
    testing::memory_store::connection server_id = 0;
    bool client_closed = false;
    bool server_closed = false;
    bool black = false;
    microseconds last_up{};
    microseconds last_down{};
    microseconds last_byte{};
    bool watched = false;
    std::vector<std::function<void()>> held_up;
    std::vector<std::function<void()>> held_down;
    std::uint64_t call = 0;
    std::function<void(failure)> fail_call;
    /// Nothing will come of what is held back, or still under way.
    void let_go() {
      black = true;
      held_up.clear();
      held_down.clear();
    }
  };
  using link_ptr = std::shared_ptr<link>;
  struct run {
    engine::run_id id{};
    std::size_t job = 0;
    ledger::claimed_run claimed;
    boot_time deadline;
    std::string who;
    bool executing = false;
    bool ended = false;
    bool stopped = false;
    std::uint64_t life = 0;
  };
  using run_ptr = std::shared_ptr<run>;
  enum class fault : std::uint8_t { none, slow_before, slow_after, reset_before, reset_after, error_before, error_after, black };

  [[nodiscard]] time_point local() const;
  [[nodiscard]] microseconds latency();
  fault draw_fault();

  void up(const link_ptr& l, std::function<void()> what);
  void down(const link_ptr& l, std::function<void()> what);
  void flush();
  void touch(const link_ptr& l);
  void watch(const link_ptr& l);
  void server_ends(const link_ptr& l);
  void close(const link_ptr& l);
  void expect_no_run_lives_by(const link_ptr& l);

  template <typename Reply, typename Serve, typename Make>
  void call(const link_ptr& l, errc live_error, bool error_may_come_after, Serve serve, Make make);
  template <typename Reply, typename A, typename Statement, typename Make>
  void lock_call(const A& a, Statement statement, Make make);
  void serve_claim(const link_ptr& l, std::shared_ptr<testing::memory_store::claim_transaction> transaction,
                   std::function<void(result<ledger::claim_reply>)> answer);

  void post(std::function<engine::event()> what);
  void take(engine::event e);
  void look_at_what_arrived();
  void perform(std::vector<engine::action> actions);
  void arm();

  void perform(const engine::open_lock_session& a);
  void perform(const engine::open_ledger_session& a);
  void perform(const engine::close_session& a);
  void perform(const engine::acquire& a);
  void perform(const engine::ask_owned& a);
  void perform(const engine::probe& a);
  void perform(const engine::release& a);
  void perform(const engine::claim& a);
  void perform(const engine::finish& a);
  void perform(const engine::reconcile& a);
  void perform(const engine::register_jobs& a);
  void perform(const engine::sign_off& a);
  void perform(const engine::request_cancel& a);
  void perform(const engine::restore& a);
  void perform(const engine::purge& a);
  void perform(const engine::start_run& a);
  void perform(const engine::extend_run& a);
  void perform(const engine::stop_run& a);
  void perform(const engine::exit_now& a);
  void perform(const engine::note& n);

  void begin(const run_ptr& r);
  void watch_deadline(const run_ptr& r);
  void die(const run_ptr& r, microseconds in, ledger::run_outcome outcome);
  [[nodiscard]] std::vector<ledger::job_registration> registrations() const;
  [[nodiscard]] engine::job_set job_set() const;

  world& world_;
  std::string label_;
  std::vector<std::size_t> jobs_;
  std::uint32_t slots_;
  bool is_leader_mode_ = false;
  std::set<std::size_t> not_here_;  ///< jobs that ask for other labels
  std::string incarnation_;
  std::uint64_t life_ = 0;
  std::unique_ptr<engine::scheduler> engine_;
  microseconds boot_offset_{};
  microseconds wall_offset_{};
  bool stopping_ = false;
  bool paused_ = false;
  bool cut_up_ = false;
  bool cut_down_ = false;
  std::vector<std::function<engine::event()>> inbox_;  ///< while it is stopped
  std::vector<engine::event> arrived_;
  std::vector<link_ptr> links_;  ///< those of former lives, too
  std::map<engine::session_id, link_ptr> sessions_;
  std::map<engine::run_id, run_ptr> runs_;
  std::uint64_t next_call_ = 1;
  std::optional<microseconds> armed_;
  microseconds last_advance_{-1};
  int advances_in_a_row_ = 0;
  std::uint64_t finishes_refused_ = 0;
};

}  // namespace baton::simulation

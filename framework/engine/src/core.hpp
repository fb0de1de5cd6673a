#pragma once

#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "baton/engine/scheduler.hpp"
#include "claim_memory.hpp"
#include "store_clock.hpp"
#include "tick_queue.hpp"

namespace baton::engine {

using name_index = std::uint32_t;

inline constexpr std::size_t names_per_session = 512;  ///< MariaDB's cost of many locks on one session is quadratic

/// Until a name is tried again that had to wait for a retry, or for its tag.
inline constexpr microseconds held_back_pause = std::chrono::milliseconds{500};

/// Nothing more will come of the call's session: it has ended, or nobody knows what it is at.
inline bool is_dead(const failure& f) { return f.code == errc::store_unavailable || f.code == errc::store_timeout; }

/// Where a lock name stands. A name that is not `idle` or `wanted` is in this process's hands: GET_LOCK is not sent for it.
enum class phase : std::uint8_t {
  idle = 1,
  wanted,  ///< due, or an open row is to be resolved; waits for a slot, or is parked
  acquiring,
  asking,  ///< an acquire failed on a live connection: is it held?
  held,    ///< to be claimed at `claim_at`
  claiming,
  running,
  dying,      ///< the lease is lost, the run not yet dead
  finishing,  ///< the run is dead, the end of its row not yet written
  lingering,  ///< the run is over, and its lock is to be held longer
  releasing,
  leading,  ///< the leader's name, held
};

struct name_state {
  std::string text;
  std::vector<job_index> jobs;    ///< those that run here
  std::vector<job_index> former;  ///< those that had it before a reload, and left rows under it
  static constexpr job_index no_job = std::numeric_limits<job_index>::max();
  job_index label = no_job;  ///< the job that metrics go by
  std::uint64_t spread = 0;  ///< hash(incarnation, name): instances begin at different names
  phase at = phase::idle;
  session_id session{};
  bool lease_lost = false;  ///< while dying or finishing
  bool of_one_run = false;  ///< with `overlap: allow`: it goes with its run
  bool resolve = false;     ///< the ledger shows an open row without a process of ours
  boot_time granted{};
  boot_time claim_at{};
  boot_time not_before{};  ///< of the next try, once it is out of our hands
  boot_time hold_until{};  ///< `hold_at_least`
  std::optional<boot_time> owner_free_since;
  run_id run{};
};

struct job_state {
  name_index name = 0;
  wall_time decided_until{};  ///< every tick up to here has a row
  wall_time due_until{};      ///< every tick up to here is due
  bool registered = false;
  bool stopped = false;    ///< paused or disabled: what is due is decided when it runs again
  bool disagrees = false;  ///< the ledger has another schedule of it
  [[nodiscard]] bool is_due() const { return registered && !stopped && decided_until < due_until; }
};

enum class call_kind : std::uint8_t {
  none = 0,
  acquire,
  ask_owned,
  probe,
  release,
  claim,
  finish,
  reconcile,
  register_jobs,
  sign_off,
  request_cancel,
  restore,
  purge,
};

struct session_state {
  enum class state : std::uint8_t { opening = 1, ready, condemned } at = state::opening;
  bool is_lock_session = false;
  std::uint64_t connection_id = 0;
  lock::server_identity identity;
  boot_time opened{};
  boot_time last_proof{};  ///< when the last statement left that proved the leases
  boot_time probe_at{};
  call_kind call = call_kind::none;
  boot_time call_sent{};
  std::vector<name_index> called;  ///< the names of the call under way, in order
  std::set<name_index> names;      ///< acquired by this session and not yet given back
  std::vector<name_index> to_release;
  std::vector<name_index> to_ask;
};

struct run_state {
  job_index job = 0;
  name_index name = 0;
  ledger::claimed_run run;
  ledger::job_policy policy;  ///< as they were when it began
  microseconds grace{};
  microseconds hold_at_least{};
  std::optional<wall_time> started;
  bool lease_lost = false;
  bool stop_ordered = false;
  bool cancelled = false;
};

/// Of the claims that are put back on another server.
struct restore_progress {
  std::optional<claim_memory::key> last;  ///< up to which it is done
  std::optional<claim_memory::key> sent;  ///< up to which the call under way goes
  std::uint64_t asked = 0;                ///< of how many claims
  std::uint64_t remembered = 0;
  std::uint64_t lost = 0;
};

class scheduler::core {
 public:
  core(options opts, job_set jobs);

  std::vector<action> advance(time_point now);
  std::vector<action> on(std::vector<event> events, time_point now);
  [[nodiscard]] std::optional<boot_time> next_wakeup() const;
  [[nodiscard]] engine::health health() const;
  [[nodiscard]] std::optional<wall_time> store_time(time_point now) const { return clock_.now(now.steady); }

 private:
  // core.cpp: time, sessions and leases
  void check_time(time_point now);
  void pump();
  void open_sessions();
  void pump_lock_session(session_id id, session_state& s);
  void pump_ledger_session();
  void condemn(session_id id, lock::loss reason);
  void close_if_unused(session_id id);
  void close_abandoned();
  void lose(name_index n, lock::loss reason);
  void ledger_failed(const failure& why, bool connection_is_dead);
  void abandon(session_id id);
  void set_store_up();
  void handle(lock_session_opened&& e);
  void handle(ledger_session_opened&& e);
  void handle(session_failed&& e);
  void handle(session_ended&& e);
  void handle(probed&& e);
  void handle(jobs_registered&& e);
  void handle(signed_off&& e);
  void handle(cancel_requested&& e);
  void handle(purged&& e);
  session_state* reply_of(session_id id, call_kind kind);
  enum class known_before : std::uint8_t { stays = 1, is_void };
  void apply_registrations(const std::vector<ledger::registered_job>& jobs, known_before what = known_before::stays);
  void sample_clock(const span_of_call& when, wall_time store);

  // core_ticks.cpp: from due to claimed
  void collect_due();
  void want(name_index n);
  void park(name_index n);
  void settle(name_index n);  ///< the name is out of our hands
  void rearm(job_index j);
  void await_tick_after(job_index j, wall_time t);
  void decided(job_index j, wall_time until);
  [[nodiscard]] bool has_due(const name_state& n) const;
  std::vector<name_index> take_wanted(std::size_t at_most);
  ledger::name_claim build_claim(name_index n, wall_time store_now);
  [[nodiscard]] std::function<std::string(const ledger::tick_key&)> run_names_of(job_index j) const;
  void send_claims(session_id id, session_state& s);
  [[nodiscard]] std::vector<ledger::upcoming_tick> look_ahead() const;
  void hold(name_index n, microseconds for_how_long);  ///< to be claimed after that
  void give_back(name_index n);
  void handle(acquired&& e);
  void handle(owned_known&& e);
  void handle(released&& e);
  void handle(claimed&& e);
  void handle(reconciled&& e);
  void see_jobs(const std::vector<ledger::reconcile_reply::job_change>& changed);
  void resolve_for(job_index j, name_index n);  ///< a row of the job stands open under a name that need not be its own
  void see_open_rows(const std::vector<ledger::tick_row>& open, wall_time store_now);
  void set_stopped(job_index j, bool stopped);
  void tell_of_peers(const std::vector<ledger::reconcile_reply::peer>& different);
  void apply(name_index n, ledger::name_reply& reply, wall_time store_now);

  // core_runs.cpp: from started to finished, and the orderly stop
  void start(name_index n, const ledger::claimed_run& run, wall_time store_now);
  void order_stop(run_id id, microseconds terminate_after, microseconds kill_after, bool is_cancel = false);
  void cancel(run_id id, bool by_next_tick);
  [[nodiscard]] bool is_superseded(job_index j, const ledger::tick_key& run, wall_time claimed) const;
  void cancel_if_superseded(name_index n);
  void end_lingering(name_index n);
  void handle(run_started&& e);
  void handle(run_ended&& e);
  void handle(finished&& e);
  void handle(stop_requested&& e);
  void limit_runs();
  void pump_stop();

  // core_restore.cpp: another server than before
  void meet_server(const lock::server_identity& now_at);
  void catch_up_with_last_server();
  [[nodiscard]] bool may_take_locks() const;
  void send_restore(session_state& s);
  void handle(restored&& e);

  // core_jobs.cpp: which jobs there are
  name_index name_of(const std::string& text, job_index label);
  void drop_if_done(name_index n);  ///< a name of one run
  void place(job_index j);
  void forget(name_index n);  ///< a name that is wanted is not any more
  void handle(jobs_changed&& e);

  void begin_call(session_state& s, call_kind kind, std::vector<name_index> names = {});
  template <typename A>
  void act(A a) {
    out_.emplace_back(std::move(a));
  }
  template <typename N>
  void tell(N n) {
    out_.emplace_back(note{std::move(n)});
  }
  [[nodiscard]] session_state* find(session_id id);
  [[nodiscard]] session_state* ledger();
  /// Those given up wait for proofs of leases, and the next does not wait for them; but each may be a connection on the server.
  [[nodiscard]] bool may_open_ledger() const noexcept { return abandoned_.size() < most_abandoned; }
  void move_to(name_state& n, phase to);
  [[nodiscard]] bool is_leader_name(const name_state& n) const { return leader_ && &names_[*leader_] == &n; }
  /// A note about a name that goes by a job of it; the leader's has none, nor one that is known from a row alone.
  template <typename N>
  void tell_of(const name_state& n, N what) {
    if (n.label != name_state::no_job) tell(std::move(what));
  }

  options options_;
  std::vector<job> jobs_;
  std::vector<ledger::tag_limit> tags_;
  std::vector<job_state> job_states_;
  std::vector<name_state> names_;
  std::vector<name_index> free_names_;  ///< of runs that are over
  std::unordered_map<std::string, name_index> name_by_text_;
  std::unordered_map<std::string, job_index> job_by_name_;
  tick_queue queue_;
  store_clock clock_;

  time_point now_{};
  bool seen_time_ = false;
  std::vector<action> out_;

  std::map<session_id, session_state> sessions_;
  std::optional<session_id> ledger_;  ///< the current one, opening or ready
  static constexpr std::size_t most_abandoned = 2;
  std::vector<std::pair<session_id, boot_time>> abandoned_;  ///< ledger sessions that timed out, and when
  std::uint32_t next_session_ = 1;
  std::uint32_t lock_open_failures_ = 0;
  std::uint32_t ledger_open_failures_ = 0;
  boot_time open_lock_at_{};
  boot_time open_ledger_at_{};
  std::optional<boot_time> ledger_down_since_;
  std::optional<lock::server_identity> server_;  ///< of the session that was opened last

  claim_memory claims_of_late_;
  std::optional<restore_progress> restoring_;
  bool ledger_is_another_ = false;        ///< what was known of it is void until a ledger session has told
  boot_time quiet_until_{};               ///< until then others restore what they had claimed
  boot_time met_server_at_{};             ///< when a session was first opened at it
  std::optional<wall_time> catch_up_to_;  ///< the last server's time, which the new one's has not reached
  bool store_up_ = false;
  failure last_trouble_{errc::store_unavailable, "the store has not been reached yet"};

  using ready_key = std::tuple<std::int32_t, wall_time, std::uint64_t, name_index>;  ///< what sorts first goes first
  boot_time acquires_until_{};  ///< what was asked for lately takes until then, at acquire_interval
  std::set<ready_key> ready_;   ///< wanted, to be acquired as slots permit
  std::unordered_map<name_index, ready_key> ready_key_;
  std::set<name_index> parked_;                         ///< wanted, until the next reconcile
  std::set<std::pair<boot_time, name_index>> delayed_;  ///< wanted, by not_before
  std::set<std::pair<boot_time, name_index>> claims_;   ///< held names by claim_at
  std::set<std::pair<boot_time, name_index>> lingering_;
  std::optional<name_index> leader_;  ///< the leader's name, where one is elected
  std::size_t in_hand_ = 0;
  bool register_again_ = false;

  std::map<run_id, run_state> runs_;
  std::uint64_t next_run_ = 1;
  std::vector<ledger::finish_record> to_finish_;  ///< kept until their reply was read
  std::vector<name_index> to_finish_names_;
  std::size_t finishing_now_ = 0;   ///< of them, those in the call under way
  boot_time ledger_pause_until_{};  ///< after a deadlock or a refused statement

  std::vector<ledger::tick_key> to_cancel_;  ///< runs of others
  boot_time purge_at_{};
  boot_time reconcile_at_{};
  boot_time beat_at_{};
  bool is_beating_ = false;  ///< the reconcile under way
  std::set<std::string> told_of_peers_;
  std::optional<wall_time> reconciled_;  ///< when the last one read, by the store's clock
  bool clock_unfit_ = false;

  bool stopping_ = false;
  bool draining_ = false;                           ///< stopping, and runs have all the time they need
  std::optional<boot_time> stop_store_deadline_;    ///< after it the rows are left to others
  std::set<std::pair<boot_time, run_id>> stop_at_;  ///< when a run's grace is over
  bool signed_off_ = false;
  bool exited_ = false;
};

}  // namespace baton::engine

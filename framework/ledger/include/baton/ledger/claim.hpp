#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "baton/ledger/records.hpp"

namespace baton::ledger {

/// A tick as its instance's schedule has it.
struct due_tick {
  due_tick(wall_time t) : tick(t), due(t) {}  // NOLINT(google-explicit-constructor): most ticks are no more than that
  due_tick(wall_time t, wall_time when, bool is_excluded) : tick(t), due(when), excluded(is_excluded) {}
  wall_time tick;
  wall_time due;          ///< the tick, and its jitter
  bool excluded = false;  ///< by a calendar: it does not run
};

/// One job of a lock name, with the ticks that its instance believes undecided.
struct job_claim {
  std::string job;
  job_policy policy;
  wall_time decided_until{};      ///< the key of the last row that the instance knows of (or effective_since)
  std::vector<due_tick> ticks;    ///< due by the instance's estimate, ascending, all later than decided_until; may be empty
  std::uint64_t beyond = 0;       ///< further due ticks that run were left out: how many, counted as far as the policy asks
  std::optional<wall_time> next;  ///< when the next tick that runs after these is due: from then on, the last of them is missed, not late
  std::vector<std::size_t> tags = {};                         ///< indices into claim_request::tags
  std::function<std::string(const tick_key&)> run_name = {};  ///< of `overlap: allow`: the lock name of a run
};

/// How many runs of the jobs with a tag may be under way in the cluster.
struct tag_limit {
  std::string fence_name;  ///< of the row of baton_fence that serialises their claims
  std::uint32_t max_running = 1;
  std::vector<std::string> jobs;  ///< all that have the tag
};

/// A lock name to claim under. All jobs that share it and that the instance knows are listed, due or not.
struct name_claim {
  std::string lock_name;
  std::uint64_t lock_connection = 0;           ///< of the session that holds the name
  microseconds held_for{};                     ///< since its grant was received
  microseconds lock_session_age{};             ///< since that session was opened
  std::optional<microseconds> owner_free_for;  ///< how long the owner of the open row has been known to be gone
  std::vector<job_claim> jobs;
};

struct upcoming_tick {
  std::string job;
  wall_time tick{};
  wall_time until = tick;  ///< in a reply: the last tick of its row
  friend bool operator==(const upcoming_tick&, const upcoming_tick&) = default;
};

struct claim_request {
  std::string cluster;
  std::string incarnation;
  std::string instance;
  takeover_policy takeover = takeover_policy::fast;
  microseconds living_owner_wait{};
  microseconds dead_owner_wait{};
  microseconds young_session{};  ///< W: a lock session younger than this declares nothing crashed
  std::vector<name_claim> names;
  std::vector<tag_limit> tags = {};
  /// Ticks that the caller means to try next, each the first of its job's that it knows no row of. In a storm others have run most of
  /// them by then, and a look saves a lock.
  std::vector<upcoming_tick> upcoming = {};
};

/// How many rows before `decided_until` a claim has to see of a job: runs of old ticks may have been under way when later ones were due.
[[nodiscard]] std::size_t look_back(const job_claim& job) noexcept;

/// The same once the job's rows from `decided_until` on were read: more than 0 where the row at `decided_until` is no run: a run
/// whose row is older may have lasted until the next tick.
[[nodiscard]] std::size_t look_further_back(const job_claim& job, const std::vector<tick_row>& rows) noexcept;

/// What one transaction saw of a name, its fence row locked.
struct name_snapshot {
  struct open_row {
    tick_row row;
    bool owner_alive = false;  ///< somebody holds the lock of its incarnation
  };
  struct job_state {
    std::string job;
    job_standing standing;
    wall_time effective_since{};
    std::optional<wall_time> low_water = {};  ///< what is older was purged
  };
  std::uint64_t fence = 0;
  std::vector<open_row> open;
  std::vector<job_state> jobs;
  /// Kind schedule, of the claim's jobs, from decided_until on (that row included); of those that catch up all their ticks, which run
  /// while others become due, look_back() rows before it too, and of all look_further_back() rows.
  std::vector<tick_row> rows;
};

enum class name_verdict : std::uint8_t {
  claimed = 1,   ///< a run is ours: start it
  nothing_due,   ///< all decided: release the name
  unresolved,    ///< an open row's owner may still be at work: keep the name, claim again after `wait`
  fence_busy,    ///< another transaction has the fence row: keep the name, claim again at once
  unregistered,  ///< no fence row: register the jobs again
  not_owner,     ///< the named lock is not held by lock_connection (any more)
  held_back,     ///< a run is due that has to wait, for a retry or for its tag: release the name, try again later
};

/// A run to start.
struct claimed_run {
  tick_key key;
  std::string lock_name;
  std::uint64_t fence = 0;
  std::uint32_t attempt = 1;
  wall_time claimed{};
  bool caught_up = false;       ///< its tick had been missed
  std::string parameters = {};  ///< of a trigger, as tick_row::parameters
  friend bool operator==(const claimed_run&, const claimed_run&) = default;
};

/// A row that was inserted, closed or re-opened by a claim, for the log and the counters.
struct decision {
  tick_key key;
  row_state state{};
  run_outcome outcome = run_outcome::none;
  reason_code reason = reason_code::none;
  std::uint64_t count = 1;
};

struct name_reply {
  std::string lock_name;
  name_verdict verdict{};
  microseconds wait{};           ///< unresolved: how long until it is worth asking again
  bool owner_seen_free = false;  ///< unresolved: the owner's incarnation lock was free
  std::optional<claimed_run> run;
  bool more = false;  ///< open rows are left that may run after this one
  std::vector<decision> decisions;
  struct progress {
    std::string job;
    wall_time decided_until{};     ///< end of the last decided row
    std::uint32_t duplicates = 0;  ///< of the ticks asked for, those that had a row already
    std::vector<wall_time> early;  ///< left to wait: when they are due, which is later than the store's clock
    bool undecided = false;        ///< due ticks are left for after this run
  };
  std::vector<progress> jobs;
  struct asked_run {
    tick_key key;
    std::string lock_name;
  };
  std::vector<asked_run> asked;  ///< of `overlap: allow`: now pending, each to be claimed under a name of its own
};

struct claim_reply {
  wall_time store_now{};
  std::vector<name_reply> names;
  std::vector<upcoming_tick> upcoming = {};  ///< those of the request's that have rows; a hint, as what a reconcile shows
};

/// What to write for one name.
struct name_plan {
  struct row_update {
    tick_row row;                ///< as it shall be
    row_state expected_state{};  ///< as it was read
    std::uint64_t expected_fence = 0;
  };
  name_reply reply;
  std::optional<std::uint64_t> new_fence;
  std::vector<tick_row> inserts;
  std::vector<row_update> updates;
  std::vector<tick_row> followers;     ///< and other pending rows, to be inserted where there is none yet
  std::vector<std::string> new_names;  ///< which get a row of baton_fence
  [[nodiscard]] bool writes() const noexcept { return new_fence || !inserts.empty() || !updates.empty() || !followers.empty(); }
};

/// For each tag of a request, how many further runs it allows.
using tag_room = std::vector<std::uint32_t>;

/// Decides a name by what the transaction saw: open rows are resolved first, then what is asked for and due of all jobs, what waits
/// longest first, at most one run. A run takes its place from `room`. Pure; the same for every store.
///
/// With `overlap: allow` a job's own name only serialises what becomes due: each run that is asked for becomes a pending row under
/// a name of its own, where it is claimed as any other.
[[nodiscard]] name_plan decide(const claim_request& request, const name_claim& name, const name_snapshot& seen, wall_time store_now,
                               tag_room& room);

/// The row that asks for a follower's run.
[[nodiscard]] tick_row follower_row(const follower& who, wall_time tick, wall_time store_now);

}  // namespace baton::ledger

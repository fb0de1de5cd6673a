#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"
#include "baton/ledger/claim.hpp"
#include "baton/ledger/session.hpp"
#include "baton/lock/lease.hpp"
#include "baton/lock/session.hpp"
#include "baton/schedule/timetable.hpp"

namespace baton::engine {

/// A job as the engine needs to know it. Jobs are referred to by their index in the list given to the scheduler.
struct job {
  std::string name;
  std::optional<schedule::timetable> schedule;
  std::string lock_name;  ///< the server-side name; jobs may share one
  std::string schedule_hash;
  ledger::job_policy policy;
  microseconds grace = std::chrono::seconds{10};
  ledger::job_setting setting = ledger::job_setting::runs;
  bool runs_here = true;          ///< this instance has the labels that the job asks for
  bool is_retired = false;        ///< not in the configuration any more; kept for its index
  std::int32_t priority = 0;      ///< the higher one first, when slots are short
  microseconds hold_at_least{};   ///< its lock is kept so long
  std::vector<std::size_t> tags;  ///< indices into job_set::tags
};
/// What a configuration says of jobs.
struct job_set {
  std::vector<job> jobs;
  std::vector<ledger::tag_limit> tags;
};
using job_index = std::uint32_t;

struct options {
  std::string cluster;
  std::string incarnation;  ///< random for each start
  std::string instance;
  std::string version;
  std::uint64_t config_hash = 0;
  std::string tzdata;  ///< the release of the time zone data that the schedules go by
  lock::lease_timing timing;
  ledger::takeover_policy takeover = ledger::takeover_policy::fast;
  std::uint32_t max_concurrent_runs = 16;
  microseconds max_clock_offset = std::chrono::seconds{10};
  std::string leader_name;      ///< the lock of the one instance that may start runs; empty: each one may
  microseconds history_keep{};  ///< rows that ended, and were written last before this, are purged; 0: none is
};

enum class session_id : std::uint32_t {};
enum class run_id : std::uint64_t {};

// ---- Actions: what the runtime is to do. Calls on one session are never two at a time.

struct open_lock_session {
  session_id id;
};
/// Open, then take the incarnation's lock, then register the jobs.
struct open_ledger_session {
  session_id id;
};
/// Interrupt whatever call is under way, close, forget. The runs that lived by it are dead.
struct close_session {
  session_id id;
};
struct acquire {
  session_id id;
  std::vector<std::string> names;
};
struct ask_owned {
  session_id id;
  std::vector<std::string> names;
};
struct probe {
  session_id id;
  std::vector<std::string> names;
};
struct release {
  session_id id;
  std::vector<std::string> names;
};
struct claim {
  session_id id;
  ledger::claim_request request;
};
struct finish {
  session_id id;
  std::vector<ledger::finish_record> records;
};
struct reconcile {
  session_id id;
  ledger::reconcile_request request;
};
struct register_jobs {
  session_id id;
};
struct sign_off {
  session_id id;
};
struct request_cancel {
  session_id id;
  std::vector<ledger::tick_key> runs;
};
/// Before anything else on a ledger session of another server than before.
struct restore {
  session_id id;
  std::vector<ledger::own_claim> claims;
};
struct purge {
  session_id id;
  ledger::purge_request request;
};
struct start_run {
  run_id id;
  job_index job;
  ledger::claimed_run run;
  boot_time lease_deadline;
};
struct extend_run {
  run_id id;
  boot_time lease_deadline;
};
/// The run's token now, SIGTERM after the one time, SIGKILL after the other.
struct stop_run {
  run_id id;
  microseconds terminate_after;
  microseconds kill_after;
  bool is_cancel = false;  ///< somebody asked for it: what cannot be killed may go on
};
struct exit_now {};  ///< everything is stopped, written, released and closed

// ---- Notes: what people want to know. The runtime turns them into log lines and metrics.

struct lock_attempted {
  job_index job;
  enum class outcome : std::uint8_t { acquired = 1, busy, error } what;
  microseconds took;
  wall_time tick;  ///< the newest one of the job that is due
};
struct ticks_duplicate {
  job_index job;
  std::uint32_t count;
};
struct lock_taken {
  job_index job;
};
struct lock_given_back {
  job_index job;
  microseconds held_for;
};
struct lock_was_lost {
  job_index job;
  lock::loss reason;
  bool was_running;
};
struct lease_probed {
  microseconds took;
};
struct tick_decided {
  job_index job;
  ledger::decision what;
};
struct run_claimed {
  job_index job;
  ledger::claimed_run run;
  microseconds late;
};
struct run_over {
  job_index job;
  ledger::finish_record record;
  std::uint32_t attempt;
  microseconds took;
};
struct finish_refused {
  job_index job;
  ledger::tick_key key;
};
struct owner_unresolved {
  job_index job;
  microseconds wait;
  bool owner_seen_free;
};
struct next_tick_known {
  job_index job;
  wall_time tick;
};
struct store_state {
  bool up;
  failure why;
};  ///< on every change
struct session_trouble {
  bool is_lock_session;
  failure why;
};
struct session_opened_note {
  bool is_lock_session;
  std::uint64_t connection_id;
};
/// Another instance has another configuration, or other time zone data; told once of each.
struct peer_differs {
  std::string instance;
  bool in_configuration = false;
  std::string tzdata;  ///< that of the other one, if it differs
};
/// Its ticks are skipped from now on, or run again.
struct job_stopped {
  job_index job;
  bool stopped;
};
/// Another instance registered the job with another schedule, or this one's is in the ledger again.
struct schedule_disagrees {
  job_index job;
  bool disagrees;
};
/// When a job last succeeded in the cluster, as the ledger knew it when a session was opened.
struct success_known {
  job_index job;
  wall_time at;
};
struct leadership {
  bool is_ours;
};
/// Somebody asked for the run's end, or its job's next tick did.
struct run_cancelled {
  job_index job;
  ledger::tick_key run;
  bool by_next_tick;
};
struct rows_purged {
  std::uint64_t count;
};
struct server_changed {};
/// Another server was asked for this instance's claims, and lacked some.
struct claims_restored {
  std::uint64_t remembered;
  std::uint64_t lost;
};
struct clock_measured {
  microseconds offset;
};  ///< local wall clock minus store time
struct clock_stepped {
  microseconds by;
};
struct clock_unfit {
  microseconds offset;
  bool unfit;
};  ///< beyond max_clock_offset, or back within it
struct call_took {
  const char* operation;
  microseconds took;
};

using note = std::variant<lock_attempted, ticks_duplicate, lock_taken, lock_given_back, lock_was_lost, lease_probed, tick_decided,
                          run_claimed, run_over, finish_refused, owner_unresolved, next_tick_known, store_state, session_trouble,
                          session_opened_note, peer_differs, job_stopped, schedule_disagrees, success_known, leadership, run_cancelled,
                          rows_purged, server_changed, claims_restored, clock_measured, clock_stepped, clock_unfit, call_took>;

using action =
    std::variant<open_lock_session, open_ledger_session, close_session, acquire, ask_owned, probe, release, claim, finish, reconcile,
                 register_jobs, sign_off, request_cancel, restore, purge, start_run, extend_run, stop_run, exit_now, note>;

// ---- Events: what has happened. `sent` is read right before a call leaves, `received` when its reply is there.

struct span_of_call {
  boot_time sent;
  boot_time received;
};

struct lock_session_opened {
  session_id id;
  std::uint64_t connection_id;
  lock::server_identity identity;
};
struct ledger_session_opened {
  session_id id;
  std::uint64_t connection_id;
  server_identity identity;
  std::vector<ledger::registered_job> jobs;
};
struct session_failed {
  session_id id;
  failure why;
};  ///< it could not be opened
struct session_ended {
  session_id id;
};  ///< end of file between two calls
struct acquired {
  session_id id;
  span_of_call when;
  result<std::vector<lock::try_outcome>> reply;
};
struct owned_known {
  session_id id;
  span_of_call when;
  result<std::vector<bool>> reply;
};
struct probed {
  session_id id;
  span_of_call when;
  result<lock::probe_reply> reply;
};
struct released {
  session_id id;
  span_of_call when;
  result<std::vector<lock::release_outcome>> reply;
};
struct claimed {
  session_id id;
  span_of_call when;
  result<ledger::claim_reply> reply;
};
struct finished {
  session_id id;
  span_of_call when;
  result<std::vector<ledger::finish_outcome>> reply;
};
struct reconciled {
  session_id id;
  span_of_call when;
  result<ledger::reconcile_reply> reply;
};
struct jobs_registered {
  session_id id;
  span_of_call when;
  result<std::vector<ledger::registered_job>> reply;
};
struct signed_off {
  session_id id;
};
struct cancel_requested {
  session_id id;
  span_of_call when;
  result<bool> reply;
};
struct restored {
  session_id id;
  span_of_call when;
  result<std::uint64_t> reply;
};
struct purged {
  session_id id;
  span_of_call when;
  result<std::uint64_t> reply;
};
struct run_started {
  run_id id;
};
/// The process and all its descendants are gone. `outcome` and `took`: as the handler or the host saw it.
struct run_ended {
  run_id id;
  ledger::run_outcome outcome;
  ledger::reason_code reason;
  std::string error;
  std::string output;
  microseconds took{};
};
/// No new run. Running ones have their grace, or, to drain, all the time they need; the second one cuts that short.
struct stop_requested {
  bool drain = false;
};
/// Another configuration: the jobs known so far have the same indices, new ones follow. Runs go on under the definition they began with.
struct jobs_changed {
  job_set jobs;
  std::uint64_t config_hash = 0;
  std::uint32_t max_concurrent_runs = 16;
};

using event = std::variant<lock_session_opened, ledger_session_opened, session_failed, session_ended, acquired, owned_known, probed,
                           released, claimed, finished, reconciled, jobs_registered, signed_off, cancel_requested, restored, purged,
                           run_started, run_ended, stop_requested, jobs_changed>;

}  // namespace baton::engine

#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "baton/ledger/claim.hpp"

namespace baton::ledger {

using namespace std::chrono_literals;

inline const wall_time noon = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + 12h;

inline std::string text(const name_plan& plan) {
  std::string all;
  const auto add = [&all](const char* how, const tick_row& row) {
    all += std::string{all.empty() ? "" : "; "} + how + " " + row.key.job + " " + to_rfc3339(row.key.tick).substr(11, 8);
    if (row.until) all += ".." + to_rfc3339(*row.until).substr(11, 8) + " x" + std::to_string(row.count);
    all += " " + std::string{to_string(row.state)};
    if (row.outcome != run_outcome::none) all += " " + std::string{to_string(row.outcome)};
    if (row.reason != reason_code::none) all += " " + std::string{to_string(row.reason)};
    if (row.state == row_state::running) all += " #" + std::to_string(row.attempt);
  };
  for (const auto& u : plan.updates) add("update", u.row);
  for (const auto& row : plan.inserts) add("insert", row);
  return all;
}

/// One name to claim under, as a transaction of instance "us" would see it; W = 15 s, M = 3 s, S = 1 s.
struct claim_case {
  claim_request request{"test", "us", "us-1", takeover_policy::fast, 13s, 2s, 15s, {}};
  name_claim name{"lock", 7, 1h, 1h, std::nullopt, {}};
  name_snapshot seen;
  wall_time now = noon;
  tag_room room;

  /// A job with a tick every `period`, the due ones since `since` listed.
  job_claim& add_job(const std::string& job, microseconds period, wall_time since, job_policy policy = {}) {
    job_claim claim{job, policy, since, {}, 0, std::nullopt};
    auto t = since + period;
    for (; t <= now; t += period) claim.ticks.push_back(t);
    claim.next = t;
    name.jobs.push_back(claim);
    seen.jobs.push_back({job, {}, since - 1000h});
    return name.jobs.back();
  }
  /// The job of the n-th add_job() has been paused since `from`.
  void pause(std::size_t n, wall_time from = noon - 1000h) {
    seen.jobs[n].standing.paused = true;
    seen.jobs[n].standing.settle(from);
  }

  static tick_row row(const std::string& job, wall_time tick, row_state state) {
    tick_row r;
    r.key = {job, tick, tick_kind::schedule};
    r.lock_name = "lock";
    r.state = state;
    r.incarnation = "them";
    r.instance = "them-1";
    r.attempt = 1;
    r.fence = 41;
    r.claimed = tick + 10ms;
    return r;
  }
  tick_row& add_finished(const std::string& job, wall_time tick, wall_time started, wall_time finished) {
    auto r = row(job, tick, row_state::finished);
    r.outcome = run_outcome::success;
    r.started = started;
    r.finished = finished;
    seen.rows.push_back(r);
    return seen.rows.back();
  }
  tick_row& add_open(const std::string& job, wall_time tick, row_state state, bool owner_alive = false) {
    seen.open.push_back({row(job, tick, state), owner_alive});
    seen.fence = 41;
    return seen.open.back().row;
  }

  [[nodiscard]] name_plan decide() const {
    auto left = room;
    return ledger::decide(request, name, seen, now, left);
  }
};

}  // namespace baton::ledger

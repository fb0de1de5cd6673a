#include "policy_model.hpp"

#include <algorithm>

namespace baton::simulation {

using namespace std::chrono_literals;
using ledger::catch_up_policy;
using ledger::overlap_policy;
using ledger::reason_code;
using ledger::row_state;
using ledger::run_outcome;

namespace {

/// Starts and ends are as their instance saw them on its estimate of the store's clock.
constexpr microseconds doubt = 100ms;
constexpr microseconds late = 60s;

bool is_abrupt(run_outcome o) { return o == run_outcome::crashed || o == run_outcome::lock_lost; }
bool is_failed(run_outcome o) { return o == run_outcome::failure || o == run_outcome::timeout; }

std::string text(wall_time t) { return to_rfc3339(t).substr(11, 12); }

}  // namespace

void policy_model::wrote(const ledger::tick_row& row, wall_time asked) {
  const bool is_decided = row.state == row_state::pending && row.key.kind == ledger::tick_kind::schedule;  // overlap: allow
  if (!is_decided && (row.state == row_state::pending || row.attempt == 0)) return;
  auto& r = runs_[row.key];
  if (is_decided) {
    r.first_claim = row.requested.value_or(wall_time{});
    r.asked = asked - doubt;
    r.last = row;
    return;
  }
  if (r.versions.empty() && r.first_claim == wall_time{}) {
    r.first_claim = row.claimed.value_or(wall_time{});
    r.asked = asked - doubt;
  }
  r.versions.push_back(row);
  r.last = row;
}

std::vector<std::string> policy_model::judge(const std::vector<ledger::tick_row>& rows) const {
  sentences wrong;
  for (const auto& [key, r] : runs_) {
    judge_attempts(r, wrong);
    if (key.kind == ledger::tick_kind::schedule) judge_run(r, wrong);
  }
  for (const auto& row : rows) {
    const bool is_gap = row.state == row_state::skipped || row.state == row_state::missed;
    if (!is_gap || row.key.job != job_ || row.key.kind != ledger::tick_kind::schedule) continue;
    for (const auto& t : ticks_) {
      if (row.key.tick <= t.nominal && t.nominal <= row.until.value_or(row.key.tick)) judge_gap(row, t, wrong);
    }
  }
  return wrong;
}

const policy_model::tick* policy_model::find(wall_time nominal) const {
  const auto it = std::ranges::find(ticks_, nominal, &tick::nominal);
  return it == ticks_.end() ? nullptr : &*it;
}

/// How many that run came due after it, up to an instant.
std::size_t policy_model::later_ticks(const tick& t, wall_time by) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(ticks_, [&](const tick& other) { return !other.excluded && other.nominal > t.nominal && other.due <= by; }));
}

wall_time policy_model::late_until(const tick& t) const {
  auto end = t.due + late;
  for (const auto& other : ticks_) {
    if (!other.excluded && other.nominal > t.nominal) end = std::min(end, other.due);
  }
  return end;
}

/// From the tick or the first claim, whichever came first, to the last end: with all attempts, and the time between them.
bool policy_model::may_have_been_running(const ledger::tick_key& but, wall_time at) const {
  return std::ranges::any_of(runs_, [&](const auto& entry) {
    const auto& [key, r] = entry;
    const bool is_over = !is_open(r.last.state) && r.last.finished;
    return key != but && std::min(key.tick, r.first_claim) <= at + doubt && (!is_over || at <= *r.last.finished + doubt);
  });
}

/// A scheduled run whose only attempt is known from its start to its end, which was before an instant.
bool policy_model::was_running_for_sure(const ledger::tick_key& but, wall_time at, wall_time by) const {
  return std::ranges::any_of(runs_, [&](const auto& entry) {
    const auto& [key, r] = entry;
    const bool is_known = key.kind == ledger::tick_kind::schedule && r.last.state == row_state::finished && !is_abrupt(r.last.outcome) &&
                          r.last.started && r.last.finished && r.versions.size() == 2;
    return is_known && key != but && key.tick < but.tick && *r.last.started + doubt <= at && at + doubt <= *r.last.finished &&
           *r.last.finished + doubt <= by;
  });
}

/// Runs of earlier ticks that were begun after an instant.
std::size_t policy_model::may_have_waited(wall_time at) const {
  return static_cast<std::size_t>(std::ranges::count_if(runs_, [&](const auto& entry) {
    const auto& [key, r] = entry;
    return key.kind == ledger::tick_kind::schedule && key.tick < at && r.last.claimed.value_or(r.first_claim) > at;
  }));
}

/// One interval is remembered, and pauses that follow within a minute count as one.
bool policy_model::may_be_paused(wall_time at, wall_time decided) const {
  return std::ranges::any_of(pauses_, [&](const interval& first) { return first.from <= at; }) &&
         std::ranges::any_of(pauses_,
                             [&](const interval& last) { return last.from <= decided && at <= last.until.value_or(wall_time::max()); });
}

void policy_model::judge_run(const run& r, sentences& wrong) const {
  const auto* t = find(r.last.key.tick);
  if (t == nullptr) return;
  const auto& key = r.last.key;
  const auto say = [&](const std::string& why) {
    wrong.push_back(job_ + "@" + text(key.tick) + ", claimed at " + text(r.first_claim) + ", was not to run: " + why);
  };
  if (t->excluded) say("its day is excluded");
  if (policy_.overlap == overlap_policy::skip && was_running_for_sure(key, t->due, r.first_claim))
    say("overlap: skip, and a run of its job was under way");
  if (may_have_been_running(key, t->due) || r.first_claim < late_until(*t)) return;  // it waited for its turn, or was in time
  if (policy_.catch_up == catch_up_policy::none) say("catch_up: none, and it was missed");
  if (r.first_claim - t->due > policy_.catch_up_window) say("catch_up, and it is older than the window");
  if (policy_.catch_up == catch_up_policy::latest && later_ticks(*t, r.first_claim) > 0) say("catch_up: latest, and a later one was due");
  if (policy_.catch_up == catch_up_policy::all && later_ticks(*t, r.asked) >= policy_.catch_up_limit)
    say("catch_up: all, and it is over the limit");
}

/// From one attempt to the next, and to the end.
void policy_model::judge_attempts(const run& r, sentences& wrong) const {
  const auto& key = r.last.key;
  const auto say = [&](const ledger::tick_row& row, const std::string& why) {
    wrong.push_back(job_ + "@" + text(key.tick) + " #" + std::to_string(row.attempt) + ": " + why);
  };
  for (std::size_t i = 1; i < r.versions.size(); ++i) {
    const auto& before = r.versions[i - 1];
    const auto& after = r.versions[i];
    if (after.state != row_state::running || after.attempt == before.attempt) continue;
    const bool is_retry = before.state == row_state::retry_due && is_failed(before.outcome);
    if (!is_retry) {
      if (policy_.on_crash != ledger::crash_policy::retry) say(after, "on_crash: give_up, and it is made again");
      if (after.attempt > policy_.crash_attempts) say(after, "over crash_attempts");
      continue;
    }
    if (after.attempt > policy_.retry.attempts) say(after, "over retry.attempts");
    auto pause = policy_.retry.backoff;
    for (std::uint32_t n = 1; n < before.attempt; ++n) pause *= policy_.retry.multiplier;
    pause = std::min(pause, policy_.retry.max_backoff);
    if (after.claimed.value_or(wall_time{}) < before.finished.value_or(wall_time{}) + pause) say(after, "before its back-off was over");
  }
  const auto& last = r.last;
  if (last.state != row_state::finished || last.cancel) return;
  const bool is_more_allowed = is_failed(last.outcome) ? last.attempt < policy_.retry.attempts
                               : is_abrupt(last.outcome)
                                   ? policy_.on_crash == ledger::crash_policy::retry && last.attempt < policy_.crash_attempts
                                   : false;
  if (is_more_allowed) say(last, "ended as " + std::string{to_string(last.outcome)} + ", with attempts left");
}

void policy_model::judge_gap(const ledger::tick_row& row, const tick& t, sentences& wrong) const {
  if (const auto* why = forbids(row, t); why != nullptr) {
    wrong.push_back(job_ + "@" + text(t.nominal) + ", due at " + text(t.due) + ", decided at " + text(row.finished.value_or(wall_time{})) +
                    " as " + std::string{to_string(row.state)} + ": " + std::string{to_string(row.reason)} + ", although " + why);
  }
}

/// Why a tick may not have been skipped or missed for its reason; nullptr: it may.
const char* policy_model::forbids(const ledger::tick_row& row, const tick& t) const {
  const auto decided = row.finished.value_or(wall_time::max());
  if (decided < t.due) return "it was not due";
  if ((row.reason == reason_code::calendar) != t.excluded) return "its calendars say otherwise";
  switch (row.reason) {
    case reason_code::calendar: return nullptr;
    case reason_code::paused: return may_be_paused(t.due, decided) ? nullptr : "its job was not paused";
    case reason_code::overlap:
      if (!may_have_been_running(row.key, t.due)) return "no run of its job was under way";
      if (policy_.overlap == overlap_policy::skip) return nullptr;
      if (policy_.overlap != overlap_policy::cancel_running) return "it was to wait";
      return later_ticks(t, decided) > 0 ? nullptr : "it was the latest";
    case reason_code::queue_full: {
      if (policy_.overlap != overlap_policy::queue_one && policy_.overlap != overlap_policy::queue_all) return "its job has no queue";
      const std::size_t limit = policy_.overlap == overlap_policy::queue_one ? 1 : policy_.queue_limit;
      return may_have_been_running(row.key, t.due) && may_have_waited(t.due) >= limit ? nullptr : "the queue was not full";
    }
    case reason_code::no_catch_up:
      if (decided < late_until(t)) return "it was in time";
      return policy_.catch_up == catch_up_policy::none ? nullptr : "it was to be caught up";
    case reason_code::outside_window:
      if (decided < late_until(t)) return "it was in time";
      return policy_.catch_up != catch_up_policy::none && decided - t.due > policy_.catch_up_window ? nullptr : "it was in the window";
    case reason_code::over_limit: {
      if (decided < late_until(t)) return "it was in time";
      if (policy_.catch_up == catch_up_policy::none) return "nothing is caught up";
      const std::size_t limit = policy_.catch_up == catch_up_policy::latest ? 1 : policy_.catch_up_limit;
      return later_ticks(t, decided) >= limit ? nullptr : "it was within the limit";
    }
    default: return "that is no reason here";
  }
}

}  // namespace baton::simulation

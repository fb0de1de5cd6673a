#include "checker.hpp"

#include <algorithm>

namespace baton::simulation {

using ledger::row_state;

namespace {
std::string text(const ledger::tick_key& key) { return key.job + "@" + to_rfc3339(key.tick).substr(11, 8); }
}  // namespace

void checker::broken(const std::string& guarantee, const std::string& how, microseconds now) {
  if (violations_.size() < 20) violations_.push_back(guarantee + " at " + to_text(now) + ": " + how);
}

void checker::run_begins(const std::string& who, const ledger::claimed_run& run, const schedule::timetable& of, microseconds now,
                         wall_time store_now) {
  ++runs_;
  auto& name = names_[run.lock_name];
  const auto what = who + " starts " + text(run.key) + " #" + std::to_string(run.attempt);
  if (!name.running.empty()) broken("G2", what + " while " + name.running.front() + " is under way", now);
  name.running.push_back(what);
  auto& last = attempts_[run.key];
  if (run.attempt <= last) broken("G1", what + " after attempt " + std::to_string(last), now);
  last = run.attempt;
  if (run.fence <= name.started_fence) broken("G8", what + " with a fence that is not above the last one", now);
  name.started_fence = run.fence;
  if (store_now < of.due(run.key.tick)) broken("G12", what + " before its time", now);
  if (of.is_excluded(run.key.tick)) broken("calendar", what + " on an excluded day", now);
  if (away_since_ != never && now > away_since_ + longest_lease_) broken("G7", what + " although the store is away", now);
}

void checker::run_is_over(const std::string& lock_name, const std::string& who, microseconds now) {
  auto& running = names_[lock_name].running;
  const auto it = std::ranges::find_if(running, [&](const std::string& text_of_run) { return text_of_run.starts_with(who + " "); });
  if (it == running.end()) return broken("simulation", who + " ends what it did not start under " + lock_name, now);
  running.erase(it);
}

void checker::committed(const ledger::tick_row* before, const ledger::tick_row& after, microseconds now) {
  auto& name = names_[after.lock_name];
  const bool is_claim = after.state == row_state::running && (before == nullptr || before->fence != after.fence);
  if (before != nullptr) {
    if (!is_open(before->state)) broken("G1", text(after.key) + " was decided and is changed", now);
    if (after.attempt != before->attempt && after.attempt != before->attempt + 1)
      broken("G1", text(after.key) + ": attempts do not rise by one", now);
    if (before->state == row_state::running && after.state == row_state::running && !is_claim)
      broken("G8", text(after.key) + " is claimed with its old fence", now);
  } else if (after.state == row_state::running && after.attempt != 1) {
    broken("G1", text(after.key) + " does not begin with attempt 1", now);
  }
  if (!is_claim) return;
  if (after.fence <= name.committed_fence) broken("G8", text(after.key) + " is claimed with a fence that is not above the last one", now);
  name.committed_fence = after.fence;
}

void checker::store_went_away(microseconds now, microseconds longest_lease) {
  away_since_ = now;
  longest_lease_ = longest_lease;
}

void checker::expect_every_tick(const std::string& job, const std::vector<wall_time>& ticks, const std::vector<ledger::tick_row>& rows) {
  auto row = rows.begin();
  std::uint64_t listed = 0;
  for (const auto tick : ticks) {
    while (row != rows.end() && row->until.value_or(row->key.tick) < tick) ++row;
    if (row == rows.end() || row->key.tick > tick) {
      broken("G3", job + "@" + to_rfc3339(tick).substr(11, 8) + " has no row", tick - ticks.front());
    } else if (const auto next = row + 1; next != rows.end() && next->key.tick <= tick) {
      broken("G1", job + "@" + to_rfc3339(tick).substr(11, 8) + " has two rows", tick - ticks.front());
    } else {
      ++listed;
    }
  }
  std::uint64_t counted = 0;
  for (const auto& r : rows) {
    if (!ticks.empty() && r.until.value_or(r.key.tick) <= ticks.back()) counted += r.count;
  }
  if (counted > listed) broken("G1", job + " has rows for " + std::to_string(counted) + " ticks, of " + std::to_string(listed), {});
}

}  // namespace baton::simulation

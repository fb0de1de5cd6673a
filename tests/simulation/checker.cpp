#include "checker.hpp"

#include <algorithm>

namespace baton::simulation {

using ledger::row_state;

namespace {
std::string text(const ledger::tick_key& key) {
  const auto kind = key.kind == ledger::tick_kind::schedule ? "" : " (" + std::string{to_string(key.kind)} + ")";
  return key.job + "@" + to_rfc3339(key.tick).substr(11, 8) + kind;
}
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
  const bool is_scheduled = run.key.kind == ledger::tick_kind::schedule;
  if (is_scheduled && store_now < of.due(run.key.tick)) broken("G12", what + " before its time", now);
  if (is_scheduled && of.is_excluded(run.key.tick)) broken("calendar", what + " on an excluded day", now);
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
    if (before->state == row_state::running && after.state == row_state::running && !is_claim && before->cancel == after.cancel)
      broken("G8", text(after.key) + " is claimed with its old fence", now);
  } else if (after.state == row_state::running && after.attempt != 1) {
    broken("G1", text(after.key) + " does not begin with attempt 1", now);
  }
  count_tags(before, after, now);
  if (!is_claim) return;
  if (const auto since = paused_since_.find(after.key.job); since != paused_since_.end()) {
    const bool is_asked_for = after.key.kind == ledger::tick_kind::trigger || (before != nullptr && before->state == row_state::running);
    if (!is_asked_for && now > since->second + longest_claim) broken("pause", text(after.key) + " is claimed", now);
  }
  if (after.fence <= name.committed_fence) broken("G8", text(after.key) + " is claimed with a fence that is not above the last one", now);
  name.committed_fence = after.fence;
}

void checker::paused(const std::string& job, bool is, microseconds now) {
  if (is) {
    paused_since_.try_emplace(job, now);
  } else {
    paused_since_.erase(job);
  }
}

void checker::limit(const ledger::tag_limit& tag) { tags_.push_back({tag, {}}); }

void checker::count_tags(const ledger::tick_row* before, const ledger::tick_row& after, microseconds now) {
  for (auto& tag : tags_) {
    if (std::ranges::find(tag.limit.jobs, after.key.job) == tag.limit.jobs.end()) continue;
    if (after.state != row_state::running) {
      tag.running.erase(after.key);
    } else if (before == nullptr || before->state != row_state::running) {
      tag.running.insert(after.key);
      if (tag.running.size() > tag.limit.max_running)
        broken("tags", text(after.key) + " is one too many with " + tag.limit.fence_name, now);
    }
  }
}

/// Each final end has its followers, and each follower an end.
void checker::expect_followers(const std::map<std::string, std::vector<ledger::follower>>& followers,
                               const std::vector<ledger::tick_row>& rows) {
  std::set<ledger::tick_key> wanted;
  std::set<ledger::tick_key> found;
  for (const auto& row : rows) {
    if (row.key.kind == ledger::tick_kind::after) found.insert(row.key);
    if (row.state != row_state::finished || row.attempt == 0) continue;  // what was cancelled before it began is followed by nothing
    for (const auto& f : followers.at(row.key.job)) {
      if (f.follows(row.outcome)) wanted.insert({f.job, row.key.tick, ledger::tick_kind::after});
    }
  }
  for (const auto& key : wanted) {
    if (!found.contains(key)) broken("after", text(key) + " is missing", {});
  }
  for (const auto& key : found) {
    if (!wanted.contains(key)) broken("after", text(key) + " follows nothing", {});
  }
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

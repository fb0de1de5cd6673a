#include "checker.hpp"

#include <algorithm>
#include <utility>

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

void checker::run_begins(const std::string& who, const ledger::claimed_run& run, const schedule::timetable& of, microseconds now) {
  ++runs_;
  auto& name = names_[run.lock_name];
  const auto what = who + " starts " + text(run.key) + " #" + std::to_string(run.attempt);
  const auto claim = std::ranges::find_if(name.claims, [&](const auto& c) { return c.key == run.key && c.fence == run.fence; });
  if (claim == name.claims.end()) return broken("G1", what + " without a claim", now);
  // Either of the two may be the first to start: who claimed blindly after a failover, or who had claimed before it and is slow.
  const bool met_a_blind_one = claim->lost_at && std::any_of(claim, name.claims.end(), [](const auto& c) { return c.is_blind; });
  const bool is_excused = claim->is_blind || met_a_blind_one;
  if (!name.running.empty() && !is_excused) {
    if (!overlaps_allowed_) broken("G2", what + " while " + name.running.front() + " is under way", now);
    if (overlaps_allowed_ && !name.overlaps_since) {
      name.overlaps_since = now;
      ++overlaps_;
    }
  }
  const bool is_late_start = run.fence <= name.started_fence;
  const bool may_be_late = overlaps_allowed_ && now - name.newest_started <= *overlaps_allowed_;
  name.running.push_back(what);
  for (const auto& c : name.claims) {
    if (may_be_late && is_late_start && c.attempt > run.attempt) continue;
    if (c.started && c.key == run.key && c.attempt >= run.attempt && !c.was_run_again && !c.is_overruled &&
        !(met_a_blind_one && c.is_blind))
      broken("G1", what + " after attempt " + std::to_string(c.attempt), now);
  }
  claim->started = true;
  if (is_late_start && !is_excused && !may_be_late) broken("G8", what + " with a fence that is not above the last one", now);
  if (!is_late_start) name.newest_started = now;
  if (!claim->lost_at) name.started_fence = std::max(name.started_fence, run.fence);  // else nobody knows it
  const bool is_scheduled = run.key.kind == ledger::tick_kind::schedule;
  // What was begun in time goes on, on a server whose clock is behind, too.
  const bool is_new = std::ranges::find(name.claims, run.key, &claim_seen::key) == claim;
  if (is_scheduled && is_new && run.claimed < of.due(run.key.tick)) broken("G12", what + " before its time", now);
  if (is_scheduled && of.is_excluded(run.key.tick)) broken("calendar", what + " on an excluded day", now);
  if (away_since_ != never && now > away_since_ + longest_lease_) broken("G7", what + " although the store is away", now);
}

void checker::run_is_over(const std::string& lock_name, const std::string& who, microseconds now) {
  auto& running = names_[lock_name].running;
  const auto it = std::ranges::find_if(running, [&](const std::string& text_of_run) { return text_of_run.starts_with(who + " "); });
  if (it == running.end()) return broken("simulation", who + " ends what it did not start under " + lock_name, now);
  running.erase(it);
  auto& since = names_[lock_name].overlaps_since;
  if (!since || running.size() > 1) return;
  longest_overlap_ = std::max(longest_overlap_, now - *since);
  if (now - *since > *overlaps_allowed_) broken("G2", "runs under " + lock_name + " overlapped for " + to_text(now - *since), now);
  since.reset();
}

void checker::committed(const ledger::tick_row* before, const ledger::tick_row& after, microseconds now, wall_time store_now) {
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
    const bool is_asked_for = after.key.kind == ledger::tick_kind::trigger ||
                              (before != nullptr && before->state == row_state::running && before->incarnation == after.incarnation);
    if (!is_asked_for && now > since->second + longest_claim) broken("pause", text(after.key) + " is claimed", now);
  }
  if (after.claimed.value_or(wall_time::max()) > store_now) broken("G12", text(after.key) + " is claimed before the store's time", now);
  see_claim(after, now);
}

void checker::see_claim(const ledger::tick_row& row, microseconds now) {
  auto& name = names_[row.lock_name];
  if (row.fence <= name.committed_fence) broken("G8", text(row.key) + " is claimed with a fence that is not above the last one", now);
  name.committed_fence = row.fence;
  // Who claimed on the last server knew its time, as well as slow calls let it.
  constexpr microseconds doubt = std::chrono::seconds{2};
  if (!failovers_.empty() && failovers_.rbegin()->second.claimed_before.contains(row.incarnation) &&
      *row.claimed + doubt < last_servers_time_)
    broken("G12", text(row.key) + " is claimed while the new server's clock is behind", now);
  claimed_since_.insert(row.incarnation);
  claim_seen claim{row.key, row.fence, row.attempt, row.incarnation, false, {}, {}, false, false, false};
  for (const auto& [of_name, known] : names_) {
    for (const auto& lost : known.claims) {
      if (lost.lost_at && lost.started && lost.owner == row.incarnation)
        broken("failover", text(row.key) + " is claimed by who has not restored " + text(lost.key), now);
    }
  }
  for (auto& lost : name.claims) {
    // Its owner may have restored it, and still be ending its run.
    if (lost.was_lost_at && is_blind(row.incarnation, *lost.was_lost_at, now)) claim.is_blind = true;
    if (!lost.lost_at) continue;
    if (!is_new_since(row.incarnation, *lost.lost_at)) {
      const auto& failover = failovers_.at(*lost.lost_at);
      if (is_too_soon(failover, now)) broken("failover", text(row.key) + " is claimed before others could restore " + text(lost.key), now);
      // Its owner may be dead, and its fence nobody's knowledge: for who knew that server's time, the new one's has reached it.
      if (row.fence + 50'000 <= lost.fence && failover.claimed_before.contains(row.incarnation))
        broken("G8", text(row.key) + " is claimed while the new server's clock is behind", now);
    }
    if (lost.key == row.key && lost.attempt >= row.attempt) lost.was_run_again = true;
  }
  name.claims.push_back(std::move(claim));
}

void checker::failed_over(const std::vector<testing::memory_store::lost_write>& lost, const std::vector<ledger::tick_row>& rows,
                          microseconds now, wall_time last_servers_time, microseconds quiet) {
  quiet_ = quiet;
  last_servers_time_ = last_servers_time;
  failovers_.insert_or_assign(now, failover_seen{std::exchange(claimed_since_, {})});
  for (const auto& write : lost) {
    lost_keys_.insert(write.was.key);
    if (!write.is) lost_rows_.push_back(write.was);
    for (auto& claim : names_[write.was.lock_name].claims) {
      const bool is_lost = !write.is || write.is->fence < claim.fence;
      if (claim.key == write.was.key && is_lost && claim.fence <= write.was.fence) claim.lost_at = claim.was_lost_at = now;
    }
  }
  for (auto& [lock_name, name] : names_) {
    name.started_fence = name.committed_fence = 0;
    for (const auto& claim : name.claims) {
      if (claim.lost_at) continue;
      name.committed_fence = std::max(name.committed_fence, claim.fence);
      if (claim.started) name.started_fence = std::max(name.started_fence, claim.fence);
    }
  }
  for (auto& tag : tags_) {
    tag.running.clear();
    for (const auto& row : rows) {
      if (row.state == row_state::running && std::ranges::find(tag.limit.jobs, row.key.job) != tag.limit.jobs.end())
        tag.running.insert(row.key);
    }
  }
}

/// Its fence is known again, whatever has become of its row since.
void checker::restored(const ledger::tick_row& claim, const ledger::tick_row& stands) {
  auto& name = names_[claim.lock_name];
  for (auto& known : name.claims) {
    if (known.key != claim.key || known.fence > claim.fence || !known.lost_at) continue;  // with a further attempt the one before it
    known.lost_at.reset();
    known.is_overruled = stands.fence < known.fence;
    if (known.started) name.started_fence = std::max(name.started_fence, known.fence);
    ++claims_restored_;
  }
  name.committed_fence = std::max(name.committed_fence, claim.fence);
  for (auto& tag : tags_) {
    if (stands.state != row_state::running) {
      tag.running.erase(claim.key);
    } else if (std::ranges::find(tag.limit.jobs, claim.key.job) != tag.limit.jobs.end()) {
      tag.running.insert(claim.key);
    }
  }
}

bool checker::is_lost_tick(const std::string& job, wall_time tick) const {
  return std::ranges::any_of(lost_rows_, [&](const auto& row) {
    return row.key.job == job && row.key.kind == ledger::tick_kind::schedule && row.key.tick <= tick &&
           tick <= row.until.value_or(row.key.tick);
  });
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
  // Others may be about to put back what was under way.
  const bool may_not_know = !failovers_.empty() && is_blind(after.incarnation, failovers_.rbegin()->first, now);
  for (auto& tag : tags_) {
    if (std::ranges::find(tag.limit.jobs, after.key.job) == tag.limit.jobs.end()) continue;
    if (after.state != row_state::running) {
      tag.running.erase(after.key);
    } else if (before == nullptr || before->state != row_state::running) {
      tag.running.insert(after.key);
      if (tag.running.size() > tag.limit.max_running && !may_not_know)
        broken("tags", text(after.key) + " is one too many with " + tag.limit.fence_name, now);
    }
  }
}

static bool is_to_follow(ledger::follower::when on, ledger::run_outcome end) {
  switch (on) {
    case ledger::follower::when::success: return end == ledger::run_outcome::success;
    case ledger::follower::when::failure: return end != ledger::run_outcome::success;
    case ledger::follower::when::any: return true;
  }
  return false;
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
      if (is_to_follow(f.on, row.outcome)) wanted.insert({f.job, row.key.tick, ledger::tick_kind::after});
    }
  }
  for (const auto& key : wanted) {
    if (!found.contains(key)) broken("after", text(key) + " is missing", {});
  }
  for (const auto& key : found) {
    const bool is_of_a_lost_end =
        std::ranges::any_of(lost_keys_, [&](const auto& lost) { return lost.tick == key.tick && lost.job != key.job; });
    if (!wanted.contains(key) && !is_of_a_lost_end) broken("after", text(key) + " follows nothing", {});
  }
}

void checker::store_went_away(microseconds now, microseconds longest_lease) {
  away_since_ = now;
  longest_lease_ = longest_lease;
}

void checker::store_came_back(microseconds now) {
  away_since_ = never;
  if (!failovers_.empty()) failovers_.rbegin()->second.reachable = std::min(failovers_.rbegin()->second.reachable, now);
}

void checker::expect_every_tick(const std::string& job, const std::vector<wall_time>& ticks, const std::vector<ledger::tick_row>& rows) {
  std::uint64_t listed = 0;
  for (const auto tick : ticks) {
    ++listed;
    if (is_lost_tick(job, tick)) continue;  // it may have no row, or one that its owner restored inside another's
    const auto covering =
        std::ranges::count_if(rows, [&](const auto& row) { return row.key.tick <= tick && tick <= row.until.value_or(row.key.tick); });
    if (covering == 0) broken("G3", job + "@" + to_rfc3339(tick).substr(11, 8) + " has no row", tick - ticks.front());
    if (covering > 1) broken("G1", job + "@" + to_rfc3339(tick).substr(11, 8) + " has two rows", tick - ticks.front());
    if (covering == 0) --listed;
  }
  std::uint64_t counted = 0;
  for (const auto& r : rows) {
    if (!ticks.empty() && r.until.value_or(r.key.tick) <= ticks.back()) counted += r.count;
  }
  if (counted > listed && std::ranges::none_of(lost_rows_, [&](const auto& lost) { return lost.key.job == job; }))
    broken("G1", job + " has rows for " + std::to_string(counted) + " ticks, of " + std::to_string(listed), {});
}

}  // namespace baton::simulation

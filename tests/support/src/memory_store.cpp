#include "baton/testing/memory_store.hpp"

#include <algorithm>

#include "baton/base/utf8.hpp"
#include "baton/lock/name.hpp"

namespace baton::testing {

using ledger::row_state;
using ledger::tick_key;
using ledger::tick_row;

constexpr std::size_t text_limit = 4096;

void memory_store::restart() {
  while (!sessions_.empty()) end(sessions_.begin()->first);
  ++identity_.started;
}

// ---- commits, and their loss

void memory_store::begin_commit() {
  constexpr std::size_t kept = 64;
  commits_.emplace_back();
  if (commits_.size() > kept) commits_.pop_front();
}

void memory_store::set_fence(tables& t, const std::string& name, std::uint64_t fence) {
  auto& known = t.fences[name].fence;
  commits_.back().push_back({&t, {}, {}, name, known});
  known = fence;
}

std::vector<memory_store::lost_write> memory_store::fail_over(std::size_t lost_commits) {
  restart();
  identity_.uuid = "memory-" + std::to_string(identity_.started);
  std::vector<lost_write> lost;
  for (; lost_commits > 0 && !commits_.empty(); --lost_commits) {
    const auto commit = std::move(commits_.back());
    commits_.pop_back();
    for (auto it = commit.rbegin(); it != commit.rend(); ++it) {
      if (it->fence_was) it->of->fences[it->fence].fence = *it->fence_was;
      if (!it->row) continue;
      const auto cluster = std::ranges::find_if(tables_, [&](const auto& entry) { return &entry.second == it->of; });
      auto& t = *it->of;
      lost.push_back({cluster->first, t.ticks.at(*it->row).row, std::nullopt});
      t.open.erase(*it->row);
      if (!it->row_was) {
        t.ticks.erase(*it->row);
        continue;
      }
      lost.back().is = it->row_was->row;
      if (ledger::is_open(it->row_was->row.state)) t.open.insert(*it->row);
      t.ticks[*it->row] = *it->row_was;
    }
  }
  return lost;
}

std::optional<memory_store::connection> memory_store::owner_of(const std::string& lock_name) {
  end_silent();
  const auto it = locks_.find(lock_name);
  return it == locks_.end() ? std::nullopt : std::optional{it->second};
}

std::size_t memory_store::locks_held() {
  end_silent();
  return locks_.size();
}

std::vector<memory_store::connection> memory_store::connections() {
  end_silent();
  std::vector<connection> all;
  for (const auto& [id, s] : sessions_) all.push_back(id);
  return all;
}

std::vector<tick_row> memory_store::rows(const std::string& cluster) const {
  std::vector<tick_row> all;
  if (const auto t = tables_.find(cluster); t != tables_.end()) {
    for (const auto& [key, stored] : t->second.ticks) all.push_back(stored.row);
  }
  return all;
}

std::optional<tick_row> memory_store::row(const std::string& cluster, const tick_key& key) const {
  const auto t = tables_.find(cluster);
  if (t == tables_.end()) return std::nullopt;
  const auto it = t->second.ticks.find(key);
  return it == t->second.ticks.end() ? std::nullopt : std::optional{it->second.row};
}

std::optional<ledger::registered_job> memory_store::registered(const std::string& cluster, const std::string& job) const {
  const auto t = tables_.find(cluster);
  if (t == tables_.end()) return std::nullopt;
  const auto it = t->second.jobs.find(job);
  if (it == t->second.jobs.end() || !it->second.registered) return std::nullopt;
  return ledger::registered_job{job, it->second.effective_since, last_decided(t->second, job),
                                it->second.standing.stopped != ledger::reason_code::none, last_success(t->second, job)};
}

std::set<std::string> memory_store::heartbeats(const std::string& cluster) const {
  const auto t = tables_.find(cluster);
  std::set<std::string> incarnations;
  if (t != tables_.end())
    for (const auto& [incarnation, told] : t->second.instances) incarnations.insert(incarnation);
  return incarnations;
}

// ---- what people ask for

void memory_store::set_paused(const std::string& cluster, const std::string& job, bool paused) {
  auto& known = tables_[cluster].jobs[job];
  known.standing.paused = paused;
  known.standing.settle(clock_.now().wall);
  known.changed = clock_.now().wall;
}

void memory_store::order(const std::string& cluster, const std::string& job, wall_time tick) {
  auto& t = tables_[cluster];
  tick_row row;
  row.key = {job, tick, ledger::tick_kind::trigger};
  row.lock_name = t.jobs.at(job).lock_name;
  row.state = row_state::pending;
  row.requested = clock_.now().wall;
  begin_commit();
  if (!t.ticks.contains(row.key)) store_row(t, row, clock_.now().wall);
}

void memory_store::cancel(const std::string& cluster, const tick_key& run) {
  auto& t = tables_[cluster];
  if (t.row_locks.contains(run)) return;  // a server would wait for the claim, and find another row then
  const auto it = t.ticks.find(run);
  if (it == t.ticks.end() || !ledger::is_open(it->second.row.state) || it->second.row.cancel) return;
  auto row = it->second.row;
  row.cancel = true;
  if (row.state == row_state::pending) {
    row.state = row_state::finished;
    row.outcome = ledger::run_outcome::cancelled;
    row.finished = clock_.now().wall;
  }
  begin_commit();
  store_row(t, row, clock_.now().wall);
}

void memory_store::set_effective_since(const std::string& cluster, wall_time since) {
  for (auto& [name, job] : tables_[cluster].jobs) job.effective_since = since;
}

void memory_store::set_retries_due(const std::string& cluster) {
  for (auto& [key, stored] : tables_[cluster].ticks) {
    if (stored.row.retry_at) stored.row.retry_at = wall_time{};
  }
}

// ---- connections and named locks

memory_store::connection memory_store::connect(microseconds wait_timeout) {
  end_silent();
  const auto id = next_connection_++;
  sessions_[id] = {wait_timeout, clock_.now().steady, {}};
  return id;
}

bool memory_store::is_open(connection c) {
  end_silent();
  return sessions_.contains(c);
}

void memory_store::end(connection c) {
  const auto it = sessions_.find(c);
  if (it == sessions_.end()) return;
  for (const auto& name : it->second.locks) locks_.erase(name);
  sessions_.erase(it);
  unlock_all(c);
}

void memory_store::end_silent() {
  const auto now = clock_.now().steady;
  std::vector<connection> silent;
  for (const auto& [id, s] : sessions_) {
    if (now - s.last_byte >= s.wait_timeout) silent.push_back(id);
  }
  for (const auto c : silent) end(c);
}

status memory_store::touch(connection c) {
  end_silent();
  const auto it = sessions_.find(c);
  if (it == sessions_.end()) return failure{errc::store_unavailable, "connection " + std::to_string(c) + " has ended"};
  it->second.last_byte = clock_.now().steady;
  return {};
}

result<std::vector<lock::try_outcome>> memory_store::get_locks(connection c, std::span<const std::string> names) {
  if (auto alive = touch(c); !alive) return alive.error();
  std::vector<lock::try_outcome> outcomes;
  for (const auto& name : names) {
    const auto [it, free] = locks_.try_emplace(name, c);
    if (free) sessions_.at(c).locks.insert(name);
    outcomes.push_back(it->second == c ? lock::try_outcome::acquired : lock::try_outcome::busy);  // granted again to who has it
  }
  return outcomes;
}

result<bool> memory_store::hold_incarnation(connection c, const std::string& cluster, const std::string& incarnation) {
  const std::vector name{lock::incarnation_name(cluster, incarnation)};
  if (const auto owner = owner_of(name.front()); owner && owner != c) end(*owner);
  const auto asked = get_locks(c, name);
  if (!asked) return asked.error();
  return asked->front() == lock::try_outcome::acquired;
}

result<std::vector<bool>> memory_store::owned(connection c, std::span<const std::string> names) {
  if (auto alive = touch(c); !alive) return alive.error();
  std::vector<bool> owned;
  for (const auto& name : names) owned.push_back(sessions_.at(c).locks.contains(name));
  return owned;
}

result<lock::probe_reply> memory_store::probe(connection c, std::span<const std::string> names) {
  if (auto alive = touch(c); !alive) return alive.error();
  lock::probe_reply reply{{}, writable_, quorum_, identity_};
  for (const auto& name : names) {
    if (!sessions_.at(c).locks.contains(name)) reply.lost.push_back(name);
  }
  return reply;
}

result<std::vector<lock::release_outcome>> memory_store::release_locks(connection c, std::span<const std::string> names) {
  if (auto alive = touch(c); !alive) return alive.error();
  std::vector<lock::release_outcome> outcomes;
  for (const auto& name : names) {
    const bool held = sessions_.at(c).locks.erase(name) > 0;
    if (held) locks_.erase(name);
    outcomes.push_back(held ? lock::release_outcome::released : lock::release_outcome::not_held);
  }
  return outcomes;
}

// ---- tables

bool memory_store::lock_row(tables& t, const tick_key& key, connection c) {
  const auto [it, free] = t.row_locks.try_emplace(key, c);
  return it->second == c;
}

void memory_store::unlock_all(connection c) {
  for (auto& [cluster, t] : tables_) {
    for (auto& [name, fence] : t.fences) {
      if (fence.locked_by == c) fence.locked_by = 0;
    }
    std::erase_if(t.row_locks, [c](const auto& entry) { return entry.second == c; });
  }
}

void memory_store::store_row(tables& t, tick_row row, wall_time changed) {
  const auto it = t.ticks.find(row.key);
  if (on_commit) on_commit(it == t.ticks.end() ? nullptr : &it->second.row, row);
  write_row(t, std::move(row), changed);
}

void memory_store::write_row(tables& t, tick_row row, wall_time changed) {
  const auto key = row.key;
  const auto it = t.ticks.find(key);
  commits_.back().push_back({&t, key, it == t.ticks.end() ? std::nullopt : std::optional{it->second}, {}, {}});
  auto& stored = t.ticks[key];
  if (ledger::is_open(row.state)) {
    t.open.insert(key);
  } else {
    t.open.erase(key);
  }
  stored = {std::move(row), changed};
}

std::optional<wall_time> memory_store::last_decided(const tables& t, const std::string& job) const {
  std::optional<wall_time> last;
  for (auto it = t.ticks.lower_bound({job, wall_time::max(), ledger::tick_kind::schedule}); it != t.ticks.begin();) {
    --it;
    if (it->first.job != job) break;
    if (it->first.kind == ledger::tick_kind::schedule) {
      last = it->second.row.until.value_or(it->first.tick);
      break;
    }
  }
  const auto known = t.jobs.find(job);
  return known == t.jobs.end() ? last : std::max(last, known->second.low_water);
}

std::optional<wall_time> memory_store::last_success(const tables& t, const std::string& job) {
  std::optional<wall_time> last;
  for (auto it = t.ticks.lower_bound({job, wall_time::min(), {}}); it != t.ticks.end() && it->first.job == job; ++it) {
    if (it->second.row.outcome == ledger::run_outcome::success) last = it->second.row.finished;
  }
  return last;
}

result<std::vector<ledger::registered_job>> memory_store::register_jobs(connection c, const std::string& cluster,
                                                                        std::span<const ledger::job_registration> jobs) {
  if (auto alive = touch(c); !alive) return alive.error();
  auto& t = tables_[cluster];
  std::vector<ledger::registered_job> all;
  for (const auto& job : jobs) {
    t.fences.try_emplace(job.lock_name);
    for (const auto& tag : job.tag_fences) t.fences.try_emplace(tag);
    auto& known = t.jobs[job.job];
    if (!known.registered || known.schedule_hash != job.schedule_hash) known.effective_since = clock_.now().wall;
    known.registered = true;
    known.lock_name = job.lock_name;
    known.schedule_hash = job.schedule_hash;
    known.standing.configured = job.setting;
    known.standing.settle(clock_.now().wall);
    known.changed = clock_.now().wall;
    all.push_back(*registered(cluster, job.job));
  }
  return all;
}

result<std::vector<ledger::finish_outcome>> memory_store::finish(connection c, const std::string& cluster,
                                                                 std::span<const ledger::finish_record> records) {
  if (auto alive = touch(c); !alive) return alive.error();
  auto& t = tables_[cluster];
  for (const auto& record : records) {
    if (const auto it = t.row_locks.find(record.key); it != t.row_locks.end() && it->second != c)
      return failure{errc::store_busy, "the row of " + record.key.job + " is locked by another transaction"};
  }
  std::vector<ledger::finish_outcome> outcomes;
  begin_commit();
  for (const auto& record : records) {
    const auto it = t.ticks.find(record.key);
    const auto state = record.state();
    if (it == t.ticks.end() || it->second.row.state != row_state::running || it->second.row.fence != record.fence) {
      // A finish whose reply was lost is sent again: what it finds is its own work.
      const bool is_own = it != t.ticks.end() && it->second.row.state == state && it->second.row.fence == record.fence &&
                          it->second.row.outcome == record.outcome && it->second.row.finished == record.finished;
      outcomes.push_back(is_own ? ledger::finish_outcome::written : ledger::finish_outcome::fenced);
      continue;
    }
    auto row = it->second.row;
    row.state = state;
    row.outcome = record.outcome;
    row.reason = record.reason;
    row.started = record.started;
    row.finished = record.finished;
    row.retry_at = record.retry_at;
    row.error = storable(record.error, text_limit, keep::first);
    row.output = storable(record.output, text_limit, keep::last);
    store_row(t, std::move(row), clock_.now().wall);
    for (const auto& f : record.followers) {
      auto asked_for = ledger::follower_row(f, record.key.tick, clock_.now().wall);
      if (!t.ticks.contains(asked_for.key)) store_row(t, std::move(asked_for), clock_.now().wall);
    }
    outcomes.push_back(ledger::finish_outcome::written);
  }
  return outcomes;
}

result<ledger::reconcile_reply> memory_store::reconcile(connection c, const ledger::reconcile_request& request) {
  if (auto alive = touch(c); !alive) return alive.error();
  auto& t = tables_[request.cluster];
  if (request.beat) t.instances[request.incarnation] = request;
  ledger::reconcile_reply reply{clock_.now().wall, {}, {}, {}};
  for (const auto& [incarnation, told] : t.instances) {
    if (request.beat && (told.config_hash != request.config_hash || told.tzdata != request.tzdata))
      reply.different.push_back({incarnation, told.instance, told.config_hash, told.tzdata});
  }
  for (const auto& key : t.open) reply.open.push_back(t.ticks.at(key).row);
  for (const auto& [key, stored] : t.ticks) {
    if (stored.changed >= request.ticks_since) reply.changed.push_back({key, stored.row.until, stored.row.state});
  }
  for (const auto& [name, job] : t.jobs) {
    if (job.registered && job.changed >= request.jobs_since)
      reply.jobs.push_back({name, job.schedule_hash, job.standing.stopped != ledger::reason_code::none});
  }
  return reply;
}

status memory_store::request_cancel(connection c, const std::string& cluster, std::span<const tick_key> runs) {
  if (auto alive = touch(c); !alive) return alive.error();
  for (const auto& run : runs) {
    const auto known = row(cluster, run);
    if (known && known->state == row_state::running) cancel(cluster, run);
  }
  return {};
}

/// A row within another's range: the range, whose end is not the newest row's any more, stays decided to there.
void memory_store::keep_range_before(tables& t, const ledger::tick_key& key) {
  if (key.kind != ledger::tick_kind::schedule) return;
  for (auto it = t.ticks.lower_bound(key); it != t.ticks.begin();) {
    --it;
    if (it->first.job != key.job) return;
    if (it->first.kind != ledger::tick_kind::schedule) continue;
    auto& low_water = t.jobs[key.job].low_water;
    if (const auto until = it->second.row.until; until && *until > key.tick) low_water = std::max(low_water, until);
    return;
  }
}

result<std::uint64_t> memory_store::restore(connection c, const std::string& cluster, std::span<const ledger::own_claim> claims) {
  if (auto alive = touch(c); !alive) return alive.error();
  auto& t = tables_[cluster];
  for (const auto& claim : claims) {
    if (t.fences[claim.row.lock_name].locked_by != 0 || t.row_locks.contains(claim.row.key))
      return failure{errc::store_busy, "lock wait timeout"};
  }
  begin_commit();
  const auto now = clock_.now().wall;
  std::uint64_t restored = 0;
  for (const auto& claim : claims) {
    set_fence(t, claim.row.lock_name, std::max(t.fences.at(claim.row.lock_name).fence, claim.row.fence));
    const auto there = row(cluster, claim.row.key);
    const bool is_lost = !there || ledger::is_older(*there, claim);
    if (is_lost) {
      auto made = claim.row;
      if (there) {
        made.requested = there->requested;
        made.parameters = there->parameters;
        made.cancel = there->cancel;
      }
      write_row(t, std::move(made), now);
      if (!there) keep_range_before(t, claim.row.key);
      ++restored;
    }
    if (on_restore) on_restore(claim.row, t.ticks.at(claim.row.key).row);
    const bool has_ended = is_lost ? claim.row.state == row_state::finished : ledger::is_end_of(*there, claim);
    if (!has_ended) continue;
    for (const auto& f : claim.followers) {
      auto asked_for = ledger::follower_row(f, claim.row.key.tick, now);
      if (!t.ticks.contains(asked_for.key)) write_row(t, std::move(asked_for), now);
    }
  }
  return restored;
}

result<std::uint64_t> memory_store::purge(connection c, const ledger::purge_request& request) {
  if (auto alive = touch(c); !alive) return alive.error();
  auto& t = tables_[request.cluster];
  commits_.clear();  // a purge is not undone
  std::uint64_t deleted = 0;
  for (auto it = t.ticks.begin(); it != t.ticks.end() && deleted < request.at_most;) {
    const auto& row = it->second.row;
    if (ledger::is_open(row.state) || clock_.now().wall - it->second.changed < request.keep) {
      ++it;
      continue;
    }
    auto& low_water = t.jobs[row.key.job].low_water;
    if (row.key.kind == ledger::tick_kind::schedule) low_water = std::max(low_water, std::optional{row.until.value_or(row.key.tick)});
    if (row.lock_name.starts_with(lock::run_name_prefix(request.cluster))) t.fences.erase(row.lock_name);
    it = t.ticks.erase(it);
    ++deleted;
  }
  return deleted;
}

status memory_store::sign_off(connection c, const std::string& cluster, const std::string& incarnation) {
  if (auto alive = touch(c); !alive) return alive.error();
  tables_[cluster].instances.erase(incarnation);
  return {};
}

}  // namespace baton::testing

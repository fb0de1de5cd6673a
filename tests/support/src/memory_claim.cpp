#include <algorithm>

#include "baton/lock/name.hpp"
#include "baton/testing/memory_store.hpp"

namespace baton::testing {

using ledger::name_verdict;
using claim_transaction = memory_store::claim_transaction;

void claim_transaction::advance() {
  BATON_ASSERT(next_ != step::done);
  if (auto alive = store_.touch(connection_); !alive) return fail(alive.error().code, alive.error().context);
  const auto now = std::exchange(next_, static_cast<step>(static_cast<std::uint8_t>(next_) + 1));
  switch (now) {
    case step::lock_fences: return lock_fences();
    case step::read: return read();
    case step::write: return write();
    case step::ask_owners: return ask_owners();
    case step::commit: return commit();
    case step::done: return;
  }
}

result<ledger::claim_reply> claim_transaction::reply() const {
  BATON_ASSERT(next_ == step::done);
  if (error_) return *error_;
  ledger::claim_reply reply{read_at_, left_out_, upcoming_};
  for (const auto& p : names_) reply.names.push_back(p.plan.reply);
  return reply;
}

/// FOR UPDATE SKIP LOCKED, in key order.
void claim_transaction::lock_fences() {
  auto& fences = store_.tables_[request_.cluster].fences;
  const auto leave_out = [this](const ledger::name_claim& name, name_verdict verdict) {
    left_out_.emplace_back().lock_name = name.lock_name;
    left_out_.back().verdict = verdict;
  };
  for (const auto& name : request_.names) {
    const auto it = fences.find(name.lock_name);
    if (it == fences.end()) {
      leave_out(name, name_verdict::unregistered);
    } else if (it->second.locked_by != 0) {
      leave_out(name, name_verdict::fence_busy);
    } else {
      it->second.locked_by = connection_;
      names_.push_back({&name, {}, {}, false});
      names_.back().seen.fence = it->second.fence;
    }
  }
}

void claim_transaction::read() {
  const auto& t = store_.tables_[request_.cluster];
  for (auto& p : names_) {
    for (const auto& key : t.open) {
      const auto& row = t.ticks.at(key).row;
      if (row.lock_name != p.name->lock_name) continue;
      const bool alive =
          row.state == ledger::row_state::running && store_.owner_of(lock::incarnation_name(request_.cluster, row.incarnation)).has_value();
      p.seen.open.push_back({row, alive});
    }
    for (const auto& job : p.name->jobs) {
      const auto known = t.jobs.find(job.job);
      if (known != t.jobs.end())
        p.seen.jobs.push_back({job.job, known->second.standing, known->second.effective_since, known->second.low_water});
      if (job.ticks.empty()) continue;
      auto before = t.ticks.lower_bound({job.job, job.decided_until, {}});
      for (auto it = before; it != t.ticks.end() && it->first.job == job.job; ++it) {
        if (it->first.kind == ledger::tick_kind::schedule && it->first.tick <= job.ticks.back().tick) p.seen.rows.push_back(it->second.row);
      }
      auto n = std::max(ledger::look_back(job), ledger::look_further_back(job, p.seen.rows));
      while (n > 0 && before != t.ticks.begin() && std::prev(before)->first.job == job.job) {
        --before;
        if (before->first.kind != ledger::tick_kind::schedule) continue;
        p.seen.rows.push_back(before->second.row);
        --n;
      }
    }
  }
  for (const auto& next : request_.upcoming) {
    const auto found = t.ticks.find({next.job, next.tick, ledger::tick_kind::schedule});
    if (found != t.ticks.end()) upcoming_.push_back({next.job, next.tick, found->second.row.until.value_or(next.tick)});
  }
  read_at_ = store_.clock_.now().wall;
}

void claim_transaction::write() {
  written_at_ = store_.clock_.now().wall;
  auto& t = store_.tables_[request_.cluster];
  ledger::tag_room room;
  for (const auto& tag : request_.tags) {
    auto& fence = t.fences[tag.fence_name];
    if (fence.locked_by != 0 && fence.locked_by != connection_) return fail(errc::store_busy, "lock wait timeout");
    fence.locked_by = connection_;
    const auto running = std::ranges::count_if(t.open, [&](const auto& key) {
      return t.ticks.at(key).row.state == ledger::row_state::running && std::ranges::find(tag.jobs, key.job) != tag.jobs.end();
    });
    room.push_back(tag.max_running - std::min<std::uint32_t>(tag.max_running, static_cast<std::uint32_t>(running)));
  }
  for (auto& p : names_) {
    p.plan = ledger::decide(request_, *p.name, p.seen, read_at_, room);
    for (const auto& update : p.plan.updates) {
      if (!store_.lock_row(t, update.row.key, connection_)) return fail(errc::store_busy, "lock wait timeout");
      const auto& row = t.ticks.at(update.row.key).row;
      // Its owner wrote the end of its run since we read the row: read it again.
      if (row.state != update.expected_state || row.fence != update.expected_fence) refuse(p, name_verdict::fence_busy);
    }
    for (const auto& row : p.plan.inserts) {
      if (!store_.lock_row(t, row.key, connection_)) return fail(errc::store_busy, "lock wait timeout");
      if (t.ticks.contains(row.key)) return fail(errc::store_busy, "duplicate entry");
    }
  }
}

void claim_transaction::ask_owners() {
  for (auto& p : names_) {
    if (p.plan.writes() && !p.refused && store_.owner_of(p.name->lock_name) != p.name->lock_connection) refuse(p, name_verdict::not_owner);
  }
}

void claim_transaction::commit() {
  auto& t = store_.tables_[request_.cluster];
  store_.begin_commit();
  for (auto& p : names_) {
    if (p.refused) continue;
    for (auto& update : p.plan.updates) store_.store_row(t, update.row, written_at_);
    for (auto& row : p.plan.inserts) store_.store_row(t, row, written_at_);
    for (const auto& name : p.plan.new_names) t.fences.try_emplace(name);
    for (auto& row : p.plan.followers) {
      if (!t.ticks.contains(row.key)) store_.store_row(t, row, written_at_);
    }
    if (p.plan.new_fence) store_.set_fence(t, p.name->lock_name, *p.plan.new_fence);
  }
  store_.unlock_all(connection_);
}

void claim_transaction::refuse(planned& p, name_verdict verdict) {
  p.refused = true;
  p.plan = {};
  p.plan.reply.lock_name = p.name->lock_name;
  p.plan.reply.verdict = verdict;
}

void claim_transaction::fail(errc code, std::string why) {
  store_.unlock_all(connection_);
  error_ = failure{code, std::move(why)};
  next_ = step::done;
}

}  // namespace baton::testing

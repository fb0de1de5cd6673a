#include "claim.hpp"

#include <algorithm>
#include <map>

#include "baton/lock/name.hpp"
#include "lock_file.hpp"
#include "rows.hpp"

namespace baton::local {
namespace {

using ledger::name_claim;
using ledger::name_plan;
using ledger::name_snapshot;
using ledger::name_verdict;
using names = std::vector<const name_claim*>;
using verdicts = std::map<std::string, name_verdict, std::less<>>;

/// One claim. SQLite has one writer at a time: what a fence row's lock is elsewhere is the whole transaction here.
class claimer {
 public:
  claimer(database& db, const directory& where, const clock& time, const ledger::claim_request& request)
      : db_(db), where_(where), time_(time), request_(request) {}

  /// A name that turns out not to be ours is left out, and the others are decided again without it.
  result<ledger::claim_reply> claim() {
    names wanted;
    for (const auto& name : request_.names) wanted.push_back(&name);
    ledger::claim_reply reply;
    for (;;) {
      if (auto begun = db_.begin_write(); !begun) return std::move(begun).error().in("claim");
      reply.store_now = time_.now().wall;
      std::vector<name_plan> plans;
      names unregistered;
      auto room = read_room();
      reply.upcoming = look_ahead();
      for (const auto* name : wanted) {
        if (const auto seen = read(*name)) {
          plans.push_back(ledger::decide(request_, *name, *seen, reply.store_now, room));
        } else {
          unregistered.push_back(name);
        }
      }
      for (const auto& plan : plans) write(plan, reply.store_now);
      const auto refused = ask_owners(plans, wanted);
      const bool writes = std::ranges::any_of(plans, &name_plan::writes);
      if (!db_.has_failed() && (!writes || !refused.empty())) {
        db_.rollback();
      } else if (auto done = db_.commit(); !done) {
        return std::move(done).error().in("claim");
      }
      for (const auto& [name, verdict] : refused) add(reply, name, verdict);
      if (refused.empty()) {
        for (auto& plan : plans) reply.names.push_back(std::move(plan.reply));
        for (const auto* name : unregistered) add(reply, name->lock_name, name_verdict::unregistered);
        return reply;
      }
      std::erase_if(wanted, [&](const auto* name) { return refused.contains(name->lock_name); });
    }
  }

 private:
  static void add(ledger::claim_reply& reply, const std::string& name, name_verdict verdict) {
    auto& made = reply.names.emplace_back();
    made.lock_name = name;
    made.verdict = verdict;
  }

  std::vector<ledger::upcoming_tick> look_ahead() {
    std::vector<ledger::upcoming_tick> there;
    for (const auto& next : request_.upcoming) {
      auto found = db_.query("SELECT until_tick FROM baton_tick WHERE cluster=? AND job=? AND tick=? AND kind=1", request_.cluster,
                             next.job, next.tick);
      if (found.next()) there.push_back({next.job, next.tick, found.time(0).value_or(next.tick)});
    }
    return there;
  }

  ledger::tag_room read_room() {
    static const std::string count = "SELECT COUNT(*) FROM baton_tick WHERE cluster=? AND " + open_states + " AND state=1 AND job=?";
    ledger::tag_room room;
    for (const auto& tag : request_.tags) {
      std::uint64_t running = 0;
      for (const auto& job : tag.jobs) {
        if (auto found = db_.query(count, request_.cluster, job); found.next()) running += found.number(0);
      }
      room.push_back(tag.max_running - static_cast<std::uint32_t>(std::min<std::uint64_t>(tag.max_running, running)));
    }
    return room;
  }

  /// nullopt: the name has no fence row.
  std::optional<name_snapshot> read(const name_claim& name) {
    static const std::string open_rows =
        "SELECT " + tick_columns + " FROM baton_tick WHERE cluster=? AND " + open_states + " AND lock_name=?";
    name_snapshot seen;
    {
      auto fence = db_.query("SELECT fence FROM baton_fence WHERE lock_name=?", name.lock_name);
      if (!fence.next()) return std::nullopt;
      seen.fence = fence.number(0);
    }
    {
      auto rows = db_.query(open_rows, request_.cluster, name.lock_name);
      while (rows.next()) seen.open.push_back({read_tick_row(rows), false});
    }
    for (auto& open : seen.open) open.owner_alive = open.row.state == ledger::row_state::running && is_alive(open.row.incarnation);
    for (const auto& job : name.jobs) read_job(job, seen);
    return seen;
  }

  void read_job(const ledger::job_claim& job, name_snapshot& seen) {
    static const std::string standing =
        "SELECT effective_since,low_water," + standing_columns + " FROM baton_job WHERE cluster=? AND job=?";
    static const std::string of_job = "SELECT " + tick_columns + " FROM baton_tick WHERE cluster=? AND job=? AND kind=1 AND ";
    static const std::string between = of_job + "tick BETWEEN ? AND ? ORDER BY tick";
    static const std::string before = of_job + "tick<? ORDER BY tick DESC LIMIT ?";
    if (auto found = db_.query(standing, request_.cluster, job.job); found.next())
      seen.jobs.push_back({job.job, read_standing(found, 2), found.time(0).value_or(wall_time{}), found.time(1)});
    if (job.ticks.empty()) return;
    {
      auto rows = db_.query(between, request_.cluster, job.job, job.decided_until, job.ticks.back().tick);
      while (rows.next()) seen.rows.push_back(read_tick_row(rows));
    }
    const auto further = std::max(ledger::look_back(job), ledger::look_further_back(job, seen.rows));
    if (further == 0) return;
    auto rows = db_.query(before, request_.cluster, job.job, job.decided_until, further);
    while (rows.next()) seen.rows.push_back(read_tick_row(rows));
  }

  bool is_alive(const std::string& incarnation) {
    auto held = is_held(where_, lock::incarnation_name(request_.cluster, incarnation));
    if (held) return *held;
    db_.fail(std::move(held).error());
    return true;
  }

  void write(const name_plan& plan, wall_time now) {
    for (const auto& update : plan.updates) {
      const auto& row = update.row;
      const auto changed = db_.run(
          "UPDATE baton_tick SET state=?,fence=?,incarnation=?,instance=?,attempt=?,claimed=?,started=?,finished=?,outcome=?,reason=?,"
          "retry_at=?,error=?,lock_name=?,changed=? WHERE cluster=? AND job=? AND tick=? AND kind=? AND state=? AND fence=?",
          row.state, row.fence, row.incarnation, row.instance, row.attempt, row.claimed, row.started, row.finished, row.outcome, row.reason,
          row.retry_at, row.error, row.lock_name, now, request_.cluster, row.key.job, row.key.tick, row.key.kind, update.expected_state,
          update.expected_fence);
      if (changed != 1) db_.fail({errc::store_query, "a row of " + row.key.job + " that was read in this transaction is another one now"});
    }
    for (const auto& row : plan.inserts) insert_tick_row(db_, request_.cluster, row, now, if_there::fail);
    for (const auto& name : plan.new_names) db_.run("INSERT OR IGNORE INTO baton_fence (lock_name,fence) VALUES (?,0)", name);
    for (auto row : plan.followers) {
      row.requested = now;
      insert_tick_row(db_, request_.cluster, row, now, if_there::keep);
    }
    if (plan.new_fence) db_.run("UPDATE baton_fence SET fence=? WHERE lock_name=?", *plan.new_fence, plan.reply.lock_name);
  }

  /// Last, while nobody else can claim: whoever is granted a name from here on claims behind us.
  verdicts ask_owners(const std::vector<name_plan>& plans, const names& wanted) {
    verdicts refused;
    for (const auto& plan : plans) {
      if (!plan.writes()) continue;
      const auto& name = plan.reply.lock_name;
      const auto* asked = *std::ranges::find(wanted, name, [](const auto* n) -> const std::string& { return n->lock_name; });
      auto held = is_held(where_, name, asked->lock_connection);
      if (!held) {
        db_.fail(std::move(held).error());
      } else if (!*held) {
        refused[name] = name_verdict::not_owner;
      }
    }
    return refused;
  }

  database& db_;
  const directory& where_;
  const clock& time_;
  const ledger::claim_request& request_;
};

}  // namespace

result<ledger::claim_reply> claim(database& db, const directory& where, const clock& time, const ledger::claim_request& request) {
  if (auto there = where.still_in_place(); !there) return std::move(there).error().in("claim");
  if (!request.names.empty()) return claimer{db, where, time, request}.claim();
  return ledger::claim_reply{time.now().wall, {}};
}

}  // namespace baton::local

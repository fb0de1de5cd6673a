#include "claim.hpp"

#include <algorithm>
#include <map>
#include <span>

#include "rows.hpp"

namespace baton::mysql {
namespace {

using ledger::name_claim;
using ledger::name_plan;
using ledger::name_reply;
using ledger::name_snapshot;
using ledger::name_verdict;
using names = std::vector<const name_claim*>;

constexpr unsigned duplicate_entry = 1062;

const std::string& name_of(const name_claim* n) { return n->lock_name; }

result<wall_time> server_time(connection& link) {
  auto asked = link.run("SELECT UTC_TIMESTAMP(6)");
  if (!asked) return std::move(asked).error().in("claim");
  const auto now = asked->front().next() ? asked->front().time(0) : std::nullopt;
  if (!now) return failure{errc::store_query, "claim: the server does not tell its time"};
  return *now;
}

struct snapshot {
  wall_time now{};
  std::map<std::string, name_snapshot, std::less<>> locked;  ///< names whose fence row is ours till the end of the transaction
  ledger::tag_room room;
  std::vector<ledger::upcoming_tick> upcoming;
};

/// One claim, through as many transactions as it takes.
class claimer {
 public:
  claimer(connection& link, const ledger::claim_request& request) : link_(link), request_(request) {}

  /// Deadlocks and lock waits: once more, then in halves.
  result<ledger::claim_reply> claim(const names& wanted) {
    auto reply = once(wanted);
    if (!reply && reply.error().code == errc::store_busy) reply = once(wanted);
    if (reply || reply.error().code != errc::store_busy || wanted.size() < 2) return reply;
    const auto middle = wanted.begin() + static_cast<std::ptrdiff_t>(wanted.size() / 2);
    auto whole = half({wanted.begin(), middle});
    if (!whole) return whole;
    auto rest = half({middle, wanted.end()});
    if (!rest) return rest;
    std::ranges::move(rest->names, std::back_inserter(whole->names));
    whole->store_now = std::max(whole->store_now, rest->store_now);
    if (whole->store_now == wall_time{}) return reply;  // neither half came to anything
    return whole;
  }

 private:
  /// A half that stays busy does not take back what the other half committed: its names are asked for again.
  result<ledger::claim_reply> half(const names& wanted) {
    auto reply = claim(wanted);
    if (reply || reply.error().code != errc::store_busy) return reply;
    ledger::claim_reply busy;
    for (const auto* name : wanted) busy.names.push_back(settled(*name, name_verdict::fence_busy));
    return busy;
  }

  static name_reply settled(const name_claim& name, name_verdict verdict) {
    name_reply reply;
    reply.lock_name = name.lock_name;
    reply.verdict = verdict;
    return reply;
  }

  result<ledger::claim_reply> once(names wanted) {
    ledger::claim_reply reply;
    for (;;) {
      auto seen = read(wanted);
      if (!seen) return rolled_back(std::move(seen).error());
      reply.store_now = seen->now;
      reply.upcoming = std::move(seen->upcoming);
      std::vector<name_plan> plans;
      names left_out;
      for (const auto* name : wanted) {
        const auto it = seen->locked.find(name->lock_name);
        if (it == seen->locked.end()) {
          left_out.push_back(name);
        } else {
          plans.push_back(ledger::decide(request_, *name, it->second, seen->now, seen->room));
        }
      }
      auto refused = write(plans, wanted);
      if (!refused) return rolled_back(std::move(refused).error());
      if (refused->empty()) {
        for (auto& plan : plans) reply.names.push_back(std::move(plan.reply));
        if (!left_out.empty()) sort_out(left_out, reply);
        return reply;
      }
      std::erase_if(wanted, [&](const auto* name) { return refused->contains(name->lock_name); });
      for (const auto& [name, verdict] : *refused) {
        auto& left = reply.names.emplace_back();
        left.lock_name = name;
        left.verdict = verdict;
      }
      if (wanted.empty()) return reply;
    }
  }

  failure rolled_back(failure error) {
    if (link_.last_error() == duplicate_entry) error.code = errc::store_busy;  // inserted under another lock name: read again
    if (error.code == errc::store_unavailable) return error;
    auto undone = link_.run("ROLLBACK");
    return undone ? std::move(error) : std::move(undone).error();
  }

  /// Round trip 1. The fence rows are locked first: only then is what the others have written final.
  result<snapshot> read(const names& wanted) {
    snapshot seen;
    std::map<std::string, std::string, std::less<>> name_of_job;
    sql_writer sql{link_};
    std::vector<std::string_view> fences;
    for (const auto* name : wanted) fences.emplace_back(name->lock_name);
    for (const auto& tag : request_.tags) fences.emplace_back(tag.fence_name);
    const auto itself = [](std::string_view text) { return text; };
    if (!request_.upcoming.empty()) append_look_ahead(sql);
    sql.raw("START TRANSACTION;SELECT lock_name,fence,UTC_TIMESTAMP(6) FROM baton_fence FORCE INDEX (PRIMARY) WHERE lock_name ");
    sql.in(fences, itself);
    sql.raw(" ORDER BY lock_name FOR UPDATE SKIP LOCKED;SELECT ").raw(read_columns);
    sql.raw(",state=1 AND IS_USED_LOCK(CONCAT('baton:',cluster,':~i:',incarnation)) IS NOT NULL FROM baton_tick FORCE INDEX (open_rows)");
    sql.raw(" WHERE cluster=").text(request_.cluster).raw(" AND ").raw(open_states).raw(" AND lock_name ").in(wanted, name_of);
    std::vector<const ledger::job_claim*> jobs;
    for (const auto* name : wanted) {
      for (const auto& job : name->jobs) {
        jobs.push_back(&job);
        name_of_job.emplace(job.job, name->lock_name);
      }
    }
    const auto job_name = [](const auto* job) -> const std::string& { return job->job; };
    if (jobs.empty()) {
      sql.raw(";DO 0");
    } else {
      sql.raw(";SELECT job,effective_since,low_water,").raw(standing_columns).raw(" FROM baton_job WHERE cluster=");
      sql.text(request_.cluster).raw(" AND job ").in(jobs, job_name);
    }
    std::erase_if(jobs, [](const auto* job) { return job->ticks.empty(); });
    if (jobs.empty()) {
      sql.raw(";DO 0");
    } else {
      sql.raw(";SELECT ").raw(read_columns).raw(" FROM baton_tick FORCE INDEX (PRIMARY) WHERE cluster=").text(request_.cluster);
      const char* separator = " AND kind=1 AND (";
      for (const auto* job : jobs) {
        sql.raw(separator).raw("(job=").text(job->job).raw(" AND tick BETWEEN ").time(job->decided_until);
        sql.raw(" AND ").time(job->ticks.back().tick).raw(")");
        separator = " OR ";
      }
      sql.raw(")");
      for (const auto* job : jobs) {
        const auto before = ledger::look_back(*job);
        if (before > 0) append_rows_before(sql.raw(" UNION ALL "), *job, before);
      }
    }
    for (const auto& tag : request_.tags) {
      sql.raw(";SELECT COUNT(*) FROM baton_tick FORCE INDEX (open_rows) WHERE cluster=").text(request_.cluster);
      sql.raw(" AND state=1 AND job ").in(tag.jobs, itself);
    }
    auto answered = link_.run(sql.sql());
    if (!answered) return std::move(answered).error().in("claim");

    auto& answers = *answered;
    if (!request_.upcoming.empty() && !answers.empty()) {
      auto& rows = answers.front();
      while (rows.next()) {
        const auto tick = rows.time(1).value_or(wall_time{});
        seen.upcoming.push_back({rows.text(0), tick, rows.time(2).value_or(tick)});
      }
      answers.erase(answers.begin());
    }
    if (answers.size() != 5 + request_.tags.size()) return failure{errc::store_query, "claim: an answer is missing"};
    while (answers[1].next()) {
      seen.locked[answers[1].text(0)].fence = answers[1].number(1);
      seen.now = answers[1].time(2).value_or(seen.now);
    }
    if (seen.locked.empty()) {
      auto now = server_time(link_);
      if (!now) return std::move(now).error();
      seen.now = *now;
    }
    for (std::size_t i = 0; i < request_.tags.size(); ++i) {
      const auto& tag = request_.tags[i];
      const auto running = answers[5 + i].next() ? answers[5 + i].number(0) : std::uint64_t{tag.max_running};
      seen.room.push_back(tag.max_running - static_cast<std::uint32_t>(std::min<std::uint64_t>(tag.max_running, running)));
      if (seen.locked.erase(tag.fence_name) == 0) leave_out_tagged(i, wanted, seen);
    }
    const auto locked = [&](const std::string& name) {
      const auto it = seen.locked.find(name);
      return it == seen.locked.end() ? nullptr : &it->second;
    };
    while (answers[2].next()) {
      auto row = read_tick_row(answers[2]);
      if (auto* name = locked(row.lock_name)) name->open.push_back({std::move(row), answers[2].is_true(read_column_count)});
    }
    while (answers[3].next()) {
      if (auto* name = locked(name_of_job[answers[3].text(0)]))
        name->jobs.push_back(
            {answers[3].text(0), read_standing(answers[3], 3), answers[3].time(1).value_or(wall_time{}), answers[3].time(2)});
    }
    const auto keep_rows = [&](auto& answer) {
      while (answer.next()) {
        auto row = read_tick_row(answer);
        if (auto* name = locked(name_of_job[row.key.job])) name->rows.push_back(std::move(row));
      }
    };
    keep_rows(answers[4]);

    sql_writer further{link_};
    for (const auto* job : jobs) {
      const auto* name = locked(name_of_job[job->job]);
      const auto before = name == nullptr ? 0 : ledger::look_further_back(*job, name->rows);
      if (before > 0) append_rows_before(further.raw(further.sql().empty() ? "" : " UNION ALL "), *job, before);
    }
    if (further.sql().empty()) return seen;
    auto rows_before = link_.run(further.sql());
    if (!rows_before) return std::move(rows_before).error().in("claim");
    keep_rows(rows_before->front());
    return seen;
  }

  /// Before the transaction: no lock waits for it.
  void append_look_ahead(sql_writer& sql) {
    std::map<wall_time, std::vector<std::string_view>> jobs_of;
    for (const auto& next : request_.upcoming) jobs_of[next.tick].emplace_back(next.job);
    const char* separator = "";
    for (const auto& [tick, jobs] : jobs_of) {
      sql.raw(std::exchange(separator, " UNION ALL "))
          .raw("SELECT job,tick,until_tick FROM baton_tick FORCE INDEX (PRIMARY) WHERE cluster=");
      sql.text(request_.cluster).raw(" AND kind=1 AND tick=").time(tick).raw(" AND job ").in(jobs, [](std::string_view job) {
        return job;
      });
    }
    sql.raw(";");
  }

  void append_rows_before(sql_writer& sql, const ledger::job_claim& job, std::size_t count) {
    sql.raw("(SELECT ").raw(read_columns).raw(" FROM baton_tick FORCE INDEX (PRIMARY) WHERE cluster=").text(request_.cluster);
    sql.raw(" AND job=").text(job.job).raw(" AND tick<").time(job.decided_until).raw(" AND kind=1 ORDER BY tick DESC LIMIT ");
    sql.number(count).raw(")");
  }

  /// Another claim has the row of a tag: names whose jobs have it are not ours to decide now.
  static void leave_out_tagged(std::size_t tag, const names& wanted, snapshot& seen) {
    for (const auto* name : wanted) {
      const auto has_tag = [&](const auto& job) { return std::ranges::find(job.tags, tag) != job.tags.end(); };
      if (std::ranges::any_of(name->jobs, has_tag)) seen.locked.erase(name->lock_name);
    }
  }

  /// Round trips 2 and 3. Ends the transaction: committed when no name was refused, else rolled back.
  result<std::map<std::string, name_verdict, std::less<>>> write(const std::vector<name_plan>& plans, const names& wanted) {
    std::map<std::string, name_verdict, std::less<>> refused;
    std::vector<const ledger::tick_row*> inserts;
    std::vector<const ledger::tick_row*> followers;
    std::vector<std::pair<const name_plan::row_update*, const name_plan*>> updates;
    std::vector<std::string_view> new_names;
    std::map<std::uint64_t, std::vector<std::string>> fences;
    std::vector<const name_claim*> asked;
    for (const auto& plan : plans) {
      for (const auto& row : plan.inserts) inserts.push_back(&row);
      for (const auto& row : plan.followers) followers.push_back(&row);
      for (const auto& name : plan.new_names) new_names.emplace_back(name);
      for (const auto& update : plan.updates) updates.emplace_back(&update, &plan);
      if (plan.new_fence) fences[*plan.new_fence].push_back(plan.reply.lock_name);
      if (!plan.writes()) continue;
      asked.push_back(*std::ranges::find(wanted, plan.reply.lock_name, name_of));
    }
    if (asked.empty()) {
      auto ended = link_.run("ROLLBACK");
      if (!ended) return std::move(ended).error();
      return refused;
    }
    std::ranges::sort(
        inserts, {}, [](const auto* row) -> const auto& { return row->key; });
    std::ranges::sort(
        updates, {}, [](const auto& update) -> const auto& { return update.first->row.key; });

    sql_writer sql{link_};
    for (const auto& [update, plan] : updates) append_update(sql, *update, plan->reply.lock_name);
    if (!inserts.empty()) {
      sql.raw("INSERT INTO baton_tick (cluster,").raw(tick_columns).raw(",output,changed) VALUES ");
      for (const auto* row : inserts) sql.raw(row == inserts.front() ? "(" : ",(").columns(request_.cluster, *row).raw(")");
      sql.raw(";");
    }
    if (!followers.empty()) {
      sql.raw("INSERT IGNORE INTO baton_tick (cluster,").raw(tick_columns).raw(",output,changed,requested) VALUES ");
      for (const auto* row : followers)
        sql.raw(row == followers.front() ? "(" : ",(").columns(request_.cluster, *row).raw(",UTC_TIMESTAMP(6))");
      sql.raw(";");
    }
    if (!new_names.empty()) {
      std::ranges::sort(new_names);
      sql.raw("INSERT IGNORE INTO baton_fence (lock_name,fence) VALUES ");
      for (const auto name : new_names) sql.raw(name.data() == new_names.front().data() ? "(" : ",(").text(name).raw(",0)");
      sql.raw(";");
    }
    for (const auto& [fence, of] : fences)
      sql.raw("UPDATE baton_fence SET fence=")
          .number(fence)
          .raw(" WHERE lock_name ")
          .in(
              of, [](const auto& n) -> const auto& { return n; })
          .raw(";");
    // Last, with the fence rows locked: whoever is granted a name from here on claims behind us.
    sql.raw("SELECT ");
    for (const auto* name : asked)
      sql.raw(name == asked.front() ? "" : ",")
          .raw("COALESCE(IS_USED_LOCK(")
          .text(name->lock_name)
          .raw(")=")
          .number(name->lock_connection)
          .raw(",0)");
    auto answered = link_.run(sql.sql());
    if (!answered) return std::move(answered).error().in("claim");

    for (std::size_t i = 0; i < updates.size(); ++i) {
      // Its owner wrote the end of its run since we read the row: read it again.
      if ((*answered)[i].matched() != 1) refused[updates[i].second->reply.lock_name] = name_verdict::fence_busy;
    }
    auto& owned = answered->back();
    const bool answers_each = owned.next() && owned.columns() == asked.size();
    for (unsigned i = 0; i < asked.size(); ++i) {
      if (!answers_each || !owned.is_true(i)) refused[asked[i]->lock_name] = name_verdict::not_owner;
    }
    auto ended = link_.run(refused.empty() ? "COMMIT" : "ROLLBACK");
    if (!ended) return std::move(ended).error().in("claim");
    return refused;
  }

  void append_update(sql_writer& sql, const name_plan::row_update& update, const std::string& read_under) {
    const auto& row = update.row;
    const auto code = [](auto value) { return static_cast<std::uint64_t>(value); };
    sql.raw("UPDATE baton_tick SET state=").number(code(row.state)).raw(",fence=").number(row.fence);
    sql.raw(",incarnation=").text(row.incarnation).raw(",instance=").text(row.instance).raw(",attempt=").number(row.attempt);
    sql.raw(",claimed=").time(row.claimed).raw(",started=").time(row.started).raw(",finished=").time(row.finished);
    sql.raw(",outcome=").number(code(row.outcome)).raw(",reason=").number(code(row.reason)).raw(",retry_at=").time(row.retry_at);
    if (row.lock_name != read_under) sql.raw(",lock_name=").text(row.lock_name);
    sql.raw(",error=").text(storable(row.error, text_limit, keep::first)).raw(",changed=UTC_TIMESTAMP(6) WHERE ");
    sql.key(request_.cluster, row.key).raw(" AND state=").number(code(update.expected_state));
    sql.raw(" AND fence=").number(update.expected_fence).raw(";");
  }

  /// Names whose fence row was not to be had: locked by another transaction, or not there.
  void sort_out(const names& left_out, ledger::claim_reply& reply) {
    sql_writer sql{link_};
    sql.raw("SELECT lock_name FROM baton_fence WHERE lock_name ").in(left_out, name_of);
    auto answered = link_.run(sql.sql());
    std::vector<std::string> present;
    // The rest is committed: an error here must not hide it.
    while (answered && answered->front().next()) present.push_back(answered->front().text(0));
    for (const auto* name : left_out) {
      const bool busy = !answered || std::ranges::find(present, name->lock_name) != present.end();
      reply.names.push_back(settled(*name, busy ? name_verdict::fence_busy : name_verdict::unregistered));
    }
  }

  connection& link_;
  const ledger::claim_request& request_;
};

}  // namespace

result<ledger::claim_reply> claim(connection& link, const ledger::claim_request& request) {
  names wanted;
  for (const auto& name : request.names) wanted.push_back(&name);
  if (!wanted.empty()) return claimer{link, request}.claim(wanted);
  auto now = server_time(link);
  if (!now) return std::move(now).error();
  ledger::claim_reply reply;
  reply.store_now = *now;
  return reply;
}

}  // namespace baton::mysql

#include "ledger_fixture.hpp"

namespace baton::mysql::testing {

using std::chrono::seconds;

const ledger::name_reply& reply_of(const ledger::claim_reply& reply, const std::string& lock_name) {
  for (const auto& name : reply.names) {
    if (name.lock_name == lock_name) return name;
  }
  throw std::runtime_error{"no reply for " + lock_name};
}

ledger::finish_record finish_of(const ledger::claimed_run& run, wall_time now) {
  ledger::finish_record record;
  record.key = run.key;
  record.fence = run.fence;
  record.outcome = ledger::run_outcome::success;
  record.started = run.claimed;
  record.finished = now;
  return record;
}

instance::instance(const store& where, const std::string& incarnation_text)
    : at(where), incarnation(incarnation_text), ledger(ok(at.open_ledger_session())), locks(ok(at.open_lock_session())) {
  EXPECT_TRUE(ok(ledger->hold_incarnation("t", incarnation)));
}

void instance::register_job(const std::string& job, wall_time since) {
  (void)ok(ledger->register_jobs("t", std::vector<ledger::job_registration>{{job, name(job), "hash"}}));
  store_test::account_sql("UPDATE baton_job SET effective_since='" + to_sql(since) + "' WHERE cluster='t'");
}

ledger::claim_request instance::request(const std::string& job, std::vector<wall_time> ticks) {
  const std::vector names{name(job)};
  if (!ok(locks->owned(names))[0]) {
    EXPECT_EQ(ok(locks->try_acquire(names))[0], lock::try_outcome::acquired) << job;
  }
  return unheld_request(job, std::move(ticks));
}

ledger::claim_request instance::unheld_request(const std::string& job, std::vector<wall_time> ticks) const {
  ledger::claim_request made;
  made.cluster = "t";
  made.incarnation = incarnation;
  made.instance = "instance " + incarnation;
  const auto timing = tight();
  made.living_owner_wait = timing.living_owner_wait();
  made.dead_owner_wait = timing.dead_owner_wait();
  made.young_session = timing.wait_timeout;
  auto& claimed = made.names.emplace_back();
  claimed.lock_name = name(job);
  claimed.lock_connection = locks->connection_id();
  claimed.held_for = seconds{60};
  claimed.lock_session_age = seconds{60};
  auto& wanted = claimed.jobs.emplace_back();
  wanted.job = job;
  if (!ticks.empty()) wanted.decided_until = ticks.front() - seconds{60};
  wanted.ticks.assign(ticks.begin(), ticks.end());
  return made;
}

ledger::name_reply instance::claim(const std::string& job, std::vector<wall_time> ticks) {
  return ok(ledger->claim(request(job, std::move(ticks)))).names.at(0);
}

ledger::finish_outcome instance::finish(const ledger::claimed_run& run) {
  return ok(ledger->finish("t", std::vector{finish_of(run, now())})).at(0);
}

ledger::reconcile_reply instance::reconcile(wall_time since) {
  ledger::reconcile_request asked;
  asked.cluster = "t";
  asked.incarnation = incarnation;
  asked.instance = "instance " + incarnation;
  asked.version = "test";
  asked.config_hash = 0xffffffffffff;
  asked.ticks_since = asked.jobs_since = since;
  return ok(ledger->reconcile(asked));
}

std::vector<ledger::tick_row> instance::rows() {
  std::vector<ledger::tick_row> all;
  for (const auto& row : store_test::account_sql("SELECT job,tick,state,outcome,reason,fence,attempt,incarnation FROM baton_tick"
                                                 " WHERE cluster='t' ORDER BY job,tick,kind")) {
    auto& made = all.emplace_back();
    made.key.job = row[0].value_or("");
    made.key.tick = from_sql(row[1].value_or("")).value_or(wall_time{});
    const auto number = [&](std::size_t column) { return std::stoull(row[column].value_or("0")); };
    made.state = static_cast<ledger::row_state>(number(2));
    made.outcome = static_cast<ledger::run_outcome>(number(3));
    made.reason = static_cast<ledger::reason_code>(number(4));
    made.fence = number(5);
    made.attempt = static_cast<std::uint32_t>(number(6));
    made.incarnation = row[7].value_or("");
  }
  return all;
}

}  // namespace baton::mysql::testing

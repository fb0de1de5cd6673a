// What holds for a ledger session of every store.
#include <algorithm>

#include "store_fixture.hpp"

namespace baton::conformance {
namespace {

using ledger::finish_outcome;
using ledger::name_verdict;
using ledger::row_state;
using ledger::run_outcome;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class every_ledger_session : public every_store {
 protected:
  static const ledger::name_reply& reply_of(const ledger::claim_reply& reply, const std::string& lock_name) {
    const auto found = std::ranges::find(reply.names, lock_name, &ledger::name_reply::lock_name);
    if (found == reply.names.end()) throw std::runtime_error{"no reply for " + lock_name};
    return *found;
  }
  /// The tick of "job" was run, from one instant to the other.
  static void run_between(instance& a, wall_time tick, wall_time started, wall_time finished) {
    auto ended = a.success(*a.claim("job", {tick}).run);
    ended.started = started;
    ended.finished = finished;
    ASSERT_EQ(a.finish(ended), finish_outcome::written);
  }
  /// The end of a run of `first`, which the job `second` follows; not yet written.
  static ledger::finish_record success_that_asks_for_second(instance& a, wall_time tick) {
    a.register_job("first", tick - seconds{10});
    a.register_job("second", tick - seconds{10});
    auto record = a.success(*a.claim("first", {tick}).run);
    record.followers = {{"second", a.name("second"), ledger::follower::when::success}};
    return record;
  }
};
BATON_EVERY_STORE(every_ledger_session);

// G1: a tick's first attempt starts once.
TEST_P(every_ledger_session, claims_a_tick_once_and_reports_it_as_a_duplicate_afterwards) {
  auto a = make("a");
  auto b = make("b");
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  const auto first = a.claim("job", {tick});
  ASSERT_EQ(first.verdict, name_verdict::claimed) << static_cast<int>(first.verdict);
  EXPECT_EQ(first.run->key.tick, tick);
  EXPECT_EQ(first.run->attempt, 1U);
  EXPECT_EQ(a.finish(*first.run), finish_outcome::written);
  a.release("job");

  const auto second = b.claim("job", {tick});
  EXPECT_EQ(second.verdict, name_verdict::nothing_due);
  ASSERT_THAT(second.jobs, SizeIs(1));
  EXPECT_EQ(second.jobs[0].duplicates, 1U);
  EXPECT_EQ(second.jobs[0].decided_until, tick);
  EXPECT_THAT(store().rows(), SizeIs(1));
}

TEST_P(every_ledger_session, tells_which_of_the_jobs_to_come_others_have_run_already) {
  auto a = make("a");
  auto b = make("b");
  const auto tick = a.now() - seconds{1};
  for (const auto* job : {"run", "waiting", "other"}) a.register_job(job, tick - seconds{10});
  EXPECT_EQ(a.claim("run", {tick}).verdict, name_verdict::claimed);

  auto request = b.request("other", {tick});
  request.upcoming = {{"run", tick}, {"waiting", tick}, {"run", tick + seconds{1}}, {"unknown", tick}};
  const auto reply = ok(b.ledger->claim(request));
  EXPECT_THAT(reply.upcoming, ElementsAre(ledger::upcoming_tick{"run", tick}));
  EXPECT_EQ(reply_of(reply, b.name("other")).verdict, name_verdict::claimed);
}

// G2, G8: ownership is asked last.
TEST_P(every_ledger_session, writes_nothing_under_a_name_that_its_lock_session_does_not_hold) {
  auto a = make("a");
  const auto tick = a.now() - seconds{1};
  a.register_job("held", tick - seconds{10});
  a.register_job("other", tick - seconds{10});
  auto request = a.request("held", {tick});
  request.names.push_back(a.request("other", {tick}).names[0]);
  a.release("other");
  const auto reply = ok(a.ledger->claim(request));
  EXPECT_EQ(reply_of(reply, a.name("held")).verdict, name_verdict::claimed);
  EXPECT_EQ(reply_of(reply, a.name("other")).verdict, name_verdict::not_owner);
  ASSERT_THAT(store().rows(), SizeIs(1));
  EXPECT_EQ(store().rows()[0].key.job, "held");
}

TEST_P(every_ledger_session, writes_nothing_under_a_name_that_another_session_holds) {
  auto a = make("a");
  auto b = make("b");
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  (void)b.request("job", {tick});
  EXPECT_EQ(ok(a.ledger->claim(a.unheld_request("job", {tick}))).names.at(0).verdict, name_verdict::not_owner);
  EXPECT_THAT(store().rows(), IsEmpty());
}

TEST_P(every_ledger_session, hands_out_rising_fences) {
  std::uint64_t last = 0;
  for (int round = 0; round < 5; ++round) {
    auto a = make("a" + std::to_string(round));
    const auto tick = a.now();  // after the end of the run before it
    a.register_job("job", tick - seconds{100});
    const auto reply = a.claim("job", {tick});
    ASSERT_EQ(reply.verdict, name_verdict::claimed);
    EXPECT_GT(reply.run->fence, last);
    last = reply.run->fence;
    EXPECT_EQ(a.finish(*reply.run), finish_outcome::written);
    a.release("job");
  }
}

TEST_P(every_ledger_session, tells_a_name_without_a_fence_row) {
  auto a = make("a");
  EXPECT_EQ(a.claim("unknown", {a.now() - seconds{1}}).verdict, name_verdict::unregistered);
}

// G12: never early by the store's clock.
TEST_P(every_ledger_session, leaves_a_tick_that_is_early_by_the_stores_clock_to_wait) {
  auto a = make("a");
  const auto tick = a.now() + seconds{30};
  a.register_job("job", tick - seconds{100});
  const auto reply = a.claim("job", {tick});
  EXPECT_EQ(reply.verdict, name_verdict::nothing_due);
  ASSERT_THAT(reply.jobs, SizeIs(1));
  EXPECT_THAT(reply.jobs[0].early, ElementsAre(tick));
  EXPECT_THAT(store().rows(), IsEmpty());
}

// G2, G4: a run whose instance died is waited for, then closed, and the next tick runs.
TEST_P(every_ledger_session, closes_the_run_of_a_dead_owner_only_after_the_wait) {
  auto a = std::make_unique<instance>(store(), "a");
  auto b = make("b");
  const auto tick = a->now() - seconds{5};
  a->register_job("job", tick - seconds{10});
  ASSERT_EQ(a->claim("job", {tick}).verdict, name_verdict::claimed);
  a->release("job");  // its lock session has ended, its ledger session has not

  auto request = b.request("job", {tick + seconds{4}});
  request.names[0].held_for = milliseconds{100};
  const auto alive = ok(b.ledger->claim(request)).names[0];
  EXPECT_EQ(alive.verdict, name_verdict::unresolved);
  EXPECT_FALSE(alive.owner_seen_free);
  a.reset();
  EXPECT_TRUE(eventually([&] { return ok(b.ledger->claim(request)).names[0].owner_seen_free; }));
  EXPECT_EQ(ok(b.ledger->claim(request)).names[0].verdict, name_verdict::unresolved);

  request.names[0].held_for = seconds{2};
  request.names[0].owner_free_for = seconds{2};
  EXPECT_EQ(ok(b.ledger->claim(request)).names[0].verdict, name_verdict::claimed);
  const auto rows = store().rows();
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].state, row_state::finished);
  EXPECT_EQ(rows[0].outcome, run_outcome::crashed);
  EXPECT_EQ(rows[1].state, row_state::running);
}

// G8: a guarded write with an older fence changes zero rows.
TEST_P(every_ledger_session, fences_a_finish_after_a_takeover_and_recognises_a_repeated_one) {
  auto a = make("a");
  auto b = make("b");
  const auto tick = a.now() - seconds{5};
  a.register_job("job", tick - seconds{10});
  const auto taken = *a.claim("job", {tick}).run;
  a.release("job");
  auto request = b.request("job", {tick + seconds{4}});
  request.names[0].held_for = seconds{20};
  const auto next = ok(b.ledger->claim(request)).names[0];
  ASSERT_EQ(next.verdict, name_verdict::claimed);
  EXPECT_EQ(a.finish(taken), finish_outcome::fenced);
  auto stale = *next.run;
  stale.fence -= 1;
  EXPECT_EQ(b.finish(stale), finish_outcome::fenced);
  const auto record = b.success(*next.run);
  EXPECT_EQ(b.finish(record), finish_outcome::written);
  EXPECT_EQ(b.finish(record), finish_outcome::written) << "a repeated finish";
  EXPECT_EQ(store().rows()[0].outcome, run_outcome::crashed);
  EXPECT_EQ(store().rows()[1].outcome, run_outcome::success);
}

TEST_P(every_ledger_session, leaves_a_lost_run_open_for_a_further_attempt) {
  auto a = make("a");
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  auto record = a.success(*a.claim("job", {tick}).run);
  record.outcome = run_outcome::lock_lost;
  record.open_again = true;
  EXPECT_EQ(a.finish(record), finish_outcome::written);
  EXPECT_EQ(a.finish(record), finish_outcome::written) << "a repeated finish";
  EXPECT_EQ(store().rows()[0].state, row_state::retry_due);
  EXPECT_EQ(store().rows()[0].outcome, run_outcome::lock_lost);
  record.outcome = run_outcome::failure;
  EXPECT_EQ(a.finish(record), finish_outcome::fenced);
}

TEST_P(every_ledger_session, takes_its_own_run_again_when_the_reply_to_its_claim_was_lost) {
  auto a = make("a");
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  const auto lost = *a.claim("job", {tick}).run;
  const auto again = a.claim("job", {tick});
  ASSERT_EQ(again.verdict, name_verdict::claimed);
  EXPECT_EQ(again.run->key, lost.key);
  EXPECT_EQ(again.run->attempt, 1U);
  EXPECT_GT(again.run->fence, lost.fence);
}

TEST_P(every_ledger_session, stores_any_text_of_a_handler) {
  auto a = make("a");
  const auto tick = a.now() - seconds{1};
  const std::string job = "it's \"odd\" \\ \xf0\x9f\x8f\x83";
  a.register_job(job, tick - seconds{10});
  auto record = a.success(*a.claim(job, {tick}).run);
  record.outcome = run_outcome::failure;
  record.error = std::string{"bad \xff byte, 'quote', \\, and \0 nul", 34};
  record.output = std::string(9000, 'x') + "\xc3\xa9 end";
  EXPECT_EQ(a.finish(record), finish_outcome::written);
  const auto stored = store().rows().at(0);
  EXPECT_EQ(stored.key.job, job);
  EXPECT_EQ(stored.error, (std::string{"bad ? byte, 'quote', \\, and \0 nul", 34}));
  EXPECT_EQ(stored.output.size(), 4096U);
  EXPECT_THAT(stored.output, ::testing::EndsWith("x\xc3\xa9 end"));
}

TEST_P(every_ledger_session, registers_once_and_restarts_a_job_whose_schedule_changed) {
  auto a = make("a");
  const std::vector<ledger::job_registration> jobs{{"x", a.name("x"), std::string(64, 'h')}, {"y", a.name("x"), "hash-1"}};
  const auto first = ok(a.ledger->register_jobs("t", jobs));
  ASSERT_THAT(first, SizeIs(2));
  EXPECT_EQ(first[0].decided_until, std::nullopt);
  EXPECT_EQ(ok(a.ledger->register_jobs("t", jobs))[0].effective_since, first[0].effective_since);
  auto changed = jobs;
  changed[1].schedule_hash = "hash-2";
  const auto second = ok(a.ledger->register_jobs("t", changed));
  EXPECT_EQ(second[0].effective_since, first[0].effective_since);
  EXPECT_GT(second[1].effective_since, first[1].effective_since);
}

TEST_P(every_ledger_session, tells_a_registering_instance_where_a_job_stands) {
  auto a = make("a");
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  EXPECT_EQ(a.finish(*a.claim("job", {tick}).run), finish_outcome::written);
  const auto known = ok(a.ledger->register_jobs("t", std::vector<ledger::job_registration>{{"job", a.name("job"), "hash"}}));
  ASSERT_THAT(known, SizeIs(1));
  EXPECT_EQ(known[0].decided_until, tick);
  EXPECT_TRUE(known[0].last_success.has_value());
  EXPECT_FALSE(known[0].stopped);
}

TEST_P(every_ledger_session, stops_a_job_that_its_configuration_pauses_and_skips_its_ticks) {
  auto a = make("a");
  std::vector<ledger::job_registration> jobs{{"job", a.name("job"), "hash"}};
  EXPECT_FALSE(ok(a.ledger->register_jobs("t", jobs))[0].stopped);
  jobs[0].setting = ledger::job_setting::disabled;
  EXPECT_TRUE(ok(a.ledger->register_jobs("t", jobs))[0].stopped);
  const auto tick = a.now();
  EXPECT_EQ(a.claim("job", {tick}).verdict, name_verdict::nothing_due);
  ASSERT_THAT(store().rows(), SizeIs(1));
  EXPECT_EQ(store().rows()[0].reason, ledger::reason_code::disabled);
  jobs[0].setting = ledger::job_setting::runs;
  EXPECT_FALSE(ok(a.ledger->register_jobs("t", jobs))[0].stopped);
}

TEST_P(every_ledger_session, runs_a_paused_job_not_at_all) {
  auto a = make("a");
  a.register_job("job", a.now() - seconds{10});
  store().pause("job");
  EXPECT_EQ(a.claim("job", {a.now()}).verdict, name_verdict::nothing_due);
  ASSERT_THAT(store().rows(), SizeIs(1));
  EXPECT_EQ(store().rows()[0].state, row_state::skipped);
  EXPECT_EQ(store().rows()[0].reason, ledger::reason_code::paused);
}

TEST_P(every_ledger_session, sees_the_runs_of_older_ticks_of_a_job_that_catches_up_all) {
  auto a = make("a");
  const auto tick = a.now() - seconds{3};
  a.register_job("job", tick - seconds{600});
  ASSERT_NO_FATAL_FAILURE(run_between(a, tick - seconds{300}, tick - seconds{1}, tick + seconds{1}));
  auto request = a.request("job", {tick});
  request.names[0].jobs[0].policy.catch_up = ledger::catch_up_policy::all;
  const auto reply = ok(a.ledger->claim(request)).names.at(0);
  ASSERT_THAT(reply.decisions, SizeIs(1));
  EXPECT_EQ(reply.decisions[0].reason, ledger::reason_code::overlap);
}

TEST_P(every_ledger_session, sees_the_run_before_a_tick_that_another_claim_skipped) {
  auto a = make("a");
  const auto tick = a.now() - seconds{3};
  a.register_job("job", tick - seconds{600});
  ASSERT_NO_FATAL_FAILURE(run_between(a, tick - seconds{10}, tick - seconds{9}, tick + seconds{1}));
  const auto first = a.claim("job", {tick - seconds{5}});
  ASSERT_THAT(first.decisions, SizeIs(1));
  ASSERT_EQ(first.decisions[0].reason, ledger::reason_code::overlap);

  auto request = a.request("job", {tick});
  request.names[0].jobs[0].decided_until = tick - seconds{5};
  const auto second = ok(a.ledger->claim(request)).names.at(0);
  ASSERT_THAT(second.decisions, SizeIs(1));
  EXPECT_EQ(second.decisions[0].reason, ledger::reason_code::overlap);
  EXPECT_FALSE(second.run);
}

TEST_P(every_ledger_session, keeps_the_time_of_a_retry_and_gives_it_to_whoever_claims) {
  auto a = make("a");
  auto b = make("b");
  const auto tick = a.now() - seconds{2};
  a.register_job("job", tick - seconds{10});
  const auto run = *a.claim("job", {tick}).run;
  auto failed = a.success(run);
  failed.outcome = run_outcome::failure;
  failed.retry_at = a.now() + std::chrono::hours{1};
  ASSERT_EQ(a.finish(failed), finish_outcome::written);
  EXPECT_EQ(a.finish(failed), finish_outcome::written) << "sent again: its own work";
  const auto seen = b.reconcile(a.now()).open;
  ASSERT_THAT(seen, SizeIs(1));
  EXPECT_EQ(seen[0].state, row_state::retry_due);
  EXPECT_EQ(seen[0].retry_at, failed.retry_at);
  a.release("job");
  auto request = b.request("job", {});
  request.names[0].jobs[0].policy.retry.attempts = 2;
  EXPECT_EQ(ok(b.ledger->claim(request)).names.at(0).verdict, name_verdict::nothing_due);
  store().make_retries_due();
  const auto again = ok(b.ledger->claim(request)).names.at(0);
  ASSERT_EQ(again.verdict, name_verdict::claimed);
  EXPECT_EQ(again.run->attempt, 2U);
  EXPECT_GT(again.run->fence, run.fence);
  EXPECT_EQ(b.reconcile(a.now()).open.at(0).retry_at, std::nullopt);
}

TEST_P(every_ledger_session, asks_for_the_run_of_a_follower_once) {
  auto a = make("a");
  const auto tick = a.now() - seconds{1};
  const auto record = success_that_asks_for_second(a, tick);
  EXPECT_EQ(a.finish(record), finish_outcome::written);
  EXPECT_EQ(a.finish(record), finish_outcome::written) << "a repeated finish";
  const auto open = a.reconcile(tick).open;
  ASSERT_THAT(open, SizeIs(1));
  EXPECT_EQ(open[0].key, (ledger::tick_key{"second", tick, ledger::tick_kind::after}));
  EXPECT_EQ(open[0].state, row_state::pending);
  const auto run = a.claim("second", {});
  ASSERT_EQ(run.verdict, name_verdict::claimed);
  EXPECT_EQ(run.run->key, open[0].key);
}

TEST_P(every_ledger_session, holds_a_run_back_whose_tag_has_as_many_as_it_may) {
  auto a = make("a");
  const auto tick = a.now() - seconds{1};
  const ledger::tag_limit tag{"baton:t:~tag", 1, {"x", "y"}};
  std::vector<ledger::job_registration> jobs{{"x", a.name("x"), "hash"}, {"y", a.name("y"), "hash"}};
  for (auto& job : jobs) job.tag_fences = {tag.fence_name};
  (void)ok(a.ledger->register_jobs("t", jobs));
  store().backdate(tick - seconds{10});
  const auto tagged = [&](const std::string& job) {
    auto request = a.request(job, {tick});
    request.tags = {tag};
    request.names[0].jobs[0].tags = {0};
    return ok(a.ledger->claim(request)).names.at(0);
  };
  const auto first = tagged("x");
  ASSERT_EQ(first.verdict, name_verdict::claimed);
  EXPECT_EQ(tagged("y").verdict, name_verdict::held_back);
  EXPECT_EQ(a.finish(*first.run), finish_outcome::written);
  EXPECT_EQ(tagged("y").verdict, name_verdict::claimed);
}

TEST_P(every_ledger_session, gives_runs_that_may_overlap_a_lock_name_each_and_purges_it_with_them) {
  auto a = make("a");
  const auto tick = a.now() - seconds{2};
  a.register_job("job", tick - seconds{10});
  const auto name_of = [](const ledger::tick_key& run) { return lock::run_name("t", run.job + to_rfc3339(run.tick)); };
  const auto claim_under = [&](const std::string& name, const std::vector<wall_time>& ticks) {
    auto request = a.request("job", ticks);
    (void)ok(a.locks->try_acquire(std::vector{name}));
    request.names[0].lock_name = name;
    auto& job = request.names[0].jobs[0];
    job.policy = {.overlap = ledger::overlap_policy::allow, .catch_up = ledger::catch_up_policy::all};
    job.run_name = name_of;
    return ok(a.ledger->claim(request)).names.at(0);
  };
  const auto asked = claim_under(a.name("job"), {tick, tick + seconds{1}});
  EXPECT_EQ(asked.verdict, name_verdict::nothing_due);
  ASSERT_THAT(asked.asked, SizeIs(2));
  EXPECT_EQ(claim_under(a.name("job"), {tick, tick + seconds{1}}).jobs.at(0).duplicates, 2U);
  std::vector<ledger::claimed_run> runs;
  for (const auto& run : asked.asked) {
    EXPECT_EQ(run.lock_name, name_of(run.key));
    const auto reply = claim_under(run.lock_name, {});
    ASSERT_EQ(reply.verdict, name_verdict::claimed);
    EXPECT_EQ(reply.run->key, run.key);
    EXPECT_EQ(reply.run->lock_name, run.lock_name);
    runs.push_back(*reply.run);
  }
  for (const auto& run : runs) EXPECT_EQ(a.finish(run), finish_outcome::written);
  EXPECT_EQ(claim_under(runs[0].lock_name, {}).verdict, name_verdict::nothing_due);
  EXPECT_TRUE(eventually([&] { return ok(a.ledger->purge({"t", microseconds{0}})) == 2; }));
  EXPECT_EQ(claim_under(runs[0].lock_name, {}).verdict, name_verdict::unregistered) << "its fence is gone too";
}

TEST_P(every_ledger_session, moves_a_trigger_of_runs_that_may_overlap_to_a_name_of_its_own) {
  auto a = make("a");
  const auto tick = a.now() - seconds{1};
  const auto record = success_that_asks_for_second(a, tick);
  EXPECT_EQ(a.finish(record), finish_outcome::written);
  const auto own = lock::run_name("t", "of a follower");
  auto request = a.request("second", {});
  request.names[0].jobs[0].run_name = [&](const ledger::tick_key&) { return own; };
  const auto reply = ok(a.ledger->claim(request)).names.at(0);
  ASSERT_THAT(reply.asked, SizeIs(1));
  (void)ok(a.locks->try_acquire(std::vector{own}));
  request.names[0].lock_name = own;
  EXPECT_EQ(ok(a.ledger->claim(request)).names.at(0).verdict, name_verdict::claimed);
  EXPECT_EQ(a.reconcile(tick).open.at(0).lock_name, own);
}

TEST_P(every_ledger_session, asks_for_the_end_of_a_run_that_runs_and_of_no_other) {
  auto a = make("a");
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  const auto run = *a.claim("job", {tick}).run;
  ok(a.ledger->request_cancel("t", std::vector{run.key, ledger::tick_key{"other", tick}}));
  EXPECT_TRUE(a.reconcile(tick).open.at(0).cancel);
  EXPECT_EQ(a.finish(run), finish_outcome::written);
  EXPECT_THAT(store().rows(), SizeIs(1));
}

// G1, G8: what a failover may lose, from the memory of who claimed it.
TEST_P(every_ledger_session, restores_a_claim_that_has_no_row_and_raises_its_fence) {
  auto a = make("a");
  auto b = make("b");
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  ledger::own_claim lost;
  lost.row.key = {"job", tick, ledger::tick_kind::schedule};
  lost.row.lock_name = a.name("job");
  lost.row.state = row_state::running;
  lost.row.fence = 4'000'000'000'000'000'000;
  lost.row.incarnation = a.incarnation;
  lost.row.instance = "it's a";
  lost.row.attempt = 1;
  lost.row.claimed = tick;
  const std::vector claims{lost};
  EXPECT_EQ(ok(a.ledger->restore("t", claims)), 1U);
  EXPECT_EQ(ok(a.ledger->restore("t", claims)), 0U) << "again";
  const auto seen = b.reconcile(tick).open;
  ASSERT_THAT(seen, SizeIs(1));
  EXPECT_EQ(seen[0].key, lost.row.key);
  EXPECT_EQ(seen[0].fence, lost.row.fence);
  EXPECT_EQ(seen[0].incarnation, a.incarnation);
  EXPECT_EQ(seen[0].lock_name, lost.row.lock_name);
  EXPECT_EQ(seen[0].claimed, lost.row.claimed);

  ledger::claimed_run run;
  run.key = lost.row.key;
  run.fence = lost.row.fence;
  EXPECT_EQ(a.finish(run), finish_outcome::written);
  const auto next = b.claim("job", {tick, b.now()});
  ASSERT_EQ(next.verdict, name_verdict::claimed);
  EXPECT_EQ(next.jobs.at(0).duplicates, 1U);
  EXPECT_GT(next.run->fence, lost.row.fence);
}

TEST_P(every_ledger_session, restores_the_end_of_a_run_and_what_follows_it) {
  auto a = make("a");
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  a.register_job("second", tick - seconds{10});
  const auto run = *a.claim("job", {tick}).run;
  ledger::own_claim own;
  own.row.key = run.key;
  own.row.lock_name = a.name("job");
  own.row.state = row_state::finished;
  own.row.fence = run.fence;
  own.row.incarnation = a.incarnation;
  own.row.attempt = 1;
  own.row.claimed = run.claimed;
  own.row.started = run.claimed;
  own.row.finished = a.now();
  own.row.outcome = run_outcome::success;
  own.followers = {{"second", a.name("second"), ledger::follower::when::success}};
  EXPECT_EQ(ok(a.ledger->restore("t", std::vector{own})), 1U);
  EXPECT_EQ(ok(a.ledger->restore("t", std::vector{own})), 0U);
  const auto rows = store().rows();
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].state, row_state::finished);
  EXPECT_EQ(rows[0].outcome, run_outcome::success);
  EXPECT_EQ(rows[1].key, (ledger::tick_key{"second", tick, ledger::tick_kind::after}));
  EXPECT_EQ(rows[1].state, row_state::pending);

  // As a resolver may have closed it, under the same fence: what follows that end is not for its owner to say.
  const auto other = *a.claim("job", {a.now()}).run;
  auto closed = a.success(other);
  closed.outcome = run_outcome::crashed;
  ASSERT_EQ(a.finish(closed), finish_outcome::written);
  own.row.key = other.key;
  own.row.fence = other.fence;
  own.row.claimed = other.claimed;
  EXPECT_EQ(ok(a.ledger->restore("t", std::vector{own})), 0U);
  EXPECT_THAT(store().rows(), SizeIs(3)) << "nothing more is asked for";
}

TEST_P(every_ledger_session, restores_a_claim_over_the_state_before_it_and_over_nothing_later) {
  auto a = make("a");
  auto b = make("b");
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  const auto run = *a.claim("job", {tick}).run;
  auto failed = a.success(run);
  failed.outcome = run_outcome::failure;
  failed.retry_at = tick;
  ASSERT_EQ(a.finish(failed), finish_outcome::written);
  ledger::own_claim second;
  second.row.key = run.key;
  second.row.lock_name = a.name("job");
  second.row.state = row_state::running;
  second.row.fence = run.fence + 1;
  second.row.incarnation = a.incarnation;
  second.row.attempt = 2;
  second.row.claimed = a.now();
  ledger::own_claim first = second;
  first.row.fence = run.fence;
  first.row.attempt = 1;
  EXPECT_EQ(ok(a.ledger->restore("t", std::vector{first})), 0U) << "the row is at least as new";
  EXPECT_EQ(ok(a.ledger->restore("t", std::vector{second})), 1U);
  auto rows = store().rows();
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].state, row_state::running);
  EXPECT_EQ(rows[0].attempt, 2U);
  EXPECT_EQ(rows[0].fence, run.fence + 1);

  second.row.fence = run.fence;
  second.row.incarnation = b.incarnation;
  EXPECT_EQ(ok(b.ledger->restore("t", std::vector{second})), 0U) << "an older fence";
  EXPECT_EQ(store().rows()[0].incarnation, a.incarnation);
}

// G1: an instance that came after W had found these ticks lost, and decided them; then their owner was heard of again.
TEST_P(every_ledger_session, restores_a_claim_inside_a_range_which_stays_decided_to_its_end) {
  auto a = make("a");
  auto b = make("b");
  const auto first = a.now() - seconds{400};
  a.register_job("job", first - seconds{10});
  auto late = b.request("job", {first, first + seconds{10}, first + seconds{20}});
  late.names[0].jobs[0].policy.catch_up = ledger::catch_up_policy::none;
  EXPECT_THAT(ok(b.ledger->claim(late)).names.at(0).decisions, SizeIs(1));

  ledger::own_claim lost;
  lost.row.key = {"job", first + seconds{10}, ledger::tick_kind::schedule};
  lost.row.lock_name = a.name("job");
  lost.row.state = row_state::running;
  lost.row.fence = 4'000'000'000'000'000'000;
  lost.row.incarnation = a.incarnation;
  lost.row.attempt = 1;
  lost.row.claimed = lost.row.key.tick;
  EXPECT_EQ(ok(a.ledger->restore("t", std::vector{lost})), 1U);
  EXPECT_THAT(store().rows(), SizeIs(2));
  const auto known = ok(b.ledger->register_jobs("t", std::vector<ledger::job_registration>{{"job", b.name("job"), "hash"}}));
  EXPECT_EQ(known.at(0).decided_until, first + seconds{20});
}

TEST_P(every_ledger_session, purges_what_is_old_and_never_runs_it_again) {
  auto a = make("a");
  const auto tick = a.now() - seconds{2};
  a.register_job("job", tick - seconds{10});
  EXPECT_EQ(a.finish(*a.claim("job", {tick}).run), finish_outcome::written);
  const auto open = *a.claim("job", {tick + seconds{1}}).run;
  EXPECT_EQ(ok(a.ledger->purge({"t", std::chrono::hours{1}})), 0U);
  EXPECT_EQ(ok(a.ledger->purge({"t", microseconds{0}, 0})), 0U);
  EXPECT_TRUE(eventually([&] { return ok(a.ledger->purge({"t", microseconds{0}})) == 1; })) << "what is open stays";
  ASSERT_THAT(store().rows(), SizeIs(1));
  EXPECT_EQ(store().rows()[0].key, open.key);
  EXPECT_EQ(a.finish(open), finish_outcome::written);
  EXPECT_TRUE(eventually([&] { return ok(a.ledger->purge({"t", microseconds{0}})) == 1; }));
  EXPECT_EQ(a.claim("job", {tick, tick + seconds{1}}).verdict, name_verdict::nothing_due);
  EXPECT_THAT(store().rows(), IsEmpty());
  const auto known = ok(a.ledger->register_jobs("t", std::vector<ledger::job_registration>{{"job", a.name("job"), "hash"}}));
  EXPECT_EQ(known[0].decided_until, tick + seconds{1});
}

TEST_P(every_ledger_session, shows_who_differs_in_configuration_or_time_zones) {
  auto a = make("a");
  auto b = make("b");
  EXPECT_THAT(a.reconcile(a.now()).different, IsEmpty());
  EXPECT_THAT(b.reconcile(a.now()).different, IsEmpty()) << "they are alike";
  EXPECT_THAT(b.reconcile(a.now(), "2025a").different, SizeIs(1));
  const auto seen = a.reconcile(a.now()).different;
  ASSERT_THAT(seen, SizeIs(1));
  EXPECT_EQ(seen[0].incarnation, b.incarnation);
  EXPECT_EQ(seen[0].tzdata, "2025a");
  ledger::reconcile_request quiet{"t", "c", "instance c", "test", 1, "2025a", a.now(), a.now(), false};
  EXPECT_THAT(ok(make("c").ledger->reconcile(quiet)).different, IsEmpty()) << "without a heartbeat nobody asks who differs";
  EXPECT_THAT(a.reconcile(a.now()).different, SizeIs(1)) << "and nobody hears of it";
  ok(b.ledger->sign_off("t", b.incarnation));
  EXPECT_THAT(a.reconcile(a.now()).different, IsEmpty());
}

TEST_P(every_ledger_session, shows_open_rows_and_changes_at_a_reconcile) {
  auto a = make("a");
  auto b = make("b");
  const auto tick = a.now() - seconds{1};
  a.register_job("job", tick - seconds{10});
  const auto before = b.reconcile(b.now());
  EXPECT_THAT(before.open, IsEmpty());
  const auto run = *a.claim("job", {tick}).run;
  auto seen = b.reconcile(before.store_now);
  ASSERT_THAT(seen.open, SizeIs(1));
  EXPECT_EQ(seen.open[0].key, run.key);
  EXPECT_EQ(seen.open[0].fence, run.fence);
  EXPECT_EQ(seen.open[0].incarnation, a.incarnation);
  ASSERT_THAT(seen.changed, SizeIs(1));
  EXPECT_EQ(seen.changed[0].state, row_state::running);
  EXPECT_EQ(a.finish(run), finish_outcome::written);
  seen = b.reconcile(before.store_now);
  EXPECT_THAT(seen.open, IsEmpty());
  ASSERT_THAT(seen.changed, SizeIs(1));
  EXPECT_EQ(seen.changed[0].state, row_state::finished);
  EXPECT_THAT(b.reconcile(seen.store_now + seconds{1}).changed, IsEmpty());
}

TEST_P(every_ledger_session, holds_the_lock_of_its_incarnation_once) {
  auto first = store().ledger_session();
  auto second = store().ledger_session();
  EXPECT_TRUE(ok(first->hold_incarnation("t", "inc")));
  EXPECT_TRUE(ok(first->hold_incarnation("t", "inc")));
  if (GetParam() == store_kind::local) {
    EXPECT_FALSE(ok(second->hold_incarnation("t", "inc")));
    first.reset();
    EXPECT_TRUE(eventually([&] { return ok(second->hold_incarnation("t", "inc")); }));
    return;
  }
  EXPECT_TRUE(ok(second->hold_incarnation("t", "inc")) || ok(second->hold_incarnation("t", "inc"))) << "each waits a second at most";
  const auto refused = first->claim({});
  ASSERT_FALSE(refused) << "it was to be ended";
  EXPECT_EQ(refused.error().code, errc::store_unavailable);
}

TEST_P(every_ledger_session, decides_500_names_in_one_transaction) {
  auto a = make("a");
  const auto tick = a.now() - seconds{1};
  std::vector<ledger::job_registration> all;
  std::vector<std::string> names;
  for (int i = 0; i < 500; ++i) {
    all.push_back({"job-" + std::to_string(i), instance::name("job-" + std::to_string(i)), "hash"});
    names.push_back(all.back().lock_name);
  }
  EXPECT_THAT(ok(a.ledger->register_jobs("t", all)), SizeIs(500));
  store().backdate(tick - seconds{10});
  (void)ok(a.locks->try_acquire(names));
  auto request = a.unheld_request("job-0", {tick});
  for (int i = 1; i < 500; ++i) request.names.push_back(a.unheld_request(all[static_cast<std::size_t>(i)].job, {tick}).names[0]);
  const auto reply = ok(a.ledger->claim(request));
  ASSERT_THAT(reply.names, SizeIs(500));
  std::vector<ledger::finish_record> ended;
  for (const auto& name : reply.names) {
    ASSERT_EQ(name.verdict, name_verdict::claimed);
    EXPECT_GT(name.run->fence, 0U);
    ended.push_back(a.success(*name.run));
  }
  for (const auto outcome : ok(a.ledger->finish("t", ended))) EXPECT_EQ(outcome, finish_outcome::written);
}

}  // namespace
}  // namespace baton::conformance

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "host.hpp"

namespace baton::engine {
namespace {

using ledger::row_state;
using ledger::run_outcome;

struct ticks : host, ::testing::Test {
  /// Another instance's sessions.
  std::unique_ptr<lock::session> their_locks = store.open_lock_session(1000h);
  std::unique_ptr<ledger::session> their_ledger = store.open_ledger_session(1000h);
  void they_lock(const std::string& name) {
    const std::vector<std::string> names{name};
    ASSERT_EQ(their_locks->try_acquire(names)->front(), lock::try_outcome::acquired);
  }
  void they_unlock(const std::string& name) {
    const std::vector<std::string> names{name};
    ASSERT_TRUE(their_locks->release(names));
  }
  ledger::name_reply they_claim(const job& j, microseconds tick) {
    ledger::claim_request request{"test", "them", "them-1", ledger::takeover_policy::fast, 2s, 1s, 3s, {}};
    const auto t = began + tick;
    request.names.push_back(
        {j.lock_name, their_locks->connection_id(), 10min, 10min, std::nullopt, {{j.name, j.policy, t - 1us, {t}, false, t + 10min}}});
    return their_ledger->claim(request)->names.front();
  }
  std::size_t times_asked(const std::string& name) {
    std::size_t n = 0;
    for (const auto& a : all<acquire>()) n += static_cast<std::size_t>(std::ranges::count(a.names, name));
    return n;
  }
};

TEST_F(ticks, run_when_the_stores_clock_reaches_them_and_not_before) {
  add_job("a", 10s);
  start();
  pass(10s - 2us);
  EXPECT_TRUE(running.empty());
  pass(1us);
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running[0].run.key.tick, began + 10s);
  EXPECT_EQ(row("a", 10s).state, row_state::running);
  end_run(running[0].id);
  EXPECT_EQ(row("a", 10s).outcome, run_outcome::success);
  EXPECT_EQ(store.owner_of("a"), std::nullopt);
  pass(10s);
  EXPECT_EQ(row("a", 20s).state, row_state::running);
}

TEST_F(ticks, g12_owe_nothing_to_the_local_wall_clock) {
  add_job("a", 10s);
  start();
  pass(1s);
  // The memory store shares the clock's steady side; only what the engine is told is another wall time.
  const auto lie = [this](microseconds by) {
    auto now = clock.now();
    now.wall += by;
    return engine->advance(now);
  };
  for (const auto by : {9s, -9s}) {
    for (const auto& a : lie(by)) EXPECT_FALSE(std::holds_alternative<acquire>(a));
  }
}

TEST_F(ticks, g12_with_jitter_run_when_they_are_due_and_not_before) {
  auto& j = add_job("a", 10s);
  j.schedule = j.schedule->refined({{}, schedule::zone::utc(), 1h, "a"});
  start();
  for (int n = 1; n <= 5; ++n) {
    const auto tick = began + n * 10s;
    const auto due = jobs[0].schedule->due(tick);
    ASSERT_TRUE(tick < due && due < tick + 10s);
    pass(due - clock.now().wall - 1us);
    EXPECT_TRUE(running.empty());
    pass(1us);
    ASSERT_EQ(running.size(), 1U);
    EXPECT_EQ(running[0].run.key.tick, tick);
    EXPECT_EQ(notes<run_claimed>().back().late, 0us);
    end_run(running[0].id);
  }
}

TEST_F(ticks, on_excluded_days_are_skipped_with_their_reason) {
  auto& j = add_job("a", 4h);
  const auto today = std::chrono::floor<std::chrono::days>(began);  // from 12:00 on
  const auto days = std::make_shared<const schedule::calendar>("c", std::vector{schedule::calendar::range{today, today}});
  j.schedule = j.schedule->refined({{{days}, {}}, schedule::zone::utc(), {}, "a"});
  start();
  pass(11h);
  EXPECT_TRUE(running.empty());
  EXPECT_EQ(row("a", 4h).state, row_state::skipped);
  EXPECT_EQ(row("a", 4h).reason, ledger::reason_code::calendar);
  EXPECT_EQ(row("a", 8h).reason, ledger::reason_code::calendar);
  pass(1h);
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running[0].run.key.tick, began + 12h);
}

TEST_F(ticks, that_are_due_together_travel_together) {
  for (const auto* name : {"a", "b", "c", "d", "e"}) add_job(name, 10s);
  start();
  forget();
  pass(10s);
  ASSERT_EQ(all<acquire>().size(), 1U);
  EXPECT_EQ(all<acquire>()[0].names.size(), 5U);
  ASSERT_EQ(all<claim>().size(), 1U);
  EXPECT_EQ(all<claim>()[0].request.names.size(), 5U);
  EXPECT_EQ(running.size(), 5U);
}

TEST_F(ticks, whose_runs_end_together_are_closed_together) {
  for (const auto* name : {"a", "b", "c"}) add_job(name, 10s);
  start();
  pass(10s);
  ASSERT_EQ(running.size(), 3U);
  forget();
  std::vector<event> ends;
  for (const auto& run : running) ends.push_back(run_ended{run.id, ledger::run_outcome::success, {}, "", "", 1ms});
  feed(std::move(ends));
  ASSERT_EQ(all<finish>().size(), 1U);
  EXPECT_EQ(all<finish>()[0].records.size(), 3U);
  EXPECT_EQ(all<release>().size(), 1U);
}

TEST_F(ticks, that_others_are_seen_to_have_run_are_not_raced_for) {
  opts.max_concurrent_runs = 1;
  for (const auto* name : {"a", "b", "c"}) add_job(name, 10s);
  start();
  withhold<claim>();
  pass(10s);
  const auto first = take<claim>();
  ASSERT_TRUE(first);
  ASSERT_EQ(first->request.upcoming.size(), 2U);
  const auto next = first->request.upcoming[0];
  EXPECT_EQ(next.tick, began + 10s);
  auto answer = std::get<claimed>(*carry_out(*first));
  answer.reply->upcoming = {next};
  feed(std::move(answer));
  let_go<claim>();
  while (!running.empty()) end_run(running[0].id);
  EXPECT_EQ(times_asked(next.job), 0U);
  EXPECT_EQ(times_asked(first->request.upcoming[1].job), 1U);
  pass(10s);
  while (!running.empty()) end_run(running[0].id);
  EXPECT_EQ(times_asked(next.job), 1U) << "its next tick is for all";
}

/// One every `step` after the tenth second, each of a job of its own that runs for no time. How many acquires, and how many runs, `ticks`
/// took.
std::pair<std::size_t, std::size_t> asked_and_run(host& h, std::size_t ticks, microseconds step) {
  for (std::size_t i = 0; i < ticks; ++i)
    h.add_job(std::to_string(i), 1h).schedule =
        std::get<schedule::timetable>(schedule::timetable::from_every({1h, h.began + 10s + i * step}));
  h.start();
  h.pass(9s);
  std::size_t started = 0;
  for (const auto end = h.clock.now().steady + 1s + ticks * step; h.clock.now().steady < end;) {
    h.pass(1ms);
    started += h.running.size();
    while (!h.running.empty()) h.end_run(h.running[0].id);
  }
  return {h.all<acquire>().size(), started};
}

TEST_F(ticks, that_come_after_a_lull_are_each_asked_for_at_once) {
  EXPECT_EQ(asked_and_run(*this, 20, 1ms), (std::pair<std::size_t, std::size_t>{20, 20}));
}

TEST_F(ticks, that_come_one_by_one_all_the_time_are_asked_for_a_hundred_times_a_second) {
  const auto [acquires, started] = asked_and_run(*this, 1500, 2ms);
  EXPECT_GE(started, 1490U);
  EXPECT_GE(acquires, 300U);
  EXPECT_LE(acquires, 330U) << "in three seconds, with twenty at once";
}

TEST_F(ticks, that_others_ran_are_read_for_a_second_longer_and_changes_of_jobs_for_ten) {
  add_job("a", 1h);
  start();
  pass(10s);
  forget();
  for (int i = 0; i < 3; ++i) {
    pass_to_next<reconcile>();
    const auto asked = all<reconcile>().back().request;
    EXPECT_LE(clock.now().wall - asked.ticks_since, 2060ms);
    EXPECT_GE(clock.now().wall - asked.ticks_since, 2050ms);
    EXPECT_EQ(asked.ticks_since - asked.jobs_since, 9s);
  }
}

TEST_F(ticks, that_could_not_be_claimed_yet_join_others_that_wait_when_the_ledger_is_free) {
  const auto add_job_at = [this](const char* name, microseconds after_start) {
    add_job(name, 1h).schedule = std::get<schedule::timetable>(schedule::timetable::from_every({1h, began + after_start}));
  };
  add_job_at("first", 10s);
  for (const auto* name : {"a", "b", "c"}) add_job_at(name, 10100ms);
  add_job_at("late", 10200ms);
  start();
  withhold<claim>();
  pass(10150ms);  // one claim is under way, and three names wait for the next
  EXPECT_EQ(times_asked("a"), 1U);
  pass(100ms);
  EXPECT_EQ(times_asked("late"), 0U);
  let_go<claim>();
  EXPECT_EQ(times_asked("late"), 1U);
  EXPECT_EQ(running.size(), 5U);
}

TEST_F(ticks, take_no_more_names_than_there_are_slots) {
  opts.max_concurrent_runs = 2;
  for (const auto* name : {"a", "b", "c", "d", "e"}) add_job(name, 10s);
  start();
  pass(10s);
  EXPECT_EQ(running.size(), 2U);
  EXPECT_EQ(store.locks_held(), 2U + 1U) << "and the incarnation's";
  for (std::size_t done = 0; done < 5; ++done) {
    ASSERT_FALSE(running.empty());
    end_run(running[0].id);
    EXPECT_LE(running.size(), 2U);
  }
  EXPECT_TRUE(running.empty());
  for (const auto* name : {"a", "b", "c", "d", "e"}) EXPECT_EQ(row(name, 10s).state, row_state::finished) << name;
}

TEST_F(ticks, g2_never_ask_for_a_name_that_is_in_this_process_hands) {
  add_job("a", 1s);
  start();
  pass(1s);
  ASSERT_EQ(running.size(), 1U);
  pass(10s);  // further ticks, and reconciles that show the open row
  EXPECT_EQ(times_asked("a"), 1U);
  end_run(running[0].id);
  EXPECT_EQ(times_asked("a"), 2U);
}

TEST_F(ticks, of_a_job_in_the_way_of_its_own_long_run_are_skipped_in_one_row) {
  add_job("a", 1s);
  start();
  pass(1s);
  pass(4500ms);
  end_run(running[0].id);
  EXPECT_EQ(row("a", 2s).state, row_state::skipped);
  EXPECT_EQ(row("a", 2s).count, 4U);
  EXPECT_TRUE(running.empty());
}

TEST_F(ticks, whose_name_is_busy_are_tried_again_at_every_reconcile_and_no_oftener) {
  add_job("a", 10min);
  start();
  they_lock("a");
  pass(10min);
  EXPECT_GE(times_asked("a"), 1U);
  pass(10s);
  EXPECT_THAT(times_asked("a"), ::testing::AllOf(::testing::Ge(10U), ::testing::Le(12U)));
  they_unlock("a");
  pass(1100ms);
  EXPECT_EQ(running.size(), 1U);
}

TEST_F(ticks, g1_that_another_instance_has_run_are_dropped_when_the_ledger_shows_it) {
  add_job("a", 10min);
  start();
  they_lock("a");
  pass(10min);
  const auto theirs = they_claim(jobs[0], 10min);
  ASSERT_EQ(theirs.verdict, ledger::name_verdict::claimed);
  const ledger::finish_record done{
      theirs.run->key, theirs.run->fence, run_outcome::success, {}, clock.now().wall, clock.now().wall, "", "", false};
  ASSERT_TRUE(their_ledger->finish("test", std::span{&done, 1}));
  they_unlock("a");
  pass(1100ms);
  forget();
  pass(5s);
  EXPECT_EQ(times_asked("a"), 0U);
  EXPECT_TRUE(running.empty());
}

TEST_F(ticks, that_become_due_unpark_their_name) {
  add_job("a", 3s);
  clock.advance(300ms);  // so that reconciles come at another time
  start();
  they_lock("a");
  pass(2700ms);
  EXPECT_EQ(times_asked("a"), 1U);
  pass(2999ms);
  const auto before = times_asked("a");
  pass(1ms);
  EXPECT_EQ(times_asked("a"), before + 1);
}

TEST_F(ticks, g1_claimed_in_a_commit_whose_reply_was_lost_run_exactly_once) {
  add_job("a", 10min);
  start();
  withhold<claim>();
  pass(10min);
  const auto sent = take<claim>();
  ASSERT_TRUE(sent);
  ASSERT_TRUE(carry_out(action{*sent}));  // committed; nobody hears of it
  const auto first_fence = row("a", 10min).fence;
  kill(ledger_session());
  EXPECT_TRUE(running.empty());
  pass(2s);
  EXPECT_TRUE(running.empty());
  let_go<claim>();
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running[0].run.attempt, 1U);
  EXPECT_GT(running[0].run.fence, first_fence);
  end_run(running[0].id);
  EXPECT_EQ(row("a", 10min).outcome, run_outcome::success);
  pass(5s);
  EXPECT_TRUE(running.empty());
}

TEST_F(ticks, g1_claimed_in_a_commit_whose_reply_came_after_the_lock_was_lost_run_once_on_a_new_lock) {
  add_job("a", 10min);
  start();
  withhold<claim>();
  pass(10min);
  const auto sent = take<claim>();
  auto reply = carry_out(action{*sent});
  kill(lock_session());
  feed(std::move(*reply));
  EXPECT_TRUE(running.empty()) << "its lease is lost";
  let_go<claim>();
  pass(2s);
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running[0].run.attempt, 1U);
}

TEST_F(ticks, whose_fence_row_is_busy_keep_their_name_and_ask_again_soon) {
  add_job("a", 10min);
  start();
  pass(10min - 2us);
  ledger::claim_request request{"test", "them", "them-1", {}, 2s, 1s, 3s, {{"a", their_locks->connection_id(), {}, {}, {}, {}}}};
  std::optional<testing::memory_store::claim_transaction> theirs{std::in_place, store, their_ledger->connection_id(), request};
  theirs->advance();
  pass(1us);
  EXPECT_TRUE(running.empty());
  EXPECT_EQ(store.owner_of("a"), lock_connection());
  while (theirs->next() != testing::memory_store::claim_transaction::step::done) theirs->advance();
  pass(5ms);
  EXPECT_EQ(running.size(), 1U);
}

TEST_F(ticks, after_a_deadlock_keep_their_names_and_try_again) {
  add_job("a", 10min);
  start();
  withhold<claim>();
  pass(10min);
  const auto sent = take<claim>();
  feed(claimed{sent->id, {clock.now().steady, clock.now().steady}, failure{errc::store_busy, "deadlock"}});
  EXPECT_EQ(store.owner_of("a"), lock_connection());
  let_go<claim>();
  EXPECT_TRUE(running.empty());
  pass(10ms);
  EXPECT_EQ(running.size(), 1U);
}

TEST_F(ticks, g2_after_an_error_on_a_live_lock_session_ask_what_is_held_and_give_it_back) {
  add_job("a", 10min);
  start();
  withhold<acquire>();
  pass(10min);
  const auto sent = take<acquire>();
  ASSERT_TRUE(carry_out(action{*sent}));  // granted...
  forget();
  feed(acquired{
      sent->id, {clock.now().steady, clock.now().steady}, failure{errc::interrupted, "KILL QUERY"}});  // ... and interrupted after that
  EXPECT_EQ(all<ask_owned>().size(), 1U);
  EXPECT_EQ(all<release>().size(), 1U);
  EXPECT_EQ(store.owner_of("a"), std::nullopt);
  EXPECT_TRUE(all<close_session>().empty()) << "the session is kept";
  let_go<acquire>();
  EXPECT_TRUE(running.empty());
  pass(250ms);
  EXPECT_EQ(running.size(), 1U);
}

TEST_F(ticks, of_jobs_that_the_ledger_does_not_know_any_more_register_them_again) {
  add_job("a", 10min);
  start();
  withhold<claim>();
  pass(10min);
  const auto sent = take<claim>();
  ledger::claim_reply reply{clock.now().wall, {}};
  reply.names.emplace_back().lock_name = "a";
  reply.names.back().verdict = ledger::name_verdict::unregistered;
  forget();
  feed(claimed{sent->id, {clock.now().steady, clock.now().steady}, reply});
  EXPECT_EQ(all<register_jobs>().size(), 1U);
  let_go<claim>();
  pass(1s);
  EXPECT_EQ(running.size(), 1U);
}

TEST_F(ticks, whose_name_turns_out_to_be_lost_are_not_run_and_the_session_is_probed_at_once) {
  add_job("a", 10min);
  start();
  withhold<claim>();
  pass(10min);
  const auto sent = take<claim>();
  const std::vector<std::string> names{"a"};
  ASSERT_TRUE(store.release_locks(lock_connection(), names));
  they_lock("a");
  auto reply = carry_out(action{*sent});
  forget();
  feed(std::move(*reply));
  EXPECT_TRUE(running.empty());
  EXPECT_FALSE(has_row("a", 10min));
  EXPECT_EQ(all<probe>().size(), 1U);
}

TEST_F(ticks, wait_for_the_owner_of_an_open_row_and_close_it_as_crashed) {
  add_job("a", 10s);
  start();
  they_lock("a");
  pass(10s);
  ASSERT_EQ(they_claim(jobs[0], 10s).verdict, ledger::name_verdict::claimed);
  they_unlock("a");  // it is gone: nobody holds the incarnation of `them`
  pass(1100ms);
  EXPECT_EQ(row("a", 10s).state, row_state::running);
  EXPECT_EQ(store.owner_of("a"), lock_connection()) << "the name is kept meanwhile";
  ASSERT_FALSE(notes<owner_unresolved>().empty());
  EXPECT_TRUE(notes<owner_unresolved>()[0].owner_seen_free);
  pass(1100ms);
  EXPECT_EQ(row("a", 10s).outcome, run_outcome::crashed);
  EXPECT_EQ(store.owner_of("a"), std::nullopt);
}

TEST_F(ticks, of_a_gap_are_decided_at_start_up) {
  add_job("a", 1s);
  start();
  pass(1s);
  end_run(running[0].id);
  feed(stop_requested{});
  ASSERT_TRUE(exited);
  clock.advance(10s);
  opts.incarnation = "next";
  start();
  EXPECT_EQ(row("a", 2s).state, row_state::missed);
  EXPECT_EQ(row("a", 2s).count, 9U);
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running[0].run.key.tick, began + 11s);
}

// ---- what clocks do: those of the store, which decide, and of the machine

struct odd_clocks : ticks {
  /// Ends every run at once; returns the ticks that ran. None runs before its time, by the clock that counts, by even a microsecond.
  std::vector<wall_time> run_through(microseconds how_long, const std::function<void()>& each_second = nullptr) {
    std::vector<wall_time> ran;
    const auto end = clock.now().steady + how_long;
    for (int n = 1; clock.now().steady < end; ++n) {
      pass(100ms);
      while (!running.empty()) {
        const auto r = running.front();
        EXPECT_LE(r.run.key.tick, r.run.claimed);
        EXPECT_LE(r.run.claimed, clock.now().wall);
        ran.push_back(r.run.key.tick);
        end_run(r.id);
      }
      if (each_second && n % 10 == 0) each_second();
    }
    return ran;
  }
  /// Every tick of the job up to now has one row.
  void expect_no_tick_without_a_row(const std::string& job, microseconds period) {
    auto until = began;
    for (const auto& r : store.rows(opts.cluster)) {
      if (r.key.job != job) continue;
      EXPECT_EQ(r.key.tick, until + period);
      until = r.until.value_or(r.key.tick);
      EXPECT_EQ(until - r.key.tick, (static_cast<std::int64_t>(r.count) - 1) * period);
    }
    EXPECT_GT(until + period, clock.now().wall - 200ms);
  }
};

TEST_F(odd_clocks, s16_that_are_set_forward_leave_missed_ticks_and_run_the_latest) {
  add_job("a", 10s);
  start();
  ASSERT_EQ(run_through(35s).size(), 3U);
  clock.step_wall(1h);
  const auto ran = run_through(30s);
  ASSERT_EQ(ran.size(), 4U);
  EXPECT_EQ(ran[0], began + 1h + 30s) << "the latest one before the new time";
  EXPECT_EQ(row("a", 40s).state, row_state::missed);
  EXPECT_EQ(row("a", 40s).count, 359U);
  expect_no_tick_without_a_row("a", 10s);
}

TEST_F(odd_clocks, g1_s16_that_are_set_back_run_no_tick_again) {
  add_job("a", 10s);
  start();
  ASSERT_EQ(run_through(35s).size(), 3U);
  clock.step_wall(-10min);
  EXPECT_THAT(run_through(10min), ::testing::IsEmpty());
  EXPECT_THAT(run_through(20s), ::testing::ElementsAre(began + 40s, began + 50s));
  expect_no_tick_without_a_row("a", 10s);
}

TEST_F(odd_clocks, s16_of_a_machine_that_was_suspended_find_what_is_due_at_once) {
  add_job("a", 10s);
  start();
  ASSERT_EQ(run_through(35s).size(), 3U);
  jump(3h);  // CLOCK_BOOTTIME goes on
  const auto ran = run_through(14s);
  ASSERT_GE(ran.size(), 2U);
  EXPECT_EQ(ran[0], began + 3h + 30s);
  EXPECT_EQ(row("a", 40s).state, row_state::missed);
  expect_no_tick_without_a_row("a", 10s);
}

TEST_F(odd_clocks, of_a_machine_that_wakes_the_engine_late_are_said_to_be_late) {
  add_job("a", 10s);
  start();
  pass(9'500ms);
  jump(900ms);
  wake();
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running[0].run.key.tick, began + 10s);
  EXPECT_FALSE(running[0].run.caught_up);
  EXPECT_GE(notes<run_claimed>().back().late, 400ms);
  EXPECT_LT(notes<run_claimed>().back().late, 401ms);
}

// A leap second spread over a day: a clock that is slow, then fast, by twelve millionths.
TEST_F(odd_clocks, that_smear_a_leap_second_run_each_tick_once) {
  add_job("a", 1s);
  start();
  std::size_t ran = 0;
  for (const auto by : {-12us, 12us}) ran += run_through(1'000s, [&] { clock.step_wall(by); }).size();
  EXPECT_GE(ran, 1'999U);
  expect_no_tick_without_a_row("a", 1s);
  for (const auto& r : store.rows(opts.cluster)) EXPECT_EQ(r.state, row_state::finished) << to_rfc3339(r.key.tick);
}

TEST_F(ticks, g12_do_not_start_on_a_machine_whose_clock_is_too_far_off) {
  opts.max_clock_offset = 10s;
  add_job("a", 10s);
  start();
  const auto with_offset = [this](microseconds by) {
    withhold<reconcile>();
    pass_to_next<reconcile>();
    const auto sent = take<reconcile>();
    ledger::reconcile_reply reply{clock.now().wall - by, {}, {}};
    feed(reconciled{sent->id, {clock.now().steady, clock.now().steady}, reply});
    let_go<reconcile>();
  };
  with_offset(-11s);
  EXPECT_FALSE(engine->health().ready);
  ASSERT_EQ(notes<clock_unfit>().size(), 1U);
  EXPECT_TRUE(notes<clock_unfit>()[0].unfit);
  pass(12s);  // the store's clock went back by eleven seconds: ours stands still as long
  with_offset(0s);
  EXPECT_TRUE(engine->health().ready);
}

}  // namespace
}  // namespace baton::engine

#include "ledger_control.hpp"

#include <algorithm>
#include <thread>

#include "ledger_fixture.hpp"

namespace baton::mysql::testing {
namespace {

using ledger::cancel_outcome;
using ledger::name_verdict;
using ledger::reason_code;
using ledger::row_query;
using ledger::row_state;
using ledger::run_order;
using ledger::run_outcome;
using ledger::tick_key;
using ledger::tick_kind;
using std::chrono::hours;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ledger_control_test : public store_test {
 protected:
  void SetUp() override {
    store_test::SetUp();
    if (!IsSkipped()) control = ok(open_store().open_control());
  }
  void TearDown() override {
    control.reset();
    store_test::TearDown();
  }

  static std::string at(wall_time t) { return "'" + to_sql(t) + "'"; }
  /// Writes a row of kind schedule that has ended well.
  static void insert(const std::string& job, wall_time tick, const std::string& more = "5,NULL") {
    account_sql(
        "INSERT INTO baton_tick (cluster,job,tick,kind,lock_name,fence,incarnation,instance,attempt,tick_count,outcome,reason,error,"
        "output,changed,state,until_tick) VALUES ('t','" +
        job + "'," + at(tick) + ",1,'" + instance::name(job) + "',1,'','',1,1,1,0,'','said'," + at(tick) + "," + more + ")");
  }
  std::vector<tick_key> keys(const row_query& query) {
    std::vector<tick_key> all;
    for (const auto& row : ok(control->rows("t", query))) all.push_back(row.key);
    return all;
  }
  run_order order(const std::string& request, std::optional<wall_time> tick = {}, const std::string& job = "job") {
    return {job, tick, request, ""};
  }

  std::unique_ptr<ledger::control> control;
};
BATON_ON_BOTH_SERVERS(ledger_control_test);

TEST_P(ledger_control_test, knows_jobs_and_instances) {
  auto a = std::make_unique<instance>(open_store(), "a");
  const auto since = a->now() - hours{1};
  a->register_job("one", since);
  a->register_job("two", since);
  (void)a->reconcile(since);
  insert("one", since, "6," + at(since + seconds{5}));
  const auto jobs = ok(control->jobs("t"));
  ASSERT_THAT(jobs, SizeIs(2));
  EXPECT_EQ(jobs[0].job, "one");
  EXPECT_EQ(jobs[0].lock_name, a->name("one"));
  EXPECT_EQ(jobs[0].schedule_hash, "hash");
  EXPECT_EQ(jobs[0].effective_since, since);
  EXPECT_EQ(jobs[0].decided_until, since + seconds{5});
  EXPECT_EQ(jobs[0].low_water, std::nullopt);
  EXPECT_EQ(jobs[1].decided_until, std::nullopt);
  auto instances = ok(control->instances("t"));
  ASSERT_THAT(instances, SizeIs(1));
  EXPECT_EQ(instances[0].instance, "instance a");
  EXPECT_EQ(instances[0].version, "test");
  EXPECT_TRUE(instances[0].alive);
  a.reset();
  EXPECT_TRUE(eventually([&] { return !ok(control->instances("t")).at(0).alive; }));
  EXPECT_THAT(ok(control->jobs("other")), IsEmpty());
}

TEST_P(ledger_control_test, pauses_and_resumes_a_job_for_claims_and_reconciling) {
  instance a{open_store(), "a"};
  const auto before = a.now();
  a.register_job("job", before - seconds{100});
  ok(control->set_paused("t", "job", true));
  const auto paused = a.reconcile(before);
  ASSERT_THAT(paused.jobs, SizeIs(1));
  EXPECT_TRUE(paused.jobs[0].stopped);
  const auto tick = a.now();
  EXPECT_EQ(a.claim("job", {tick}).verdict, name_verdict::nothing_due);
  ASSERT_THAT(a.rows(), SizeIs(1));
  EXPECT_EQ(a.rows()[0].state, row_state::skipped);
  EXPECT_EQ(a.rows()[0].reason, reason_code::paused);

  ok(control->set_paused("t", "job", false));
  const auto standing = ok(control->jobs("t")).at(0).standing;
  EXPECT_EQ(standing.paused, false);
  EXPECT_EQ(standing.stopped, reason_code::none);
  EXPECT_NE(standing.stopped_until, std::nullopt);
  EXPECT_EQ(a.claim("job", {a.now()}).verdict, name_verdict::claimed);
}

TEST_P(ledger_control_test, resumes_a_job_that_its_configuration_pauses_until_told_otherwise) {
  instance a{open_store(), "a"};
  const std::vector<ledger::job_registration> registered{{"job", a.name("job"), "hash", ledger::job_setting::paused}};
  EXPECT_TRUE(ok(a.ledger->register_jobs("t", registered)).at(0).stopped);
  ok(control->set_paused("t", "job", false));
  EXPECT_FALSE(ok(a.ledger->register_jobs("t", registered)).at(0).stopped) << "a command outlives the configuration";
}

TEST_P(ledger_control_test, names_the_job_that_was_meant) {
  instance a{open_store(), "a"};
  a.register_job("nightly-rollup", a.now());
  const auto refused = control->set_paused("t", "nightly-rolup", true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::not_found);
  EXPECT_THAT(refused.error().context, HasSubstr("did you mean 'nightly-rollup'?"));
  EXPECT_THAT(control->set_paused("t", "something else", true).error().context, HasSubstr("`baton list`"));
  EXPECT_THAT(control->set_paused("u", "job", true).error().context, HasSubstr("start an instance"));
  EXPECT_EQ(code_of(control->order("t", {order("r", {}, "nobody")})), errc::not_found);
  EXPECT_EQ(code_of(control->rows("t", {.job = "nobody", .from = {}, .to = {}})), errc::not_found);
  ok(control->set_paused("t", "nightly-rollup", true));  // no transaction was left open
}

TEST_P(ledger_control_test, orders_runs_that_a_claim_takes_up_with_their_parameters) {
  instance a{open_store(), "a"};
  const auto before = a.now();
  a.register_job("job", before);
  auto wanted = order("r1");
  wanted.parameters = R"({"day":"1' OR 1=1"})";
  const auto made = ok(control->order("t", {wanted}));
  ASSERT_THAT(made, SizeIs(1));
  EXPECT_EQ(made[0].kind, tick_kind::trigger);
  EXPECT_GE(made[0].tick, before);
  EXPECT_THAT(a.reconcile(before).open, SizeIs(1));
  const auto rows = ok(control->rows("t", {.job = "job", .from = {}, .to = {}}));
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].state, row_state::pending);
  EXPECT_NE(rows[0].requested, std::nullopt);
  const auto reply = a.claim("job", {});
  ASSERT_EQ(reply.verdict, name_verdict::claimed);
  EXPECT_EQ(reply.run->key, made[0]);
  EXPECT_EQ(reply.run->parameters, wanted.parameters);
}

TEST_P(ledger_control_test, takes_the_same_request_twice_for_one_order) {
  instance a{open_store(), "a"};
  a.register_job("job", a.now());
  const auto old = a.now() - hours{100};
  const auto first = ok(control->order("t", {order("plain"), order("past", old)}));
  EXPECT_EQ(ok(control->order("t", {order("plain"), order("past", old)})), first);
  EXPECT_EQ(ok(control->order("t", {order("plain")})).at(0), first[0]);
  EXPECT_THAT(a.rows(), SizeIs(2));
  EXPECT_NE(ok(control->order("t", {order("another")})).at(0), first[0]);
}

TEST_P(ledger_control_test, gives_each_order_without_a_tick_one_of_its_own) {
  instance a{open_store(), "a"};
  a.register_job("job", a.now());
  std::vector<run_order> many;
  for (int i = 0; i < 50; ++i) many.push_back(order("r" + std::to_string(i)));
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&, c] {
      auto own = ok(open_store().open_control());
      auto mine = many;
      for (auto& each : mine) each.request += "/" + std::to_string(c);
      const auto made = ok(own->order("t", mine));
      EXPECT_TRUE(std::ranges::is_sorted(made));
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_THAT(a.rows(), SizeIs(200));
}

TEST_P(ledger_control_test, orders_all_or_nothing) {
  instance a{open_store(), "a"};
  a.register_job("job", a.now());
  const auto tick = a.now() - hours{1};
  (void)ok(control->order("t", {order("first", tick)}));
  const auto taken = control->order("t", {order("second", tick - seconds{1}), order("second", tick)});
  EXPECT_EQ(code_of(taken), errc::already_exists);
  EXPECT_THAT(taken.error().context, AllOf(HasSubstr(to_rfc3339(tick)), HasSubstr("'job'")));
  const auto future = control->order("t", {order("third", tick - seconds{1}), order("third", a.now() + seconds{60})});
  EXPECT_EQ(code_of(future), errc::invalid_argument);
  EXPECT_EQ(code_of(control->order("t", {order("fourth", tick - seconds{1}), order("fourth", {}, "nobody")})), errc::not_found);
  EXPECT_EQ(code_of(control->order("t", {order("")})), errc::invalid_argument);
  EXPECT_EQ(code_of(control->order("t", {order(std::string(37, 'x'))})), errc::invalid_argument);
  auto large = order("large");
  large.parameters.assign(70'000, 'x');
  EXPECT_EQ(code_of(control->order("t", {large})), errc::invalid_argument);
  EXPECT_THAT(ok(control->order("t", {})), IsEmpty());
  EXPECT_THAT(a.rows(), SizeIs(1));
}

TEST_P(ledger_control_test, cancels_by_what_a_run_is_at) {
  instance a{open_store(), "a"};
  a.register_job("job", a.now() - seconds{100});
  const auto waiting = ok(control->order("t", {order("r")})).at(0);
  EXPECT_EQ(ok(control->cancel("t", waiting)), cancel_outcome::cancelled);
  EXPECT_EQ(ok(control->cancel("t", waiting)), cancel_outcome::not_open);
  EXPECT_EQ(a.claim("job", {}).verdict, name_verdict::nothing_due);
  const auto run = a.claim("job", {a.now()});
  ASSERT_EQ(run.verdict, name_verdict::claimed);
  const auto before = a.now();
  EXPECT_EQ(ok(control->cancel("t", run.run->key)), cancel_outcome::requested);
  const auto seen = a.reconcile(before);
  ASSERT_THAT(seen.open, SizeIs(1));
  EXPECT_TRUE(seen.open[0].cancel);
  auto record = finish_of(*run.run, a.now());
  record.outcome = run_outcome::failure;
  record.retry_at = a.now() + seconds{60};
  (void)ok(a.ledger->finish("t", std::vector{record}));
  EXPECT_EQ(ok(control->cancel("t", run.run->key)), cancel_outcome::requested) << "it waits for its next attempt";
  EXPECT_EQ(a.claim("job", {}).verdict, name_verdict::nothing_due) << "and whoever claims closes it";
  EXPECT_EQ(ok(control->cancel("t", {"job", before - hours{9}, tick_kind::schedule})), cancel_outcome::unknown);
  const auto rows = a.rows();
  EXPECT_TRUE(
      std::ranges::all_of(rows, [](const auto& r) { return r.state == row_state::finished && r.outcome == run_outcome::cancelled; }));
}

TEST_P(ledger_control_test, pages_through_all_rows_in_both_orders) {
  instance a{open_store(), "a"};
  const auto start = a.now() - hours{1};
  for (const auto* job : {"b", "a", "c"}) {
    a.register_job(job, start);
    for (int i = 0; i < 7; ++i) insert(job, start + seconds{i});
  }
  (void)ok(control->order("t", {order("r", start, "b"), order("r", start + seconds{3}, "a")}));
  for (const auto newest_first : {false, true}) {
    for (const std::uint32_t limit : {1U, 2U, 5U, 100U}) {
      std::vector<tick_key> seen;
      row_query query{.job = {}, .from = {}, .to = {}, .newest_first = newest_first, .limit = limit};
      for (auto page = keys(query); !page.empty(); page = keys(query)) {
        EXPECT_LE(page.size(), limit);
        seen.insert(seen.end(), page.begin(), page.end());
        query.after = page.back();
      }
      ASSERT_THAT(seen, SizeIs(23)) << newest_first << limit;
      if (newest_first) std::ranges::reverse(seen);
      EXPECT_TRUE(std::ranges::is_sorted(
          seen, [](const auto& x, const auto& y) { return std::tie(x.tick, x.job, x.kind) < std::tie(y.tick, y.job, y.kind); }));
    }
  }
  const auto one = ok(control->rows("t", {.job = "c", .from = {}, .to = {}, .limit = 1}));
  EXPECT_EQ(one.at(0).output, "said");
}

TEST_P(ledger_control_test, finds_rows_by_time_and_gaps_that_reach_into_it) {
  instance a{open_store(), "a"};
  const auto start = a.now() - hours{1};
  a.register_job("job", start);
  insert("job", start);
  insert("job", start + seconds{10}, "6," + at(start + seconds{20}));
  insert("job", start + seconds{30});
  const auto gap = tick_key{"job", start + seconds{10}, tick_kind::schedule};
  const auto last = tick_key{"job", start + seconds{30}, tick_kind::schedule};
  const auto within = [&](int from, int to) {
    return keys({.job = "job", .from = start + seconds{from}, .to = start + seconds{to}, .newest_first = false});
  };
  EXPECT_THAT(within(20, 31), ElementsAre(gap, last));
  EXPECT_THAT(within(21, 31), ElementsAre(last));
  EXPECT_THAT(within(15, 16), ElementsAre(gap));
  EXPECT_THAT(within(21, 30), IsEmpty());
  EXPECT_THAT(within(0, 1), SizeIs(1));
}

TEST_P(ledger_control_test, finds_open_rows_alone) {
  instance a{open_store(), "a"};
  const auto start = a.now() - hours{1};
  a.register_job("job", start);
  a.register_job("other", start);
  for (int i = 0; i < 5; ++i) insert("job", start + seconds{i});
  const auto made = ok(control->order("t", {order("r", start), order("r", start, "other")}));
  EXPECT_THAT(keys({.job = {}, .from = {}, .to = {}, .newest_first = false, .only_open = true}), ElementsAre(made[0], made[1]));
  EXPECT_THAT(keys({.job = "other", .from = {}, .to = {}, .only_open = true}), ElementsAre(made[1]));
}

/// What the server reads for a page does not grow with the table: counted by itself, with up to 600 reads of its own for the question.
TEST_P(ledger_control_test, reads_a_page_by_the_primary_key_and_sorts_no_more_than_it) {
  need_private_server();
  if (IsSkipped()) return;
  instance a{open_store(), "a"};
  const auto start = a.now() - hours{24};
  for (const auto* job : {"one", "two"}) {
    a.register_job(job, start);
    insert(job, start);
    for (int doubled = 0; doubled < 13; ++doubled) {
      account_sql("INSERT INTO baton_tick SELECT cluster,job,tick+INTERVAL " + std::to_string(1 << doubled) +
                  " SECOND,kind,lock_name,state,fence,incarnation,instance,attempt,until_tick,tick_count,claimed,started,finished,retry_at,"
                  "outcome,reason,error,output,cancel,requested,request,parameters,changed FROM baton_tick WHERE cluster='t' AND job='" +
                  job + "'");
    }
  }
  const auto rows_read = [] {
    std::uint64_t sum = 0;
    for (const auto& row : sql("SHOW GLOBAL STATUS WHERE Variable_name LIKE 'Handler_read_%' OR Variable_name='Sort_rows'"))
      sum += std::stoull(row[1].value_or("0"));
    return sum;
  };
  for (const auto newest_first : {false, true}) {
    for (const auto* job : {"", "one"}) {
      for (const auto far : {false, true}) {
        row_query query{.job = job, .from = {}, .to = {}, .newest_first = newest_first, .limit = 20};
        if (far) {
          query.from = start + seconds{3000};
          query.to = start + seconds{6000};
          query.after = tick_key{"one", start + seconds{4000}, tick_kind::schedule};
        }
        (void)ok(control->rows("t", query));  // the first use of a table reads of its dictionary
        const auto before = rows_read();
        EXPECT_THAT(ok(control->rows("t", query)), SizeIs(20));
        const auto cost = rows_read() - before;
        EXPECT_LT(cost, 1000U) << "job '" << job << "', " << newest_first << far << ", of 16,384 rows";
      }
    }
  }
}

}  // namespace
}  // namespace baton::mysql::testing

#include "control.hpp"

#include "fixture.hpp"

namespace baton::local::testing {
namespace {

using ledger::cancel_outcome;
using ledger::tick_kind;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::SizeIs;

class control_test : public local_test {
 protected:
  control_test() {
    (void)made();
    session = ok(unmade().open_ledger_session());
    EXPECT_TRUE(ok(session->hold_incarnation("t", "inc")));
    (void)ok(session->register_jobs("t", std::vector<ledger::job_registration>{{"a", "baton:t:a", "hash"}, {"b", "baton:t:b", "hash"}}));
    asked = ok(unmade().open_control());
  }
  [[nodiscard]] wall_time now() const { return time->now().wall; }

  std::unique_ptr<ledger::session> session;
  std::unique_ptr<ledger::control> asked;
};

TEST_F(control_test, pauses_and_resumes_a_job_that_is_registered) {
  ok(asked->set_paused("t", "a", true));
  const auto jobs = ok(asked->jobs("t"));
  ASSERT_THAT(jobs, SizeIs(2));
  EXPECT_EQ(jobs[0].standing.stopped, ledger::reason_code::paused);
  EXPECT_EQ(jobs[1].standing.stopped, ledger::reason_code::none);
  EXPECT_TRUE(ok(session->reconcile({"t", "inc", "i", "v", 1, "", now()})).jobs.at(0).stopped);
  time->advance(seconds{5});
  ok(asked->set_paused("t", "a", false));
  EXPECT_EQ(ok(asked->jobs("t"))[0].standing.stopped_until, now());
  const auto unknown = asked->set_paused("t", "aa", true);
  EXPECT_EQ(code_of(unknown), errc::not_found);
  EXPECT_THAT(unknown.error().context, ::testing::HasSubstr("did you mean 'a'?"));
  EXPECT_EQ(code_of(asked->rows("t", {.job = "other", .from = {}, .to = {}})), errc::not_found);
}

TEST_F(control_test, takes_an_order_once_and_all_of_them_or_none) {
  const auto keys = ok(asked->order("t", {{"a", std::nullopt, "request-1", "{}"}}));
  EXPECT_THAT(keys, ElementsAre(ledger::tick_key{"a", now(), tick_kind::trigger}));
  time->advance(seconds{1});
  EXPECT_EQ(ok(asked->order("t", {{"a", std::nullopt, "request-1", "{}"}})), keys) << "sent again";
  EXPECT_EQ(code_of(asked->order("t", {{"b", now(), "request-2", ""}, {"other", now(), "request-2", ""}})), errc::not_found);
  EXPECT_EQ(code_of(asked->order("t", {{"b", now(), "request-2", ""}, {"a", keys[0].tick, "request-2", ""}})), errc::already_exists);
  EXPECT_EQ(code_of(asked->order("t", {{"b", now() + seconds{1}, "request-2", ""}})), errc::invalid_argument) << "it is still to come";
  EXPECT_EQ(code_of(asked->order("t", {{"b", now(), "", ""}})), errc::invalid_argument) << "it could not be sent twice";
  const auto rows = ok(asked->rows("t", {}));
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].state, ledger::row_state::pending);
  EXPECT_EQ(rows[0].lock_name, "baton:t:a");
  EXPECT_EQ(rows[0].parameters, "{}");
}

TEST_F(control_test, cancels_what_waits_and_asks_for_the_end_of_what_runs) {
  const auto keys = ok(asked->order("t", {{"a", std::nullopt, "r", ""}, {"b", now(), "r", ""}}));
  EXPECT_EQ(ok(asked->cancel("t", keys[0])), cancel_outcome::cancelled);
  EXPECT_EQ(ok(asked->cancel("t", keys[0])), cancel_outcome::not_open);
  EXPECT_EQ(ok(asked->cancel("t", {"a", now() + seconds{1}, tick_kind::trigger})), cancel_outcome::unknown);
  const auto locks = ok(unmade().open_lock_session());
  (void)ok(locks->try_acquire(std::vector<std::string>{"baton:t:b"}));
  ledger::claim_request request{"t", "inc", "i", {}, seconds{1}, seconds{1}, seconds{1}, {}};
  request.takeover = ledger::takeover_policy::fast;
  request.names.push_back(
      {"baton:t:b", locks->connection_id(), seconds{60}, seconds{60}, std::nullopt, {{"b", {}, now(), {}, 0, std::nullopt}}});
  ASSERT_EQ(ok(session->claim(request)).names[0].verdict, ledger::name_verdict::claimed);
  EXPECT_EQ(ok(asked->cancel("t", keys[1])), cancel_outcome::requested);
  const auto open = ok(asked->rows("t", {.job = "", .from = {}, .to = {}, .newest_first = true, .only_open = true, .limit = 10}));
  ASSERT_THAT(open, SizeIs(1));
  EXPECT_TRUE(open[0].cancel);
}

TEST_F(control_test, finds_rows_by_job_and_time_page_by_page) {
  std::vector<ledger::run_order> runs;
  for (int i = 0; i < 5; ++i) runs.push_back({i % 2 == 0 ? "a" : "b", now() - seconds{10 - i}, "r", ""});
  const auto keys = ok(asked->order("t", runs));
  const auto found = [&](ledger::row_query query) {
    std::vector<ledger::tick_key> all;
    for (const auto& row : ok(asked->rows("t", query))) all.push_back(row.key);
    return all;
  };
  EXPECT_THAT(found({.job = "a", .from = {}, .to = {}}), ElementsAre(keys[4], keys[2], keys[0]));
  EXPECT_THAT(found({.job = "", .from = now() - seconds{9}, .to = now() - seconds{7}, .newest_first = false}),
              ElementsAre(keys[1], keys[2]));
  EXPECT_THAT(found({.job = "", .from = {}, .to = {}, .newest_first = true, .only_open = false, .limit = 2, .after = keys[3]}),
              ElementsAre(keys[2], keys[1]));
}

TEST_F(control_test, tells_living_instances_from_dead_ones) {
  (void)ok(session->reconcile({"t", "inc", "label", "v", 1, "2025a", now()}));
  auto instances = ok(asked->instances("t"));
  ASSERT_THAT(instances, SizeIs(1));
  EXPECT_EQ(instances[0].instance, "label");
  EXPECT_TRUE(instances[0].alive);
  session.reset();
  EXPECT_FALSE(ok(asked->instances("t"))[0].alive);
}

}  // namespace
}  // namespace baton::local::testing

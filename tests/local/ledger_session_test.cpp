#include "ledger_session.hpp"

#include <algorithm>
#include <array>

#include "baton/lock/name.hpp"
#include "fixture.hpp"

namespace baton::local::testing {
namespace {

using ledger::name_verdict;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// What holds for every store is in tests/integration/every_ledger_session.cpp.
class ledger_session_test : public local_test {
 protected:
  const std::vector<std::string> name{"baton:t:job"};

  [[nodiscard]] std::unique_ptr<ledger::session> registered(const std::string& incarnation) const {
    auto session = ok(unmade().open_ledger_session());
    EXPECT_TRUE(ok(session->hold_incarnation("t", incarnation)));
    (void)ok(session->register_jobs("t", std::vector<ledger::job_registration>{{"job", name[0], "hash"}}));
    return session;
  }
  [[nodiscard]] ledger::claim_request due_now(const std::string& incarnation, const lock::session& locks) const {
    const auto now = time->now().wall;
    ledger::claim_request r{"t", incarnation, incarnation, {}, seconds{13}, seconds{2}, seconds{15}, {}};
    r.takeover = ledger::takeover_policy::fast;
    r.names.push_back(
        {name[0], locks.connection_id(), seconds{60}, seconds{60}, seconds{60}, {{"job", {}, now - seconds{10}, {now}, 0, std::nullopt}}});
    return r;
  }
};

// G4: kill -9 of an instance in the middle of a run.
TEST_F(ledger_session_test, takes_the_run_of_a_killed_process_over) {
  (void)made();
  holder other{[this] {
    static auto session = registered("dead");
    static auto locks = unmade().open_lock_session();
    time->advance(seconds{1});
    if (!locks || !(*locks)->try_acquire(name)) return false;
    const auto reply = session->claim(due_now("dead", **locks));
    return reply && reply->names[0].verdict == name_verdict::claimed;
  }};
  time->advance(seconds{5});
  const auto session = registered("alive");
  const auto locks = ok(unmade().open_lock_session());
  EXPECT_EQ(ok(locks->try_acquire(name))[0], lock::try_outcome::busy);
  other.kill();
  EXPECT_EQ(ok(locks->try_acquire(name))[0], lock::try_outcome::acquired);
  EXPECT_EQ(ok(session->claim(due_now("alive", *locks))).names[0].verdict, name_verdict::claimed);
  const auto rows = ok(ok(unmade().open_control())->rows("t", {}));
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[1].outcome, ledger::run_outcome::crashed);
}

TEST_F(ledger_session_test, is_an_error_on_a_full_disk_and_the_tick_is_there_when_there_is_room) {
  const small_disk disk{path()};
  if (!disk) GTEST_SKIP() << no_mount;
  (void)made();
  const auto session = registered("a");
  const auto locks = ok(unmade().open_lock_session());
  (void)ok(locks->try_acquire(name));
  time->advance(seconds{1});
  auto request = due_now("a", *locks);
  disk.fill();
  // What is left of the log's last page may take a few small writes.
  auto refused = session->claim(request);
  for (int i = 0; i < 100 && refused; ++i) {
    EXPECT_EQ(refused->names[0].verdict, name_verdict::claimed);
    request = due_now("a", *locks);
    refused = session->claim(request);
  }
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::store_query) << refused.error().context;
  EXPECT_THAT(refused.error().context, HasSubstr("the disk is full"));
  disk.make_room();
  EXPECT_EQ(ok(session->claim(request)).names[0].verdict, name_verdict::claimed);
}

TEST_F(ledger_session_test, forgets_instances_that_were_not_heard_of_for_a_minute) {
  (void)made();
  const auto a = registered("a");
  const auto b = registered("b");
  const auto ask = [&](ledger::session& s, const std::string& incarnation, const std::string& tzdata) {
    return ok(s.reconcile({"t", incarnation, incarnation, "test", 1, tzdata, time->now().wall})).different;
  };
  EXPECT_THAT(ask(*a, "a", "2025a"), IsEmpty());
  EXPECT_THAT(ask(*b, "b", "2025b"), SizeIs(1));
  time->advance(seconds{61});
  EXPECT_THAT(ask(*b, "b", "2025b"), IsEmpty());
}

TEST_F(ledger_session_test, leaves_no_file_of_its_incarnation_behind) {
  (void)made();
  const auto file = path() + "/locks/baton%3At%3A%7Ei%3Aa.lock";
  auto session = registered("a");
  EXPECT_TRUE(std::filesystem::exists(file));
  session.reset();
  EXPECT_FALSE(std::filesystem::exists(file));
}

/// A process that claims, runs and finishes a few jobs over and over, till it is killed.
[[noreturn]] void compete(const store& where, const std::string& incarnation) {
  auto session = ok(where.open_ledger_session());
  auto locks = ok(where.open_lock_session());
  (void)ok(session->hold_incarnation("t", incarnation));
  for (unsigned round = 0;; ++round) {
    const auto job = "job-" + std::to_string(round % 3);
    const std::vector<std::string> lock_name{lock::scheduler_name("t", job)};
    const auto taken = locks->try_acquire(lock_name);
    if (!taken || (*taken)[0] != lock::try_outcome::acquired) continue;
    const auto now = ok(session->claim({})).store_now;
    ledger::claim_request r{"t", incarnation, incarnation, {}, seconds{13}, seconds{2}, seconds{15}, {}};
    r.takeover = ledger::takeover_policy::fast;
    r.names.push_back({lock_name[0],
                       locks->connection_id(),
                       seconds{60},
                       seconds{60},
                       seconds{60},
                       {{job, {}, now - seconds{1}, {now}, 0, std::nullopt}}});
    if (const auto reply = session->claim(r); reply && reply->names[0].run) {
      const auto& run = *reply->names[0].run;
      const auto ended = ok(session->claim({})).store_now;
      (void)session->finish("t", std::vector<ledger::finish_record>{{run.key, run.fence, ledger::run_outcome::success,
                                                                     ledger::reason_code::none, run.claimed, ended, "", ""}});
    }
    (void)locks->release(lock_name);
  }
}

// G1, G2, G8: what is left by processes that fight for the same jobs and are killed at random.
TEST_F(ledger_session_test, lets_no_two_processes_run_at_once_however_often_they_are_killed) {
  options real;
  real.directory = path();
  const auto where = ok(store::create(real));
  ok(where.migrate());
  std::vector<ledger::job_registration> jobs;
  for (int i = 0; i < 3; ++i) jobs.push_back({"job-" + std::to_string(i), lock::scheduler_name("t", "job-" + std::to_string(i)), "hash"});
  (void)ok(ok(where.open_ledger_session())->register_jobs("t", jobs));
  std::array<pid_t, 4> children{};
  int started = 0;
  const auto start = [&](pid_t& child) {
    const auto incarnation = "i" + std::to_string(++started);
    child = ::fork();
    if (child == 0) compete(where, incarnation);
  };
  const auto kill = [](pid_t child) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  };
  const auto rows_of = [&](const std::string& job) {
    ledger::row_query all;
    all.job = job;
    all.limit = 1'000'000;
    return ok(ok(where.open_control())->rows("t", all));
  };
  const auto successes = [&] {
    std::ptrdiff_t count = 0;
    for (const auto& job : jobs) count += std::ranges::count(rows_of(job.job), ledger::run_outcome::success, &ledger::tick_row::outcome);
    return count;
  };
  for (auto& child : children) start(child);
  for (int i = 0; i < 60 || (i < 1000 && successes() <= 100); ++i) {  // a slow machine takes longer to do as much
    ::usleep(30'000);
    kill(children[static_cast<std::size_t>(i) % children.size()]);
    start(children[static_cast<std::size_t>(i) % children.size()]);
  }
  for (const auto child : children) kill(child);

  int ended = 0;
  int crashed = 0;
  for (const auto& job : jobs) {
    auto rows = rows_of(job.job);
    std::ranges::sort(rows, {}, &ledger::tick_row::fence);
    EXPECT_LE(std::ranges::count(rows, ledger::row_state::running, &ledger::tick_row::state), 1);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ended += rows[i].outcome == ledger::run_outcome::success ? 1 : 0;
      crashed += rows[i].outcome == ledger::run_outcome::crashed ? 1 : 0;
      if (i == 0) continue;
      EXPECT_NE(rows[i].fence, rows[i - 1].fence);
      EXPECT_LE(rows[i - 1].finished.value_or(wall_time::max()), *rows[i].claimed);
    }
  }
  EXPECT_GT(ended, 100);
  EXPECT_GT(crashed, 0) << "no kill fell into a run: the test shows less than it should";
}

}  // namespace
}  // namespace baton::local::testing

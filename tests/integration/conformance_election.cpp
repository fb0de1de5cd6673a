// Leader election on leases.
#include "baton/mysql/leader_election.hpp"

#include <atomic>
#include <mutex>

#include "conformance_fixture.hpp"

namespace baton::conformance {
namespace {

using lock::loss;
using mysql::leader;
using mysql::leader_election;
using mysql::leader_observer;
using mysql::leadership;
using mysql::lock_client;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using steady = std::chrono::steady_clock;

/// A candidate with a client of its own, and what it was told.
class candidate {
 public:
  explicit candidate(const std::string& label, std::function<void(leader_election::options&)> change = {})
      : client_(ok(lock_client::create(conformance::where()))) {
    leader_election::options how;
    how.label = label;
    how.longest_return = 300ms;
    how.elected = [this](const leadership& l) {
      note("elected");
      const std::lock_guard guard{mutex_};
      epochs_.push_back(l.epoch);
      elected_at_ = steady::now();
    };
    how.deposed = [this](std::uint64_t, std::optional<loss> reason) {
      note(reason ? "deposed " + std::string{to_string(*reason)} : "resigned");
      const std::lock_guard guard{mutex_};
      deposed_at_ = steady::now();
    };
    if (change) change(how);
    election_ = ok(leader_election::start(*client_, conformance::key("leader"), std::move(how)));
  }
  void note(const std::string& what) {
    const std::lock_guard guard{mutex_};
    told_.push_back(what);
  }
  [[nodiscard]] std::vector<std::string> told() const {
    const std::lock_guard guard{mutex_};
    return told_;
  }
  [[nodiscard]] std::vector<std::uint64_t> epochs() const {
    const std::lock_guard guard{mutex_};
    return epochs_;
  }
  [[nodiscard]] steady::time_point elected_at() const {
    const std::lock_guard guard{mutex_};
    return elected_at_;
  }
  [[nodiscard]] steady::time_point deposed_at() const {
    const std::lock_guard guard{mutex_};
    return deposed_at_;
  }
  [[nodiscard]] bool leads() const { return election_->is_leader(); }
  /// It leads, and has been told so.
  [[nodiscard]] bool await_lead(microseconds limit = 10s) const {
    return eventually([this] { return leads() && !told().empty() && told().back() == "elected"; }, limit);
  }
  leader_election& election() { return *election_; }
  void end() { election_.reset(); }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> told_;
  std::vector<std::uint64_t> epochs_;
  steady::time_point elected_at_;
  steady::time_point deposed_at_;
  std::unique_ptr<lock_client> client_;
  std::unique_ptr<leader_election> election_;
};

class conformance_election : public conformance {
 protected:
  void SetUp() override {
    conformance::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) sql("DELETE FROM baton.baton_holder");
  }
};
BATON_CONFORMANCE(conformance_election);

TEST_P(conformance_election, one_leads_and_whoever_asks_learns_who) {
  candidate a{"a"};
  ASSERT_TRUE(a.await_lead(1s)) << "nobody led before: there is nobody to wait for";
  candidate b{"b"};
  ASSERT_TRUE(eventually([] { return waiting() == 1; }));
  EXPECT_FALSE(b.leads());
  EXPECT_EQ(b.election().epoch(), 0U);
  EXPECT_GT(a.election().epoch(), 0U);
  const auto watcher = ok(lock_client::create(where()));
  const auto found = ok(leader_election::find_leader(*watcher, key("leader")));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->label, "a");
  EXPECT_EQ(found->epoch, a.election().epoch());
  EXPECT_GT(found->since, wall_time{});
}

TEST_P(conformance_election, who_never_led_signs_nothing_off_for_the_leader_before) {
  candidate a{"a"};
  ASSERT_TRUE(a.await_lead());
  sql("KILL " + std::to_string(holder_of("leader")));
  ASSERT_TRUE(eventually([&] { return a.told().back().starts_with("deposed"); }));
  a.end();
  const auto vanished = [] { return sql("SELECT given_back FROM baton.baton_holder WHERE lock_name='leader'").front().front() == "0"; };
  ASSERT_TRUE(vanished());
  candidate b{"b"};
  ASSERT_TRUE(eventually([] { return sql("SELECT holder FROM baton.baton_holder WHERE lock_name='leader'").front().front() == "b"; }));
  std::this_thread::sleep_for(200ms);  // well into the second for which it waits, of which nothing can be seen from outside
  EXPECT_FALSE(b.leads()) << "it waits until the one before must have stopped";
  b.end();
  EXPECT_TRUE(eventually([] { return holder_of("leader") == 0; }));
  EXPECT_TRUE(vanished()) << "the next one has to wait as well";
}

TEST_P(conformance_election, a_leader_that_resigns_is_followed_at_once_and_stays_away) {
  candidate a{"a"};
  ASSERT_TRUE(a.await_lead());
  candidate b{"b"};
  ASSERT_TRUE(eventually([] { return waiting() == 1; }));
  const auto watcher = ok(lock_client::create(where()));
  std::mutex mutex;
  std::vector<std::string> seen;
  leader_observer observer{*watcher, key("leader"), 20ms, [&](const std::optional<leader>& l) {
                             const std::lock_guard guard{mutex};
                             if (l) seen.push_back(l->label);
                           }};
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard guard{mutex};
    return !seen.empty();
  }));
  const auto asked = steady::now();
  a.election().resign(2s);
  ASSERT_TRUE(b.await_lead());
  EXPECT_LT(b.elected_at() - asked, 400ms) << "without the wait for somebody who vanished";
  EXPECT_GE(b.elected_at(), a.deposed_at()) << "told first, given back then";
  EXPECT_FALSE(a.leads());
  EXPECT_THAT(a.told(), ElementsAre("elected", "resigned"));
  EXPECT_GT(b.epochs().front(), a.epochs().front());
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard guard{mutex};
    return seen == std::vector<std::string>{"a", "b"};
  }));
  b.end();
  EXPECT_TRUE(a.await_lead()) << "it is a candidate again";
}

TEST_P(conformance_election, a_leader_that_is_killed_is_told_and_followed_when_it_must_have_stopped) {
  candidate a{"a"};
  ASSERT_TRUE(a.await_lead());
  candidate b{"b"};
  ASSERT_TRUE(eventually([] { return waiting() == 1; }));
  const auto killed = steady::now();
  sql("KILL " + std::to_string(holder_of("leader")));
  ASSERT_TRUE(b.await_lead());
  EXPECT_TRUE(eventually([&] { return a.told().size() >= 2; }));
  EXPECT_EQ(a.told()[1], "deposed connection");
  EXPECT_LT(a.deposed_at() - killed, 500ms);
  EXPECT_GE(b.elected_at() - killed, 1s) << "2 S";
  EXPECT_LT(b.elected_at() - killed, 2s);
  EXPECT_FALSE(a.leads());
  EXPECT_GT(b.epochs().front(), a.epochs().front());
}

TEST_P(conformance_election, safe_takeover_waits_for_a_leader_that_may_be_stopped) {
  candidate a{"a"};
  ASSERT_TRUE(a.await_lead());
  candidate b{"b", [](leader_election::options& how) { how.takeover = lock::takeover::safe; }};
  ASSERT_TRUE(eventually([] { return waiting() == 1; }));
  const auto killed = steady::now();
  sql("KILL " + std::to_string(holder_of("leader")));
  ASSERT_TRUE(b.await_lead());
  EXPECT_GE(b.elected_at() - killed, 2s) << "W - M + S";
}

TEST_P(conformance_election, the_token_of_a_leader_is_stopped_at_once_while_its_callback_works) {
  std::atomic<bool> works = false;
  std::atomic<bool> stopped = false;
  std::atomic<bool> returned = false;
  candidate a{"a", [&](leader_election::options& how) {
                how.elected = [&](const leadership& l) {
                  works = true;
                  const std::stop_callback on_stop{l.until, [&] { stopped = true; }};
                  while (!l.until.stop_requested()) std::this_thread::sleep_for(1ms);
                  returned = true;
                };
              }};
  ASSERT_TRUE(eventually([&] { return works.load(); }));
  EXPECT_TRUE(a.leads());
  a.election().resign(100ms);
  ASSERT_TRUE(eventually([&] { return returned.load(); }));
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(eventually([&] { return !a.told().empty(); }));
  EXPECT_THAT(a.told().front(), "resigned");
  works = false;
  ASSERT_TRUE(eventually([&] { return works.load(); })) << "elected again";
  returned = false;
  sql("KILL " + std::to_string(holder_of("leader")));
  ASSERT_TRUE(eventually([&] { return returned.load(); }));
  EXPECT_TRUE(eventually([&] { return a.told().back() == "deposed connection"; }));
  returned = false;
  ASSERT_TRUE(eventually([&] { return a.leads(); }));
  const auto took = time_of([&] { a.end(); });  // destroying it ends the work too
  EXPECT_TRUE(returned);
  EXPECT_LT(took, 1s);
}

TEST_P(conformance_election, a_read_only_server_deposes_and_elects_nobody) {
  std::atomic<int> failures = 0;
  candidate a{"a", [&](leader_election::options& how) {
                how.failed = [&](const failure& why) {
                  if (why.code == errc::store_unfit) ++failures;
                };
              }};
  ASSERT_TRUE(a.await_lead());
  sql("SET GLOBAL read_only=1");
  EXPECT_TRUE(eventually([&] { return !a.leads(); }));
  EXPECT_TRUE(eventually([&] { return a.told().size() == 2; }));
  EXPECT_THAT(a.told().back(), "deposed not_primary");
  EXPECT_TRUE(eventually([&] { return failures > 1; })) << "it keeps trying, and says why it fails";
  EXPECT_FALSE(a.leads());
  sql("SET GLOBAL read_only=0");
  EXPECT_TRUE(a.await_lead()) << "and recovers alone";
}

TEST_P(conformance_election, a_restarted_server_has_a_leader_again_with_a_later_epoch) {
  candidate a{"a"};
  candidate b{"b"};
  ASSERT_TRUE(eventually([&] { return a.leads() || b.leads(); }));
  const auto before = std::max(a.election().epoch(), b.election().epoch());
  ok(server().restart());
  ASSERT_TRUE(eventually([&] { return (a.leads() || b.leads()) && std::max(a.election().epoch(), b.election().epoch()) > before; }, 20s));
  EXPECT_NE(a.leads(), b.leads());
}

TEST_P(conformance_election, callbacks_that_throw_harm_nobody) {
  candidate a{"a", [](leader_election::options& how) { how.elected = [](const leadership&) { throw std::runtime_error{"no"}; }; }};
  ASSERT_TRUE(eventually([&] { return a.leads(); }));
  a.election().resign(50ms);
  EXPECT_TRUE(eventually([&] { return a.told().size() == 1; }));
  EXPECT_TRUE(eventually([&] { return a.leads(); }));
}

TEST_P(conformance_election, wants_fences_and_a_portable_key) {
  const auto c = ok(lock_client::create(where()));
  EXPECT_EQ(code_of(leader_election::start(*c, key("Leader"), {})), errc::invalid_key);
  const auto without = ok(lock_client::create(where(), {.fences = false}));
  EXPECT_EQ(code_of(leader_election::start(*without, key("leader"), {})), errc::invalid_argument);
}

}  // namespace
}  // namespace baton::conformance

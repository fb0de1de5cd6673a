#include "fleet_view.hpp"

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <future>
#include <set>

#include "baton/base/system_clock.hpp"
#include "fake_control.hpp"

namespace baton::program {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using ledger::row_state;
using ledger::run_outcome;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

/// A clock that a test moves while another thread reads it.
class moved_clock final : public clock {
 public:
  [[nodiscard]] time_point now() const noexcept override {
    return {noon + microseconds{passed_}, boot_time{1000s} + microseconds{passed_}};
  }
  void advance(microseconds d) noexcept { passed_ += d.count(); }

 private:
  std::atomic<std::int64_t> passed_{0};
};

settings::settings configured() {
  settings::settings s;
  s.cluster = "c";
  s.instance = "east";
  settings::job job;
  job.name = "a";
  job.plugin = "noop";
  job.where = {"c.yaml", 7, 3};
  job.schedule = std::get<schedule::timetable>(schedule::timetable::from_cron("0 2 * * *"));
  s.jobs.push_back(job);
  return s;
}

class a_fleet_view : public testing::Test {
 protected:
  a_fleet_view() {
    store.register_job("a");
    store.add("a", 30s, row_state::finished, run_outcome::failure);
  }
  ~a_fleet_view() override { view.stop(); }

  void start() {
    view.start([this](std::string event, std::string data) {
      const std::lock_guard lock{mutex};
      events.push_back(event + " " + data);
    });
  }
  json::object ask(const std::string& what, const std::string& object = "", std::vector<std::pair<std::string, std::string>> query = {}) {
    return parsed(say_of([&](admin::say done) { view.read({what, object, std::move(query)}, std::move(done)); }));
  }
  admin::said change(const std::string& verb, const std::string& object, const std::string& body = "{}") {
    return say_of([&](admin::say done) { view.change({verb, object, body, "uid 7"}, std::move(done)); });
  }
  template <typename Begin>
  admin::said say_of(Begin begin) {
    auto came = std::make_shared<std::promise<admin::said>>();
    auto answer = came->get_future();
    begin([came](admin::said said) { came->set_value(std::move(said)); });
    EXPECT_EQ(answer.wait_for(10s), std::future_status::ready) << "nobody answered";
    return answer.get();
  }
  static json::object parsed(const admin::said& said) { return json::parse(said.json).as_object(); }
  /// The thread has done all that it was woken for.
  void settle() { (void)ask("config"); }
  std::vector<std::string> told() {
    const std::lock_guard lock{mutex};
    return std::exchange(events, {});
  }

  moved_clock time;
  std::vector<std::string> lines;
  observe::log log{{observe::log_level::info, observe::log_format::text, [this] { return time.now().wall; }, nullptr,
                    [this](std::string_view line) { lines.emplace_back(line); }}};
  observe::metrics metrics{{}};
  observe::recorder seen;
  fake_ledger store;
  std::mutex mutex;
  std::vector<std::string> events;
  fleet_view view{{[this]() -> result<std::unique_ptr<ledger::control>> {
                     if (store.is_away) return failure{errc::store_unavailable, "the store is away"};
                     return std::unique_ptr<ledger::control>{std::make_unique<fake_control>(store)};
                   },
                   time, log, metrics, seen, "i", [] { return instance_state{}; }},
                  std::make_shared<fleet_configuration>(configured())};
};

TEST_F(a_fleet_view, leaves_the_store_alone_until_somebody_looks_and_again_when_nobody_does) {
  start();
  EXPECT_EQ(store.calls, 0);
  (void)ask("jobs");
  EXPECT_GT(store.calls, 0);
  EXPECT_EQ(store.sessions, 1);
  time.advance(11s);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (store.sessions != 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(store.sessions, 0) << "its session is closed too";
}

TEST_F(a_fleet_view, answers_with_the_common_head_and_what_was_asked_for) {
  start();
  const auto jobs = ask("jobs");
  EXPECT_EQ(jobs.at("cluster"), "c");
  EXPECT_EQ(jobs.at("instance"), "east");
  EXPECT_EQ(jobs.at("as_of"), "2026-11-26T12:00:00.000000Z");
  EXPECT_EQ(jobs.at("stale"), false);
  EXPECT_TRUE(jobs.at("reason").is_null());
  EXPECT_EQ(jobs.at("jobs").as_array().size(), 1U);
  EXPECT_EQ(ask("job", "a").at("runs").as_array().size(), 1U);
  EXPECT_EQ(ask("runs", "", {{"job", "a"}, {"limit", "1"}}).at("next"), "a@2026-11-26T11:59:30Z");
  EXPECT_EQ(ask("runs", "", {{"limit", "0"}}).at("error"), "bad_request");
  const auto unknown = ask("job", "aa");
  EXPECT_EQ(unknown.at("error"), "not_found");
  EXPECT_EQ(unknown.at("suggestion"), "a");
}

TEST_F(a_fleet_view, answers_with_what_it_knew_when_the_store_is_away_and_says_so) {
  start();
  (void)ask("jobs");
  store.is_away = true;
  time.advance(5s);
  for (const auto* what : {"jobs", "runs", "locks", "instances", "config"}) {
    const auto old = ask(what);
    EXPECT_EQ(old.at("stale"), true) << what;
    EXPECT_EQ(old.at("reason"), "the store is away") << what;
    EXPECT_EQ(old.at("as_of"), "2026-11-26T12:00:00.000000Z") << what;
  }
  EXPECT_EQ(ask("runs").at("runs").as_array().size(), 1U);
  store.is_away = false;
  time.advance(2s);
  EXPECT_EQ(ask("jobs").at("stale"), false) << "by itself";
}

TEST_F(a_fleet_view, knows_an_answer_while_the_store_keeps_it_waiting) {
  start();
  (void)ask("jobs");
  std::promise<void> go_on;
  auto gate = go_on.get_future().share();
  store.on_call = [gate] { gate.wait(); };
  time.advance(2s);
  view.read({"jobs", "", {}}, [](admin::said) {});
  const auto old = parsed(view.known({"jobs", "", {}}));
  EXPECT_EQ(old.at("stale"), true);
  EXPECT_THAT(std::string{old.at("reason").as_string().c_str()}, HasSubstr("not answered in time"));
  EXPECT_EQ(old.at("jobs").as_array().size(), 1U);
  go_on.set_value();
}

TEST_F(a_fleet_view, tells_those_who_follow_what_is_otherwise) {
  start();
  view.watched(1);
  settle();
  (void)told();
  {
    const std::lock_guard lock{store.mutex};
    store.add("a", 10s, row_state::running, run_outcome::none);
  }
  seen.lock_attempt(noon, "a", noon, "acquired", 1ms);
  seen.lock_lost(noon, "a", "deadline");
  time.advance(2s);
  settle();
  const auto all = told();
  EXPECT_THAT(all, Contains(testing::AllOf(HasSubstr("run {"), HasSubstr("11:59:50Z"), HasSubstr("\"running\""))));
  EXPECT_THAT(all, Contains(testing::AllOf(HasSubstr("job {"), HasSubstr("\"running\":true"))));
  EXPECT_THAT(all, Contains(testing::AllOf(HasSubstr("lock {"), HasSubstr("\"held\":true"))));
  EXPECT_THAT(all, Contains(HasSubstr("attempt {")));
  EXPECT_THAT(all, Contains(HasSubstr("lost {")));
  time.advance(2s);
  settle();
  EXPECT_THAT(told(), testing::IsEmpty()) << "once";
  view.configured(std::make_shared<fleet_configuration>(configured()));
  EXPECT_THAT(told(), testing::ElementsAre("reset {}"));
}

TEST_F(a_fleet_view, passes_changes_on_and_writes_down_who_made_them) {
  start();
  const auto triggered = change("trigger", "a", R"({"parameters":{"x":"1"}})");
  EXPECT_EQ(triggered.status, 202U);
  EXPECT_EQ(parsed(triggered).at("run"), "a@2026-11-26T12:00:00Z#trigger");
  ASSERT_EQ(store.orders.size(), 1U);
  EXPECT_EQ(store.orders[0].parameters, R"({"x":"1"})");
  EXPECT_EQ(change("pause", "a").status, 200U);
  EXPECT_EQ(ask("jobs").at("jobs").as_array()[0].as_object().at("paused"), true) << "the next look is a new one";
  EXPECT_EQ(change("resume", "a").status, 200U);
  EXPECT_EQ(change("pause", "nobody").status, 404U);
  EXPECT_EQ(change("trigger", "a", "nonsense").status, 400U);
  EXPECT_EQ(change("cancel", "a@2026-11-26T11:59:30Z").status, 409U);
  EXPECT_EQ(change("cancel", "a@2026-11-26T11:00:00Z").status, 404U);
  EXPECT_EQ(change("cancel", "nothing").status, 400U);
  view.stop();
  EXPECT_EQ(lines.size(), 8U);
  EXPECT_THAT(lines[0], testing::AllOf(HasSubstr("uid 7"), HasSubstr("trigger"), HasSubstr("success")));
  EXPECT_THAT(lines[3], testing::AllOf(HasSubstr("nobody"), HasSubstr("failure")));
  EXPECT_THAT(metrics.serialize(), testing::AllOf(HasSubstr(R"(baton_admin_requests_total{result="success",verb="pause"} 1)"),
                                                  HasSubstr(R"(baton_admin_requests_total{result="failure",verb="cancel"} 3)")));
}

TEST_F(a_fleet_view, changes_nothing_while_the_store_is_away_and_says_so) {
  store.is_away = true;
  start();
  const auto refused = change("pause", "a");
  EXPECT_EQ(refused.status, 503U);
  EXPECT_EQ(parsed(refused).at("error"), "store_unavailable");
  store.is_away = false;
  time.advance(2s);
  EXPECT_EQ(ask("jobs").at("jobs").as_array()[0].as_object().at("paused"), false);
}

TEST_F(a_fleet_view, sends_a_change_once_more_on_a_new_session_when_its_own_had_ended) {
  start();
  (void)ask("jobs");
  store.ends_a_session = true;
  EXPECT_EQ(change("pause", "a").status, 200U);
}

TEST_F(a_fleet_view, ends_with_questions_unanswered) {
  start();
  view.stop();
  view.read({"jobs", "", {}}, [](admin::said) { ADD_FAILURE() << "answered after the end"; });
  EXPECT_EQ(parsed(view.known({"jobs", "", {}})).at("stale"), true);
}

}  // namespace
}  // namespace baton::program

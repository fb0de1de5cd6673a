// An operator's evening: an alert, what it is about, a pause, a fix, and the tick made good; each step with the tool that people have.
#include <boost/json/parse.hpp>

#include "live_prometheus.hpp"

namespace baton::system_test {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class evening : public on_a_server {
 protected:
  static void configure(fleet& f, const std::string& arguments, const std::string& settings = "") {
    f.forget_jobs();
    f.job("steady", "{every: 1s}", "--for 20");
    f.job("payroll", "{every: 1s}", arguments, settings);
  }
  static fleet::instance_options with_socket(const fleet& f, const std::string& name) {
    fleet::instance_options wanted;
    wanted.http = "socket: " + (f.directory() / (name + ".sock")).string();
    return wanted;
  }
  static json::value parsed(const fleet::answer& said) {
    EXPECT_EQ(said.code, 0) << said.err;
    boost::system::error_code error;
    auto value = json::parse(said.out, error);
    EXPECT_FALSE(error) << said.out;
    return value;
  }
  static bool page_says_failing(instance& i, bool expected) {
    boost::system::error_code error;
    const auto answer = json::parse(i.get("/api/v1/jobs/payroll").body, error);
    const auto* job = error || !answer.is_object() ? nullptr : answer.get_object().if_contains("job");
    return job != nullptr && job->at("failing").as_bool() == expected;
  }
  static std::size_t starts(const fleet& f, const std::string& job) {
    const auto file = f.runs();
    return static_cast<std::size_t>(std::ranges::count(file.runs(), job, [](const auto& run) { return run.job; }));
  }
};

TEST_P(evening, an_operator_is_alerted_finds_the_cause_pauses_mends_reloads_and_runs_the_job_again) {
  fleet f{fleet_options()};
  configure(f, "--for 20 --exit 9");
  for (const auto* name : {"a", "b", "c"}) f.add(name, with_socket(f, name));
  ASSERT_TRUE(f.await_ready()) << f.logs();
  live_prometheus prometheus{f.directory(), {f[0].http_port(), f[1].http_port(), f[2].http_port()}};
  ASSERT_TRUE(prometheus.await_scraped(3, seconds{20})) << prometheus.log();

  // The alert names the job, and so do the command line and the page's API.
  ASSERT_TRUE(eventually([&] { return prometheus.fires("BatonJobFailing"); }, seconds{30})) << prometheus.alerts();
  const auto firing = prometheus.query("ALERTS{alertname=\"BatonJobFailing\", alertstate=\"firing\"}").series;
  ASSERT_EQ(firing.size(), 1U) << prometheus.alerts();
  EXPECT_EQ(firing[0].at("metric").at("job_name"), "payroll");
  EXPECT_EQ(parsed(f.verb({"status", "-o", "json"})).at("failing"), (json::array{"payroll"}));
  EXPECT_TRUE(eventually([&] { return page_says_failing(f[1], true); }, seconds{5}));

  // Why: the newest runs with their locks, and the story of the last tick.
  EXPECT_THAT(f.verb({"runs", "payroll"}).out, HasSubstr("failure"));
  auto why = f.verb({"why", "payroll"});
  const auto is_told_why = [&] {  // of the newest tick, which may be under way
    why = f.verb({"why", "payroll"});
    return why.out.find("exit code 9") != std::string::npos;
  };
  EXPECT_TRUE(eventually(is_told_why, seconds{5})) << why.out;
  EXPECT_EQ(why.code, 0) << why.err;
  EXPECT_THAT(f.verb({"locks"}).out, HasSubstr("payroll"));
  EXPECT_THAT(f.logs(), HasSubstr("run=payroll@")) << "a run's lines have its name";

  // Paused: the whole fleet obeys within two seconds, and the other job goes on.
  EXPECT_EQ(f.verb({"pause", "payroll"}, "b").code, 0);
  const auto paused = [&](double value) {
    return prometheus.query("count(baton_job_paused{job_name=\"payroll\"} == " + std::to_string(value) + ") == 3").series.size() == 1;
  };
  EXPECT_TRUE(eventually([&] { return paused(1); }, seconds{10}));
  const auto before = starts(f, "payroll");
  const auto steady = starts(f, "steady");
  EXPECT_TRUE(eventually([&] { return starts(f, "steady") >= steady + 3; }, seconds{15})) << f.logs();
  EXPECT_EQ(starts(f, "payroll"), before);

  // Mended in the file of each, and read again: a wrong file changes nothing and says why.
  configure(f, "--for 20", "    nonsense: 1\n");
  f.write_file("a", with_socket(f, "a"));
  const auto refused = f.verb({"reload"}, "a");
  EXPECT_EQ(refused.code, 78) << refused.err;
  EXPECT_THAT(refused.err + refused.out, HasSubstr("nonsense"));
  configure(f, "--for 20");
  for (const auto* name : {"a", "b", "c"}) {
    f.write_file(name, with_socket(f, name));
    const auto taken = f.verb({"reload"}, name);
    EXPECT_EQ(taken.code, 0) << taken.err;
  }
  EXPECT_TRUE(
      eventually([&] { return !prometheus.query("count(baton_config_last_reload_successful == 1) == 3").series.empty(); }, seconds{10}));

  // Resumed, and once by hand for what was not done: the alert goes.
  EXPECT_EQ(f.verb({"resume", "payroll"}, "c").code, 0);
  const auto made_good = f.verb({"trigger", "payroll", "--wait"}, "a");
  EXPECT_EQ(made_good.code, 0) << made_good.err;
  EXPECT_TRUE(eventually([&] { return !prometheus.fires("BatonJobFailing"); }, seconds{20})) << prometheus.alerts();
  EXPECT_TRUE(eventually([&] { return paused(0); }, seconds{10}));
  EXPECT_TRUE(eventually(
      [&] {
        return parsed(f.verb({"status", "-o", "json"})).at("healthy").as_bool();
      },
      seconds{10}))
      << f.verb({"status"}).out;
  EXPECT_TRUE(eventually([&] { return page_says_failing(f[2], false); }, seconds{5}));
  EXPECT_THAT(prometheus.query("ALERTS{alertstate=\"firing\"}").series, IsEmpty()) << prometheus.alerts();
}

INSTANTIATE_TEST_SUITE_P(, evening, ::testing::Values(server_kind::mariadb, server_kind::mysql), kind_name);

}  // namespace
}  // namespace baton::system_test

// The verbs of the command line that ask a ledger or tell it something, on rows that an instance would have written.
#include <array>
#include <fstream>
#include <thread>

#include "fixture.hpp"

namespace baton::system_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class control : public on_a_server {
 protected:
  void SetUp() override {
    on_a_server::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    auto name = (std::filesystem::temp_directory_path() / "baton-control-XXXXXX").string();
    BATON_ASSERT(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    const auto o = fleet_options("-control");
    cluster_ = o.cluster;
    std::ofstream{folder_ / "baton.yaml"} << "version: 1\ncluster: " << cluster_ << "\nstore: {url: \"" << o.store_url
                                          << "\", password: {env: BATON_TEST_PASSWORD}}\njobs:\n"
                                          << "  nightly: {plugin: noop, schedule: '0 2 * * *'}\n"
                                          << "  minutely: {plugin: noop, schedule: '* * * * *'}\n"
                                          << "  by-hand: {plugin: noop}\n";
    ASSERT_EQ(run("migrate").code, 0);
    for (const auto* job : {"nightly", "minutely", "by-hand"})
      ask("INSERT INTO baton.baton_job (cluster,job,lock_name,schedule_hash,configured,effective_since,changed) VALUES ('" + cluster_ +
          "','" + job + "','baton:" + cluster_ + ":" + job + "','hash',0,'2026-01-01',UTC_TIMESTAMP(6))");
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
    on_a_server::TearDown();
  }

  struct answer {
    int code = -1;
    std::string out;
    std::string err;
  };
  answer run(const std::string& arguments) {
    const auto error_file = (folder_ / "stderr").string();
    const auto command = "BATON_TEST_PASSWORD=" + std::string{private_server::password()} + " " BATON_PROGRAM " " + arguments + " -c " +
                         (folder_ / "baton.yaml").string() + " 2>" + error_file;
    FILE* pipe = ::popen(command.c_str(), "r");
    answer a;
    std::array<char, 4096> buffer{};
    for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) a.out.append(buffer.data(), n);
    const int status = ::pclose(pipe);
    a.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    std::ifstream in{error_file};
    a.err.assign(std::istreambuf_iterator<char>{in}, {});
    return a;
  }
  /// A run that took a second; `when`: an SQL expression.
  void insert(const std::string& job, const std::string& when, const std::string& state_and_outcome = "4,1") {
    ask("INSERT INTO baton.baton_tick (cluster,job,tick,kind,lock_name,state,outcome,fence,incarnation,instance,attempt,tick_count,reason,"
        "error,output,claimed,started,finished,changed) VALUES ('" +
        cluster_ + "','" + job + "'," + when + ",1,'baton:" + cluster_ + ":" + job + "'," + state_and_outcome +
        ",7,'','east-1',1,1,0,'',''," + when + "," + when + "," + when + "+INTERVAL 1 SECOND,UTC_TIMESTAMP(6))");
  }
  std::string state_of(const std::string& job) {
    return ask_one("SELECT CONCAT(state,'/',outcome,'/',cancel) FROM baton.baton_tick WHERE cluster='" + cluster_ + "' AND job='" + job +
                   "' ORDER BY tick DESC LIMIT 1");
  }
  void finish_pending_with(const std::string& outcome) {
    ask("UPDATE baton.baton_tick SET state=4,attempt=1,outcome=" + outcome + " WHERE cluster='" + cluster_ + "' AND state=3");
  }

  std::filesystem::path folder_;
  std::string cluster_;
};
BATON_ON_BOTH_SERVERS(control);

TEST_P(control, shows_runs_and_jobs_and_instances) {
  insert("nightly", "'2026-11-25 02:00:00'");
  insert("nightly", "'2026-11-26 02:00:00'", "4,2");
  insert("minutely", "'2026-11-26 02:01:00'");
  const auto all = run("runs");
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_THAT(all.out,
              MatchesRegex("RUN +RESULT +ATTEMPT +INSTANCE +STARTED +TOOK +NOTE\nminutely@2026-11-26T02:01:00Z +success +1 +east-1 "
                           "+2026-11-26T02:01:00Z +1s\nnightly@2026-11-26T02:00:00Z +failure.*\nnightly@2026-11-25.*\n"));
  EXPECT_THAT(run("runs nightly -n 1 -o json").out,
              AllOf(StartsWith(R"([{"run":"nightly@2026-11-26T02:00:00Z","job":"nightly")"), Not(HasSubstr("2026-11-25"))));
  EXPECT_THAT(run("runs --from 2026-11-26T02:00:30Z -o yaml").out, StartsWith("- run: \"minutely@2026-11-26T02:01:00Z\"\n"));
  EXPECT_EQ(run("runs --to 2026-01-01T00:00:00Z").out, "RUN  RESULT  ATTEMPT  INSTANCE  STARTED  TOOK  NOTE\n");
  EXPECT_EQ(run("runs --to yesterday").code, 64);
  const auto unknown = run("runs nightli");
  EXPECT_EQ(unknown.code, 64);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean 'nightly'?"));
  const auto list = run("list");
  EXPECT_EQ(list.code, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr("failure"));
  EXPECT_THAT(run("list -o json").out, HasSubstr(R"({"job":"by-hand","state":"runs"})"));
  ask("INSERT INTO baton.baton_instance VALUES ('" + cluster_ + "','abc','east-1','0.1',1,'2026a',1,'2026-11-26','2026-11-26')");
  EXPECT_THAT(run("instances").out, HasSubstr("east-1    no     0.1      2026-11-26T00:00:00Z"));
}

TEST_P(control, pauses_and_resumes) {
  const auto paused = run("pause nightly by-hand");
  EXPECT_EQ(paused.code, 0) << paused.err;
  EXPECT_THAT(paused.out, StartsWith("nightly: paused; its ticks are skipped until it is resumed\nby-hand: paused"));
  EXPECT_THAT(run("list -o json").out, HasSubstr(R"({"job":"nightly","state":"paused")"));
  EXPECT_THAT(run("why nightly").out, HasSubstr("The job is paused since "));
  const auto some = run("resume nightly nihgtly by-hand");
  EXPECT_EQ(some.code, 64);
  EXPECT_THAT(some.err,
              HasSubstr("resume: no instance of cluster '" + cluster_ + "' has registered a job 'nihgtly'; did you mean 'nightly'?"));
  EXPECT_THAT(run("list -o json").out, Not(HasSubstr("paused")));
}

TEST_P(control, triggers_a_run_and_waits_for_its_end) {
  const auto now = run("trigger by-hand --with day=monday --with who='a \"b\"'");
  EXPECT_EQ(now.code, 0) << now.err;
  EXPECT_THAT(now.out, MatchesRegex("by-hand@20.*Z#trigger\n"));
  EXPECT_EQ(ask_one("SELECT parameters FROM baton.baton_tick WHERE cluster='" + cluster_ + "'"), R"({"day":"monday","who":"a \"b\""})");
  finish_pending_with("1");
  for (const auto& [outcome, code] : {std::pair{"1", 0}, {"2", 1}}) {
    std::jthread other{[&] {
      EXPECT_TRUE(
          eventually([&] { return ask_one("SELECT COUNT(*) FROM baton.baton_tick WHERE cluster='" + cluster_ + "' AND state=3") == "1"; },
                     seconds{10}));
      finish_pending_with(outcome);
    }};
    const auto waited = run("trigger by-hand --wait");
    EXPECT_EQ(waited.code, code) << waited.err;
    EXPECT_THAT(waited.err, HasSubstr(code == 0 ? "#trigger: success" : "#trigger: failure"));
  }
  for (const auto* wrong :
       {"trigger", "trigger by-hand --with x", "trigger by-hand --with =1", "trigger by-hand --with a=1 --with a=2",
        "trigger by-hand --tick now", "trigger by-hand --from 2026-11-01T00:00:00Z", "trigger nobody",
        "trigger by-hand --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z", "trigger by-hand --tick 2999-01-01T00:00:00Z"}) {
    const auto refused = run(wrong);
    EXPECT_EQ(refused.code, 64) << wrong;
    EXPECT_THAT(refused.err, StartsWith("baton: error: ")) << wrong;
    EXPECT_THAT(refused.out, IsEmpty()) << wrong;
  }
}

TEST_P(control, backfills_the_ticks_between_two_times_or_none) {
  const auto made = run("trigger nightly --from 2026-11-01T02:00:00Z --to 2026-11-04T02:00:00Z");
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(made.out, "nightly@2026-11-01T02:00:00Z#trigger\nnightly@2026-11-02T02:00:00Z#trigger\nnightly@2026-11-03T02:00:00Z#trigger\n");
  const auto again = run("trigger nightly --from 2026-10-20T00:00:00Z --to 2026-11-02T00:00:00Z");
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err, HasSubstr("tick 2026-11-01T02:00:00.000000Z of job 'nightly' has been triggered before"));
  const auto many = run("trigger minutely --from 2026-11-01T00:00:00Z --to 2026-11-01T16:41:00Z");
  EXPECT_EQ(many.code, 64);
  EXPECT_THAT(many.err, HasSubstr("has 1001 ticks, and at most 1000"));
  EXPECT_EQ(run("trigger minutely --from 2026-11-01T00:00:00Z --to 2026-11-01T16:40:00Z").code, 0);
  EXPECT_EQ(run("trigger nightly --from 2026-11-01T03:00:00Z --to 2026-11-01T04:00:00Z").code, 1);
  EXPECT_EQ(ask_one("SELECT COUNT(*) FROM baton.baton_tick WHERE cluster='" + cluster_ + "'"), "1003");
}

TEST_P(control, cancels_what_is_open) {
  insert("nightly", "'2026-11-26 02:00:00'", "1,0");
  const auto running = run("cancel nightly@2026-11-26T02:00:00Z");
  EXPECT_EQ(running.code, 0) << running.err;
  EXPECT_EQ(state_of("nightly"), "1/0/1");
  const auto id = run("trigger by-hand").out;
  const auto waiting = run("cancel " + id.substr(0, id.size() - 1).insert(0, "'") + "'");
  EXPECT_EQ(waiting.code, 0) << waiting.err;
  EXPECT_THAT(waiting.out, HasSubstr("cancelled before it began"));
  EXPECT_EQ(state_of("by-hand"), "4/4/1");
  EXPECT_EQ(run("cancel '" + id.substr(0, id.size() - 1) + "'").code, 1);
  EXPECT_EQ(run("cancel nightly@2026-11-25T02:00:00Z").code, 1);
  EXPECT_EQ(run("cancel nightly").code, 64);
}

TEST_P(control, tells_the_story_of_a_tick) {
  insert("nightly", "'2026-11-26 02:00:00'");
  const auto story = run("why nightly 2026-11-26T02:00:00Z");
  EXPECT_EQ(story.code, 0) << story.err;
  EXPECT_THAT(story.out,
              StartsWith("nightly, tick 2026-11-26T02:00:00+00:00\n  It ran: attempt 1 on east-1 began at 2026-11-26T02:00:00Z and "
                         "ended well at 2026-11-26T02:00:01Z, after 1s.\n"));
  EXPECT_THAT(run("why nightly 2026-11-26T02:30:00Z").out, HasSubstr("is no tick of the schedule"));
  EXPECT_THAT(run("why nightly 2025-11-26T02:00:00Z").out, HasSubstr("do not exist for the ledger"));
  EXPECT_THAT(run("why nightly 2026-11-26T02:00:00Z -o json").out, AllOf(HasSubstr(R"("story":["It ran: )"), HasSubstr(R"("rows":[{)")));
  EXPECT_THAT(run("why by-hand").out, HasSubstr("has no schedule"));
  EXPECT_EQ(run("why nobody").code, 64);
  EXPECT_EQ(run("why nightly now").code, 64);
}

TEST_P(control, verifies_the_ledger_against_the_schedules) {
  const std::string window = " --from 2026-11-20T00:00:00Z --to 2026-11-23T00:00:00Z";
  ask("UPDATE baton.baton_job SET low_water='2026-12-01' WHERE cluster='" + cluster_ + "' AND job='minutely'");
  for (const auto* day : {"20", "21", "22"}) insert("nightly", "'2026-11-" + std::string{day} + " 02:00:00'");
  const auto clean = run("verify" + window);
  EXPECT_EQ(clean.code, 0) << clean.out << clean.err;
  EXPECT_THAT(clean.out, IsEmpty());
  EXPECT_THAT(clean.err,
              HasSubstr("4323 ticks: 3 run, 0 skipped, 0 missed, 0 not decided yet, 4320 purged, 0 missing; 0 other runs; 0 findings"));
  ask("DELETE FROM baton.baton_tick WHERE cluster='" + cluster_ + "' AND tick='2026-11-21 02:00:00'");
  insert("nightly", "'2026-11-22 02:30:00'");
  const auto wrong = run("verify" + window);
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.out, AllOf(HasSubstr("missing  nightly@2026-11-21T02:00:00Z  was due, and has no row\n"),
                               HasSubstr("extra    nightly@2026-11-22T02:30:00Z")));
  EXPECT_THAT(run("verify -o json" + window).out, HasSubstr(R"({"finding":"missing","run":"nightly@2026-11-21T02:00:00Z")"));
  EXPECT_EQ(run("verify --from 2026-11-23T00:00:00Z --to 2026-11-20T00:00:00Z").code, 64);

  // A queued tick waits for the run of an older one, which was itself claimed late.
  ask("DELETE FROM baton.baton_tick WHERE cluster='" + cluster_ + "'");
  insert("nightly", "'2026-11-20 02:00:00'", "1,0");
  ask("UPDATE baton.baton_tick SET claimed=UTC_TIMESTAMP(6) WHERE cluster='" + cluster_ + "'");
  const auto waiting = run("verify" + window);
  EXPECT_EQ(waiting.code, 0) << waiting.out;
  EXPECT_THAT(waiting.err, HasSubstr("1 run, 0 skipped, 0 missed, 2 not decided yet"));
}

}  // namespace
}  // namespace baton::system_test

#include "fleet_json.hpp"

#include <gmock/gmock.h>

#include <boost/json/serialize.hpp>

#include "fake_control.hpp"

namespace baton::program {
namespace {

namespace json = boost::json;
using ledger::row_state;
using ledger::run_outcome;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

settings::job job_of(const std::string& name, const std::string& cron, const std::string& zone = "UTC") {
  settings::job job;
  job.name = name;
  job.plugin = "exec";
  job.where = {"jobs.yaml", 4, 3};
  job.timezone = zone;
  job.schedule = std::get<schedule::timetable>(schedule::timetable::from_cron(cron, std::get<schedule::zone>(schedule::zone::find(zone))));
  return job;
}

class fleet_json : public testing::Test {
 protected:
  fleet_json() {
    settings.cluster = "c";
    settings.instance = "east";
    settings.hash = 0xabc;
    settings.has_store = true;
    settings.store.user = "baton";
    settings.store.password = "hunter2";
    settings.store.hosts = {{"db1", 3306}};
    settings.store.database = "baton";
    settings.http_admin_token = "hunter2hunter2hunter2hunter2hunter2";
    settings.jobs = {job_of("nightly", "30 2 * * *", "Europe/Berlin"), job_of("often", "*/5 * * * *")};
    settings.jobs[0].with = {
        {"key", {{}, std::string{"hunter2"}, false, true}},
        {"DB_PASSWORD", {{}, std::string{"hunter2"}}},
        {"url", {{}, std::string{"mysql://u:hunter2@db/shop"}}},
        {"headers", {{}, settings::with_value::map{{"Authorization", {{}, settings::with_value::list{{{}, "hunter2"}}}}}}},
        {"plain", {{}, std::string{"http://db:80/a"}}},
        {"bare", {{}, std::string{"hunter2"}}},
        {"environment", {{}, settings::with_value::map{{"MYSQL", {{}, std::string{"hunter2"}}}}}},
        {"address", {{}, std::string{"https://hunter2@host/a"}}},
        {"query", {{}, std::string{"https://host/a?k=hunter2"}}},
        {"command", {{}, settings::with_value::list{{{}, "run"}, {{}, "--password=hunter2"}, {{}, "--api-key"}, {{}, "hunter2"}}}}};
    store.register_job("nightly");
    store.register_job("gone");
    store.add("nightly", seconds{90}, row_state::finished, run_outcome::success);
    store.add("nightly", seconds{60}, row_state::finished, run_outcome::timeout);
    store.add("often", seconds{30}, row_state::running, run_outcome::none);
    store.instances = {{"i", "east", "1.0", 0xabc, "2026f", noon, noon, true}, {"j", "west", "1.0", 0xdef, "2026f", noon, noon, false}};
    fake_control control{store};
    snapshot = *fleet_ledger{"c"}.look(control);
    seen.clock_offset(std::chrono::milliseconds{1500});
    seen.store_up(true);
  }
  fleet_facts facts(const fleet_configuration& c, const std::string& stale = "") const { return {c, *snapshot, &seen, "i", now, stale}; }

  settings::settings settings;
  fake_ledger store;
  std::shared_ptr<const fleet_snapshot> snapshot;
  observe::recorder seen;
  wall_time now = *from_rfc3339("2026-10-24T00:00:00Z");
};

TEST_F(fleet_json, tells_of_a_job_what_configuration_and_ledger_know) {
  const fleet_configuration c{settings};
  const auto job = job_json(facts(c), "nightly");
  EXPECT_EQ(job.at("schedule"), "30 2 * * *");
  EXPECT_EQ(job.at("timezone"), "Europe/Berlin");
  EXPECT_EQ(job.at("lock_name"), "baton:c:nightly");
  EXPECT_EQ(job.at("known_here"), true);
  EXPECT_EQ(job.at("failing"), true);
  EXPECT_EQ(job.at("running"), false);
  EXPECT_EQ(job.at("next_tick"), "2026-10-24T00:30:00.000000Z");
  EXPECT_EQ(job.at("last_run").as_object().at("outcome"), "timeout");
  EXPECT_EQ(job.at("last_success"), "2026-11-26T11:58:31.000000Z");
  EXPECT_EQ(job.at("file"), "jobs.yaml");
  EXPECT_EQ(job.at("line"), 4);
  EXPECT_EQ(job_json(facts(c), "often").at("running"), true);
  const auto gone = job_json(facts(c), "gone");
  EXPECT_EQ(gone.at("known_here"), false);
  EXPECT_TRUE(gone.at("line").is_null());
  EXPECT_TRUE(gone.at("last_run").is_null());
  EXPECT_EQ(jobs_json(facts(c)).at("jobs").as_array().size(), 3U);
}

TEST_F(fleet_json, marks_the_ticks_at_which_clocks_change) {
  const fleet_configuration c{settings, {{"exec", "1.2", "1.4", "b", "/p/exec.so"}}};
  const auto details = job_details_json(facts(c), "nightly", store.rows);
  const auto& ticks = details.at("next_ticks").as_array();
  ASSERT_EQ(ticks.size(), 5U);
  EXPECT_EQ(json::serialize(ticks[0]), R"({"tick":"2026-10-24T00:30:00.000000Z","offset":"+02:00","note":""})");
  EXPECT_EQ(json::serialize(ticks[1]), R"({"tick":"2026-10-25T00:30:00.000000Z","offset":"+02:00","note":"repeated"})");
  EXPECT_EQ(ticks[2].as_object().at("offset"), "+01:00");
  EXPECT_EQ(details.at("plugin").as_object().at("abi"), "1.4");
  EXPECT_EQ(details.at("latency").as_object().at("bounds").as_array().size() + 1,
            details.at("latency").as_object().at("counts").as_array().size());
  now = *from_rfc3339("2027-03-27T12:00:00Z");
  EXPECT_EQ(job_details_json(facts(c), "nightly", {}).at("next_ticks").as_array()[0].as_object().at("note"), "skipped");
}

TEST_F(fleet_json, shows_no_secret) {
  store.rows.back().parameters = R"({"plain":"hunter2"})";
  const fleet_configuration c{settings, {{"exec", "1.2", "1.4", "b", "/p/exec.so", {"bare"}}}};
  const auto all = json::serialize(config_json(facts(c))) + json::serialize(job_details_json(facts(c), "nightly", store.rows)) +
                   json::serialize(instances_answer_json(facts(c), {})) + json::serialize(jobs_json(facts(c)));
  EXPECT_THAT(all, Not(HasSubstr("hunter2")));
  EXPECT_THAT(all, HasSubstr("***"));
  EXPECT_THAT(all, HasSubstr("http://db:80/a"));
  EXPECT_THAT(all, HasSubstr(R"({\"plain\":\"***\"})")) << "of a trigger's parameters the names";
  EXPECT_THAT(std::string{job_details_json(facts(c), "nightly", {}).at("configuration").as_string().c_str()},
              testing::AllOf(HasSubstr("nightly:"), Not(HasSubstr("often"))));
}

TEST_F(fleet_json, tells_who_holds_a_lock) {
  const fleet_configuration c{settings};
  const auto locks = locks_json(facts(c));
  ASSERT_EQ(locks.size(), 3U);
  EXPECT_EQ(json::serialize(locks[1]), R"({"lock_name":"baton:c:nightly","jobs":["nightly"],"held":false,"fence":2,"holder":null})");
  EXPECT_EQ(json::serialize(locks[2]),
            R"({"lock_name":"baton:c:often","jobs":["often"],"held":true,"fence":3,"holder":{"instance":"east","incarnation":"i",)"
            R"("run":"often@2026-11-26T11:59:30Z","since":"2026-11-26T11:59:30.000000Z"}})");
  const std::set<std::string> only{"baton:c:often"};
  EXPECT_EQ(locks_json(facts(c), &only).size(), 1U);
}

TEST_F(fleet_json, shows_runs_of_a_job_that_may_overlap_under_locks_of_their_own) {
  settings.jobs[1].overlap = "allow";
  const fleet_configuration c{settings};
  auto own = *snapshot;
  own.open[0].lock_name = "baton:c:often@2";
  const fleet_facts f{c, own, &seen, "i", now, ""};
  const auto locks = locks_json(f);
  ASSERT_EQ(locks.size(), 3U);
  EXPECT_EQ(locks[2].as_object().at("lock_name"), "baton:c:often@2");
  EXPECT_EQ(json::serialize(locks[2].as_object().at("jobs")), R"(["often"])");
}

TEST_F(fleet_json, compares_the_instances_with_the_one_that_answers) {
  const fleet_configuration c{settings};
  const auto answer = instances_answer_json(facts(c), {true, false, {"why"}, 3});
  const auto& all = answer.at("instances").as_array();
  EXPECT_EQ(all[0].as_object().at("here"), true);
  EXPECT_EQ(all[0].as_object().at("clock_offset"), 1.5);
  EXPECT_EQ(all[0].as_object().at("drift"), false);
  EXPECT_EQ(all[0].as_object().at("config_hash"), "000000000abc");
  EXPECT_EQ(all[1].as_object().at("drift"), true);
  EXPECT_TRUE(all[1].as_object().at("clock_offset").is_null());
  EXPECT_EQ(json::serialize(answer.at("health")), R"({"live":true,"ready":false,"reasons":["why"]})");
  EXPECT_EQ(json::serialize(answer.at("slots")), R"({"busy":3,"free":13})");
  EXPECT_EQ(answer.at("store").as_object().at("up"), true);
}

TEST_F(fleet_json, says_that_the_ledger_is_old_and_why) {
  const fleet_configuration c{settings};
  const auto head = head_json(facts(c, "away"));
  EXPECT_EQ(head.at("stale"), true);
  EXPECT_EQ(head.at("reason"), "away");
  const fleet_snapshot never;
  EXPECT_TRUE(head_json({c, never, &seen, "i", now, "away"}).at("as_of").is_null());
}

}  // namespace
}  // namespace baton::program

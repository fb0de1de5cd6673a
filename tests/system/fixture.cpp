#include "fixture.hpp"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>

namespace baton::system_test {
namespace {

std::map<server_kind, std::unique_ptr<private_server>>& servers() {
  static std::map<server_kind, std::unique_ptr<private_server>> all;
  return all;
}

class stop_servers final : public ::testing::Environment {
  void TearDown() override { servers().clear(); }
};
[[maybe_unused]] const auto* const registered = ::testing::AddGlobalTestEnvironment(new stop_servers);

}  // namespace

void on_a_server::SetUp() {
  auto& server = servers()[GetParam()];
  if (server) return;
  if (const auto reason = private_server::missing(GetParam())) GTEST_SKIP() << *reason;
  private_server::options wanted;
  wanted.kind = GetParam();
  auto started = private_server::start(wanted);
  ASSERT_TRUE(started) << started.error().context;
  server = std::move(*started);
}

void on_a_server::TearDown() {
  if (servers()[GetParam()]) end_faults();
}

void on_a_server::end_faults() const {
  server().resume();
  ASSERT_TRUE(server().start_again());
  if (ask_one("SELECT @@GLOBAL.read_only") != "0") ask("SET GLOBAL read_only=0");
}

private_server& on_a_server::server() const { return *servers().at(GetParam()); }

fleet::options on_a_server::fleet_options(const std::string& suffix) const {
  static int number = 0;
  fleet::options o;
  const char* other = std::getenv("BATON_TEST_PROGRAM");  // a build to be compared
  o.program = other != nullptr ? other : BATON_PROGRAM;
  o.plugin_dir = BATON_PLUGINS;
  o.test_plugin_dir = BATON_TEST_PLUGINS;
  o.job_program = BATON_FLEET_JOB;
  o.cluster = "s" + std::to_string(++number) + suffix;
  o.store_url = "mysql://" + std::string{private_server::user()} + "@127.0.0.1:" + std::to_string(server().port()) + "/baton";
  o.password = private_server::password();
  o.end_faults = [this] { end_faults(); };
  return o;
}

std::vector<private_server::row> on_a_server::ask(const std::string& sql) const {
  auto answer = server().exec(sql);
  if (answer) return std::move(*answer);
  ADD_FAILURE() << answer.error().context;
  return {};
}

std::string on_a_server::ask_one(const std::string& sql) const {
  const auto rows = ask(sql);
  if (rows.empty() || rows[0].empty()) return "";
  return rows[0][0].value_or("NULL");
}

wall_time on_a_server::store_now() const { return from_sql(ask_one("SELECT UTC_TIMESTAMP(6)")).value_or(wall_time{}); }

std::string on_a_server::holder_of(const fleet& f, const std::string& lock) const {
  return ask_one("SELECT IS_USED_LOCK('baton:" + f.cluster() + ":" + lock + "')");
}

std::string on_a_server::row_of(const fleet& f, const executed_run& r) const {
  return ask_one("SELECT CONCAT(state,'/',outcome,'/',attempt) FROM baton.baton_tick WHERE cluster='" + f.cluster() + "' AND job='" +
                 r.job + "' AND tick='" + to_sql(r.tick) + "'");
}

std::vector<std::string> on_a_server::locks_left(fleet& f, const std::vector<std::string>& jobs) const {
  std::vector<std::string> left;
  if (GetParam() == server_kind::mysql) {
    for (const auto& row : ask("SELECT OBJECT_NAME FROM performance_schema.metadata_locks WHERE OBJECT_TYPE='USER LEVEL LOCK'"
                               " AND OBJECT_NAME LIKE 'baton:" +
                               f.cluster() + ":%'"))
      left.push_back(row[0].value_or(""));
    return left;
  }
  auto names = jobs;
  for (auto& i : f) names.push_back("~i:" + i->incarnation());
  for (const auto& name : names) {
    if (holder_of(f, name) != "NULL") left.push_back(name);
  }
  return left;
}

executed_run await_run(const fleet& f, const std::string& job, microseconds limit, std::size_t count) {
  std::vector<executed_run> runs;
  const bool came = eventually(
      [&] {
        runs = f.runs().of(job);
        return runs.size() >= count;
      },
      limit, milliseconds{5});
  if (came) return runs.back();
  ADD_FAILURE() << "run " << count << " of " << job << " did not start within " << to_text(limit) << "\n" << f.logs();
  executed_run none;
  none.job = job;
  return none;
}

std::string soon(seconds period) {
  return "{every: " + std::to_string(period.count()) + "s, anchor: \"" + to_rfc3339(std::chrono::floor<seconds>(wall_now()) + seconds{4}) +
         "\"}";
}

std::size_t descriptors_of(pid_t pid) {
  std::error_code ignored;
  const std::filesystem::directory_iterator all{"/proc/" + std::to_string(pid) + "/fd", ignored};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t count_runs(const fleet& f, const std::string& job) { return f.runs().of(job).size(); }

}  // namespace baton::system_test

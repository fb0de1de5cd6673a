#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "baton/testing/fleet.hpp"
#include "baton/testing/private_server.hpp"

/// A fleet of three whose jobs are all due at one instant, beside programs that do the same without Baton (raw_storm.c), in turns on one
/// server. Usage: storm_bench [--server mariadb|mysql] [--jobs N] [--slots N] [--trials N] [--json FILE]
namespace {

using namespace baton;
using namespace std::chrono_literals;
using testing::private_server;

constexpr int instances = 3;
constexpr const char* tick_of_raw_storms = "2026-01-01 00:00:00";

struct options {
  testing::server_kind server = testing::server_kind::mariadb;
  int jobs = 1000;
  int slots = 500;
  int trials = 5;
  std::string json;
};

[[noreturn]] void fail(const std::string& what) {
  std::cerr << "storm_bench: " << what << "\n";
  std::exit(1);
}

double median(std::vector<double> all) {
  std::ranges::sort(all);
  return all[all.size() / 2];
}

class bench {
 public:
  explicit bench(options wanted) : options_(std::move(wanted)) {
    if (const auto reason = private_server::missing(options_.server)) fail(*reason);
    private_server::options o;
    o.kind = options_.server;
    auto started = private_server::start(o);
    if (!started) fail(started.error().context);
    server_ = std::move(*started);
  }

  void run() {
    for (int trial = 0; trial < options_.trials; ++trial) {
      const auto baton = fleet_storm(trial);
      seconds_["baton"].push_back(baton);
      for (const auto& [way, connections] : raw) seconds_[name_of(way, connections)].push_back(raw_storm(way, connections));
    }
    report();
  }

 private:
  static constexpr std::pair<const char*, int> raw[] = {{"protocol", 1}, {"bare", 1}, {"naive", 1}, {"naive", 8}, {"naive", 32}};

  static std::string name_of(const std::string& way, int connections) {
    return way == "naive" ? way + "-" + std::to_string(connections) : way;
  }

  std::string ask(const std::string& sql) {
    auto rows = server_->exec(sql);
    if (!rows) fail(sql + ": " + rows.error().context);
    return rows->empty() ? "" : rows->front().front().value_or("");
  }
  long questions() {
    auto rows = server_->exec("SHOW GLOBAL STATUS LIKE 'Questions'");
    if (!rows || rows->empty()) fail("the server does not count its statements");
    return std::stol(rows->front().at(1).value_or("0"));
  }

  double fleet_storm(int trial) {
    testing::fleet::options o;
    o.program = BATON_PROGRAM;
    o.plugin_dir = BATON_PLUGINS;
    o.job_program = "/bin/true";
    o.cluster = "storm" + std::to_string(trial);
    o.store_url = "mysql://" + std::string{private_server::user()} + "@127.0.0.1:" + std::to_string(server_->port()) + "/baton";
    o.password = private_server::password();
    testing::fleet f{o};
    const auto due = std::chrono::ceil<std::chrono::seconds>(testing::wall_now()) + 10s + std::chrono::milliseconds{options_.jobs};
    const auto at = "{at: " + to_rfc3339(due).substr(0, 19) + "}";
    for (int i = 0; i < options_.jobs; ++i) f.plugin_job("job-" + std::to_string(i), at, "noop", "{}", "    isolation: in_process\n");
    testing::fleet::instance_options each;
    each.settings = "max_concurrent_runs: " + std::to_string(options_.slots) + "\n";
    for (const auto* name : {"a", "b", "c"}) f.add(name, each);
    if (!f.await_ready(60s)) fail("the fleet is not ready: " + f.logs());
    if (testing::wall_now() > due - 1s) fail("the fleet was ready too late; give it more time");
    std::this_thread::sleep_until(std::chrono::system_clock::time_point{(due - 500ms).time_since_epoch()});
    const auto before = questions();
    const auto done = "SELECT COUNT(*) FROM baton.baton_tick WHERE cluster='" + o.cluster + "' AND state=4 AND outcome=1";
    const auto all = std::to_string(options_.jobs);
    const auto limit = testing::wall_now() + 120s;
    int asked = 0;
    while (ask(done) != all) {
      ++asked;
      if (testing::wall_now() > limit) fail("after two minutes " + ask(done) + " of " + all + " have run: " + f.logs().substr(0, 4000));
      std::this_thread::sleep_for(50ms);
    }
    statements_.push_back(static_cast<double>(questions() - before - asked - 2) / options_.jobs);
    shares_.push_back(std::stod(ask("SELECT MAX(n) FROM (SELECT COUNT(*) n FROM baton.baton_tick WHERE cluster='" + o.cluster +
                                    "' GROUP BY instance) x")) /
                      options_.jobs);
    return std::stod(
        ask("SELECT TIMESTAMPDIFF(MICROSECOND,MAX(tick),MAX(finished))/1000000 FROM baton.baton_tick WHERE cluster='" + o.cluster + "'"));
  }

  double raw_storm(const std::string& way, int connections) {
    ask(std::string{"DELETE FROM baton.baton_tick WHERE tick='"} + tick_of_raw_storms + "'");
    if (way == "protocol")
      ask("INSERT IGNORE INTO baton.baton_fence SELECT REPLACE(lock_name,'baton:storm0:','baton:bench:'),0 FROM baton.baton_fence WHERE "
          "lock_name LIKE 'baton:storm0:job%'");
    const auto command = std::string{BATON_RAW_STORM} + " " + way + " " + server_->socket() + " root '' " + std::to_string(options_.jobs) +
                         " " + std::to_string(instances) + " " + std::to_string(connections);
    FILE* const pipe = ::popen(command.c_str(), "r");
    double seconds = 0;
    int runs = 0;
    const int read = pipe == nullptr ? 0 : std::fscanf(pipe, "%lf %d", &seconds, &runs);
    if (pipe == nullptr || ::pclose(pipe) != 0 || read != 2 || runs != options_.jobs) fail(command + " did not run all jobs once");
    return seconds;
  }

  void report() {
    std::printf("%s, %d jobs due at once, %d instances, %d slots each, median of %d\n", ask("SELECT VERSION()").c_str(), options_.jobs,
                instances, options_.slots, options_.trials);
    std::printf("innodb_flush_log_at_trx_commit %s, sync_binlog %s\n", ask("SELECT @@innodb_flush_log_at_trx_commit").c_str(),
                ask("SELECT @@sync_binlog").c_str());
    std::string json = "[";
    for (const auto& [name, all] : seconds_) {
      std::vector<double> ratios;
      for (std::size_t i = 0; i < all.size(); ++i) ratios.push_back(seconds_["baton"][i] / all[i]);
      std::printf("%-10s %8.3f s   baton takes %6.2f of it\n", name.c_str(), median(all), median(ratios));
      json += std::string{json == "[" ? "\n" : ",\n"} + R"(  {"name": "storm_)" + std::to_string(options_.jobs) + R"(", "value": )" +
              std::to_string(median(seconds_["baton"])) + R"(, "unit": "s", "baseline": ")" + name + R"(", "ratio": )" +
              std::to_string(median(ratios)) + "}";
    }
    std::printf("statements a run %.3f, most runs on one instance %.0f %%\n", median(statements_), 100 * median(shares_));
    if (options_.json.empty()) return;
    std::ofstream{options_.json} << json << "\n]\n";
  }

  options options_;
  std::unique_ptr<private_server> server_;
  std::map<std::string, std::vector<double>> seconds_;
  std::vector<double> statements_;
  std::vector<double> shares_;
};

}  // namespace

int main(int argc, char** argv) {
  options wanted;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--server" && (value == "mariadb" || value == "mysql")) {
      wanted.server = value == "mysql" ? baton::testing::server_kind::mysql : baton::testing::server_kind::mariadb;
    } else if (name == "--json") {
      wanted.json = value;
    } else if (const int number = std::atoi(value.c_str()); number > 0 && (name == "--jobs" || name == "--slots" || name == "--trials")) {
      (name == "--jobs" ? wanted.jobs : name == "--slots" ? wanted.slots : wanted.trials) = number;
    } else {
      std::cerr << "storm_bench: " << name << " " << value << ": not understood\n";
      return 64;
    }
  }
  bench{wanted}.run();
}

#include <chrono>
#include <cstdio>
#include <thread>

#include "bed.hpp"

namespace baton::bench {
namespace {

using namespace std::chrono_literals;

constexpr const char* tick_of_raw_storms = "2026-01-01 00:00:00";

/// What one storm took.
struct cost {
  double seconds = 0;
  double cpu = 0;         ///< seconds of processor, of the instances or of the raw program
  double server_cpu = 0;  ///< and of the server
};

struct way {
  const char* name;
  const char* raw;  ///< raw_storm's word for it
  int connections;
};
constexpr way ways[] = {
    {"protocol", "protocol", 1}, {"bare", "bare", 1}, {"naive-1", "naive", 1}, {"naive-8", "naive", 8}, {"naive-32", "naive", 32}};

class storms {
 public:
  explicit storms(bed& b) : bed_(b) {}

  void run() {
    bed_.print_head(std::to_string(bed_.wanted.jobs) + " jobs due at once, median of " + std::to_string(bed_.wanted.trials));
    if (bed_.wanted.rows > 0) {
      (void)of_a_fleet("before");
      bed_.fill_ledger();
    }
    for (int trial = 0; trial < bed_.wanted.trials; ++trial) {
      costs_["baton"].push_back(of_a_fleet("storm" + std::to_string(trial)));
      for (const auto& w : ways) {
        if (bed_.wanted.delay == 0 || w.connections > 1 || w.raw != std::string{"naive"})  // which would take minutes
          costs_[w.name].push_back(of_a_raw_program(w));
      }
    }
    report();
  }

 private:
  cost of_a_fleet(const std::string& cluster) {
    const auto jobs = bed_.wanted.jobs;
    auto f = bed_.make_fleet(cluster);
    const auto due = std::chrono::ceil<std::chrono::seconds>(testing::wall_now()) + 10s +
                     std::chrono::milliseconds{std::int64_t{jobs} * bed_.wanted.instances / 3};
    const auto at = "{at: " + to_rfc3339(due).substr(0, 19) + "}";
    for (int i = 0; i < jobs; ++i) f->plugin_job("job-" + std::to_string(i), at, "noop", "{}", "    isolation: in_process\n");
    bed_.start(*f, 120s);
    if (testing::wall_now() > due - 1s) fail("the fleet was ready too late; give it more time");
    std::this_thread::sleep_until(std::chrono::system_clock::time_point{(due - 500ms).time_since_epoch()});
    const auto cpu_before = cpu_of(*f);
    const auto server_before = bed_.server_cpu();
    const auto questions = bed_.questions();
    const auto done = "SELECT COUNT(*) FROM baton.baton_tick WHERE cluster='" + cluster + "' AND state=4 AND outcome=1";
    const auto limit = testing::wall_now() + 120s;
    int asked = 0;
    while (bed_.ask(done) != std::to_string(jobs)) {
      ++asked;
      if (testing::wall_now() > limit)
        fail("after two minutes " + bed_.ask(done) + " of " + std::to_string(jobs) + " have run: " + f->logs().substr(0, 4000));
      std::this_thread::sleep_for(50ms);
    }
    statements_.push_back(static_cast<double>(bed_.questions() - questions - asked - 2) / jobs);
    shares_.push_back(
        bed_.number("SELECT MAX(n) FROM (SELECT COUNT(*) n FROM baton.baton_tick WHERE cluster='" + cluster + "' GROUP BY instance) x") /
        jobs);
    const auto took = bed_.number(
        "SELECT TIMESTAMPDIFF(MICROSECOND,MAX(tick),MAX(finished))/1000000 FROM baton.baton_tick WHERE cluster='" + cluster + "'");
    return {took, cpu_of(*f) - cpu_before, bed_.server_cpu() - server_before};
  }

  cost of_a_raw_program(const way& w) {
    bed_.ask(std::string{"DELETE FROM baton.baton_tick WHERE cluster='bench' AND tick='"} + tick_of_raw_storms + "'");
    if (w.raw == std::string{"protocol"})
      bed_.ask(
          "INSERT IGNORE INTO baton.baton_fence SELECT REPLACE(lock_name,'baton:storm0:','baton:bench:'),0 FROM baton.baton_fence WHERE "
          "lock_name LIKE 'baton:storm0:job%'");
    const auto server_before = bed_.server_cpu();
    const auto command = std::string{BATON_RAW_STORM} + " " + w.raw + " " + bed_.address() + " " +
                         std::string{testing::private_server::user()} + " " + std::string{testing::private_server::password()} + " " +
                         std::to_string(bed_.wanted.jobs) + " " + std::to_string(bed_.wanted.instances) + " " +
                         std::to_string(w.connections);
    FILE* const pipe = ::popen(command.c_str(), "r");
    cost c;
    int runs = 0;
    const int read = pipe == nullptr ? 0 : std::fscanf(pipe, "%lf %d %lf", &c.seconds, &runs, &c.cpu);
    if (pipe == nullptr || ::pclose(pipe) != 0 || read != 3 || runs != bed_.wanted.jobs) fail(command + " did not run all jobs once");
    c.server_cpu = bed_.server_cpu() - server_before;
    return c;
  }

  double median_of(const std::vector<cost>& all, double cost::*what) const {
    std::vector<double> values;
    for (const auto& c : all) values.push_back(c.*what);
    return median(values);
  }

  void report() {
    std::printf("%-10s %9s %16s %22s %22s\n", "", "seconds", "baton takes of it", "ms CPU / 1,000 runs", "of the server");
    for (const auto& [name, all] : costs_) {
      std::vector<double> ratios;
      for (std::size_t i = 0; i < all.size(); ++i) ratios.push_back(costs_["baton"][i].seconds / all[i].seconds);
      const auto per_thousand = 1e6 / bed_.wanted.jobs;
      const auto cpu = median_of(all, &cost::cpu) * per_thousand;
      const auto server = median_of(all, &cost::server_cpu) * per_thousand;
      std::printf("%-10s %9.3f %16.2f %22.1f %22.1f\n", name.c_str(), median_of(all, &cost::seconds), median(ratios), cpu, server);
      bed_.keep("storm", median_of(costs_["baton"], &cost::seconds), "s", name, median(ratios));
      bed_.keep("storm_cpu_per_1000_runs/" + name, cpu, "ms");
      bed_.keep("storm_server_cpu_per_1000_runs/" + name, server, "ms");
    }
    std::printf("statements a run %.3f, most runs on one instance %.0f %%\n", median(statements_), 100 * median(shares_));
    bed_.keep("storm_statements_a_run", median(statements_), "");
    bed_.keep("storm_largest_share", median(shares_), "");
  }

  bed& bed_;
  std::map<std::string, std::vector<cost>> costs_;
  std::vector<double> statements_;
  std::vector<double> shares_;
};

}  // namespace

void storm(bed& b) { storms{b}.run(); }

}  // namespace baton::bench

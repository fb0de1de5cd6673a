#include "bed.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

namespace baton::bench {

using testing::private_server;

void fail(const std::string& what) {
  std::cerr << "scale_bench: " << what << "\n";
  std::exit(1);
}

double median(std::vector<double> all) {
  std::ranges::sort(all);
  return all[all.size() / 2];
}

double cpu_of(pid_t process) {
  std::ifstream file{"/proc/" + std::to_string(process) + "/stat"};
  std::string line;
  std::getline(file, line);
  std::istringstream fields{line.substr(std::min(line.size(), line.rfind(')') + 1))};
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;  // proc(5): the 14th and 15th of all
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double cpu_of(testing::fleet& f) {
  double sum = 0;
  for (auto& i : f) sum += cpu_of(i->pid());
  return sum;
}

bed::bed(options wanted_options) : wanted(options_), options_(std::move(wanted_options)) {
  if (const auto reason = private_server::missing(options_.server)) fail(*reason);
  private_server::options o;
  o.kind = options_.server;
  auto started = private_server::start(o);
  if (!started) fail(started.error().context);
  server_ = std::move(*started);
  if (options_.delay == 0) return;
  gate_ = std::make_unique<testing::tcp_gate>(server_->port());
  gate_->delay(std::chrono::milliseconds{options_.delay});
}

std::string bed::ask(const std::string& sql) {
  auto rows = server_->exec(sql);
  if (!rows) fail(sql + ": " + rows.error().context);
  return rows->empty() ? "" : rows->front().front().value_or("");
}

long bed::questions() {
  auto rows = server_->exec("SHOW GLOBAL STATUS LIKE 'Questions'");
  if (!rows || rows->empty()) fail("the server does not count its statements");
  return std::stol(rows->front().at(1).value_or("0"));
}

std::unique_ptr<testing::fleet> bed::make_fleet(const std::string& cluster) const {
  testing::fleet::options o;
  o.program = BATON_PROGRAM;
  o.plugin_dir = BATON_PLUGINS;
  o.job_program = "/bin/true";
  o.cluster = cluster;
  o.store_url = "mysql://" + std::string{private_server::user()} + "@127.0.0.1:" + std::to_string(server_->port()) + "/baton";
  o.password = private_server::password();
  return std::make_unique<testing::fleet>(o);
}

void bed::start(testing::fleet& f, microseconds limit) {
  testing::fleet::instance_options each;
  each.settings = "max_concurrent_runs: " + std::to_string(options_.slots) + "\n";
  if (gate_) each.store_port = gate_->port();
  for (int i = 0; i < options_.instances; ++i) f.add(std::string(1, static_cast<char>('a' + i)), each);
  if (!f.await_ready(limit)) fail("the fleet is not ready: " + f.logs().substr(0, 4000));
}

void bed::fill_ledger() {
  if (options_.rows == 0) return;
  const std::string columns =
      "cluster,job,tick,kind,lock_name,state,fence,incarnation,instance,attempt,tick_count,claimed,started,finished,outcome,reason,error,"
      "output,changed";
  const auto row = [](const std::string& job, const std::string& tick) {
    return "'history'," + job + "," + tick + ",1,'baton:history:job',4,1,'incarnation','bench',1,1," + tick + "," + tick + "," + tick +
           ",1,0,'',''," + tick;
  };
  ask("INSERT INTO baton.baton_tick (" + columns + ") VALUES (" + row("'job-0'", "UTC_TIMESTAMP()-INTERVAL 1100000 SECOND") + ")");
  for (int i = 0; i < 20; ++i)
    ask("INSERT INTO baton.baton_tick (" + columns + ") SELECT " + row("job", "tick+INTERVAL " + std::to_string(1 << i) + " SECOND") +
        " FROM baton.baton_tick WHERE cluster='history'");
  for (int i = 1; i < options_.rows; ++i)
    ask("INSERT INTO baton.baton_tick (" + columns + ") SELECT " + row("'job-" + std::to_string(i) + "'", "tick") +
        " FROM baton.baton_tick WHERE cluster='history' AND job='job-0'");
  ask("ANALYZE TABLE baton.baton_tick");
}

void bed::print_head(const std::string& workload) {
  std::ifstream cpus{"/proc/cpuinfo"};
  std::string line;
  while (std::getline(cpus, line) && !line.starts_with("model name")) continue;
  std::printf("%s, %ld processors, %s\n", line.substr(std::min(line.size(), line.find(':') + 2)).c_str(), ::sysconf(_SC_NPROCESSORS_ONLN),
              ask("SELECT VERSION()").c_str());
  std::printf("innodb_flush_log_at_trx_commit %s, sync_binlog %s, log_bin %s\n", ask("SELECT @@innodb_flush_log_at_trx_commit").c_str(),
              ask("SELECT @@sync_binlog").c_str(), ask("SELECT @@log_bin").c_str());
  std::printf("%s: %d instances, %d slots each", workload.c_str(), options_.instances, options_.slots);
  if (gate_) std::printf(", %d ms to the server and as much back", options_.delay);
  if (options_.rows > 0) std::printf(", %d million rows in the ledger", options_.rows);
  std::printf("\n");
}

void bed::keep(const std::string& name, double value, const std::string& unit, const std::string& baseline, double ratio) {
  std::ostringstream text;
  text << R"(  {"name": ")" << name << R"(", "server": ")" << to_string(options_.server) << R"(", "jobs": )" << options_.jobs
       << R"(, "slots": )" << options_.slots << R"(, "instances": )" << options_.instances << R"(, "delay_ms": )" << options_.delay
       << R"(, "million_rows": )" << options_.rows << R"(, "value": )" << value << R"(, "unit": ")" << unit << '"';
  if (!baseline.empty()) text << R"(, "baseline": ")" << baseline << R"(", "ratio": )" << ratio;
  text << "}";
  figures_.push_back(text.str());
}

void bed::write_json() const {
  if (options_.json.empty()) return;
  std::ofstream file{options_.json};
  file << "[";
  for (std::size_t i = 0; i < figures_.size(); ++i) file << (i == 0 ? "\n" : ",\n") << figures_[i];
  file << "\n]\n";
  if (!file) fail(options_.json + ": cannot be written");
}

}  // namespace baton::bench

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "baton/testing/fleet.hpp"
#include "baton/testing/private_server.hpp"
#include "baton/testing/tcp_gate.hpp"

namespace baton::bench {

/// What the command line asks for.
struct options {
  testing::server_kind server = testing::server_kind::mariadb;
  int jobs = 1000;
  int slots = 500;
  int trials = 5;
  int instances = 3;
  int delay = 0;     ///< ms that the way to the server takes, each way
  int rows = 0;      ///< millions, in the ledger before
  int seconds = 60;  ///< of a steady load
  std::string json;
};

/// Says what is wrong and ends the program.
[[noreturn]] void fail(const std::string& what);
[[nodiscard]] double median(std::vector<double> all);
/// Seconds of processor that a process has taken.
[[nodiscard]] double cpu_of(pid_t process);
/// And all instances together.
[[nodiscard]] double cpu_of(testing::fleet& f);

/// One server, fleets against it, and the figures.
class bed {
 public:
  explicit bed(options wanted);

  const options& wanted;
  /// The first field of the first row.
  std::string ask(const std::string& sql);
  double number(const std::string& sql) { return std::stod(ask(sql)); }
  /// How many statements the server was asked, this one included.
  long questions();
  [[nodiscard]] double server_cpu() const { return cpu_of(server_->pid()); }
  /// What raw_storm takes for a server: behind the same gate as the instances.
  [[nodiscard]] std::string address() const { return gate_ ? std::to_string(gate_->port()) : server_->socket(); }

  [[nodiscard]] std::unique_ptr<testing::fleet> make_fleet(const std::string& cluster) const;
  /// As many instances as are wanted, with as many slots. Waits until all are ready.
  void start(testing::fleet& f, microseconds limit = std::chrono::seconds{60});
  /// Ended ticks of another cluster, by the million.
  void fill_ledger();

  /// "mariadb 10.11…, durability …", and the workload.
  void print_head(const std::string& workload);
  /// A figure of the JSON file. No baseline: its name is "".
  void keep(const std::string& name, double value, const std::string& unit, const std::string& baseline = "", double ratio = 0);
  void write_json() const;

 private:
  const options options_;
  std::unique_ptr<testing::private_server> server_;
  std::unique_ptr<testing::tcp_gate> gate_;
  std::vector<std::string> figures_;
};

/// All jobs due at one instant, beside programs that do the same without Baton (raw_storm.c), in turns.
void storm(bed& b);
/// Each job due every second, somewhere within it.
void steady(bed& b);
/// Jobs of which hardly any is due: the time to the first tick, memory, and what it costs to wait.
void idle(bed& b);

}  // namespace baton::bench

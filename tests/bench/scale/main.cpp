#include <cstdlib>
#include <iostream>
#include <map>

#include "bed.hpp"

/// scale_bench storm|steady|idle [OPTION VALUE]…: fleets of real instances against a server of its own.
int main(int argc, char** argv) {
  using namespace baton::bench;
  const std::map<std::string, void (*)(bed&)> workloads{{"storm", storm}, {"steady", steady}, {"idle", idle}};
  const std::map<std::string, int options::*> numbers{{"--jobs", &options::jobs},      {"--slots", &options::slots},
                                                      {"--trials", &options::trials},  {"--instances", &options::instances},
                                                      {"--delay", &options::delay},    {"--million-rows", &options::rows},
                                                      {"--seconds", &options::seconds}};
  const auto workload = workloads.find(argc > 1 ? argv[1] : "");
  if (workload == workloads.end() || argc % 2 != 0) {
    std::cerr << "usage: scale_bench storm|steady|idle [--server mariadb|mysql] [--json FILE]";
    for (const auto& [name, member] : numbers) std::cerr << " [" << name << " N]";
    std::cerr << "\n";
    return 64;
  }
  options wanted;
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--server" && (value == "mariadb" || value == "mysql")) {
      wanted.server = value == "mysql" ? baton::testing::server_kind::mysql : baton::testing::server_kind::mariadb;
    } else if (name == "--json") {
      wanted.json = value;
    } else if (const int number = std::atoi(value.c_str()); number > 0 && numbers.contains(name)) {
      wanted.*numbers.at(name) = number;
    } else {
      std::cerr << "scale_bench: " << name << " " << value << ": not understood\n";
      return 64;
    }
  }
  bed b{wanted};
  workload->second(b);
  b.write_json();
}

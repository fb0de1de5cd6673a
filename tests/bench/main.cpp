#include <benchmark/benchmark.h>
#include <sched.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>

#include "figures.hpp"

namespace baton::bench {
namespace {
std::vector<figure>& all() {
  static std::vector<figure> figures;
  return figures;
}
}  // namespace

/// A benchmark may run more than once to find its number of iterations: the last one counts.
void keep(const figure& measured) {
  std::erase_if(all(), [&](const auto& f) { return f.name == measured.name; });
  all().push_back(measured);
}
const std::vector<figure>& kept() { return all(); }

/// Client and server on one processor, this process's and its children's: whether two threads share one decides more than what they do -
/// the same pair took 93 and 320 us, as the kernel had placed them.
void share_one_processor() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0) std::perror("baton_bench: sched_setaffinity");
}

}  // namespace baton::bench

int main(int argc, char** argv) {
  baton::bench::share_one_processor();
  std::string json;
  bool is_checked = false;  // whether a figure over its limit is a failure
  std::vector<char*> rest;
  for (int i = 0; i < argc; ++i) {
    if (std::string{argv[i]} == "--json" && i + 1 < argc) {
      json = argv[++i];
    } else if (std::string{argv[i]} == "--check") {
      is_checked = true;
    } else {
      rest.push_back(argv[i]);
    }
  }
  int count = static_cast<int>(rest.size());
  rest.push_back(nullptr);
  benchmark::Initialize(&count, rest.data());
  if (benchmark::ReportUnrecognizedArguments(count, rest.data())) return 64;
  benchmark::RunSpecifiedBenchmarks();

  int over = 0;
  std::printf("\n%-36s %12s %12s %8s %8s\n", "figure", "value", "raw client", "ratio", "at most");
  for (const auto& f : baton::bench::kept()) {
    const auto ratio = f.value / f.baseline;
    const bool is_over = f.limit > 0 && ratio > f.limit;
    over += is_over ? 1 : 0;
    std::printf("%-36s %9.1f %s %9.1f %s %8.2f", f.name.c_str(), f.value, f.unit.c_str(), f.baseline, f.unit.c_str(), ratio);
    if (f.limit > 0) std::printf(" %8.2f%s", f.limit, is_over ? "  OVER" : "");
    std::printf("\n");
  }
  const int verdict = is_checked && over > 0 ? 1 : 0;
  if (json.empty()) return verdict;
  std::ofstream file{json};
  file << "[";
  const char* separator = "\n";
  for (const auto& f : baton::bench::kept()) {
    file << separator << R"(  {"name": ")" << f.name << R"(", "value": )" << f.value << R"(, "unit": ")" << f.unit << R"(", "baseline": )"
         << f.baseline << R"(, "ratio": )" << f.value / f.baseline << "}";
    separator = ",\n";
  }
  file << "\n]\n";
  if (file.flush()) return verdict;
  std::cerr << "baton_bench: cannot write " << json << "\n";
  return 1;
}

#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "baton/base/time.hpp"

namespace baton::testing {

/// How often what is measured is tried: BATON_TRIALS, else 20 with BATON_LONG, else 3.
[[nodiscard]] inline int trials() {
  if (const char* wanted = std::getenv("BATON_TRIALS")) return std::max(1, std::atoi(wanted));
  return std::getenv("BATON_LONG") != nullptr ? 20 : 3;
}

/// What was measured of one kind of fault: printed as one line when it goes, and appended as a line of JSON to the file that BATON_FIGURES
/// names.
class figures {
 public:
  explicit figures(std::string name, std::string server = "") : name_(std::move(name)), server_(std::move(server)) {}
  ~figures() {
    if (all_.empty()) return;
    std::ranges::sort(all_);
    const auto ms = [](microseconds d) { return static_cast<double>(d.count()) / 1000; };
    const double least = ms(all_.front());
    const double middle = ms(all_[all_.size() / 2]);
    const double most = ms(all_.back());
    std::printf("%-8s%-48s %3zu trials: min %8.1f ms  median %8.1f ms  max %8.1f ms\n", server_.c_str(), name_.c_str(), all_.size(), least,
                middle, most);
    const char* file = std::getenv("BATON_FIGURES");
    if (file == nullptr) return;
    std::ofstream{file, std::ios::app} << R"({"name":")" << name_ << R"(","server":")" << server_ << R"(","trials":)" << all_.size()
                                       << R"(,"min_ms":)" << least << R"(,"median_ms":)" << middle << R"(,"max_ms":)" << most << "}\n";
  }
  figures(const figures&) = delete;
  figures& operator=(const figures&) = delete;
  void add(microseconds d) { all_.push_back(d); }

 private:
  std::string name_;
  std::string server_;
  std::vector<microseconds> all_;
};

}  // namespace baton::testing

#pragma once

#include <string>
#include <vector>

#include "baton/base/time.hpp"
#include "baton/schedule/timetable.hpp"
#include "dev_checker.hpp"

namespace baton::program {

/// A job of the demo.
struct demo_job {
  watched_job watched;
  std::string schedule;  ///< as the configuration has it
  milliseconds takes{};
  bool in_process = false;  ///< the noop plugin, in the instance itself; else the exec plugin, in a process of its own
  bool retries_crashes = false;
};

/// A handful of different kinds. The first is the long one, the one whose run is interrupted.
[[nodiscard]] std::vector<demo_job> demo_jobs();

/// Where an instance of the demo finds everything.
struct demo_paths {
  std::string program;
  std::string journal;
  std::string store_url;
  std::string password_file;  ///< empty: the store has none
};

constexpr const char* demo_cluster = "demo";

/// The configuration file of one instance. All of them differ in name and port only.
[[nodiscard]] std::string demo_configuration(const demo_paths& paths, const std::vector<demo_job>& jobs, const std::string& instance,
                                             std::uint16_t http_port);

}  // namespace baton::program

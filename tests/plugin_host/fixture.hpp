#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "baton/base/system_clock.hpp"
#include "baton/plugin_host/executor.hpp"

namespace baton::test {

using namespace std::chrono_literals;

/// Waits until `condition` holds; false if it does not in time.
inline bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds most = 20s) {
  const auto end = std::chrono::steady_clock::now() + most;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

/// A process that is neither gone nor a zombie.
inline bool is_alive(pid_t pid) {
  std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
  std::string line;
  if (!std::getline(stat, line)) return false;
  const auto state = line.find_last_of(')') + 2;
  return line[state] != 'Z' && line[state] != 'X';
}

/// A file that handlers write their process numbers to.
class pid_file {
 public:
  pid_file() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() / ("baton-pids-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
    std::filesystem::remove(path_);
  }
  ~pid_file() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  pid_file(const pid_file&) = delete;
  pid_file& operator=(const pid_file&) = delete;

  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] std::vector<pid_t> pids() const {
    std::ifstream in{path_};
    std::vector<pid_t> all;
    for (pid_t pid = 0; in >> pid;) all.push_back(pid);
    return all;
  }
  [[nodiscard]] std::size_t alive() const {
    std::size_t count = 0;
    for (const auto pid : pids()) count += is_alive(pid) ? 1 : 0;
    return count;
  }

 private:
  std::filesystem::path path_;
};

/// An executor whose events are kept, by run.
class recorder {
 public:
  explicit recorder(std::string runner = BATON_TEST_RUNNER, std::vector<std::string> environment = {}) {
    plugin_host::executor::options options;
    options.runner_program = std::move(runner);
    options.environment = std::move(environment);
    auto made = plugin_host::executor::create(std::move(options), time_, [this](plugin_host::run_id run, plugin_host::run_event event) {
      const std::scoped_lock guard{mutex_};
      events_[run].push_back(std::move(event));
      changed_.notify_all();
    });
    executor_ = std::move(made).value();
  }

  plugin_host::executor& operator*() { return *executor_; }
  plugin_host::executor* operator->() { return executor_.get(); }
  void destroy_executor() { executor_.reset(); }

  /// A request for a plugin, with a lease of a minute.
  [[nodiscard]] plugin_host::run_request request(const std::string& plugin, plugin_host::values parameters = {}) {
    plugin_host::run_request r;
    r.id = plugin_host::run_id{++last_id_};
    r.plugin_path = plugin;
    r.parameters = std::move(parameters);
    r.cluster = "test";
    r.instance = "test-1";
    r.job = "job";
    r.trigger = "schedule";
    r.run_name = "run-1";
    r.lease_deadline = in(60s);
    return r;
  }

  [[nodiscard]] boot_time in(microseconds d) const { return time_.now().steady + d; }
  [[nodiscard]] const clock& time() const { return time_; }

  /// The end of a run; waits for it.
  plugin_host::run_ended ended(plugin_host::run_id run) {
    return wait_for<plugin_host::run_ended>(run).value_or(plugin_host::run_ended{{}, "the test waited in vain", {}, {}, {}});
  }

  template <typename Event>
  std::optional<Event> wait_for(plugin_host::run_id run) {
    std::unique_lock guard{mutex_};
    std::optional<Event> found;
    changed_.wait_for(guard, 60s, [&] {
      for (const auto& event : events_[run]) {
        if (const auto* e = std::get_if<Event>(&event)) found = *e;
      }
      return found.has_value();
    });
    return found;
  }

  std::vector<plugin_host::run_event> events(plugin_host::run_id run) {
    const std::scoped_lock guard{mutex_};
    return events_[run];
  }

 private:
  system_clock time_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<plugin_host::run_id, std::vector<plugin_host::run_event>> events_;
  std::uint64_t last_id_ = 0;
  std::unique_ptr<plugin_host::executor> executor_;
};

}  // namespace baton::test

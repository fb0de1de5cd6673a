#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baton/testing/fleet_process.hpp"
#include "baton/testing/prom.hpp"
#include "baton/testing/run_file.hpp"

namespace baton::testing {

/// One `baton run`.
class instance {
 public:
  instance(std::string name, std::unique_ptr<child_process> process) : name_(std::move(name)), process_(std::move(process)) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] child_process& process() noexcept { return *process_; }
  [[nodiscard]] pid_t pid() const noexcept { return process_->pid(); }
  /// What ends, stops or continues it is a disturbance().
  void signal(int number) noexcept;
  /// Until when it can have done its work: when it was told to end, or killed. nullopt: it runs.
  [[nodiscard]] std::optional<wall_time> ended();

  [[nodiscard]] std::string log() const { return process_->output(); }
  [[nodiscard]] std::vector<std::string> log_lines(std::string_view containing = "") const;
  /// Of its HTTP listener, as the log tells it; 0 until it does.
  [[nodiscard]] std::uint16_t http_port();
  [[nodiscard]] http_reply get(std::string_view path);  ///< status 0: no answer
  [[nodiscard]] bool is_ready() { return get("/readyz").status == 200; }
  [[nodiscard]] scrape metrics() { return scrape::parse(get("/metrics").body); }
  [[nodiscard]] std::string incarnation() const;

 private:
  std::string name_;
  std::unique_ptr<child_process> process_;
  std::uint16_t port_ = 0;
  std::optional<wall_time> told_to_end_;
};

/// Instances of one cluster: each with a configuration and a log of its own, all with one file to which their jobs write.
///
/// The lease is the tightest that is legal (design.md section 4), unless the options say otherwise. Lifetime: its processes and its folder
/// go with it.
class fleet {
 public:
  struct options {
    std::string program;  ///< of `baton`
    std::string plugin_dir;
    std::string test_plugin_dir = {};  ///< a second folder of plugins; may be empty
    std::string job_program;           ///< of fleet_job
    std::string cluster;
    std::string store_url;  ///< without a password
    std::string password;   ///< empty: the store has none
    std::string lease_times = "probe: 500ms, probe_timeout: 500ms, wait_timeout: 3s, margin: 1500ms, stop: 500ms";
    std::string lease = {};  ///< further keys of store.lease, such as "takeover: safe"
  };
  struct instance_options {
    std::string clock_offset;  ///< as in BATON_TEST_CLOCK_OFFSET
    std::vector<std::string> environment;
    std::string store_settings;    ///< further lines of YAML under `store`, indented by two
    std::string settings = {};     ///< further lines of YAML at the top level
    std::string store_url = {};    ///< instead of the fleet's
    std::uint16_t store_port = 0;  ///< of a gate on the way to the store; 0: none
    std::string http = {};         ///< further keys of `http`, in the flow style
  };

  struct known_job {
    std::string name;
    std::string schedule;
    std::string settings;
  };
  /// What a verb of the command line printed, and its exit code; 1000 and more: it did not end.
  struct answer {
    int code = 0;
    std::string out;
    std::string err;
  };

  explicit fleet(options wanted);
  ~fleet();
  fleet(const fleet&) = delete;
  fleet& operator=(const fleet&) = delete;

  /// A job of every instance that is added later: an `exec` of fleet_job with `arguments` ("--for 20ms"). `settings`: further lines of
  /// YAML, indented by four.
  void job(const std::string& name, const std::string& schedule, const std::string& arguments, const std::string& settings = "");

  /// The same with another plugin of the two folders: nothing of it is in the run file. `with` is a map in YAML's flow style.
  void plugin_job(const std::string& name, const std::string& schedule, const std::string& plugin, const std::string& with,
                  const std::string& settings = "");

  /// Of the instances that are added, or whose files are written, from now on: no jobs yet.
  void forget_jobs() { jobs_ = {""}; }
  /// Writes the configuration of an instance anew; it reads that at SIGHUP.
  void write_file(const std::string& name, const instance_options& wanted) const;
  void write_file(const std::string& name) const { write_file(name, {}); }
  [[nodiscard]] std::string file_of(const std::string& name) const { return directory_ / (name + ".yaml"); }

  instance& add(const std::string& name, const instance_options& wanted);
  instance& add(const std::string& name) { return add(name, {}); }
  [[nodiscard]] instance& operator[](std::size_t index) { return *instances_[index]; }
  [[nodiscard]] instance& named(std::string_view name);
  [[nodiscard]] std::size_t size() const noexcept { return instances_.size(); }
  [[nodiscard]] auto begin() { return instances_.begin(); }
  [[nodiscard]] auto end() { return instances_.end(); }

  /// All instances are ready within `limit`.
  [[nodiscard]] bool await_ready(microseconds limit = std::chrono::seconds{20});
  /// SIGTERM to all; the exit codes of all within `limit`, -1 for one that did not end.
  std::vector<int> stop(microseconds limit = std::chrono::seconds{20});

  /// The program with these words, beside the fleet; waits for its end.
  [[nodiscard]] answer run_program(const std::vector<std::string>& words) const;
  /// A verb with its words, such as {"trigger", "work"}, by the configuration of an instance (the first one's for "").
  [[nodiscard]] answer verb(const std::vector<std::string>& words, const std::string& instance = "") const;
  /// The same, not waited for; what it prints goes to a file.
  [[nodiscard]] std::unique_ptr<child_process> start_verb(const std::vector<std::string>& words, const std::string& instance = "") const;

  /// Every job that an instance has or had, in its last form.
  [[nodiscard]] const std::vector<known_job>& known_jobs() const noexcept { return known_jobs_; }
  /// The lock name of a run, by the settings of its job.
  [[nodiscard]] std::string lock_of(const executed_run& run) const;
  [[nodiscard]] wall_time created() const noexcept { return created_; }

  [[nodiscard]] run_file runs() const { return run_file::read(run_path()); }
  [[nodiscard]] const std::string& cluster() const noexcept { return options_.cluster; }
  [[nodiscard]] std::string run_path() const { return directory_ / "runs"; }
  [[nodiscard]] std::filesystem::path directory() const { return directory_; }
  /// The logs of all instances, for the message of a failed test.
  [[nodiscard]] std::string logs() const;

 private:
  void add_job(const std::string& text);
  [[nodiscard]] std::vector<std::string> with_file(std::vector<std::string> words, const std::string& instance) const;
  [[nodiscard]] std::unique_ptr<child_process> start_program(const std::vector<std::string>& words) const;

  options options_;
  std::filesystem::path directory_;
  std::vector<std::string> jobs_{""};  ///< the configuration file's, and those of the files that it includes
  std::vector<known_job> known_jobs_;
  wall_time created_ = wall_now();
  std::vector<std::unique_ptr<instance>> instances_;
};

}  // namespace baton::testing

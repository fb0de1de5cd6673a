#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"
#include "baton/schedule/timetable.hpp"

namespace baton::settings {

/// A place in a file, 1-based.
struct mark {
  std::string file;
  std::size_t line = 0;
  std::size_t column = 0;
};

/// One problem: where, which key, what, and what to write instead.
struct problem {
  mark where;
  std::string path;  ///< "jobs.nightly.schedule"
  std::string message;
  std::string hint;  ///< "did you mean 'schedule'?"; may be empty
  bool is_warning = false;
  std::string source;     ///< the line of the file, fit to be printed: passwords masked, cut if long; may be empty
  std::size_t caret = 0;  ///< the character of `source` that `where` is about, 1-based
};

struct endpoint {
  std::string host;
  std::uint16_t port = 3306;
};

enum class tls_mode : std::uint8_t { disabled = 1, required, verify_ca, verify_identity };

/// A MySQL server, or a directory of this host.
struct store_access {
  std::string directory;  ///< of the local store; if set, the rest is empty
  std::string user;
  std::string password;  ///< resolved; never printed
  std::vector<endpoint> hosts;
  std::string socket;  ///< if set, hosts is empty
  std::string database;
  tls_mode tls = tls_mode::disabled;
  std::string tls_ca;
};

/// As the keys `store.url`, without the password, and `store.tls.mode` have them.
[[nodiscard]] std::string store_url_text(const store_access& store);
[[nodiscard]] std::string_view to_string(tls_mode mode) noexcept;

struct lease {
  microseconds probe = std::chrono::seconds{2};
  microseconds probe_timeout = std::chrono::seconds{4};
  microseconds wait_timeout = std::chrono::seconds{15};
  microseconds margin = std::chrono::seconds{3};
  microseconds stop = std::chrono::seconds{1};
  bool takeover_safe = false;
};

/// A value of `with` as it was written, for the plugin's own parameter table to check.
struct with_value {
  mark where;
  using list = std::vector<with_value>;
  struct entry;
  using map = std::vector<entry>;
  std::variant<std::string, list, map> data;  ///< scalars as text, references ({file: …}, …) resolved
  bool quoted = false;
  bool secret = false;  ///< came from a reference: never print it
};
struct with_value::entry {
  std::string first;
  with_value second;
};

struct calendar {
  std::string name;
  std::vector<schedule::calendar::range> days;
};

struct tag {
  std::string name;
  std::uint32_t max_running = 1;
};

/// One entry of `after`.
struct predecessor {
  std::string job;
  std::string on = "success";  ///< or failure, any
  friend bool operator==(const predecessor&, const predecessor&) = default;
};

struct job {
  std::string name;
  mark where;
  std::string plugin;
  mark plugin_where;
  with_value::map with;
  mark with_where;
  std::optional<schedule::timetable> schedule;  ///< refined by what follows
  std::string schedule_text;
  std::string timezone = "UTC";
  microseconds jitter{};
  std::vector<std::string> not_on;   ///< names of calendars
  std::vector<std::string> only_on;  ///< names of calendars
  std::optional<microseconds> timeout;
  microseconds grace = std::chrono::seconds{10};
  std::string lock_name;  ///< lock.name, default: the job's
  microseconds hold_at_least{};
  std::string overlap = "skip";  ///< queue_one, queue_all, cancel_running
  std::uint32_t queue_limit = 100;
  std::vector<predecessor> after;
  std::int32_t priority = 0;
  std::vector<std::string> run_on;  ///< labels
  std::vector<std::string> tags;
  bool paused = false;
  std::string catch_up = "latest";  ///< none, latest, all
  microseconds catch_up_window = std::chrono::hours{1};
  std::uint32_t catch_up_limit = 100;
  std::uint32_t retry_attempts = 1;
  microseconds retry_backoff = std::chrono::seconds{10};
  microseconds retry_max_backoff = std::chrono::minutes{5};
  std::uint32_t retry_multiplier = 2;
  bool on_crash_retry = false;
  bool in_process = false;
  std::optional<std::int64_t> memory_limit;  ///< bytes
  std::optional<microseconds> cpu_limit;
  std::optional<std::int64_t> files_limit;
  bool on_lost_abort = true;
  bool enabled = true;
  std::string description;
};

struct settings {
  std::string file;
  std::string cluster;
  std::string instance;
  std::vector<std::string> labels;
  bool elects_leader = false;
  store_access store;
  bool has_store = false;  ///< the file has a store; without, `store` is the local one of the account or the service
  lease lease_timing;
  std::uint32_t max_connections = 8;
  microseconds max_clock_offset = std::chrono::seconds{10};
  bool migrate = true;
  std::uint32_t max_concurrent_runs = 16;
  std::string http_host = "127.0.0.1";
  std::uint16_t http_port = 9687;  ///< 0: any free port
  bool http_enabled = true;
  std::string http_socket;       ///< path of the unix socket; empty: none is given
  std::string http_admin_token;  ///< resolved; never printed; empty: none
  std::string log_level = "info";
  std::string log_format = "auto";
  std::vector<std::string> plugin_path;
  microseconds history_keep = std::chrono::days{30};
  std::vector<calendar> calendars;
  std::vector<tag> tags;
  std::vector<job> jobs;
  std::uint64_t hash = 0;  ///< 48 bits over what is the same on every instance: no secrets, none of the keys marked local
};

struct loaded {
  std::optional<settings> value;  ///< only if no problem is an error
  std::optional<settings> draft;  ///< else what could be read: only for looking for further problems
  std::vector<problem> problems;
};

/// Reads and validates a file with its includes. Every problem is reported, not the first, in the order of files and lines.
///
/// Reads the environment (also for where the local store is), the host's name, the clock, and the files that the configuration refers to;
/// whether plugins exist is not asked. Files are refused that everybody may write, or that belong, like the folder they are in, to another
/// user than root or this process's. Relative paths are taken from the directory of the file that names them. No secret appears in a
/// problem.
[[nodiscard]] loaded load(const std::string& file);

struct loaded_parameters {
  std::optional<with_value::map> value;  ///< only if there is no problem
  std::vector<problem> problems;
};

/// Reads a file that holds what stands below `with` in a job, and nothing else. A file without a value is a job without parameters.
[[nodiscard]] loaded_parameters load_parameters(const std::string& file);

/// Fills in the line that `p.where` names, fit to be printed: for problems that others find in what was loaded.
void quote_source(problem& p);

/// "FILE:LINE:COL: error: PATH: MESSAGE", the source line, a caret and the hint; ends with a newline.
[[nodiscard]] std::string render(const problem& p);

/// The settings as a configuration file with every default written out. Passwords and resolved secrets are "***".
[[nodiscard]] std::string show_effective(const settings& s);

}  // namespace baton::settings

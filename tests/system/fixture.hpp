#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "baton/testing/fleet.hpp"
#include "baton/testing/private_server.hpp"
#include "judged_fleet.hpp"

namespace baton::system_test {

using std::chrono::seconds;
using testing::boot_now;
using testing::eventually;
using testing::executed_run;
using fleet = judged_fleet;
using testing::instance;
using testing::is_alive;
using testing::private_server;
using testing::run_file;
using testing::scrape;
using testing::server_kind;
using testing::wall_now;

// The lease of every fleet here, as design.md section 4 names its parts.
inline constexpr microseconds stop_time = milliseconds{500};  // S
inline constexpr microseconds wait_timeout = seconds{3};      // W

/// The schedule of a job that runs when it is asked for; one that is due each hour fails a test at the hour.
inline constexpr const char* never_due = "{at: 2099-12-31T23:59:00}";

inline constexpr microseconds probe_and_reply = seconds{1};  // P + R

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool is_sanitized = true;
#else
inline constexpr bool is_sanitized = false;
#endif

/// A private server for all cases of a kind, and a cluster name of its own for each.
class on_a_server : public ::testing::TestWithParam<server_kind> {
 protected:
  void SetUp() override;
  void TearDown() override;

  [[nodiscard]] private_server& server() const;
  /// Options for a fleet in a new cluster.
  [[nodiscard]] fleet::options fleet_options(const std::string& suffix = "") const;
  /// The server runs, answers and takes writes.
  void end_faults() const;

  // What root sees.
  std::vector<private_server::row> ask(const std::string& sql) const;
  [[nodiscard]] std::string ask_one(const std::string& sql) const;  ///< first column of the first row; "NULL" for NULL, "" for no row
  [[nodiscard]] wall_time store_now() const;
  /// The connection that holds a job's lock; "NULL" if none does.
  [[nodiscard]] std::string holder_of(const fleet& f, const std::string& lock) const;
  /// "STATE/OUTCOME/ATTEMPT" of a row in numbers of the table; "" if there is none.
  [[nodiscard]] std::string row_of(const fleet& f, const executed_run& r) const;
  /// Names of Baton's locks that somebody holds, of those that this fleet can have.
  [[nodiscard]] std::vector<std::string> locks_left(fleet& f, const std::vector<std::string>& jobs) const;
};

/// The only one so far of `job`, or the last; waits for it to start.
executed_run await_run(const fleet& f, const std::string& job, microseconds limit = seconds{10}, std::size_t count = 1);

/// A schedule whose first tick is due in a few seconds, and the next ones each `period` after it.
[[nodiscard]] std::string soon(seconds period);

/// How many descriptors a process has open; 0 when it is gone.
[[nodiscard]] std::size_t descriptors_of(pid_t pid);

/// How many runs of `job` had started by now.
[[nodiscard]] std::size_t count_runs(const fleet& f, const std::string& job);

inline std::string kind_name(const ::testing::TestParamInfo<server_kind>& info) { return std::string{testing::to_string(info.param)}; }

#define BATON_ON_BOTH_SERVERS(suite) \
  INSTANTIATE_TEST_SUITE_P(, suite, ::testing::Values(testing::server_kind::mariadb, testing::server_kind::mysql), kind_name)

}  // namespace baton::system_test

#include "baton/observe/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

namespace baton::observe {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

metrics::options with_jobs(std::vector<std::string> names) {
  metrics::options opts;
  opts.version = "1.2.3";
  opts.revision = "abc";
  opts.compiler = "gcc";
  opts.mysql_client = "mariadb";
  opts.instance_id = "east-1";
  opts.cluster = "billing";
  opts.store = "mysql";
  for (auto& name : names) opts.jobs.push_back({name, "0 2 * * *", "UTC", "exec", "baton:billing:" + name});
  return opts;
}

std::set<std::string> lines(const std::string& text) {
  std::set<std::string> out;
  std::istringstream stream{text};
  for (std::string line; std::getline(stream, line);) out.insert(line);
  return out;
}

/// Name and type of every family.
std::set<std::string> families(const std::string& text) {
  std::set<std::string> out;
  for (const auto& line : lines(text)) {
    if (line.starts_with("# TYPE ")) out.insert(line.substr(7));
  }
  return out;
}

/// The same from the tables of docs/reference/metrics.md.
std::set<std::string> documented_families() {
  std::ifstream file{BATON_METRICS_REFERENCE};
  EXPECT_TRUE(file) << BATON_METRICS_REFERENCE;
  const std::regex row{R"(\| `([a-z_]+)` \| ([a-z]+) \|.*)"};
  std::set<std::string> out;
  std::smatch match;
  for (std::string line; std::getline(file, line);) {
    if (std::regex_match(line, match, row)) out.insert(match[1].str() + " " + match[2].str());
  }
  return out;
}

TEST(metrics, exposes_what_the_reference_documents_and_nothing_else) {
  metrics observed{with_jobs({"a"})};
  observed.plugin("exec", "1.0", "1.0", "id");
  observed.tzdata("2026f");
  EXPECT_EQ(families(observed.serialize()), documented_families());
}

TEST(metrics, exposes_exactly_the_documented_label_values) {
  metrics observed{with_jobs({"a"})};
  const auto text = observed.serialize();
  std::ifstream file{BATON_METRICS_REFERENCE};
  const std::regex row{R"(\| `([a-z_]+)` \| ([a-z]+) \| ([^|]*) \|.*)"};
  const std::regex enumerated{R"(([a-z_]+): ([a-z_, ]+))"};
  int checked = 0;
  std::smatch match;
  for (std::string line; std::getline(file, line);) {
    if (!std::regex_match(line, match, row)) continue;
    const auto name = match[1].str() + (match[2] == "histogram" ? "_count" : "");
    std::istringstream parts{match[3].str()};
    for (std::string part; std::getline(parts, part, ';');) {
      std::smatch label;
      // "job_name, outcome: a, b" and "verb: a, b": the last word before the colon is the label.
      if (!std::regex_search(part, label, enumerated)) continue;
      std::set<std::string> documented;
      std::istringstream values{label[2].str()};
      for (std::string value; std::getline(values, value, ',');) {
        value.erase(0, value.find_first_not_of(' '));
        documented.insert(value);
      }
      std::set<std::string> exposed;
      const std::regex series{name + R"(\{(?:.*,)?)" + label[1].str() + R"re(="([a-z_]+)".*\} .*)re"};
      for (const auto& one : lines(text)) {
        if (std::smatch found; std::regex_match(one, found, series)) exposed.insert(found[1].str());
      }
      EXPECT_EQ(exposed, documented) << name << " " << label[1].str();
      ++checked;
    }
  }
  EXPECT_GE(checked, 13);
}

/// "352 + P + 137 J" of the reference.
std::size_t documented_series(std::size_t plugins, std::size_t jobs) {
  std::ifstream file{BATON_METRICS_REFERENCE};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const std::regex formula{R"(\*\*([0-9]+) \+ P \+ ([0-9]+) J\*\*)"};
  std::smatch found;
  if (!std::regex_search(text, found, formula)) return 0;
  return std::stoul(found[1]) + plugins + std::stoul(found[2]) * jobs;
}

std::size_t count_series(const std::string& text) {
  const auto all = lines(text);
  return static_cast<std::size_t>(std::ranges::count_if(all, [](const auto& line) { return !line.starts_with("#"); }));
}

TEST(metrics, has_as_many_series_as_the_formula_of_the_reference_says) {
  for (const std::size_t count : {1U, 2U, 10U}) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) names.push_back("job-" + std::to_string(i));
    metrics observed{with_jobs(names)};
    observed.tzdata("2026f");
    observed.plugin("exec", "1.0", "1.0", "id");
    EXPECT_EQ(count_series(observed.serialize()), documented_series(1, count)) << count;
    observed.plugin("noop", "1.0", "1.0", "id");
    EXPECT_EQ(count_series(observed.serialize()), documented_series(2, count)) << count;
  }
}

TEST(metrics, has_every_series_of_a_configured_job_at_0_from_the_start) {
  metrics observed{with_jobs({"a", "b"})};
  const auto found = lines(observed.serialize());
  for (const auto* series :
       {R"(baton_lock_attempts_total{job_name="a",outcome="duplicate_tick"} 0)",
        R"(baton_lock_lost_total{job_name="b",reason="no_quorum"} 0)", R"(baton_runs_total{job_name="a",outcome="lock_lost"} 0)",
        R"(baton_retries_total{job_name="b"} 0)", R"(baton_lock_acquire_duration_seconds_count{job_name="a",outcome="busy"} 0)",
        R"(baton_lock_acquire_duration_seconds_bucket{job_name="a",outcome="busy",le="0.00025"} 0)",
        R"(baton_run_duration_seconds_bucket{job_name="a",le="3600"} 0)", R"(baton_job_last_success_timestamp_seconds{job_name="b"} 0)",
        R"(baton_runs_started_total{job_name="b",trigger="catch_up"} 0)"}) {
    EXPECT_THAT(found, Contains(series));
  }
}

TEST(metrics, counts_what_it_is_told) {
  metrics observed{with_jobs({"a"})};
  observed.lock_attempt("a", "acquired", 300us);
  observed.lock_attempt("a", "busy", 2ms);
  observed.duplicate_tick("a");
  observed.lock_held("a", true);
  observed.lock_hold("a", 2s);
  observed.lock_lost("a", "deadline");
  observed.tick("a", "missed", 7);
  observed.skip("a", "overlap", 2);
  observed.tick_lateness("a", 20ms);
  observed.run_started("a", "schedule");
  observed.run_ended("a", "success", 90s);
  observed.job_times("a", wall_time{1700000000500ms}, wall_time{});
  observed.job_next_tick("a", wall_time{1700000060s});
  observed.job_paused("a", true);
  observed.job_schedule_max_gap("a", 24h);
  observed.running("a", 2);
  observed.retried("a");
  observed.overlap_suspected("a");
  observed.schedule_disagreement("a", true);
  observed.lease_probe(1ms);
  observed.lease_age(1500ms);
  observed.fenced_write_rejected();
  observed.leader(true);
  observed.leader_change();
  observed.run_slots(3);
  observed.due_queue_length(4);
  observed.scheduler_lag(1ms);
  observed.store_up(true);
  observed.store_connections("lock", 2);
  observed.store_reconnect();
  observed.store_identity_change();
  observed.store_query("claim", 3ms);
  observed.store_query("unheard of", 3ms);
  observed.clock_offset(-250ms);
  observed.clock_step();
  observed.tzdata("2026f");
  observed.tzdata_restart_needed(true);
  observed.config_hash(0xFFFF'FFFF'FFFF);
  observed.config_reloaded(true, wall_time{1700000000123456us});
  observed.config_reloaded(false, wall_time{1800000000s});
  observed.admin_request("pause", "refused");
  observed.log_message("warning");
  const auto found = lines(observed.serialize());
  for (const auto* series : {
           R"(baton_lock_attempts_total{job_name="a",outcome="acquired"} 1)",
           R"(baton_lock_attempts_total{job_name="a",outcome="busy"} 1)",
           R"(baton_lock_attempts_total{job_name="a",outcome="duplicate_tick"} 1)",
           R"(baton_lock_acquire_duration_seconds_bucket{job_name="a",outcome="acquired",le="0.00025"} 0)",
           R"(baton_lock_acquire_duration_seconds_bucket{job_name="a",outcome="acquired",le="0.0005"} 1)",
           R"(baton_lock_held{job_name="a"} 1)",
           R"(baton_lock_hold_duration_seconds_sum{job_name="a"} 2)",
           R"(baton_lock_lost_total{job_name="a",reason="deadline"} 1)",
           R"(baton_ticks_total{job_name="a",result="missed"} 7)",
           R"(baton_skips_total{job_name="a",reason="overlap"} 2)",
           R"(baton_tick_lateness_seconds_count{job_name="a"} 1)",
           R"(baton_runs_started_total{job_name="a",trigger="schedule"} 1)",
           R"(baton_runs_total{job_name="a",outcome="success"} 1)",
           R"(baton_run_duration_seconds_sum{job_name="a"} 90)",
           R"(baton_job_last_run_timestamp_seconds{job_name="a"} 1700000000.5)",
           R"(baton_job_last_success_timestamp_seconds{job_name="a"} 0)",
           R"(baton_job_next_tick_timestamp_seconds{job_name="a"} 1700000060)",
           R"(baton_job_paused{job_name="a"} 1)",
           R"(baton_job_schedule_max_gap_seconds{job_name="a"} 86400)",
           R"(baton_running{job_name="a"} 2)",
           R"(baton_retries_total{job_name="a"} 1)",
           R"(baton_overlap_suspected_total{job_name="a"} 1)",
           R"(baton_schedule_disagreement{job_name="a"} 1)",
           R"(baton_lease_probe_duration_seconds_count 1)",
           R"(baton_lease_age_seconds 1.5)",
           R"(baton_fenced_writes_rejected_total 1)",
           R"(baton_leader 1)",
           R"(baton_leader_changes_total 1)",
           R"(baton_run_slots{state="busy"} 3)",
           R"(baton_run_slots{state="free"} 13)",
           R"(baton_due_queue_length 4)",
           R"(baton_scheduler_lag_seconds_count 1)",
           R"(baton_store_up 1)",
           R"(baton_store_connections{state="lock"} 2)",
           R"(baton_store_reconnects_total 1)",
           R"(baton_store_identity_changes_total 1)",
           R"(baton_store_query_duration_seconds_count{operation="claim"} 1)",
           R"(baton_store_query_duration_seconds_count{operation="other"} 1)",
           R"(baton_clock_offset_seconds -0.25)",
           R"(baton_clock_steps_total 1)",
           R"(baton_tzdata_info{version="2026f"} 1)",
           R"(baton_tzdata_restart_needed 1)",
           R"(baton_config_hash 281474976710655)",
           R"(baton_config_last_reload_successful 0)",
           R"(baton_config_last_reload_success_timestamp_seconds 1700000000.123456)",
           R"(baton_admin_requests_total{result="refused",verb="pause"} 1)",
           R"(baton_log_messages_total{level="warning"} 1)",
           R"(baton_instance_info{cluster="billing",instance_id="east-1",store="mysql"} 1)",
           R"(baton_job_info{job_name="a",lock_name="baton:billing:a",plugin="exec",schedule="0 2 * * *",timezone="UTC"} 1)",
       }) {
    EXPECT_THAT(found, Contains(series));
  }
}

TEST(metrics, ignores_jobs_and_label_values_it_does_not_know) {
  metrics observed{with_jobs({"a"})};
  const auto before = families(observed.serialize());
  observed.lock_attempt("b", "acquired", 1ms);
  observed.lock_attempt("a", "perhaps", 1ms);
  observed.run_started("", "schedule");
  observed.lock_lost("a", "");
  observed.store_connections("x", 1);
  observed.admin_request("x", "y");
  const auto text = observed.serialize();
  EXPECT_EQ(families(text), before);
  EXPECT_THAT(text, Not(HasSubstr("job_name=\"b\"")));
  EXPECT_THAT(text, Not(HasSubstr("perhaps")));
}

TEST(metrics, never_lets_a_negative_duration_shrink_a_sum) {
  metrics observed{with_jobs({"a"})};
  observed.tick_lateness("a", -5s);
  EXPECT_THAT(lines(observed.serialize()), Contains(R"(baton_tick_lateness_seconds_sum{job_name="a"} 0)"));
}

TEST(metrics, feeds_a_registry_of_the_callers_and_outlives_in_it) {
  auto registry = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter().Name("process_cpu_seconds_total").Help("The embedding program's own.").Register(*registry).Add({});
  auto opts = with_jobs({"a"});
  opts.registry = registry;
  std::string text;
  {
    metrics observed{opts};
    observed.retried("a");
    text = observed.serialize();
  }
  const auto first = text.find("# TYPE process_cpu_seconds_total");
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(text.find("# TYPE process_cpu_seconds_total", first + 1), std::string::npos);
  metrics again{opts};
  EXPECT_THAT(lines(again.serialize()), Contains(R"(baton_retries_total{job_name="a"} 1)"));
}

/// A job of plugin `copy-rows` with one series of each kind.
job_labels copying(std::string name) {
  return {std::move(name),
          "0 2 * * *",
          "UTC",
          "copy-rows",
          "baton:billing:a",
          {{plugin_metric_kind::counter, "errors_total", "Rows not copied.", {{"kind", "full"}}, {}},
           {plugin_metric_kind::counter, "errors_total", "Rows not copied.", {{"kind", "gone"}}, {}},
           {plugin_metric_kind::gauge, "backlog_rows", "Rows left.", {}, {}},
           {plugin_metric_kind::histogram, "batch_seconds", "How long a batch took.", {}, {0.1, 1}}}};
}

metrics::options with_copying_jobs(std::vector<std::string> names) {
  auto opts = with_jobs({"plain"});
  for (auto& name : names) opts.jobs.push_back(copying(std::move(name)));
  return opts;
}

TEST(metrics, has_every_series_of_a_jobs_plugin_at_0_from_the_start) {
  metrics observed{with_copying_jobs({"a", "b"})};
  const auto found = lines(observed.serialize());
  for (const auto* line :
       {"# HELP baton_plugin_copy_rows_errors_total Rows not copied.", "# TYPE baton_plugin_copy_rows_batch_seconds histogram",
        R"(baton_plugin_copy_rows_errors_total{job_name="a",kind="gone"} 0)", R"(baton_plugin_copy_rows_backlog_rows{job_name="b"} 0)",
        R"(baton_plugin_copy_rows_batch_seconds_bucket{job_name="b",le="0.1"} 0)",
        R"(baton_plugin_copy_rows_batch_seconds_count{job_name="a"} 0)"})
    EXPECT_THAT(found, Contains(line));
  EXPECT_THAT(observed.serialize(), Not(HasSubstr(R"(rows_backlog_rows{job_name="plain"})")));
}

TEST(metrics, has_a_series_for_each_counter_and_gauge_of_a_plugin_and_three_and_one_for_each_bucket_of_a_histogram) {
  const auto without = count_series(metrics{with_jobs({"plain", "a", "b"})}.serialize());
  metrics observed{with_copying_jobs({"a", "b"})};
  constexpr std::size_t counters_and_gauges = 3;
  constexpr std::size_t buckets = 2;
  EXPECT_EQ(count_series(observed.serialize()), without + 2 * (counters_and_gauges + buckets + 3));
}

TEST(metrics, never_sets_a_time_of_a_job_back) {
  metrics observed{with_jobs({"a"})};
  observed.job_times("a", wall_time{2000s}, wall_time{1000s});
  observed.job_times("a", wall_time{1500s}, wall_time{1500s});
  const auto found = lines(observed.serialize());
  EXPECT_THAT(found, Contains(R"(baton_job_last_run_timestamp_seconds{job_name="a"} 2000)"));
  EXPECT_THAT(found, Contains(R"(baton_job_last_success_timestamp_seconds{job_name="a"} 1500)"));
}

TEST(metrics, counts_what_a_plugin_counted) {
  metrics observed{with_copying_jobs({"a"})};
  for (int i = 0; i < 2; ++i) {
    observed.plugin_counted("a", "copy-rows", {plugin_metric_kind::counter, "errors_total", {{"kind", "gone"}}, 3, {}});
    observed.plugin_counted("a", "copy-rows", {plugin_metric_kind::gauge, "backlog_rows", {}, -1.5, {}});
    observed.plugin_counted("a", "copy-rows", {plugin_metric_kind::histogram, "batch_seconds", {}, 7.5, {2, 0, 1}});
  }
  const auto found = lines(observed.serialize());
  for (const auto* line :
       {R"(baton_plugin_copy_rows_errors_total{job_name="a",kind="gone"} 6)",
        R"(baton_plugin_copy_rows_errors_total{job_name="a",kind="full"} 0)", R"(baton_plugin_copy_rows_backlog_rows{job_name="a"} -1.5)",
        R"(baton_plugin_copy_rows_batch_seconds_sum{job_name="a"} 15)",
        R"(baton_plugin_copy_rows_batch_seconds_bucket{job_name="a",le="0.1"} 4)",
        R"(baton_plugin_copy_rows_batch_seconds_bucket{job_name="a",le="1"} 4)",
        R"(baton_plugin_copy_rows_batch_seconds_bucket{job_name="a",le="+Inf"} 6)"})
    EXPECT_THAT(found, Contains(line));
}

TEST(metrics, ignores_of_a_plugin_what_does_not_fit) {
  metrics observed{with_copying_jobs({"a"})};
  const auto before = observed.serialize();
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  const plugin_update errors{plugin_metric_kind::counter, "errors_total", {{"kind", "gone"}}, 1, {}};
  observed.plugin_counted("gone", "copy-rows", errors);
  observed.plugin_counted("plain", "copy-rows", errors);
  observed.plugin_counted("a", "exec", errors);
  for (const auto& update : std::vector<plugin_update>{{plugin_metric_kind::counter, "gone_total", {}, 1, {}},
                                                       {plugin_metric_kind::counter, "errors_total", {}, 1, {}},
                                                       {plugin_metric_kind::counter, "errors_total", {{"kind", "gone"}}, -1, {}},
                                                       {plugin_metric_kind::counter, "errors_total", {{"kind", "gone"}}, nan, {}},
                                                       {plugin_metric_kind::gauge, "errors_total", {{"kind", "gone"}}, 1, {}},
                                                       {plugin_metric_kind::gauge, "backlog_rows", {}, nan, {}},
                                                       {plugin_metric_kind::histogram, "batch_seconds", {}, 1, {1}},
                                                       {plugin_metric_kind::histogram, "batch_seconds", {}, nan, {1, 0, 0}}})
    observed.plugin_counted("a", "copy-rows", update);
  const auto of_plugins = [](const std::string& text) {
    auto all = lines(text);
    std::erase_if(all, [](const auto& line) { return !line.starts_with("baton_plugin_"); });
    return all;
  };
  EXPECT_EQ(of_plugins(observed.serialize()), of_plugins(before));
}

TEST(metrics, keeps_the_former_series_of_a_job_that_changes_its_plugin) {
  metrics observed{with_copying_jobs({"a"})};
  const plugin_update backlog{plugin_metric_kind::gauge, "backlog_rows", {}, 5, {}};
  observed.plugin_counted("a", "copy-rows", backlog);
  auto moved = copying("a");
  moved.plugin = "move_rows";
  observed.add_jobs({moved});
  observed.plugin_counted("a", "move_rows", backlog);
  auto found = lines(observed.serialize());
  EXPECT_THAT(found, Contains(R"(baton_plugin_copy_rows_backlog_rows{job_name="a"} 5)"));
  EXPECT_THAT(found, Contains(R"(baton_plugin_move_rows_backlog_rows{job_name="a"} 5)"));
  observed.plugin_counted("a", "copy-rows", {plugin_metric_kind::gauge, "backlog_rows", {}, 4, {}});  // a run that began before
  observed.add_jobs({copying("a"), copying("new")});
  found = lines(observed.serialize());
  EXPECT_THAT(found, Contains(R"(baton_plugin_copy_rows_backlog_rows{job_name="a"} 4)"));
  EXPECT_THAT(found, Contains(R"(baton_plugin_copy_rows_backlog_rows{job_name="new"} 0)"));
}

TEST(metrics, does_without_a_plugins_series_whose_name_is_taken) {
  auto opts = with_copying_jobs({"a"});
  auto other = copying("b");
  other.plugin = "copy";
  other.plugin_metrics = {{plugin_metric_kind::counter, "rows_backlog_rows", "Another kind.", {}, {}}};
  opts.jobs.push_back(other);
  metrics observed{std::move(opts)};
  observed.plugin_counted("b", "copy", {plugin_metric_kind::counter, "rows_backlog_rows", {}, 5, {}});
  EXPECT_THAT(lines(observed.serialize()), Contains(R"(baton_plugin_copy_rows_backlog_rows{job_name="a"} 0)"));
}

TEST(metrics, is_recorded_into_and_serialized_from_many_threads_at_once) {
  metrics observed{with_jobs({"a", "b"})};
  constexpr int rounds = 2000;
  std::atomic<bool> done{false};
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      for (int round = 0; round < rounds; ++round) {
        observed.lock_attempt("a", "acquired", 1ms);
        observed.run_ended("b", "success", 1s);
        observed.running("a", round);
        if (round % 100 == 0) observed.plugin("p" + std::to_string(round), "1", "1", "x");
      }
    });
  }
  std::thread reader{[&] {
    while (!done) EXPECT_FALSE(observed.serialize().empty());
  }};
  for (auto& writer : writers) writer.join();
  done = true;
  reader.join();
  const auto found = lines(observed.serialize());
  EXPECT_THAT(found, Contains(R"(baton_lock_attempts_total{job_name="a",outcome="acquired"} 8000)"));
  EXPECT_THAT(found, Contains(R"(baton_run_duration_seconds_count{job_name="b"} 8000)"));
}

TEST(metrics, passes_promtool_whatever_the_label_values_hold) {
  std::array<char, 4096> path{};
  FILE* const script = ::popen(BATON_PROMTOOL_SCRIPT, "r");
  ASSERT_NE(script, nullptr);
  const bool read = std::fgets(path.data(), path.size(), script) != nullptr;
  if (::pclose(script) != 0 || !read) {
    if (std::getenv("CI") != nullptr) FAIL() << "promtool is missing, and CI must not go without";
    GTEST_SKIP() << "SKIPPED: no promtool, so nothing checked the exposition format (see tests/observe/promtool.sh)";
  }
  auto opts = with_jobs({"a", "job\xFF"});
  opts.jobs.push_back({"b", "a \"quoted\"\nschedule\\", "Europe/Berlin", "p\x01", "\xC3"});
  opts.jobs.push_back(copying("c"));
  metrics observed{opts};
  observed.plugin("exec", "1.0", "1.0", "id");
  observed.tzdata("2026f");
  observed.lock_attempt("a", "acquired", 1ms);
  std::string tool{path.data()};
  tool.pop_back();
  FILE* const checker = ::popen((tool + " check metrics 2>&1 >&2").c_str(), "w");
  ASSERT_NE(checker, nullptr);
  const auto text = observed.serialize();
  EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), checker), text.size());
  EXPECT_EQ(::pclose(checker), 0) << "promtool check metrics complains; its words are above";
}

}  // namespace
}  // namespace baton::observe

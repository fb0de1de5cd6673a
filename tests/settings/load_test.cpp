#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "files.hpp"

namespace baton::settings::testing {
namespace {

using namespace std::chrono_literals;

class load_file : public scratch {
 protected:
  settings good(const std::string& text) {
    auto result = load_text(text);
    EXPECT_TRUE(result.value) << text_of(result);
    return result.value ? *std::move(result.value) : settings{};
  }
  static std::string with_job(const std::string& more) {
    return "version: 1\ncluster: a\njobs:\n  j:\n    plugin: noop\n    schedule: \"@daily\"\n" + more;
  }
  std::string only_message(const std::string& text) {
    const auto result = load_text(text);
    EXPECT_EQ(result.problems.size(), 1U) << text_of(result);
    return result.problems.empty() ? "" : result.problems.front().message;
  }
};

TEST_F(load_file, takes_the_smallest_file_and_fills_in_the_rest) {
  const auto result = load_example("smallest.yaml");
  ASSERT_TRUE(result.value) << text_of(result);
  EXPECT_TRUE(result.problems.empty()) << text_of(result);
  const auto& s = *result.value;
  EXPECT_EQ(s.cluster, "example");
  EXPECT_TRUE(s.instance.ends_with("-smallest")) << s.instance;
  EXPECT_FALSE(s.has_store);
  EXPECT_EQ(s.max_concurrent_runs, 16U);
  EXPECT_TRUE(s.plugin_path.empty());
  ASSERT_EQ(s.jobs.size(), 1U);
  const auto& j = s.jobs[0];
  EXPECT_EQ(j.name, "heartbeat");
  EXPECT_EQ(j.lock_name, "heartbeat");
  EXPECT_EQ(j.plugin, "noop");
  EXPECT_EQ(j.schedule->text(), "0 * * * *");
  EXPECT_EQ(j.schedule_text, "@hourly");
  EXPECT_EQ(j.where.line, 6U);
  EXPECT_EQ(j.where.column, 3U);
  EXPECT_EQ(j.grace, 10s);
  EXPECT_FALSE(j.timeout);
}

TEST_F(load_file, takes_a_typical_file) {
  write_file(directory / "db-password", "swordfish\n");
  const variable credentials{"CREDENTIALS_DIRECTORY", directory.c_str()};
  const auto result = load_example("typical.yaml");
  ASSERT_TRUE(result.value) << text_of(result);
  EXPECT_TRUE(result.problems.empty()) << text_of(result);
  const auto& s = *result.value;
  EXPECT_EQ(s.store.password, "swordfish");
  EXPECT_EQ(s.store.tls, tls_mode::verify_identity);
  EXPECT_EQ(s.store.hosts.size(), 2U);
  EXPECT_EQ(s.log_format, "auto") << "under the unit: the journal's fields";
  ASSERT_EQ(s.jobs.size(), 3U);
  EXPECT_EQ(s.jobs[0].timeout, 2h);
  EXPECT_TRUE(s.jobs[0].on_crash_retry);
  EXPECT_EQ(s.jobs[0].grace, 30s);  // from the defaults
  EXPECT_EQ(s.jobs[1].timeout, 10min);
  EXPECT_EQ(s.jobs[1].lock_name, "nightly-rollup");
  const auto& command = std::get<with_value::list>(s.jobs[1].with[0].second.data);
  ASSERT_EQ(command.size(), 3U);
  EXPECT_EQ(std::get<std::string>(command[2].data), "500");
  EXPECT_TRUE(command[2].quoted);
  EXPECT_FALSE(command[1].quoted);
  EXPECT_EQ(s.jobs[2].schedule_text, "every 1m30s");
}

TEST_F(load_file, takes_every_key_there_is) {
  const variable password{"BATON_PASSWORD", "swordfish"};
  const variable admin_token{"BATON_ADMIN_TOKEN", "swordfish-swordfish-swordfish-swordfish"};
  const auto result = load_example("every-key.yaml");
  ASSERT_TRUE(result.value) << text_of(result);
  EXPECT_TRUE(result.problems.empty()) << text_of(result);
  const auto& env = std::get<with_value::map>(result.value->jobs[0].with[1].second.data);
  EXPECT_EQ(std::get<std::string>(env[1].second.data), "swordfish");
  EXPECT_TRUE(env[1].second.secret);
  EXPECT_EQ(result.value->instance, "east-1");
}

TEST_F(load_file, carries_each_value_to_its_place) {
  const auto s = good(R"(
version: 1
cluster: a
instance: east-1
store:
  url: mysql://u@localhost/d?socket=/s
  tls: {mode: required, ca: certs/ca.pem}
  lease: {probe: 500ms, probe_timeout: 500ms, wait_timeout: 3s, margin: 1500ms, stop: 500ms, takeover: safe}
  max_connections: 3
  max_clock_offset: 2s
  migrate: false
max_concurrent_runs: 512
http: {listen: "[::1]:0", socket: admin.sock}
log: {level: debug, format: text}
plugins: {path: [plugins, /opt/p]}
history: {keep: 90d}
jobs:
  j:
    plugin: exec
    schedule: {every: 2h, anchor: 2026-01-01T00:30:00Z}
    timezone: UTC
    timeout: 1m
    grace: 0s
    lock: {name: L}
    overlap: skip
    on_crash: retry
    isolation: in_process
    on_lost: report
    enabled: false
    description: "what it does: all"
)");
  EXPECT_EQ(s.instance, "east-1");
  EXPECT_EQ(s.store.tls, tls_mode::required);
  EXPECT_EQ(s.store.tls_ca, (directory / "certs/ca.pem").string());
  EXPECT_EQ(s.lease_timing.probe, 500ms);
  EXPECT_EQ(s.lease_timing.probe_timeout, 500ms);
  EXPECT_EQ(s.lease_timing.wait_timeout, 3s);
  EXPECT_EQ(s.lease_timing.margin, 1500ms);
  EXPECT_EQ(s.lease_timing.stop, 500ms);
  EXPECT_TRUE(s.lease_timing.takeover_safe);
  EXPECT_EQ(s.max_connections, 3U);
  EXPECT_EQ(s.max_clock_offset, 2s);
  EXPECT_FALSE(s.migrate);
  EXPECT_EQ(s.max_concurrent_runs, 512U);
  EXPECT_EQ(s.http_host, "::1");
  EXPECT_EQ(s.http_port, 0);
  EXPECT_TRUE(s.http_socket.starts_with("/") && s.http_socket.ends_with("/admin.sock")) << "beside the file: " << s.http_socket;
  EXPECT_EQ(s.log_level, "debug");
  EXPECT_EQ(s.log_format, "text");
  EXPECT_EQ(s.plugin_path, (std::vector<std::string>{(directory / "plugins").string(), "/opt/p"}));
  EXPECT_EQ(s.history_keep, 90 * 24h);
  const auto& j = s.jobs.at(0);
  EXPECT_EQ(j.schedule->next(*from_rfc3339("2026-11-22T00:00:00Z")), from_rfc3339("2026-11-22T00:30:00Z"));
  EXPECT_EQ(j.timeout, 1min);
  EXPECT_EQ(j.grace, 0s);
  EXPECT_EQ(j.lock_name, "L");
  EXPECT_TRUE(j.on_crash_retry);
  EXPECT_TRUE(j.in_process);
  EXPECT_FALSE(j.on_lost_abort);
  EXPECT_FALSE(j.enabled);
  EXPECT_EQ(j.description, "what it does: all");
}

TEST_F(load_file, takes_sizes_with_binary_and_decimal_units) {
  const auto memory = [&](const std::string& text) { return good(with_job("    limits: {memory: " + text + "}")).jobs.at(0).memory_limit; };
  EXPECT_EQ(memory("16777216B"), 16 << 20);
  EXPECT_EQ(memory("16384KiB"), 16 << 20);
  EXPECT_EQ(memory("512MiB"), 512 << 20);
  EXPECT_EQ(memory("3GiB"), 3LL << 30);
  EXPECT_EQ(memory("1TB"), 1'000'000'000'000);
  const auto s = good(with_job("    limits: {cpu: 90s, files: 256}"));
  EXPECT_EQ(s.jobs.at(0).cpu_limit, 90s);
  EXPECT_EQ(s.jobs.at(0).files_limit, 256);
  EXPECT_EQ(s.jobs.at(0).memory_limit, std::nullopt);
}

TEST_F(load_file, turns_http_off) {
  EXPECT_FALSE(good(with_job("http: {listen: false}\n")).http_enabled);
  EXPECT_TRUE(good(with_job("")).http_enabled);
}

TEST_F(load_file, expands_variables_in_values_and_nowhere_else) {
  const variable set{"BATON_TEST_SET", "7: x # no"};
  const variable count{"BATON_TEST_COUNT", "5"};
  const variable empty{"BATON_TEST_EMPTY", ""};
  const variable unset{"BATON_TEST_UNSET", nullptr};
  const auto s =
      good(with_job(R"(    description: "a ${BATON_TEST_SET} $$x $y ${BATON_TEST_UNSET:-d} ${BATON_TEST_EMPTY:-e}|${BATON_TEST_EMPTY}|"
max_concurrent_runs: ${BATON_TEST_COUNT}
)"));
  EXPECT_EQ(s.jobs.at(0).description, "a 7: x # no $x $y d e||");
  EXPECT_EQ(s.max_concurrent_runs, 5U);
}

TEST_F(load_file, reads_secrets_from_where_they_are) {
  write_file(directory / "secret", "from file\n");
  write_file(directory / "credential", "from credential\r\n");
  const variable credentials{"CREDENTIALS_DIRECTORY", directory.c_str()};
  const variable env{"BATON_TEST_SECRET", "from env"};
  const auto s = good(with_job(
      R"(    with: {a: {file: secret}, b: {credential: credential}, c: {env: BATON_TEST_SECRET}, d: [{env: BATON_TEST_SECRET}], e: {env: x, y: z}}
)"));
  const auto& with = s.jobs.at(0).with;
  EXPECT_EQ(std::get<std::string>(with[0].second.data), "from file");
  EXPECT_EQ(std::get<std::string>(with[1].second.data), "from credential");
  EXPECT_EQ(std::get<std::string>(with[2].second.data), "from env");
  EXPECT_EQ(std::get<std::string>(std::get<with_value::list>(with[3].second.data)[0].data), "from env");
  EXPECT_TRUE(std::holds_alternative<with_value::map>(with[4].second.data));
  EXPECT_EQ(show_effective(s).find("from "), std::string::npos) << show_effective(s);
}

TEST_F(load_file, warns_of_a_password_in_the_file_and_takes_it) {
  const auto result = load_text(with_job("store:\n  url: mysql://u@h/d\n  password: hunter2\n"));
  ASSERT_TRUE(result.value) << text_of(result);
  EXPECT_EQ(result.value->store.password, "hunter2");
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_TRUE(result.problems[0].is_warning);
  EXPECT_EQ(text_of(result).find("hunter2"), std::string::npos);
  EXPECT_EQ(show_effective(*result.value).find("hunter2"), std::string::npos);
}

TEST_F(load_file, reads_included_files_in_lexical_order) {
  std::filesystem::create_directory(directory / "jobs.d");
  write_file(directory / "jobs.d/20.yaml", "jobs: {second: {plugin: noop, schedule: \"@daily\"}}\n");
  write_file(directory / "jobs.d/10.yaml", "version: 1\njobs: {first: {plugin: noop, schedule: \"@daily\"}}\n");
  const auto s = good(with_job("include: [jobs.d/*.yaml, jobs.d/10.yaml, none.d/*.yaml]\ndefaults: {timeout: 7m}\n"));
  ASSERT_EQ(s.jobs.size(), 3U);
  EXPECT_EQ(s.jobs[1].name, "first");
  EXPECT_EQ(s.jobs[2].name, "second");
  EXPECT_EQ(s.jobs[2].timeout, 7min);
  EXPECT_EQ(s.jobs[2].where.file, (directory / "jobs.d/20.yaml").string());
}

TEST_F(load_file, refuses_files_that_it_cannot_or_should_not_read) {
  const auto message = [](const std::string& file) { return load(file).problems.at(0).message; };
  EXPECT_EQ(message((directory / "none.yaml").string()), "cannot be read: No such file or directory");
  EXPECT_EQ(message(directory.string()), "is a directory; a file is expected");
  write_file(directory / "open.yaml", "version: 1\n");
  ::chmod((directory / "open.yaml").c_str(), 0666);
  EXPECT_EQ(message((directory / "open.yaml").string()), "everybody may write this file, so anybody could run programs through it");
  write_file(directory / "large.yaml", std::string((4U << 20U) + 1, '#'));
  EXPECT_EQ(message((directory / "large.yaml").string()), "is larger than 4 MiB");
  EXPECT_EQ(render(load((directory / "none.yaml").string()).problems[0]),
            (directory / "none.yaml").string() + ": error: cannot be read: No such file or directory\n");
}

TEST_F(load_file, refuses_a_folder_that_everybody_may_write_but_for_sticky_ones) {
  const auto folder = directory / "open";
  std::filesystem::create_directory(folder);
  write_file(folder / "a.yaml", with_job(""));
  ASSERT_EQ(::chmod(folder.c_str(), 0777), 0);
  const auto refused = load((folder / "a.yaml").string());
  ASSERT_EQ(refused.problems.size(), 1U);
  EXPECT_NE(refused.problems[0].message.find("everybody may write to its folder"), std::string::npos) << text_of(refused);
  EXPECT_FALSE(refused.value);
  ASSERT_EQ(::chmod(folder.c_str(), 01777), 0);
  EXPECT_TRUE(load((folder / "a.yaml").string()).value);
  ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
}

TEST_F(load_file, refuses_what_belongs_to_another_user_also_behind_an_include) {
  if (::geteuid() != 0) GTEST_SKIP() << "cannot here: only root can give a file to another user";
  const auto folder = directory / "jobs.d";
  std::filesystem::create_directory(folder);
  write_file(folder / "a.yaml", "jobs: {other: {plugin: noop, schedule: \"@daily\"}}\n");
  ASSERT_EQ(::chown((folder / "a.yaml").c_str(), 12345, 0), 0);
  const auto of_another = load_text(with_job("include: [jobs.d/*.yaml]\n"));
  EXPECT_FALSE(of_another.value);
  EXPECT_NE(text_of(of_another).find("jobs.d/a.yaml: error: belongs to user 12345"), std::string::npos) << text_of(of_another);
  ASSERT_EQ(::chown((folder / "a.yaml").c_str(), 0, 0), 0);
  ASSERT_EQ(::chown(folder.c_str(), 12345, 0), 0);
  EXPECT_NE(text_of(load_text(with_job("include: [jobs.d/*.yaml]\n"))).find("jobs.d belongs to user 12345"), std::string::npos);
  ASSERT_EQ(::chown(folder.c_str(), 0, 0), 0);
  EXPECT_TRUE(load_text(with_job("include: [jobs.d/*.yaml]\n")).value);
}

TEST_F(load_file, refuses_an_include_that_leads_out_of_its_folder) {
  EXPECT_EQ(only_message(with_job("include: [jobs.d/../../other/*.yaml]\n")), "'jobs.d/../../other/*.yaml' leads out of a folder by '..'");
}

TEST_F(load_file, accepts_byte_order_marks_and_carriage_returns) {
  const auto s = good("\xef\xbb\xbfversion: 1\r\ncluster: a\r\njobs:\r\n  j:\r\n    plugin: noop\r\n    schedule: \"0 2 * * *\"\r\n");
  EXPECT_EQ(s.jobs.at(0).schedule_text, "0 2 * * *");
}

TEST_F(load_file, counts_columns_in_characters) {
  const auto result = load_text("version: 1\ncluster: a\njobs:\n  j: {description: \"äöü\", plugin: noop, schedule: \"0 0 32 * *\"}\n");
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_EQ(result.problems[0].where.column, 56U);
  EXPECT_EQ(result.problems[0].where.line, 4U);
}

TEST_F(load_file, warns_of_a_file_without_jobs_and_of_a_job_without_schedule) {
  EXPECT_EQ(only_message("version: 1\ncluster: a\n"), "there is no job, so this instance does nothing");
  EXPECT_EQ(only_message("version: 1\ncluster: a\njobs: {j: {plugin: noop}}\n"), "has no schedule, so it never runs by itself");
}

TEST_F(load_file, accepts_the_loosest_and_the_tightest_legal_lease) {
  const auto with_lease = [&](const std::string& lease) { return with_job("store: {url: \"mysql://u@h/d\", lease: {" + lease + "}}\n"); };
  good(with_lease("probe: 500ms, probe_timeout: 500ms, wait_timeout: 3s, margin: 1500ms, stop: 500ms"));
  EXPECT_EQ(only_message(with_lease("probe: 501ms, probe_timeout: 500ms, wait_timeout: 3s, margin: 1500ms, stop: 500ms")),
            "probe + probe_timeout + 500ms = 1.501s is more than wait_timeout - margin = 1.5s");
  EXPECT_EQ(only_message(with_lease("stop: 2001ms")), "margin 3s is less than stop + 1s = 3.001s");
  EXPECT_EQ(only_message(with_lease("wait_timeout: 2s")), "must be 3s to 1h, got '2s'");
  EXPECT_EQ(only_message(with_lease("wait_timeout: 15500ms")), "must be whole seconds, got 15.5s");
}

TEST_F(load_file, keeps_history_for_as_long_as_ticks_are_caught_up) {
  good(with_job("    catch_up: {window: 5h}\nhistory: {keep: 6h}\n"));
  EXPECT_EQ(only_message(with_job("    catch_up: {window: 5h1m}\nhistory: {keep: 6h}\n")),
            "rows are kept for 6h, and job 'j' catches up for 5h1m (catch_up.window)");
  const auto by_default = load_text(with_job("    catch_up: {window: 30d}\n"));
  ASSERT_EQ(by_default.problems.size(), 1U);
  EXPECT_EQ(by_default.problems[0].hint, "history: {keep: 30d1h} or more, or a shorter window");
}

TEST_F(load_file, refines_schedules_by_calendars_of_the_main_file) {
  write_file(directory / "more.yaml", "jobs: {other: {plugin: noop, schedule: \"0 2 * * *\"}}\n");
  const auto s = good(R"(version: 1
cluster: c
include: [more.yaml]
defaults: {not_on: holidays}
jobs:
  plain: {plugin: noop, schedule: "0 2 * * *"}
  zoned: {plugin: noop, schedule: "30 0 * * *", timezone: Europe/Berlin, jitter: 30s}
  own: {plugin: noop, schedule: {every: 1h}, not_on: [], only_on: [holidays]}
calendars:
  holidays: {dates: [2026-12-25], ranges: [2026-12-26..2026-12-31]}
)");
  const auto excluded = [&](std::size_t job, std::string_view t) { return s.jobs.at(job).schedule->is_excluded(from_rfc3339(t).value()); };
  EXPECT_TRUE(excluded(0, "2026-12-28T02:00:00Z"));
  EXPECT_FALSE(excluded(0, "2027-01-01T02:00:00Z"));
  EXPECT_TRUE(excluded(1, "2026-12-24T23:30:00Z"));
  EXPECT_GT(s.jobs[1].schedule->due(from_rfc3339("2026-11-25T23:30:00Z").value()), from_rfc3339("2026-11-25T23:30:00Z").value());
  EXPECT_FALSE(excluded(2, "2026-12-28T02:00:00Z"));
  EXPECT_TRUE(excluded(2, "2026-12-24T02:00:00Z"));
  EXPECT_TRUE(excluded(3, "2026-12-28T02:00:00Z")) << "of an included file";
}

TEST_F(load_file, prints_calendars_whatever_their_names) {
  const auto s = good(
      "version: 1\ncluster: c\ncalendars: {a.b: {dates: [2026-12-25]}, none: {}}\njobs:\n"
      "  j: {plugin: noop, schedule: '@daily', not_on: [a.b, none]}\n");
  const auto text = show_effective(s);
  EXPECT_NE(text.find("calendars:\n  a.b:\n    dates: [2026-12-25]\n  none: {}\n"), std::string::npos) << text;
  EXPECT_EQ(show_effective(good(text)), text);
}

TEST_F(load_file, puts_the_local_store_where_the_service_or_the_account_keeps_its_state) {
  const variable state{"STATE_DIRECTORY", "/var/lib/baton:/var/lib/other"};
  const variable home{"XDG_STATE_HOME", "/home/x/state"};
  EXPECT_EQ(good(with_job("")).store.directory, "/var/lib/baton");
  const variable no_state{"STATE_DIRECTORY", ""};
  EXPECT_EQ(good(with_job("")).store.directory, "/home/x/state/baton");
  const variable relative{"XDG_STATE_HOME", "state"};
  const variable account{"HOME", "/home/y"};
  EXPECT_EQ(good(with_job("")).store.directory, "/home/y/.local/state/baton");
  const variable nobody{"HOME", ""};
  EXPECT_TRUE(load_text(with_job("")).problems.at(0).message.starts_with("is missing, and neither STATE_DIRECTORY"));
  const auto named = good(with_job("store: {url: local:///srv/b}\n"));
  EXPECT_EQ(named.store.directory, "/srv/b");
  EXPECT_EQ(good(show_effective(named)).hash, named.hash) << show_effective(named);
}

TEST_F(load_file, refuses_what_is_of_a_server_with_a_local_store) {
  for (const auto* key : {"password: {env: X}", "tls: {mode: disabled}", "max_connections: 4"}) {
    const auto result = load_text(with_job(std::string{"store:\n  url: local:///srv/b\n  "} + key + "\n"));
    ASSERT_FALSE(result.value) << key;
    EXPECT_EQ(result.problems.front().message, "is of a server, and the local store has none") << text_of(result);
  }
}

TEST_F(load_file, prints_dollar_signs_of_keys_and_of_values_that_load_as_the_same) {
  const auto first = load_text(
      "version: 1\ncluster: a\nstore: {url: \"local:///srv/b\"}\njobs:\n  j: {plugin: exec, schedule: \"@daily\", with: {$$price: \"5 "
      "$$\", m: {a$b: "
      "c}}}\n");
  ASSERT_TRUE(first.value) << text_of(first);
  const auto text = show_effective(*first.value);
  const auto second = load_text(text);
  ASSERT_TRUE(second.value) << text_of(second) << text;
  EXPECT_EQ(show_effective(*second.value), text);
}

TEST_F(load_file, prints_effective_settings_that_load_as_the_same) {
  write_file(directory / "db-password", "swordfish\n");
  const variable credentials{"CREDENTIALS_DIRECTORY", directory.c_str()};
  const variable password{"BATON_PASSWORD", "swordfish"};
  const variable admin_token{"BATON_ADMIN_TOKEN", "swordfish-swordfish-swordfish-swordfish"};
  for (const auto* name : {"smallest", "typical", "every-key"}) {
    const auto first = load((root / "config" / (std::string{name} + ".yaml")).string());
    ASSERT_TRUE(first.value);
    const auto text = show_effective(*first.value);
    const auto second = load_text(text);
    ASSERT_TRUE(second.value) << text_of(second) << text;
    EXPECT_EQ(show_effective(*second.value), text);
    EXPECT_EQ(second.value->hash, first.value->hash) << text;
  }
}

TEST_F(load_file, takes_a_token_that_nobody_guesses) {
  const std::string secret(32, 'x');
  const variable set{"BATON_TEST_SECRET", secret.c_str()};
  const auto good_one = load_text(with_job("http: {admin_token: {env: BATON_TEST_SECRET}}\n"));
  ASSERT_TRUE(good_one.value) << text_of(good_one);
  EXPECT_EQ(good_one.value->http_admin_token, secret);
  EXPECT_EQ(show_effective(*good_one.value).find(secret), std::string::npos);
  EXPECT_EQ(good_one.value->hash, good(with_job("")).hash) << "each instance may have its own";
  const auto literal = load_text(with_job("http: {admin_token: " + secret + "}\n"));
  EXPECT_TRUE(literal.value);
  EXPECT_TRUE(literal.problems.at(0).is_warning);
  for (const auto& bad : {std::string(31, 'x'), "\"" + std::string(31, 'x') + " \"", "\"" + std::string(31, 'x') + "\xc3\xa4\""}) {
    const auto refused = load_text(with_job("http: {admin_token: " + bad + "}\n"));
    EXPECT_FALSE(refused.value) << bad;
    EXPECT_EQ(text_of(refused).find(std::string(31, 'x')), std::string::npos) << text_of(refused);
  }
}

TEST_F(load_file, hashes_what_matters_in_48_bits) {
  const auto base = good(with_job("")).hash;
  EXPECT_NE(base, 0U);
  EXPECT_EQ(base >> 48U, 0U);
  EXPECT_EQ(base, 0x5608257319a6U);  // the same on every machine; changes only when keys are added
  EXPECT_EQ(good(with_job("instance: other\nlog: {level: debug}\nhttp: {listen: false}\n")).hash, base);
  EXPECT_EQ(good(with_job("# a comment\n")).hash, base);
  EXPECT_NE(good(with_job("    timeout: 1m\n")).hash, base);
  EXPECT_NE(good(with_job("    with: {a: b}\n")).hash, base);
  EXPECT_NE(good(with_job("max_concurrent_runs: 17\n")).hash, base);
  const auto a = "  a: {plugin: noop, schedule: \"@daily\"}\n";
  const auto b = "  b: {plugin: noop, schedule: \"@weekly\"}\n";
  const std::string head = "version: 1\ncluster: a\njobs:\n";
  EXPECT_EQ(good(head + a + b).hash, good(head + b + a).hash);
  const variable one{"BATON_TEST_SECRET", "one"};
  const auto secret = with_job("    with: {a: {env: BATON_TEST_SECRET}}\n");
  const auto with_one = good(secret).hash;
  const variable two{"BATON_TEST_SECRET", "two"};
  EXPECT_EQ(good(secret).hash, with_one);
}

TEST_F(load_file, expands_aliases) {
  const auto s = good(
      "version: 1\ncluster: a\njobs:\n  a: {plugin: noop, schedule: &s \"0 2 * * *\", with: &w {x: 1}}\n  b: {plugin: noop, schedule: *s, "
      "with: *w}\n");
  EXPECT_EQ(*s.jobs.at(0).schedule, *s.jobs.at(1).schedule);
  EXPECT_EQ(s.jobs.at(1).with.size(), 1U);
}

TEST_F(load_file, takes_a_file_of_parameters_alone) {
  const auto file = (directory / "with.yaml").string();
  const variable token{"BATON_TEST_TOKEN", "swordfish"};
  write_file(file, "# of a plugin\ncommand: [ls, -l]\ntoken: {env: BATON_TEST_TOKEN}\ncount: 7\n");
  const auto good = load_parameters(file);
  ASSERT_TRUE(good.value);
  ASSERT_EQ(good.value->size(), 3U);
  EXPECT_EQ((*good.value)[1].first, "token");
  EXPECT_TRUE((*good.value)[1].second.secret);
  EXPECT_EQ(std::get<std::string>((*good.value)[2].second.data), "7");
  EXPECT_EQ((*good.value)[2].second.where.line, 4U);
  write_file(file, "# nothing\n\n");
  const auto empty = load_parameters(file);
  EXPECT_TRUE(empty.value && empty.value->empty());
  for (const auto* wrong : {"- a\n", "a: 1\na: 2\n", "a: [\n", "a:\n"}) {
    write_file(file, wrong);
    const auto bad = load_parameters(file);
    EXPECT_FALSE(bad.value) << wrong;
    ASSERT_EQ(bad.problems.size(), 1U) << wrong;
    EXPECT_GT(bad.problems.front().where.line, 0U) << wrong;
  }
  EXPECT_FALSE(load_parameters(file + ".missing").value);
}

}  // namespace
}  // namespace baton::settings::testing

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "started_program.hpp"

namespace baton::program {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;

class main_program : public started_program {};

TEST_F(main_program, says_what_is_wrong_with_a_command_line) {
  for (const auto* arguments : {"", "--nonsense", "run", "check --config", "migrate", "version -o xml", "dev --instances 1",
                                "dev --instances 10", "dev --store postgres", "dev --for", "dev-job", "dev-job onlyone"}) {
    const auto a = run(arguments);
    EXPECT_EQ(a.code, 64) << arguments;
    EXPECT_THAT(a.err, testing::StartsWith("baton: error: ")) << arguments;
    EXPECT_THAT(a.out, IsEmpty()) << arguments;
  }
}

TEST_F(main_program, suggests_the_verb_that_was_meant) {
  const auto near = run("chek -c x");
  EXPECT_EQ(near.code, 64);
  EXPECT_THAT(near.err, HasSubstr("there is no verb 'chek' (did you mean 'check'?)"));
  const auto below = run("plugin inspct x.so");
  EXPECT_EQ(below.code, 64);
  EXPECT_THAT(below.err, HasSubstr("there is no verb 'plugin inspct' (did you mean 'inspect'?); 'baton plugin --help' lists them"));
  const auto far = run("frobnicate");
  EXPECT_EQ(far.code, 64);
  EXPECT_THAT(far.err, Not(HasSubstr("did you mean")));
}

TEST_F(main_program, shows_the_ticks_to_come_and_what_clocks_do_at_them) {
  const auto table = run("next --expression '30 2 * * *' --timezone Europe/Berlin --from 2026-03-27T12:00:00Z -n 3");
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_EQ(table.out, "2026-03-28T02:30:00+01:00\n2026-03-29T03:00:00+02:00  (skipped)\n2026-03-30T02:30:00+02:00\n");
  const auto json = run("next --expression '0 2 * * *' --from 2026-03-27T12:00:00Z -n 1 -o json");
  EXPECT_EQ(json.out, R"([{"tick":"2026-03-28T02:00:00+00:00","utc":"2026-03-28T02:00:00.000000Z"}])"
                      "\n");
  const auto file = written(
      "version: 1\ncluster: c\nstore: {url: mysql://u@localhost/d}\njobs:\n"
      "  early: {plugin: noop, schedule: '0 1 * * *'}\n"
      "  tokyo: {plugin: noop, schedule: '0 5 * * *', timezone: Asia/Tokyo}\n"
      "  spread: {plugin: noop, schedule: 'H 3 * * *'}\n"
      "  once: {plugin: noop, schedule: {at: 2026-03-28T12:00:00}}\n");
  EXPECT_EQ(run("next -c " + file + " --from 2026-03-27T12:00:00Z -n 4").out,
            "tokyo   2026-03-28T05:00:00+09:00\nearly   2026-03-28T01:00:00+00:00\nspread  2026-03-28T03:39:00+00:00\n"
            "once    2026-03-28T12:00:00+00:00\n");
  EXPECT_EQ(run("next once -c " + file + " --from 2026-03-28T12:00:00Z").code, 1);
  for (const auto* wrong : {"next", "next --expression '0 2 * * *' --timezone Nowhere", "next --expression '0 2 * *'",
                            "next --expression '@daily' --from now"}) {
    const auto a = run(wrong);
    EXPECT_EQ(a.code, 64) << wrong;
    EXPECT_THAT(a.err, testing::StartsWith("baton: error: ")) << wrong;
  }
  EXPECT_THAT(run("next nobody -c " + file).err, HasSubstr("there is no job 'nobody'"));
}

TEST_F(main_program, takes_the_example_of_the_sql_plugin) {
  ::setenv("BATON_PASSWORD", "x", 1);
  ::setenv("SHOP_PASSWORD", "x", 1);
  const auto a = run("check -c " + std::string{BATON_SOURCE_DIR} + "/config/plugin-sql.yaml");
  ::unsetenv("BATON_PASSWORD");
  ::unsetenv("SHOP_PASSWORD");
  EXPECT_EQ(a.code, 0) << a.err;
}

TEST_F(main_program, leaves_out_the_ticks_that_calendars_exclude_and_shows_what_jitter_does) {
  const auto calendars = std::string{BATON_SOURCE_DIR} + "/config/calendars.yaml";
  const auto table = run("next -c " + calendars + " --from 2026-12-24T12:00:00Z -n 4");
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out, MatchesRegex("settlement  2026-12-24T18:00:00\\+01:00  runs at 2026-12-24T18:00:[0-9.]*\\+01:00\n"
                                      "settlement  2026-12-28T18.*\nsettlement  2027-01-04T18.*\nsettlement  2027-01-05T18.*\n"));
  EXPECT_THAT(run("next settlement -c " + calendars + " --from 2026-12-24T12:00:00Z -n 1 -o json").out,
              HasSubstr(R"("due":"2026-12-24T18:00:)"));
  const auto past = written(
      "version: 1\ncluster: c\nstore: {url: mysql://u@localhost/d}\ncalendars: {gone: {dates: [2020-01-01]}}\njobs:\n"
      "  never: {plugin: noop, schedule: '0 1 * * *', only_on: gone}\n");
  const auto never = run("next never -c " + past);
  EXPECT_EQ(never.code, 1);
  EXPECT_THAT(never.err, HasSubstr("no tick to come is on a day that its calendars allow, so it never runs"));
}

TEST_F(main_program, says_an_expression_in_words) {
  const auto table = run("explain '0 0 13 * 5L' --timezone Europe/Berlin");
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out, MatchesRegex("at 00:00 on day 13 of the month or on the last Friday of the month, Europe/Berlin time\n"
                                      "same as:      0 0 13 \\* 5L\nlongest gap:  .*\nnext:         20.*T00:00:00.*\n.*\n.*\n"));
  EXPECT_THAT(run("explain 'H * * * *' --job payroll -o json").out, HasSubstr(R"("canonical":"21 * * * *")"));
  const auto wrong = run("explain '0 0 5L * *'");
  EXPECT_EQ(wrong.code, 64);
  EXPECT_EQ(wrong.err,
            "baton: error: day-of-month: '5L' belongs to the day-of-week field; did you mean `0 0 * * 5L`?\n  0 0 5L * *\n      ^\n");
}

TEST_F(main_program, refuses_a_length_of_time_without_a_unit) {
  const auto a = run("dev --for 30");
  EXPECT_EQ(a.code, 64);
  EXPECT_THAT(a.err, HasSubstr("--for"));
}

TEST_F(main_program, has_every_verb_in_the_reference) {
  const auto reference = read(std::string{BATON_SOURCE_DIR} + "/docs/reference/command-line.md");
  for (const std::string of : {"", "plugin "}) {
    std::istringstream help{run(of + "--help").out};
    std::string line;
    while (std::getline(help, line) && !line.starts_with("Subcommands:")) continue;
    int count = 0;
    for (std::string verb; std::getline(help, line) && std::istringstream{line} >> verb; ++count) {
      if (!line.starts_with("  " + verb) || verb == "plugin") continue;
      EXPECT_THAT(reference, testing::ContainsRegex("`" + of + verb + "[ `]"));
    }
    EXPECT_GE(count, 4) << of;
  }
}

TEST_F(main_program, helps_on_stdout) {
  const auto a = run("--help");
  EXPECT_EQ(a.code, 0);
  EXPECT_THAT(a.err, IsEmpty());
  for (const auto* verb : {"run", "check", "doctor", "migrate", "version", "dev"}) EXPECT_THAT(a.out, HasSubstr(verb));
  EXPECT_THAT(a.out, Not(HasSubstr("dev-job")));
}

TEST_F(main_program, prints_its_version_in_three_forms) {
  EXPECT_THAT(run("version").out, testing::StartsWith("baton "));
  EXPECT_THAT(run("version -o json").out, testing::StartsWith("{\"version\": \""));
  EXPECT_THAT(run("version -o yaml").out, testing::StartsWith("version: \""));
  EXPECT_EQ(run("version").code, 0);
}

TEST_F(main_program, shows_the_statements_of_a_migration_without_a_configuration) {
  const auto a = run("migrate --print");
  EXPECT_EQ(a.code, 0);
  EXPECT_THAT(a.out, HasSubstr("CREATE TABLE IF NOT EXISTS baton_tick"));
}

TEST_F(main_program, never_starts_with_a_wrong_configuration) {
  const auto file = written("version: 1\ncluster: c\nstore: {url: mysql://u@h/d}\nnonsense: 1\njobs: {}\n");
  for (const auto* verb : {"run", "check", "migrate"}) {
    const auto a = run(std::string{verb} + " -c " + file);
    EXPECT_EQ(a.code, 78) << verb;
    EXPECT_THAT(a.err, HasSubstr("nonsense")) << verb;
    EXPECT_THAT(a.err, HasSubstr(":4:1")) << verb;
  }
  EXPECT_EQ(run("run -c " + folder_ + "/none.yaml").code, 78);
}

TEST_F(main_program, makes_a_local_store_and_looks_it_over) {
  const auto store = folder_ + "/store";
  const auto file =
      written("version: 1\ncluster: c\nstore: {url: \"local://" + store + "\"}\njobs:\n  j: {plugin: noop, schedule: '@daily'}\n");
  const auto before = run("doctor -c " + file);
  EXPECT_EQ(before.code, 0) << before.out << before.err;
  EXPECT_THAT(before.out, AllOf(HasSubstr("serves this host alone"), HasSubstr("the first instance makes it")));
  EXPECT_FALSE(std::filesystem::exists(store)) << "it changes nothing";
  EXPECT_THAT(run("check --connect -c " + file).out, HasSubstr("its tables will be created"));
  EXPECT_THAT(run("migrate --print -c " + file).out, AllOf(HasSubstr("CREATE TABLE baton_tick"), HasSubstr("STRICT")));
  EXPECT_EQ(run("migrate -c " + file).code, 0);
  EXPECT_THAT(run("check --connect -c " + file).out, HasSubstr("local://" + store + ": the store can be used"));
  const auto after = run("doctor -c " + file);
  EXPECT_EQ(after.code, 0);
  EXPECT_THAT(after.out, AllOf(HasSubstr("two sessions"), HasSubstr("The store can be used.")));
  std::filesystem::permissions(store, std::filesystem::perms::all);
  const auto unfit = run("doctor -c " + file);
  EXPECT_EQ(unfit.code, 1);
  EXPECT_THAT(unfit.out, AllOf(HasSubstr("UNFIT"), HasSubstr("chmod o-w")));
}

TEST_F(main_program, tells_an_unreachable_store_from_a_wrong_file) {
  const auto file = written("version: 1\ncluster: c\nstore: {url: \"mysql://u@localhost/d?socket=" + folder_ +
                            "/no.sock\"}\njobs:\n  j: {plugin: noop, schedule: {every: 1s}}\n");
  EXPECT_EQ(run("check -c " + file).code, 0);
  const auto a = run("check --connect -c " + file);
  EXPECT_EQ(a.code, 69);
  EXPECT_THAT(a.err, HasSubstr("no.sock"));
}

}  // namespace
}  // namespace baton::program

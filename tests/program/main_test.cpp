#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "exit_codes.hpp"
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

TEST_F(main_program, suggests_the_option_that_was_meant) {
  const auto near = run("check --conect -c x");
  EXPECT_EQ(near.code, 64);
  EXPECT_EQ(near.err,
            "baton: error: 'baton check' has no option '--conect' (did you mean '--connect'?); 'baton check --help' lists them\n");
  EXPECT_THAT(run("check --show_efective -c x").err, HasSubstr("(did you mean '--show-effective'?)"));
  EXPECT_THAT(run("plugin run x.so --isolatoin=process").err,
              HasSubstr("'baton plugin run' has no option '--isolatoin' (did you mean '--isolation'?)"));
  EXPECT_EQ(run("run --frobnicate -c x").err, "baton: error: 'baton run' has no option '--frobnicate'; 'baton run --help' lists them\n");
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
  const auto a = run("check -c " + written(read(std::string{BATON_SOURCE_DIR} + "/config/plugin-sql.yaml")));
  ::unsetenv("BATON_PASSWORD");
  ::unsetenv("SHOP_PASSWORD");
  EXPECT_EQ(a.code, 0) << a.err;
}

TEST_F(main_program, leaves_out_the_ticks_that_calendars_exclude_and_shows_what_jitter_does) {
  const auto calendars = written(read(std::string{BATON_SOURCE_DIR} + "/config/calendars.yaml"), "calendars.yaml");
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

/// Verbs and their options as the program helps with them: "plugin run" → {"--with", …}.
std::map<std::string, std::set<std::string>> helped(const std::function<answer(const std::string&)>& run, const std::string& of = "") {
  std::map<std::string, std::set<std::string>> all;
  std::istringstream help{run(of + "--help").out};
  std::string line;
  while (std::getline(help, line) && !line.starts_with("Subcommands:")) {
    static const std::regex option{"^  (-[a-z],)?(--[a-z-]+)"};
    if (std::smatch found; std::regex_search(line, found, option) && found[2] != "--help")
      all[of.substr(0, of.size() - (of.empty() ? 0 : 1))].insert(found[2]);
  }
  for (std::string verb; std::getline(help, line) && std::istringstream{line} >> verb;) {
    if (!line.starts_with("  " + verb)) continue;
    all[of + verb];
    for (auto& [name, options] : helped(run, of + verb + " ")) all[name].insert(options.begin(), options.end());
  }
  return all;
}

/// The same as the table of the reference has it.
std::map<std::string, std::set<std::string>> documented(const std::string& page) {
  std::map<std::string, std::set<std::string>> all;
  std::istringstream in{page};
  for (std::string line; std::getline(in, line);) {
    static const std::regex row{"^\\| (`[^|]*) \\|"};
    static const std::regex verb{"`([a-z]+( (new|inspect|run|test|crontab))?)[ `]"};
    static const std::regex option{"(--[a-z-]+)|(-[con])[ `]"};
    const std::map<std::string, std::string> long_names{{"-c", "--config"}, {"-o", "--output"}, {"-n", "--count"}};
    std::smatch cell;
    if (line == "## Names of runs") break;
    if (!std::regex_search(line, cell, row)) continue;
    const std::string first = cell[1];
    for (std::sregex_iterator v{first.begin(), first.end(), verb}, end; v != end; ++v) {
      for (std::sregex_iterator o{line.begin(), line.end(), option}; o != end; ++o)
        all[(*v)[1]].insert((*o)[1].matched ? (*o)[1].str() : long_names.at((*o)[2]));
      all[(*v)[1]];
    }
  }
  return all;
}

TEST_F(main_program, has_the_verbs_and_options_of_the_reference_and_no_others) {
  const auto page = read(std::string{BATON_SOURCE_DIR} + "/docs/reference/command-line.md");
  auto program = helped([this](const std::string& arguments) { return run(arguments); });
  const auto reference = documented(page);
  program.erase("");
  for (const auto* parent : {"plugin", "import"}) EXPECT_EQ(program.erase(parent), 1U);
  EXPECT_GE(program.size(), 24U);
  for (const auto& [verb, options] : program) {
    ASSERT_TRUE(reference.contains(verb)) << "the reference lacks " << verb;
    for (const auto& o : options) EXPECT_TRUE(reference.at(verb).contains(o)) << "the reference lacks " << verb << " " << o;
  }
  for (const auto& [verb, options] : reference) {
    ASSERT_TRUE(program.contains(verb)) << "the program lacks " << verb;
    for (const auto& o : options) EXPECT_TRUE(program.at(verb).contains(o)) << "the program lacks " << verb << " " << o;
  }
}

TEST_F(main_program, has_the_exit_codes_of_the_reference) {
  const auto page = read(std::string{BATON_SOURCE_DIR} + "/docs/reference/command-line.md");
  std::string table = "| code | is |\n|---|---|\n";
  for (const auto& [code, meaning] : exit_code_meanings) table += "| " + std::to_string(code) + " | " + std::string{meaning} + " |\n";
  EXPECT_THAT(page, HasSubstr("## Exit codes\n\n" + table));
  EXPECT_EQ(page.find("## Exit codes\n\n" + table) + 15 + table.size(), page.size()) << "and no others";
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

#include "code_rules.hpp"

#include <gmock/gmock.h>

#include "project.hpp"

namespace baton::layers {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<violation> words(const std::string& path, const std::string& text) { return check_words({{path, text}}); }
std::vector<violation> coroutine(const std::string& text) { return check_coroutines({{"framework/runtime/src/a.cpp", text}}); }

TEST(code_rules, finds_a_library_outside_the_room_that_wraps_it) {
  EXPECT_THAT(words("framework/engine/src/a.cpp", "#include <mysql/mysql.h>\n"), SizeIs(1));
  EXPECT_THAT(words("framework/mysql/src/a.cpp", "#include <mysql/mysql.h>\n"), IsEmpty());
  EXPECT_THAT(words("framework/settings/include/baton/settings/a.hpp", "#include <yaml-cpp/yaml.h>\n"), SizeIs(1));
  EXPECT_THAT(words("framework/plugin_host/src/a.cpp", "#include <boost/asio/post.hpp>\n"), SizeIs(1));
  EXPECT_THAT(words("framework/program/src/a.cpp", "#include <spdlog/spdlog.h>\n"), SizeIs(1));
}

TEST(code_rules, finds_clocks_and_sleeps_but_not_in_comments_or_strings) {
  EXPECT_THAT(words("framework/engine/src/a.cpp", "auto t = std::chrono::steady_clock::now();"), SizeIs(1));
  EXPECT_THAT(words("framework/engine/src/a.cpp", "// steady_clock::now()\nauto t = \"system_clock::now\";"), IsEmpty());
  EXPECT_THAT(words("tests/engine/a_test.cpp", "std::this_thread::sleep_for(1s);"), SizeIs(1));
  EXPECT_THAT(words("framework/mysql/src/a.cpp", "::usleep(10);"), SizeIs(1));
  EXPECT_THAT(words("framework/runtime/src/a.cpp", "if (!exited_) sleep(now);"), IsEmpty());
  EXPECT_THAT(words("tests/support/src/a.cpp", "std::this_thread::sleep_for(1ms);"), IsEmpty());
}

TEST(code_rules, survives_quotes_in_odd_places) {
  const std::string odd = "int a = 1'000'000; char c = '\"'; auto r = R\"x(\" // )x\"; /* ' */ usleep(1);";
  EXPECT_THAT(words("framework/engine/src/a.cpp", odd), SizeIs(1));
}

TEST(code_rules, finds_co_await_inside_a_conditional) {
  EXPECT_THAT(coroutine("auto x = b ? co_await f(T()) : y;"), SizeIs(1));
  EXPECT_THAT(coroutine("auto x = b\n    ? foo{1}\n    : co_await g();"), SizeIs(1));
  EXPECT_THAT(coroutine("f(b ? (co_await g()) : 1);"), SizeIs(1));
  EXPECT_THAT(coroutine("if (b) co_await f(); auto x = b ? 1 : 2; co_await g();"), IsEmpty());
}

TEST(code_rules, finds_a_braced_argument_of_a_coroutine) {
  EXPECT_THAT(coroutine("co_await f({1, 2});"), SizeIs(1));
  EXPECT_THAT(coroutine("auto r = co_await session.ask<int>(a,\n   {b});"), SizeIs(1));
  EXPECT_THAT(coroutine("co_await f(named, g({1})); h({2});"), IsEmpty());
}

TEST(code_rules, finds_a_folder_that_the_design_does_not_know) {
  EXPECT_THAT(check_top({"framework", "misc"}), SizeIs(1));
  EXPECT_THAT(check_top({"framework", "tests"}), IsEmpty());
}

// The tree itself.

TEST(project, libraries_clocks_and_sleeps_are_where_they_belong) {
  expect_none(check_words(read_tree(project_root(), {"framework", "plugins", "tests"})));
}

TEST(project, coroutines_avoid_what_gcc_12_compiles_wrongly) {
  expect_none(check_coroutines(read_tree(project_root(), {"framework", "plugins", "tests", "examples"})));
}

TEST(project, top_has_only_the_folders_of_the_design) { expect_none(check_top(folders_in(project_root()))); }

TEST(project, every_exception_has_a_reason_and_something_to_except) {
  for (const auto& row : project_exceptions()) {
    EXPECT_GE(row.reason.size(), 20U) << row.rule << " " << row.path << ": say why";
    EXPECT_THAT(read_tree(project_root(), {row.path}), ::testing::Not(IsEmpty())) << row.path << " is gone: remove its row from EXCEPTIONS";
  }
}

}  // namespace
}  // namespace baton::layers

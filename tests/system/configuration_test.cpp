#include <fstream>

#include "fixture.hpp"

namespace baton::system_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class configuration : public ::testing::Test {
 protected:
  configuration() {
    auto name = (std::filesystem::temp_directory_path() / "baton-configuration-XXXXXX").string();
    BATON_ASSERT(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
  }
  ~configuration() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  struct outcome {
    int code;
    std::string output;
  };
  /// `baton run` of a file whose lines are these.
  outcome run(const std::string& text) {
    file_ = folder_ / "baton.yaml";
    std::ofstream{file_} << text;
    auto process = testing::child_process::start({{BATON_PROGRAM, "run", "-c", file_}, {}, folder_ / "output"});
    BATON_ASSERT(process);
    const auto code = (*process)->await_exit(seconds{10});
    return {code.value_or(-1), (*process)->output()};
  }
  [[nodiscard]] std::string at(int line, int column) const {
    return file_ + ":" + std::to_string(line) + ":" + std::to_string(column) + ":";
  }

  std::filesystem::path folder_;
  std::string file_;
};

const std::string head =
    "version: 1\ncluster: broken\nstore: {url: \"mysql://baton@127.0.0.1:1/baton\"}\nplugins: {path: [" BATON_PLUGINS "]}\n";

TEST_F(configuration, g9_every_error_of_a_file_is_told_at_once_with_its_place_and_a_cure_and_nothing_is_started) {
  const auto [code, output] = run(head +
                                  "max_concurent_runs: 4\n"          // 5
                                  "jobs:\n"                          // 6
                                  "  first:\n"                       // 7
                                  "    plugin: noop\n"               // 8
                                  "    schedule: \"61 * * * *\"\n"   // 9
                                  "  second:\n"                      // 10
                                  "    plugin: noop\n"               // 11
                                  "    schedule: \"* * * * *\"\n"    // 12
                                  "    timeout: 10\n"                // 13
                                  "  second:\n"                      // 14
                                  "    plugin: noop\n"               // 15
                                  "    schedule: \"* * * * *\"\n");  // 16
  EXPECT_EQ(code, 78);
  EXPECT_THAT(output, AllOf(HasSubstr(at(5, 1)), HasSubstr("max_concurrent_runs"), HasSubstr(at(9, 16)), HasSubstr(at(13, 14)),
                            HasSubstr(at(14, 3)), HasSubstr("4 errors")));
  EXPECT_THAT(output, Not(HasSubstr("scheduler started")));
}

TEST_F(configuration, g9_every_missing_plugin_and_wrong_parameter_is_told_at_once) {
  const auto [code, output] = run(head +
                                  "jobs:\n"                                             // 5
                                  "  first: {plugin: exce, schedule: \"* * * * *\"}\n"  // 6
                                  "  second:\n"                                         // 7
                                  "    plugin: exec\n"                                  // 8
                                  "    with: {comand: [/bin/true]}\n"                   // 9
                                  "    schedule: \"* * * * *\"\n");                     // 10
  EXPECT_EQ(code, 78);
  EXPECT_THAT(output, AllOf(HasSubstr(at(6, 19)), HasSubstr("exce.so"), HasSubstr(file_ + ":9:"), HasSubstr("command")));
  EXPECT_THAT(output, Not(HasSubstr("scheduler started")));
}

TEST_F(configuration, g9_an_unquoted_cron_expression_is_told_to_be_quoted) {
  const auto [code, output] = run(head +
                                  "jobs:\n"
                                  "  first:\n"
                                  "    plugin: noop\n"
                                  "    schedule: */5 * * * *\n");  // 8: YAML reads an alias
  EXPECT_EQ(code, 78);
  EXPECT_THAT(output, AllOf(HasSubstr(file_ + ":8:"), HasSubstr("quote")));
}

}  // namespace
}  // namespace baton::system_test

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "plugin_templates.hpp"
#include "started_program.hpp"

namespace baton::program {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class plugin_new : public started_program {
 protected:
  answer make(const std::string& name) { return shell("cd " + folder_ + " && " + BATON_PROGRAM + " plugin new '" + name + "'"); }
};

// That it builds and passes its own tests: tests/package/plugin.cmake.
TEST_F(plugin_new, writes_a_project_in_which_nothing_is_left_to_fill_in) {
  const auto made = make("nightly-report");
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.out, AllOf(HasSubstr("nightly-report/nightly-report.cpp\n"), HasSubstr("nightly-report/CMakeLists.txt\n")));
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator{folder_ + "/nightly-report"}) {
    files.insert(entry.path().filename());
    EXPECT_THAT(read(entry.path()), Not(testing::ContainsRegex("@[A-Z]+@"))) << entry.path();
  }
  EXPECT_EQ(files.size(), plugin_templates().size());
  EXPECT_THAT(files, testing::IsSupersetOf({"CMakeLists.txt", "nightly-report.cpp", "nightly-report_test.cpp", "nightly-report.yaml"}));
  EXPECT_THAT(read(folder_ + "/nightly-report/nightly-report.cpp"), HasSubstr("BATON_PLUGIN(nightly_report_handler, \"nightly-report\","));
}

TEST_F(plugin_new, has_every_file_of_the_folder_of_templates) {
  const std::string templates = std::string{BATON_SOURCE_DIR} + "/framework/program/templates/plugin";
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{templates}) {
    const auto name = entry.path().stem().string();
    const auto found = std::ranges::find(plugin_templates(), name, &plugin_template::name);
    ASSERT_NE(found, plugin_templates().end()) << name;
    EXPECT_EQ(found->text, read(entry.path())) << name;
    ++count;
  }
  EXPECT_EQ(count, plugin_templates().size());
}

TEST_F(plugin_new, says_how_to_go_on) {
  EXPECT_THAT(make("one").err, HasSubstr("next: cd one && cmake -B build -DCMAKE_PREFIX_PATH=<where Baton is installed> && "));
  const auto folder = std::filesystem::path{BATON_PROGRAM}.parent_path().string();
  const auto found = shell("cd " + folder_ + " && PATH=" + folder + ":$PATH baton plugin new two");
  EXPECT_THAT(found.err, HasSubstr("next: cd two && cmake -B build && ")) << "cmake looks beside what is on PATH";
}

TEST_F(plugin_new, leaves_what_is_there_alone) {
  std::filesystem::create_directory(folder_ + "/empty");
  EXPECT_EQ(make("empty").code, 0) << "nothing is lost";
  const auto again = make("empty");
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.out, IsEmpty());
  EXPECT_THAT(again.err, StartsWith("baton: error: ./empty is there already"));
  written("", "file");
  EXPECT_EQ(make("file").code, 1);
}

TEST_F(plugin_new, refuses_names_that_cannot_be_a_plugins) {
  for (const auto* name : {"", "Report", "a b", "../up", "7up", "-o", "\u00e4", "test", "install"}) {
    const auto a = make(name);
    EXPECT_EQ(a.code, 64) << name;
    EXPECT_THAT(a.err, StartsWith("baton: error: ")) << name;
  }
  EXPECT_EQ(make(std::string(65, 'a')).code, 64);
  EXPECT_THAT(make("Report").err, HasSubstr("of a-z, 0-9, _ and -"));
  EXPECT_THAT(make("test").err, HasSubstr("CMake has a target of that name"));
}

}  // namespace
}  // namespace baton::program

#include "room_rules.hpp"

#include <gmock/gmock.h>

#include "project.hpp"

namespace baton::layers {
namespace {

using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const auto two_rooms = parse_layers("# a comment\n0 base -\n1 lock base\n");

TEST(room_rules, reads_floor_name_and_neighbours_of_a_row) {
  ASSERT_THAT(two_rooms, SizeIs(2));
  EXPECT_EQ(two_rooms[1].floor, 1);
  EXPECT_EQ(two_rooms[1].may_include, std::vector<std::string>{"base"});
  EXPECT_THAT(two_rooms[0].may_include, IsEmpty());
}

TEST(room_rules, finds_a_row_that_names_a_room_above_it) {
  EXPECT_THAT(check_table(parse_layers("0 base lock\n1 lock base\n")), SizeIs(1));
  EXPECT_THAT(check_table(parse_layers("0 base nothing\n")), SizeIs(1));
  EXPECT_THAT(check_table(two_rooms), IsEmpty());
}

TEST(room_rules, finds_an_include_that_the_row_does_not_allow) {
  const auto found =
      check_includes(two_rooms, {{"framework/base/src/a.cpp", "// #include <baton/lock/x.hpp>\n#include <baton/lock/x.hpp>\n"},
                                 {"framework/lock/src/b.cpp", "#include <baton/base/y.hpp>\n#include <vector>\n"}});
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].path, "framework/base/src/a.cpp");
  EXPECT_EQ(found[0].line, 2U);
}

TEST(room_rules, finds_a_private_header_of_another_room) {
  EXPECT_THAT(check_includes(two_rooms, {{"framework/lock/src/b.cpp", "#include \"../../base/src/secret.hpp\"\n"}}), SizeIs(1));
  EXPECT_THAT(check_includes(two_rooms, {{"framework/lock/src/b.cpp", "#include \"secret.hpp\"\n"}, {"framework/base/src/secret.hpp", ""}}),
              SizeIs(1));
  EXPECT_THAT(check_includes(two_rooms, {{"framework/lock/src/b.cpp", "#include \"own.hpp\"\n"}, {"framework/lock/src/own.hpp", ""}}),
              IsEmpty());
}

TEST(room_rules, finds_a_plugin_that_uses_more_than_the_sdk) {
  EXPECT_THAT(check_includes(two_rooms, {{"plugins/exec/exec.cpp", "#include <baton/sdk/plugin.hpp>\n#include <baton/lock/name.hpp>\n"}}),
              SizeIs(1));
}

TEST(room_rules, finds_a_room_without_row_readme_or_listed_source) {
  const std::string readme(24, '\n');
  const auto found = check_rooms(two_rooms, {"attic", "base", "lock"},
                                 {{"framework/base/CMakeLists.txt", "src/a.cpp"},
                                  {"framework/base/README.md", readme},
                                  {"framework/base/src/a.cpp", ""},
                                  {"framework/lock/CMakeLists.txt", ""},
                                  {"framework/lock/src/forgotten.cpp", ""}});
  EXPECT_THAT(found,
              ::testing::ElementsAre(Field(&violation::path, "framework/attic"), Field(&violation::advice, HasSubstr("no README.md")),
                                     Field(&violation::path, "framework/lock/src/forgotten.cpp")));
}

TEST(room_rules, finds_a_test_that_mirrors_nothing_or_never_runs) {
  const auto found = check_mirror(two_rooms, {{"framework/lock/src/name.cpp", ""},
                                              {"tests/lock/CMakeLists.txt", "name_test.cpp other_test.cpp"},
                                              {"tests/lock/name_test.cpp", ""},
                                              {"tests/lock/other_test.cpp", ""},
                                              {"tests/system/fleet_test.cpp", ""}});
  EXPECT_THAT(found, ::testing::ElementsAre(Field(&violation::advice, HasSubstr("mirrors neither")),
                                            Field(&violation::advice, HasSubstr("never runs"))));
}

// The tree itself.

TEST(project, layers_table_has_no_circle) { expect_none(check_table(project_rooms())); }

TEST(project, every_room_has_its_row_and_its_readme) {
  expect_none(check_rooms(project_rooms(), folders_in(project_root() + "/framework"), read_tree(project_root(), {"framework"})));
}

TEST(project, every_include_obeys_the_layers) {
  expect_none(check_includes(project_rooms(), read_tree(project_root(), {"framework", "plugins"})));
}

TEST(project, every_test_mirrors_its_source_and_is_run) {
  expect_none(check_mirror(project_rooms(), read_tree(project_root(), {"framework", "tests"})));
}

}  // namespace
}  // namespace baton::layers

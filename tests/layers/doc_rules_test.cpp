#include "doc_rules.hpp"

#include <gmock/gmock.h>

#include "project.hpp"

namespace baton::layers {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const source_file example{"examples/a.cpp", "int before;\n  // [part]\n  int x = 1;\n    int y;\n  // [part]\n"};

std::vector<violation> snippets(const std::string& page) { return check_snippets({{"docs/a.md", page}}, {example}); }

TEST(doc_rules, takes_a_region_without_its_indentation) {
  EXPECT_EQ(region_of(example.text, "part"), "int x = 1;\n  int y;\n");
  EXPECT_EQ(region_of(example.text, "other"), "");
  EXPECT_EQ(region_of("a\nb\nc\n", "L2-L3"), "b\nc\n");
  EXPECT_EQ(region_of("a\nb\nc\n", "L4-L9"), "");
}

TEST(doc_rules, accepts_a_copy_and_finds_one_that_differs) {
  EXPECT_THAT(snippets("<!-- from: examples/a.cpp#part -->\n```cpp\nint x = 1;\n  int y;\n```\n"), IsEmpty());
  EXPECT_THAT(snippets("<!-- from: examples/a.cpp#part -->\n```cpp\nint x = 2;\n```\n"),
              ElementsAre(Field(&violation::advice, HasSubstr("now reads"))));
  EXPECT_THAT(snippets("<!-- from: examples/gone.cpp -->\n```cpp\nint x;\n```\n"), SizeIs(1));
}

TEST(doc_rules, finds_code_that_comes_from_nowhere) {
  EXPECT_THAT(snippets("```cpp\nint x;\n```\n```text\nanything\n```\n"), SizeIs(1));
  EXPECT_THAT(snippets("```yaml\nversion: 1\n```\n"), SizeIs(1));
}

TEST(doc_rules, finds_a_shell_block_with_an_unknown_command) {
  EXPECT_THAT(snippets("```sh\n# comment\n./dev test --label \\\n  unit\n```\n"), IsEmpty());
  EXPECT_THAT(snippets("```sh\n./dev fly\n```\n"), SizeIs(1));
  EXPECT_THAT(snippets("```sh\nmake install\n```\n"), SizeIs(1));
}

TEST(doc_rules, finds_a_link_that_leads_nowhere) {
  EXPECT_THAT(check_links({{"docs/index.md", "[a](https://example.org) [b](no-such.md)\n"}}, project_root()), SizeIs(1));
  EXPECT_THAT(check_links({{"docs/x.md", "[a](../CMakeLists.txt)\n```text\n[b](gone.md)\n```\n"}}, project_root()), IsEmpty());
}

const std::vector<source_file> claiming{
    {"tests/engine/a_test.cpp", "TEST(claim, g1_runs_once) {}\nTEST(claim, g2_waits) {}\n// TEST(x, g2_no)\n"},
    {"tests/mysql/b_test.cpp", "// G2: it waits\nTEST_P(locks, wait) {}\nconst auto text = \"G1\";\n"},
    {"tests/support/c.cpp", "// G1 without a test\n"}};

std::vector<violation> guarantees(const std::string& page) { return check_guarantees({"g.md", page}, claiming, 2); }

TEST(doc_rules, accepts_guarantees_whose_tests_are_named) {
  EXPECT_THAT(guarantees("| **G1 once** |\n| **G2 overlap** |\n### G1\n`claim.g1_runs_once`\n### G2\n- `claim.g2_waits`\n- `locks.wait`\n"),
              IsEmpty());
}

TEST(doc_rules, finds_a_guarantee_without_row_or_test_and_one_that_is_modest_without_need) {
  const auto found = guarantees("| **G1 once** |\n### G1\nNot yet proven: `claim.g1_runs_once`\n### G2\n### Other\n`claim.g2_waits`\n");
  EXPECT_THAT(found, ElementsAre(Field(&violation::advice, HasSubstr("say what is open")), Field(&violation::advice, HasSubstr("no row")),
                                 Field(&violation::advice, HasSubstr("no test is named")),
                                 Field(&violation::path, "tests/engine/a_test.cpp"), Field(&violation::path, "tests/mysql/b_test.cpp")));
}

TEST(doc_rules, finds_a_test_that_does_not_exist_and_a_claim_that_is_not_named) {
  const auto found = guarantees("| **G1 once** |\n| **G2 overlap** |\n### G1\n`claim.g1_ran_once`\n### G2\n`claim.g2_waits`\n");
  EXPECT_THAT(found, ElementsAre(Field(&violation::advice, HasSubstr("claim.g1_ran_once, which is no test")),
                                 Field(&violation::path, "tests/engine/a_test.cpp"), Field(&violation::path, "tests/mysql/b_test.cpp")));
}

const std::vector<source_file> numbered{{"tests/system/a_test.cpp", "TEST_P(crashes, g4_s07_next) {}\nTEST_P(clocks, s01_s02_once) {}\n"}};

TEST(doc_rules, accepts_scenarios_that_have_tests_and_rows) {
  EXPECT_THAT(
      check_scenarios(
          {"r.md", "| S1 | skew | `clocks.s01_s02_once` |\n| S2 | more | `clocks.s01_s02_once` |\n| S7 | kill | `crashes.g4_s07_next` |\n"},
          numbered, {1, 2, 7}),
      IsEmpty());
}

TEST(doc_rules, finds_a_scenario_without_a_test_and_a_test_that_is_in_no_row) {
  const auto found =
      check_scenarios({"r.md", "| S1 | skew | `clocks.s01_s02_once` |\n| S7 | kill | `crashes.g4_s07_last` |\n"}, numbered, {1, 2, 3, 7});
  EXPECT_THAT(found, ElementsAre(Field(&violation::advice, HasSubstr("g4_s07_next is not named in the row S7")),
                                 Field(&violation::advice, HasSubstr("s01_s02_once is not named in the row S2")),
                                 Field(&violation::advice, HasSubstr("g4_s07_last, which is no test")),
                                 Field(&violation::advice, HasSubstr("no test carries s3_"))));
}

// The tree itself.

std::vector<source_file> pages(const std::vector<std::string>& below) {
  auto files = read_tree(project_root(), below);
  std::erase_if(files, [](const source_file& file) { return !file.path.ends_with(".md"); });
  return files;
}

TEST(project, code_in_the_docs_is_copied_from_files_that_are_used) {
  expect_none(check_snippets(pages({"README.md", "CONTRIBUTING.md", "docs"}),
                             read_tree(project_root(), {"cmake", "config", "deploy", "examples", "framework", "plugins", "tests"})));
}

TEST(project, links_between_documents_lead_somewhere) {
  expect_none(check_links(pages({"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "framework", "plugins", "examples", "tests"}),
                          project_root()));
}

TEST(project, every_guarantee_names_its_tests_and_every_claim_is_named) {
  const auto page = read_tree(project_root(), {"docs/explanation/guarantees.md"});
  ASSERT_THAT(page, SizeIs(1));
  expect_none(check_guarantees(page.front(), read_tree(project_root(), {"tests"}), 12));
}

TEST(project, every_scenario_has_a_test_that_carries_its_number) {
  const auto page = read_tree(project_root(), {"tests/system/README.md"});
  ASSERT_THAT(page, SizeIs(1));
  expect_none(check_scenarios(page.front(), read_tree(project_root(), {"tests"}),
                              {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 17, 19, 20, 21, 22, 23, 25, 26, 27, 30}));
}

}  // namespace
}  // namespace baton::layers

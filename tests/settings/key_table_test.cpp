#include <gtest/gtest.h>

#include <set>
#include <string>

#include "baton/settings/keys.hpp"
#include "files.hpp"

namespace baton::settings::testing {
namespace {

using key_table_and_example = scratch;

bool is_leaf(const key& row) {
  return row.type != key_type::section && row.type != key_type::jobs && row.type != key_type::calendars &&
         row.type != key_type::job_defaults;
}

std::string last_part(std::string_view path) {
  const auto dot = path.rfind('.');
  return std::string{dot == std::string_view::npos ? path : path.substr(dot + 1)};
}

/// Whether `key:` stands in a text as a key, in block or flow style.
bool has_key(const std::string& text, const std::string& name) {
  for (auto at = text.find(name + ":"); at != std::string::npos; at = text.find(name + ":", at + 1)) {
    if (at == 0 || text[at - 1] == ' ' || text[at - 1] == '\n' || text[at - 1] == '{') return true;
  }
  return false;
}

TEST(key_table, has_each_path_once_and_a_section_before_its_keys) {
  std::set<std::string_view> seen;
  for (const auto& row : keys()) {
    EXPECT_TRUE(seen.insert(row.path).second) << row.path;
    const auto dot = row.path.rfind('.');
    if (dot != std::string_view::npos) {
      EXPECT_TRUE(seen.contains(row.path.substr(0, dot))) << row.path;
    }
    EXPECT_FALSE(row.help.empty()) << row.path;
  }
}

std::string without_comments(const std::string& text) {
  std::string out;
  bool is_comment = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') is_comment = false;
    if (text[i] == '#' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\n')) is_comment = true;
    if (!is_comment) out += text[i];
  }
  return out;
}

TEST(key_table, is_all_in_the_file_with_every_key) {
  const auto text = without_comments(read_file(root / "config/every-key.yaml"));
  for (const auto& row : keys()) {
    if (last_part(row.path) == "*") continue;
    EXPECT_TRUE(has_key(text, last_part(row.path))) << row.path;
  }
}

TEST(key_table, states_the_defaults_that_the_settings_have) {
  settings plain;
  plain.has_store = true;
  plain.jobs.emplace_back();
  plain.jobs.back().name = "j";
  const auto text = "\n" + show_effective(plain);
  for (const auto& row : keys()) {
    if (row.fallback.empty()) continue;
    const auto line = last_part(row.path) + ": " + std::string{row.fallback} + "\n";
    EXPECT_TRUE(text.find(" " + line) != std::string::npos || text.find("\n" + line) != std::string::npos)
        << row.path << " is not " << row.fallback << " in\n"
        << text;
  }
}

TEST_F(key_table_and_example, is_all_in_the_effective_settings) {
  const variable password{"BATON_PASSWORD", "swordfish"};
  const variable admin_token{"BATON_ADMIN_TOKEN", "swordfish-swordfish-swordfish-swordfish"};
  const auto result = load_example("every-key.yaml");
  ASSERT_TRUE(result.value) << text_of(result);
  const auto text = show_effective(*result.value);
  for (const auto& row : keys()) {
    if (is_leaf(row) && row.path != "include") {
      EXPECT_TRUE(has_key(text, last_part(row.path))) << row.path;
    }
  }
}

TEST(key_table, is_what_the_reference_page_shows) {
  const auto page = root / "docs/reference/configuration.md";
  const std::string begin = "<!-- keys: generated from framework/settings/src/key_table.cpp -->\n";
  const std::string end = "<!-- end of keys -->";
  auto text = read_file(page);
  const auto from = text.find(begin);
  const auto to = text.find(end);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos && from < to);
  if (is_updating()) {
    text.replace(from + begin.size(), to - from - begin.size(), "\n" + reference_markdown() + "\n");
    write_file(page, text);
    return;
  }
  EXPECT_EQ(text.substr(from + begin.size(), to - from - begin.size()), "\n" + reference_markdown() + "\n")
      << "run BATON_UPDATE_GOLDEN=1 settings_test";
}

}  // namespace
}  // namespace baton::settings::testing

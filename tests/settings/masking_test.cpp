#include <gtest/gtest.h>

#include <string>

#include "files.hpp"

namespace baton::settings::testing {
namespace {

class masking : public scratch {
 protected:
  /// Everything that is said of a file that also has an error on each line where the secret is.
  void expect_hidden(const std::string& text) {
    const auto said = text_of(load_text(text));
    EXPECT_FALSE(said.empty());
    EXPECT_EQ(said.find("hunter2"), std::string::npos) << said;
  }
};

TEST_F(masking, hides_literal_passwords_however_they_are_written) {
  expect_hidden("store:\n  password: hunter2\n");
  expect_hidden("store:\n  \"password\" : 'hunter2'\n");
  expect_hidden("store: {url: x, password: hunter2, more: 1}\n");
  expect_hidden("store:\n  password: [hunter2]\n");
  expect_hidden("store:\n  password:\n    hunter2\n");
  expect_hidden("store:\n  password: >\n    hunter2\n");
  expect_hidden("store:\n  password: \"hunter2\n    hunter2\nversion: 1\n");
  expect_hidden("store:\n  password: *hunter2\n  url: @x\n");
  expect_hidden("store:\n  password:\n    hunter2: x: y\n");
  expect_hidden("store:\n\tpassword: hunter2\n");
  expect_hidden("store:\n  passwort: 1\n  PASSWORD: hunter2\n");
  expect_hidden("jobs: {a: {with: {db_password: hunter2, n: }}}\n");
  expect_hidden("password: \"${BATON_NO_SUCH_VARIABLE}hunter2\"\n");
}

TEST_F(masking, hides_literal_tokens) {
  expect_hidden("http:\n  admin_token: hunter2\n");
  expect_hidden("http: {admin_token: hunter2, more: 1}\n");
  expect_hidden("http:\n  \"admin_token\": >\n    hunter2\n");
}

TEST_F(masking, hides_passwords_in_urls) {
  expect_hidden("store:\n  url: mysql://u:hunter2@h:99999/d\n");
  expect_hidden("store:\n  url: \"mysql://u:hunter2@h\"\n");
  expect_hidden("store:\n  url: mysql://u:hun@hunter2@h/\n");
  expect_hidden("store:\n  url: mysql://u:a/hunter2@h/d\n");
  expect_hidden("store:\n  url: mysql://u:%zzhunter2@h/d\n");
  expect_hidden("store:\n  url: postgres://u:hunter2@h/d\n");
  expect_hidden("store:\n  uri: mysql://u:hunter2@h/d\n");
  expect_hidden("store: mysql://u:hunter2@h/d\n");
}

TEST_F(masking, keeps_the_caret_under_what_is_wrong) {
  const auto result = load_text("version: 1\ncluster: a\nstore:\n  url: mysql://u:hunter2@h:99999/d\n");
  ASSERT_FALSE(result.problems.empty());
  const auto& p = result.problems.front();
  EXPECT_EQ(p.source, "  url: mysql://u:***@h:99999/d");
  EXPECT_EQ(p.source.substr(p.caret - 1), "99999/d");
  EXPECT_EQ(p.where.column, 28U);
}

}  // namespace
}  // namespace baton::settings::testing

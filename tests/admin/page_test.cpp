#include "page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <string>

namespace baton::admin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct row {
  const char* path;
  const char* file;
  const char* type;
};
constexpr row rows[] = {{"/", "index.html", "text/html; charset=utf-8"},
                        {"/app.css", "app.css", "text/css; charset=utf-8"},
                        {"/app.js", "app.js", "text/javascript; charset=utf-8"}};

std::string on_disk(const char* name) {
  std::ifstream file{std::string{BATON_PAGE_FOLDER} + "/" + name, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

TEST(page, is_the_three_files_byte_for_byte) {
  for (const auto& [path, name, type] : rows) {
    const auto file = page_at(path);
    ASSERT_TRUE(file) << path;
    EXPECT_EQ(file->content_type, type);
    EXPECT_FALSE(file->body.empty());
    EXPECT_EQ(file->body, on_disk(name)) << name << " was changed and not embedded again";
  }
}

TEST(page, has_no_other_file) {
  for (const char* path : {"", "/index.html", "/app.js/", "/APP.JS", "//", "/../app.js", "/favicon.ico"})
    EXPECT_FALSE(page_at(path)) << path;
}

TEST(page, is_smaller_than_60_kilobytes_together) {
  std::size_t size = 0;
  for (const auto& one : rows) size += page_at(one.path)->body.size();
  EXPECT_LT(size, 60'000U);
}

TEST(page, needs_nothing_that_the_policy_forbids_and_nothing_from_elsewhere) {
  for (const auto& one : rows) {
    const std::string text{page_at(one.path)->body};
    EXPECT_FALSE(std::regex_search(text, std::regex{R"((https?:)?//[a-z0-9-]+\.(com|net|org|io))"})) << one.file << " names another server";
    for (const char* word :
         {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "@import", "javascript:"})
      EXPECT_THAT(text, Not(HasSubstr(word))) << one.file;
  }
  const std::string html{page_at("/")->body};
  EXPECT_FALSE(std::regex_search(html, std::regex{R"(\son[a-z]+=|\sstyle=|<style|<script(?![^>]*\ssrc=))"})) << "inline script or style";
}

}  // namespace
}  // namespace baton::admin

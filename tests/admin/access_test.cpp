#include "access.hpp"

#include <gtest/gtest.h>

#include <string>

namespace baton::admin {
namespace {

const std::string token = "0123456789abcdef0123456789abcdef";

TEST(is_bearer, knows_the_token_and_nothing_like_it) {
  EXPECT_TRUE(is_bearer("Bearer " + token, token));
  EXPECT_TRUE(is_bearer("bearer   " + token, token)) << "the scheme has no case";
  for (const auto& bad : {"", "Bearer", "Bearer ", "Basic ", "Bearer x"}) EXPECT_FALSE(is_bearer(bad, token)) << bad;
  EXPECT_FALSE(is_bearer(token, token));
  EXPECT_FALSE(is_bearer("Basic " + token, token));
  EXPECT_FALSE(is_bearer("Bearer " + token + "0", token));
  EXPECT_FALSE(is_bearer("Bearer " + token + " ", token));
  EXPECT_FALSE(is_bearer("Bearer " + token + token, token)) << "a repetition";
  EXPECT_FALSE(is_bearer("Bearer " + token.substr(1), token));
  for (std::size_t i = 0; i < token.size(); ++i) {
    auto wrong = token;
    wrong[i] ^= 1;
    EXPECT_FALSE(is_bearer("Bearer " + wrong, token)) << i;
  }
}

TEST(is_bearer, takes_no_token_for_none) {
  EXPECT_FALSE(is_bearer("Bearer ", ""));
  EXPECT_FALSE(is_bearer("", ""));
}

TEST(is_foreign, lets_programs_and_this_servers_own_page_pass) {
  EXPECT_FALSE(is_foreign("", "", "localhost:9687")) << "no browser";
  EXPECT_FALSE(is_foreign("http://localhost:9687", "same-origin", "localhost:9687"));
  EXPECT_FALSE(is_foreign("https://BATON.example", "", "baton.example")) << "behind a proxy with TLS";
  EXPECT_FALSE(is_foreign("", "none", "localhost:9687")) << "typed into the address bar";
}

TEST(is_foreign, keeps_pages_of_other_origins_out) {
  EXPECT_TRUE(is_foreign("", "cross-site", "localhost:9687"));
  EXPECT_TRUE(is_foreign("", "same-site", "localhost:9687"));
  EXPECT_TRUE(is_foreign("http://localhost:9687", "cross-site", "localhost:9687"));
  EXPECT_TRUE(is_foreign("http://evil.com", "", "localhost:9687"));
  EXPECT_TRUE(is_foreign("http://localhost", "", "localhost:9687")) << "another port is another origin";
  EXPECT_TRUE(is_foreign("http://localhost:9687.evil.com", "", "localhost:9687"));
  EXPECT_TRUE(is_foreign("null", "", "localhost:9687"));
  EXPECT_TRUE(is_foreign("file://localhost:9687", "", "localhost:9687"));
}

}  // namespace
}  // namespace baton::admin

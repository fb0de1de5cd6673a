#include "target.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace baton::admin {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(parse_target, takes_path_and_query_apart_and_decodes_them) {
  const auto made = parse_target("/api/v1/runs/a%2Bb%40c+d%23trigger?job=x+y&to=%41&flag&&=v");
  ASSERT_TRUE(made);
  EXPECT_THAT(made->path, ElementsAre("api", "v1", "runs", "a+b@c+d#trigger"));
  EXPECT_THAT(made->query, ElementsAre(Pair("job", "x y"), Pair("to", "A"), Pair("flag", ""), Pair("", "v")));
  EXPECT_THAT(parse_target("/")->path, ElementsAre(""));
  EXPECT_THAT(parse_target("/metrics/")->path, ElementsAre("metrics", ""));
  EXPECT_THAT(parse_target("/?")->query, IsEmpty());
}

TEST(parse_target, takes_a_way_up_for_a_name) {
  EXPECT_THAT(parse_target("/api/v1/jobs/../../etc")->path, ElementsAre("api", "v1", "jobs", "..", "..", "etc"));
  EXPECT_THAT(parse_target("/%2e%2E/x")->path, ElementsAre("..", "x"));
}

TEST(parse_target, refuses_what_hides_something) {
  for (const std::string_view bad :
       {"", "x", "/%", "/%4", "/%zz", "/a%2fb", "/a%00b", "/a%0ab", "/\x7f", "/a#b", "/%ff", "/x?a=%", "/x?%0d=1", "/x?a=%c0%af"}) {
    EXPECT_FALSE(parse_target(bad)) << bad;
  }
}

}  // namespace
}  // namespace baton::admin

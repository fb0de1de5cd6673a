#include "baton/lock/name.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace baton::lock {
namespace {

std::string repeated(char c, std::size_t n) { return std::string(n, c); }

// Golden: computed by an independent implementation. A change here lets two releases run one job at once.
TEST(scheduler_name, never_changes) {
  EXPECT_EQ(scheduler_name("billing", "nightly-rollup"), "baton:billing:nightly-rollup");
  EXPECT_EQ(scheduler_name("billing", "Nightly-Rollup"), "baton:billing:nightly-rollup#45f3el7ego7sfft7f2hq6zhet5");
  EXPECT_EQ(scheduler_name("billing", "nightly-rollup "), "baton:billing:nightly-rollup_#o5rjfbqbr5dnvdweunbtu5iptt");
  EXPECT_EQ(scheduler_name("billing", ""), "baton:billing:#d5gvtdkkg4c2m5avdhobp7txiq");
  EXPECT_EQ(scheduler_name("billing",
                           "gr\xc3\xb6\xc3\x9f"
                           "e"),
            "baton:billing:gr____e#v6ma36cc5hvo5azhkooeeboafx");
  EXPECT_EQ(scheduler_name("billing", "a:b"), "baton:billing:a_b#5axlfnqrrnjs5skmqqnucm6es7");
  EXPECT_EQ(scheduler_name("billing", repeated('x', 192)), "baton:billing:xxxxxxxxxxxxxxxxxxxxxxx#j2nhudbusskszq5r2nk4qctdn7");
  EXPECT_EQ(scheduler_name("billing", repeated('x', 300)), "baton:billing:xxxxxxxxxxxxxxxxxxxxxxx#prbp3pnc7oyhrkvupuzj4ryerb");
  EXPECT_EQ(scheduler_name(repeated('c', 28), repeated('y', 40)), "baton:cccccccccccccccccccccccccccc:yy#cmucprl262kjenw5skq46ev3ha");
}

TEST(scheduler_name, is_literal_up_to_64_characters_and_hashed_beyond) {
  EXPECT_EQ(scheduler_name("billing", repeated('n', 50)), "baton:billing:" + repeated('n', 50));
  EXPECT_EQ(scheduler_name("billing", repeated('n', 51)), "baton:billing:nnnnnnnnnnnnnnnnnnnnnnn#xouwp24l3wckb577l6ifnnq3q6");
}

TEST(scheduler_name, s21_keeps_distinct_names_apart_and_within_what_both_servers_agree_on) {
  std::vector<std::string> names{
      "", " ", "a", "A", "a ", " a", "a\t", "a_", "a#b", "a~b", "a:b", "~i:0", "a\xc3\xa9", "a\xc3\x89", "a\xf0\x9f\x8f\x83", "a'", "a\\"};
  for (const std::size_t length : {63, 64, 65, 191, 192, 193, 300}) {
    names.push_back(repeated('x', length));
    names.push_back(repeated('X', length));
    names.push_back(repeated('x', length - 1) + "y");
  }
  names.emplace_back("a\0b", 3);
  names.emplace_back("a\0c", 3);
  std::set<std::string> seen;
  for (const auto* cluster : {"c", "d", "c.d"}) {
    for (const auto& name : names) {
      const auto made = scheduler_name(cluster, name);
      EXPECT_LE(made.size(), 64U);
      EXPECT_TRUE(std::ranges::all_of(made, [](char c) {
        return c > ' ' && c < 0x7f && !(c >= 'A' && c <= 'Z') && c != '\'' && c != '\\';
      })) << made;
      EXPECT_TRUE(seen.insert(made).second) << made;
    }
  }
}

TEST(scheduler_name, s21_keeps_cluster_and_name_apart) {
  EXPECT_NE(scheduler_name("a", "b:c"), scheduler_name("a:b", "c"));
  EXPECT_NE(scheduler_name("C", "a"), scheduler_name("c", "a"));
}

TEST(run_name, never_changes_and_fits_for_the_longest_cluster) {
  EXPECT_EQ(run_name("billing", "nightly"), "baton:billing:~r:fi5wfnj53oprm63d2irafi3aqe");
  EXPECT_EQ(run_name(repeated('c', max_cluster_length), "nightly").size(), 64U);
  EXPECT_TRUE(run_name("billing", "x").starts_with(run_name_prefix("billing")));
  EXPECT_NE(run_name("billing", "x"), run_name("billing", "y"));
}

TEST(incarnation_name, fits_for_the_longest_cluster_and_meets_no_job) {
  const auto name = incarnation_name(repeated('c', max_cluster_length), repeated('i', incarnation_length));
  EXPECT_EQ(name, "baton:" + repeated('c', 28) + ":~i:" + repeated('i', 25));
  EXPECT_LE(name.size(), 64U);
  EXPECT_NE(incarnation_name("c", "x"), scheduler_name("c", "~i:x"));
}

}  // namespace
}  // namespace baton::lock

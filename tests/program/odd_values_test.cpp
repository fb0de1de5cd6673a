#include "odd_values.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

namespace baton::program {
namespace {

using namespace std::chrono_literals;
using plugin_host::parameter;
using plugin_host::parameter_type;

parameter of(parameter_type type) {
  parameter p;
  p.type = type;
  return p;
}

plugin_host::plugin_description plugin_with(parameter p) {
  plugin_host::plugin_description plugin;
  p.name = "p";
  plugin.parameters.push_back(std::move(p));
  return plugin;
}

template <typename T>
std::vector<T> odd(const parameter& p) {
  std::vector<T> all;
  for (const auto& one : odd_values_of(plugin_with(p), {})) all.push_back(std::get<T>(one.values.at("p")));
  return all;
}

TEST(odd_values, are_the_ends_of_what_the_table_allows) {
  auto count = of(parameter_type::integer);
  count.minimum = 1;
  count.maximum = 10;
  EXPECT_THAT(odd<std::int64_t>(count), testing::ElementsAre(1, 10));
  count.minimum.reset();
  count.maximum = 1e30;
  EXPECT_THAT(odd<std::int64_t>(count),
              testing::ElementsAre(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()));
  auto wait = of(parameter_type::duration);
  wait.minimum = 0.5;
  wait.maximum = 60;
  EXPECT_THAT(odd<microseconds>(wait), testing::ElementsAre(500ms, 60s));
}

TEST(odd_values, are_texts_that_are_empty_long_or_foreign_or_else_each_choice) {
  const auto texts = odd<std::string>(of(parameter_type::text));
  EXPECT_THAT(texts, testing::Contains(""));
  EXPECT_TRUE(std::ranges::any_of(texts, [](const auto& t) { return t.size() == 65'536; }));
  EXPECT_TRUE(std::ranges::any_of(texts, [](const auto& t) { return t.find("\u4e16") != std::string::npos; }));
  auto choice = of(parameter_type::text);
  choice.choices = {"a", "b"};
  EXPECT_THAT(odd<std::string>(choice), testing::ElementsAre("a", "b"));
  EXPECT_FALSE(odd<plugin_host::text_list>(of(parameter_type::text_list)).empty());
  EXPECT_FALSE(odd<plugin_host::text_map>(of(parameter_type::text_map)).empty());
}

TEST(odd_values, leave_the_other_parameters_as_they_are) {
  auto plugin = plugin_with(of(parameter_type::boolean));
  const plugin_host::values usual{{"other", std::int64_t{7}}, {"p", true}};
  const auto all = odd_values_of(plugin, usual);
  ASSERT_EQ(all.size(), 3U);
  for (const auto& one : all) EXPECT_EQ(one.values.at("other"), plugin_host::value{std::int64_t{7}}) << one.what;
  EXPECT_EQ(all.back().what, "p: not given");
  EXPECT_FALSE(all.back().values.contains("p"));
}

}  // namespace
}  // namespace baton::program

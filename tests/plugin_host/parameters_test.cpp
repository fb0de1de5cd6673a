#include "baton/plugin_host/parameters.hpp"

#include <gmock/gmock.h>

namespace {

using namespace baton::plugin_host;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

plugin_description plugin() {
  plugin_description p;
  p.name = "etl";
  const auto add = [&](const char* name, parameter_type type) -> parameter& {
    auto& row = p.parameters.emplace_back();
    row.name = name;
    row.type = type;
    return row;
  };
  auto& mode = add("mode", parameter_type::text);
  mode.fallback = value{std::string{"fast"}};
  mode.choices = {"fast", "slow"};
  auto& count = add("count", parameter_type::integer);
  count.minimum = 1;
  count.maximum = 10;
  add("ratio", parameter_type::number);
  add("force", parameter_type::boolean);
  add("delay", parameter_type::duration).maximum = 3600;
  add("files", parameter_type::text_list);
  add("labels", parameter_type::text_map);
  add("key", parameter_type::integer).secret = true;
  return p;
}

raw_value scalar(std::string text, std::size_t line = 1, std::size_t column = 1) { return {std::move(text), false, line, column}; }
raw_value with(raw_value::map entries) { return {std::move(entries), false, 7, 3}; }

values good(const raw_value& raw) {
  auto checked = check_parameters(plugin(), raw);
  if (const auto* errors = std::get_if<std::vector<parameter_error>>(&checked)) {
    ADD_FAILURE() << errors->front().message;
    return {};
  }
  return std::get<values>(checked);
}

std::vector<parameter_error> bad(const raw_value& raw) {
  auto checked = check_parameters(plugin(), raw);
  if (std::holds_alternative<values>(checked)) return {{0, 0, "", "was accepted"}};
  return std::get<std::vector<parameter_error>>(checked);
}

std::string message(const raw_value& raw) { return bad(raw).front().message; }

TEST(parameters, fills_in_defaults_and_leaves_out_what_is_not_set) {
  EXPECT_EQ(good(with({})), (values{{"mode", std::string{"fast"}}}));
  EXPECT_EQ(good(scalar("")), (values{{"mode", std::string{"fast"}}}));
}

TEST(parameters, reads_every_type) {
  const auto read = good(with({{"mode", scalar("slow")},
                               {"count", scalar("10")},
                               {"ratio", scalar("-0.5")},
                               {"force", scalar("true")},
                               {"delay", scalar("1h")},
                               {"files", {raw_value::list{scalar("a"), scalar("5")}, false, 1, 1}},
                               {"labels", {raw_value::map{{"k", scalar("v")}}, false, 1, 1}}}));
  EXPECT_EQ(read, (values{{"mode", std::string{"slow"}},
                          {"count", std::int64_t{10}},
                          {"ratio", -0.5},
                          {"force", true},
                          {"delay", baton::microseconds{1h}},
                          {"files", text_list{"a", "5"}},
                          {"labels", text_map{{"k", "v"}}}}));
}

TEST(parameters, suggests_a_name_for_an_unknown_one) {
  EXPECT_THAT(message(with({{"cuont", scalar("1")}})), AllOf(HasSubstr("'cuont'"), HasSubstr("did you mean 'count'?")));
  EXPECT_THAT(message(with({{"zebra_crossing", scalar("1")}})), HasSubstr("it takes: mode, count"));
}

TEST(parameters, reports_all_errors_with_their_places) {
  const auto errors = bad(with({{"count", scalar("many", 3, 9)}, {"nope", scalar("1", 4, 5)}, {"force", scalar("yes", 5, 7)}}));
  ASSERT_EQ(errors.size(), 3U);
  EXPECT_EQ(errors[0].path, "count");
  EXPECT_EQ(errors[0].line, 3U);
  EXPECT_EQ(errors[0].column, 9U);
  EXPECT_EQ(errors[1].line, 4U);
  EXPECT_THAT(errors[2].message, HasSubstr("neither true nor false"));
}

TEST(parameters, asks_for_what_is_required_where_with_begins) {
  auto p = plugin();
  p.parameters[1].required = true;
  const auto checked = check_parameters(p, with({}));
  const auto& errors = std::get<std::vector<parameter_error>>(checked);
  EXPECT_THAT(errors.front().message, HasSubstr("needs parameter 'count'"));
  EXPECT_EQ(errors.front().line, 7U);
}

TEST(parameters, keeps_to_bounds_and_choices) {
  EXPECT_THAT(message(with({{"count", scalar("11")}})), HasSubstr("from 1 to 10"));
  EXPECT_THAT(message(with({{"delay", scalar("61m")}})), HasSubstr("at most 3600s"));
  EXPECT_THAT(message(with({{"mode", scalar("medium")}})), HasSubstr("fast, slow"));
}

TEST(parameters, wants_a_unit_on_durations) {
  EXPECT_THAT(message(with({{"delay", scalar("90")}})), HasSubstr("with a unit"));
  EXPECT_THAT(message(with({{"delay", scalar("1x")}})), HasSubstr("with a unit"));
  EXPECT_THAT(message(with({{"delay", scalar("")}})), HasSubstr("has no value"));
  EXPECT_EQ(good(with({{"delay", scalar("1m30s")}})).at("delay"), value{baton::microseconds{90s}});
  EXPECT_EQ(good(with({{"delay", scalar("1.5ms")}})).at("delay"), value{baton::microseconds{1500us}});
}

TEST(parameters, refuses_the_wrong_shape) {
  EXPECT_THAT(message(with({{"files", scalar("a")}})), HasSubstr("list of texts"));
  EXPECT_THAT(message(with({{"labels", scalar("a")}})), HasSubstr("map of texts"));
  EXPECT_THAT(message(with({{"count", {raw_value::list{}, false, 1, 1}}})), HasSubstr("one value"));
  EXPECT_EQ(bad(with({{"files", {raw_value::list{scalar("a"), {raw_value::list{}, false, 2, 2}}, false, 1, 1}}})).front().path, "files[1]");
  EXPECT_THAT(message(scalar("text")), HasSubstr("is a map"));
}

TEST(parameters, tells_null_from_an_empty_text) {
  EXPECT_THAT(message(with({{"ratio", scalar("~")}})), HasSubstr("has no value"));
  auto p = plugin();
  p.parameters[0].choices.clear();
  const auto checked = check_parameters(p, with({{"mode", {std::string{}, true, 1, 1}}}));
  EXPECT_EQ(std::get<values>(checked).at("mode"), value{std::string{}});
}

TEST(parameters, never_shows_a_secret) { EXPECT_THAT(message(with({{"key", scalar("hunter2")}})), Not(HasSubstr("hunter2"))); }

TEST(parameters, refuses_a_parameter_set_twice) {
  EXPECT_THAT(message(with({{"count", scalar("1")}, {"count", scalar("2")}})), HasSubstr("twice"));
}

}  // namespace

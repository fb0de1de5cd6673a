#include "api_answers.hpp"

#include <gmock/gmock.h>

namespace baton::program {
namespace {

using testing::HasSubstr;

TEST(runs_query, reads_every_parameter) {
  const auto q = runs_query({"runs",
                             "",
                             {{"job", "a"},
                              {"from", "2026-11-26T00:00:00Z"},
                              {"to", "2026-11-27T00:00:00Z"},
                              {"open", "true"},
                              {"limit", "1000"},
                              {"after", "a@2026-11-26T02:00:00Z#trigger"}}});
  ASSERT_TRUE(q) << q.error().context;
  EXPECT_EQ(q->job, "a");
  EXPECT_EQ(q->from, from_rfc3339("2026-11-26T00:00:00Z"));
  EXPECT_EQ(q->to, from_rfc3339("2026-11-27T00:00:00Z"));
  EXPECT_TRUE(q->only_open);
  EXPECT_EQ(q->limit, 1000U);
  EXPECT_EQ(q->after->kind, ledger::tick_kind::trigger);
  EXPECT_EQ(runs_query({"runs", "", {}})->limit, 100U);
}

TEST(runs_query, says_which_parameter_is_wrong) {
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{{"limit", "0"},
                                                                                    {"limit", "1001"},
                                                                                    {"limit", "-1"},
                                                                                    {"limit", "1x"},
                                                                                    {"limit", ""},
                                                                                    {"from", "yesterday"},
                                                                                    {"to", "1"},
                                                                                    {"open", "1"},
                                                                                    {"after", "a"},
                                                                                    {"jobs", "a"}}) {
    const auto q = runs_query({"runs", "", {{name, value}}});
    ASSERT_FALSE(q) << name << "=" << value;
    EXPECT_THAT(q.error().context, HasSubstr(name));
  }
}

TEST(trigger_order, reads_tick_and_parameters_as_texts) {
  EXPECT_EQ(trigger_order("a", "", "r")->request, "r");
  const auto order = trigger_order("a", R"({"tick":"2026-11-26T02:00:00Z","parameters":{"n":3,"b":true,"t":"x"}})", "r");
  ASSERT_TRUE(order) << order.error().context;
  EXPECT_EQ(order->tick, from_rfc3339("2026-11-26T02:00:00Z"));
  EXPECT_EQ(order->parameters, R"({"n":"3","b":"true","t":"x"})");
  EXPECT_EQ(trigger_order("a", R"({"tick":null,"parameters":{}})", "r")->parameters, "");
}

TEST(trigger_order, refuses_what_it_does_not_know) {
  for (const auto* body :
       {"x", "[]", R"({"tick":1})", R"({"tick":"soon"})", R"({"parameters":[]})", R"({"parameters":{"a":{}}})", R"({"tik":1})"})
    EXPECT_FALSE(trigger_order("a", body, "r")) << body;
}

TEST(api_failure, has_a_status_for_each_kind) {
  EXPECT_EQ(api_failure({errc::not_found, ""}).status, 404U);
  EXPECT_EQ(api_failure({errc::already_exists, ""}).status, 409U);
  EXPECT_EQ(api_failure({errc::invalid_argument, ""}).status, 400U);
  EXPECT_EQ(api_failure({errc::store_timeout, ""}).status, 503U);
  EXPECT_EQ(api_failure({errc::access_denied, "x"}).json, "{\"error\":\"access_denied\",\"message\":\"x\"}\n");
}

TEST(api_message, is_that_of_an_answer_or_an_error) {
  EXPECT_EQ(api_message(api_answer(200, {{"ok", true}, {"message", "done"}})), "done");
  EXPECT_EQ(api_message(api_error(404, "not_found", "no \"job\"", "near")), "no \"job\"");
  EXPECT_EQ(api_message({200, "[]"}), "");
  EXPECT_EQ(api_message({200, ""}), "");
}

TEST(random_request_id, is_another_one_each_time_and_fits_a_row) {
  EXPECT_NE(random_request_id(), random_request_id());
  EXPECT_LE(random_request_id().size(), 36U);
}

}  // namespace
}  // namespace baton::program

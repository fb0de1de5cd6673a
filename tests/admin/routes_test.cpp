#include "routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace baton::admin {
namespace {

using testing::HasSubstr;

callbacks healthy() {
  return {[] { return std::string{"baton_up 1\n"}; }, [] { return health{}; }, [] { return health{}; }};
}

TEST(routes, metrics_have_the_content_type_prometheus_asks_for) {
  const auto said = answer({"GET", "/metrics"}, healthy());
  EXPECT_EQ(said.status, 200U);
  EXPECT_EQ(said.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(said.body, "baton_up 1\n");
}

TEST(routes, health_is_a_status_and_its_reasons_as_json) {
  auto calls = healthy();
  calls.readyz = [] { return health{false, {"store: no \"connection\"", "clock\xFF"}}; };
  const auto ready = answer({"GET", "/readyz?verbose"}, calls);
  EXPECT_EQ(ready.status, 503U);
  EXPECT_EQ(ready.content_type, "application/json");
  EXPECT_EQ(ready.body, "{\"ok\":false,\"reasons\":[\"store: no \\\"connection\\\"\",\"clock\xEF\xBF\xBD\"]}\n");
  const auto live = answer({"GET", "/livez"}, calls);
  EXPECT_EQ(live.status, 200U);
  EXPECT_EQ(live.body, "{\"ok\":true,\"reasons\":[]}\n");
}

TEST(routes, what_is_not_there_is_404_whatever_the_method) {
  for (const auto* target : {"/", "/metric", "/metrics/", "/metrics/x", "//metrics", "/LIVEZ", "/api/v1/jobs"}) {
    EXPECT_EQ(answer({"GET", target}, healthy()).status, 404U) << target;
    EXPECT_EQ(answer({"POST", target}, healthy()).status, 404U) << target;
  }
  EXPECT_THAT(answer({"GET", "/x"}, healthy()).body, HasSubstr(R"({"error":{"code":"not_found")"));
}

TEST(routes, other_methods_are_405_with_what_is_allowed) {
  for (const auto* method : {"POST", "PUT", "DELETE", "OPTIONS", "get", "TRACE"}) {
    const auto said = answer({method, "/livez"}, healthy());
    EXPECT_EQ(said.status, 405U) << method;
    EXPECT_EQ(said.allow, "GET, HEAD");
  }
}

TEST(routes, a_callback_that_throws_is_500) {
  auto calls = healthy();
  calls.metrics_text = []() -> std::string { throw std::runtime_error{"out of \"luck\""}; };
  const auto said = answer({"GET", "/metrics"}, calls);
  EXPECT_EQ(said.status, 500U);
  EXPECT_EQ(said.body, "{\"error\":{\"code\":\"internal\",\"message\":\"out of \\\"luck\\\"\"}}\n");
}

callbacks changing() {
  auto calls = healthy();
  calls.reload = [](const std::function<void(outcome)>& done) { done({}); };
  return calls;
}

TEST(routes, a_change_is_asked_for_through_the_unix_socket_and_as_no_page_in_a_browser_can) {
  const auto calls = changing();
  const request good{"POST", "/api/v1/reload", true, true, true};
  EXPECT_EQ(answer(good, calls).change, &calls.reload);
  struct refused {
    request asked;
    unsigned status;
  };
  for (const auto& [asked, status] : {refused{{"POST", "/api/v1/reload", false, true, true}, 403},
                                      {{"POST", "/api/v1/reload", true, false, true}, 415},
                                      {{"POST", "/api/v1/reload", true, true, false}, 415},
                                      {{"GET", "/api/v1/reload", true, true, true}, 405},
                                      {{"POST", "/api/v1/drain", true, true, true}, 404}}) {
    EXPECT_EQ(answer(asked, calls).change, nullptr);
    EXPECT_EQ(answer(asked, calls).status, status) << asked.method << " " << asked.target;
  }
  EXPECT_EQ(answer({"GET", "/api/v1/reload", true, true, true}, calls).allow, "POST");
}

TEST(routes, an_outcome_is_json_with_its_problems) {
  EXPECT_EQ(outcome_reply({true, "taken", {}}).body, "{\"ok\":true,\"message\":\"taken\",\"problems\":[]}\n");
  const auto refused = outcome_reply({false, "no", {"a:1:2: \"x\"", "\xFF"}});
  EXPECT_EQ(refused.status, 409U);
  EXPECT_EQ(refused.body, "{\"ok\":false,\"message\":\"no\",\"problems\":[\"a:1:2: \\\"x\\\"\",\"\xEF\xBF\xBD\"]}\n");
}

}  // namespace
}  // namespace baton::admin

#include "routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <utility>

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
  for (const auto* target : {"/index.html", "/metric", "/metrics/", "/metrics/x", "//metrics", "/LIVEZ", "/api/v1/jobs"}) {
    EXPECT_EQ(answer({"GET", target}, healthy()).status, 404U) << target;
    EXPECT_EQ(answer({"POST", target}, healthy()).status, 404U) << target;
  }
  EXPECT_THAT(answer({"GET", "/x"}, healthy()).body, HasSubstr(R"({"error":"not_found","message":)"));
}

TEST(routes, give_the_files_of_the_status_page_whoever_asks) {
  for (const auto& [target, type] : {std::pair{"/", "text/html; charset=utf-8"},
                                     {"/?x=1", "text/html; charset=utf-8"},
                                     {"/app.js", "text/javascript; charset=utf-8"},
                                     {"/app.css", "text/css; charset=utf-8"}}) {
    request asked{"GET", target};
    asked.is_foreign = true;  // a link on another page leads here
    const auto said = answer(asked, healthy());
    EXPECT_EQ(said.status, 200U) << target;
    EXPECT_EQ(said.content_type, type);
    EXPECT_FALSE(said.body.empty());
  }
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
  EXPECT_EQ(said.body, "{\"error\":\"internal\",\"message\":\"out of \\\"luck\\\"\"}\n");
}

/// With all routes.
callbacks whole() {
  auto calls = healthy();
  calls.read = [](const question&, const say&) {};
  calls.known = [](const question&) { return said{}; };
  calls.change = [](const order&, const say&) {};
  return calls;
}

request post(std::string_view target) { return {"POST", target, access::granted, false, true, true, "uid 7", "{}"}; }

TEST(routes, a_question_is_put_to_the_program_with_its_object_and_query) {
  const auto calls = whole();
  for (const auto* what : {"jobs", "runs", "locks", "instances", "config"}) {
    const auto made = answer({"GET", std::string{"/api/v1/"} + what}, calls);
    ASSERT_TRUE(made.ask) << what;
    EXPECT_EQ(made.ask->what, what);
    EXPECT_FALSE(made.is_stream);
  }
  EXPECT_EQ(answer({"HEAD", "/api/v1/jobs/a%20b"}, calls).ask->object, "a b");
  const auto runs = answer({"GET", "/api/v1/runs?job=x&limit=3"}, calls);
  EXPECT_EQ(*runs.ask->find("limit"), "3");
  EXPECT_EQ(runs.ask->find("from"), nullptr);
  EXPECT_TRUE(answer({"GET", "/api/v1/events"}, calls).is_stream);
}

TEST(routes, are_not_there_without_a_program_behind_them_and_not_under_other_names) {
  EXPECT_EQ(answer({"GET", "/api/v1/jobs"}, healthy()).status, 404U);
  EXPECT_EQ(answer(post("/api/v1/drain"), healthy()).status, 404U);
  const auto calls = whole();
  for (const auto* target :
       {"/api", "/api/v1", "/api/v1/", "/api/v1/jobs/", "/api/v1/jobs//pause", "/api/v1/jobs/x/y", "/api/v1/JOBS", "/api/v1/jobs/x/pause/",
        "/api/v1/runs/x", "/api/v2/jobs", "/api/v1/jobs/../../../etc/passwd", "/../etc/passwd"})
    EXPECT_EQ(answer({"GET", target}, calls).status, 404U) << target;
  EXPECT_EQ(answer({"GET", "/api/v1/jobs/.."}, calls).ask->object, "..") << "a job's name, which no file stands behind";
  EXPECT_EQ(answer({"GET", "/api/v1/jobs/..%2f..%2fetc"}, calls).status, 400U);
}

TEST(routes, a_change_is_handed_on_with_who_asked_for_it) {
  const auto calls = whole();
  for (const auto* verb : {"trigger", "pause", "resume"}) {
    const auto target = std::string{"/api/v1/jobs/nightly/"} + verb;
    const auto made = answer(post(target), calls);
    ASSERT_TRUE(made.carry_out) << verb;
    EXPECT_EQ(made.carry_out->verb, verb);
    EXPECT_EQ(made.carry_out->object, "nightly");
    EXPECT_EQ(made.carry_out->body, "{}");
    EXPECT_EQ(made.carry_out->who, "uid 7");
  }
  EXPECT_EQ(answer(post("/api/v1/runs/a%402026-11-26T02:00:00Z%23trigger/cancel"), calls).carry_out->object,
            "a@2026-11-26T02:00:00Z#trigger");
  EXPECT_EQ(answer(post("/api/v1/reload"), calls).carry_out->verb, "reload");
  const auto wrong = answer({"GET", "/api/v1/drain"}, calls);
  EXPECT_EQ(wrong.status, 405U);
  EXPECT_EQ(wrong.allow, "POST");
}

TEST(routes, a_change_needs_what_no_page_of_another_origin_can_send_and_the_token) {
  auto calls = whole();
  std::string refused;
  calls.refused = [&](const order& wanted, std::string_view code) { refused = wanted.verb + " " + std::string{code}; };
  struct refusal {
    void (*spoil)(request&);
    unsigned status;
    const char* code;
  };
  for (const auto& [spoil, status, code] :
       {refusal{[](request& r) { r.is_foreign = true; }, 403, "foreign_origin"},
        refusal{[](request& r) { r.is_json = false; }, 415, "not_json"}, refusal{[](request& r) { r.is_marked = false; }, 415, "not_json"},
        refusal{[](request& r) { r.may = access::read_only; }, 403, "read_only"},
        refusal{[](request& r) { r.may = access::needs_token; }, 401, "token_needed"}}) {
    auto asked = post("/api/v1/jobs/x/pause");
    spoil(asked);
    const auto made = answer(asked, calls);
    EXPECT_FALSE(made.carry_out) << code;
    EXPECT_EQ(made.status, status);
    EXPECT_THAT(made.body, HasSubstr(std::string{"{\"error\":\""} + code));
    EXPECT_EQ(refused, std::string{"pause "} + code);
  }
}

TEST(routes, a_page_of_another_origin_gets_none_of_the_api_but_may_link_to_the_rest) {
  request asked{"GET", "/api/v1/events"};
  asked.is_foreign = true;
  EXPECT_EQ(answer(asked, whole()).status, 403U);
  asked.target = "/livez";
  EXPECT_EQ(answer(asked, whole()).status, 200U);
}

TEST(routes, are_those_of_the_description_and_no_others) {
  std::ifstream file{BATON_OPENAPI};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto described = boost::json::parse(text).at("paths").as_object();
  std::set<std::string> in_description;
  for (const auto& [path, methods] : described) {
    for (const auto& [method, operation] : methods.as_object()) {
      std::string name{method};
      std::ranges::transform(name, name.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
      in_description.insert(name + " " + std::string{path});
      // A part in braces is a parameter of that name.
      const auto brace = path.find('{');
      const auto* parameters = operation.as_object().if_contains("parameters");
      const auto wanted = brace == std::string_view::npos ? "" : path.substr(brace + 1, path.find('}') - brace - 1);
      const auto is_it = [&](const auto& one) { return one.at("in") == "path" && one.at("name").as_string() == wanted; };
      EXPECT_EQ(brace != std::string_view::npos, parameters != nullptr && std::ranges::any_of(parameters->as_array(), is_it)) << path;
    }
  }
  std::set<std::string> in_table;
  for (const auto& one : route_names()) in_table.insert(std::string{one.method} + " " + std::string{one.path});
  EXPECT_EQ(in_description, in_table);
}

TEST(classify, knows_metrics_in_every_spelling) {
  for (const auto* target : {"/metrics", "/metrics?a=b", "/%6Detrics", "/%6d%65trics?x"})
    EXPECT_EQ(classify(target), route_kind::metrics) << target;
  for (const auto* target : {"/", "/livez", "/api/v1/jobs/a%20b", "/metrics/"}) EXPECT_EQ(classify(target), route_kind::other) << target;
  EXPECT_EQ(classify("*"), route_kind::unknown);
}

}  // namespace
}  // namespace baton::admin

#include <gmock/gmock.h>

#include "fixture.hpp"
#include "http_server.hpp"

namespace {

using namespace baton::plugin_host;
using namespace std::chrono_literals;
using baton::test::certificate;
using baton::test::eventually;
using baton::test::http_server;
using baton::test::recorder;
using baton::test::response;
using baton::test::scratch_file;
using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

raw_value one(std::string text) { return {std::move(text), true, 1, 1}; }
raw_value list(const text_list& texts) {
  raw_value::list items;
  for (const auto& text : texts) items.push_back(one(text));
  return {std::move(items), false, 1, 1};
}
raw_value map(const text_map& texts) {
  raw_value::map entries;
  for (const auto& [key, text] : texts) entries.push_back({key, one(text)});
  return {std::move(entries), false, 1, 1};
}

http_server::answer always(const std::string& text) {
  return [text](const std::string&) { return text; };
}

class http : public testing::Test {
 protected:
  run_request request(raw_value::map with) {
    const auto plugin = describe_plugin(path);
    EXPECT_TRUE(plugin);
    auto checked = check_parameters(*plugin, raw_value{std::move(with), false, 1, 1});
    EXPECT_TRUE(std::holds_alternative<values>(checked));
    return executor_.request(path, std::get<values>(std::move(checked)));
  }
  run_ended run(const run_request& r) {
    executor_->start(r);
    return executor_.ended(r.id);
  }
  run_ended run(raw_value::map with) { return run(request(std::move(with))); }
  run_ended get(const std::string& url, raw_value::map more = {}) {
    more.push_back({"url", one(url)});
    return run(std::move(more));
  }

  const std::string path = BATON_SHIPPED_PLUGINS "/http.so";
  recorder executor_;
};

TEST_F(http, sends_a_request_and_keeps_what_comes_back) {
  http_server server{always(response("200 OK", "hello"))};
  const auto end = get("http://" + server.address() + "/path?x=1");
  EXPECT_EQ(end.end, run_end::success);
  EXPECT_EQ(end.text, "status 200: hello");
  ASSERT_EQ(server.requests().size(), 1U);
  EXPECT_THAT(server.requests()[0], AllOf(StartsWith("GET /path?x=1 HTTP/1.1\r\n"), HasSubstr("\r\nUser-Agent: baton/"),
                                          Not(HasSubstr("Content-Type")), Not(HasSubstr("Authorization"))));
}

TEST_F(http, sends_the_same_key_with_each_attempt_of_a_tick) {
  http_server server{always(response("200 OK"))};
  auto r = request({{"url", one("http://" + server.address())}});
  for (const auto tick : {1s, 1s, 2s}) {
    r.id = run_id{static_cast<std::uint64_t>(r.id) + 1};
    r.tick = baton::wall_time{tick};
    ++r.attempt;
    r.trigger = "retry";
    EXPECT_EQ(run(r).end, run_end::success);
  }
  const auto sent = server.requests();
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_THAT(sent[0], HasSubstr("\r\nIdempotency-Key: test/job/1970-01-01T00:00:01.000000Z\r\n"));
  EXPECT_EQ(sent[0], sent[1]);
  EXPECT_THAT(sent[2], HasSubstr("\r\nIdempotency-Key: test/job/1970-01-01T00:00:02.000000Z\r\n"));
}

TEST_F(http, sends_a_body_and_the_headers_it_is_told) {
  http_server server{always(response("201 Created"))};
  const auto url = "http://" + server.address();
  for (const auto* method : {"POST", "PUT", "PATCH", "DELETE"}) get(url, {{"method", one(method)}, {"body", one(R"({"a":1})")}});
  get(url, {{"method", one("POST")}, {"body", one("a=1")}, {"headers", map({{"content-type", "text/plain"}, {"X-Empty", ""}})}});
  get(url, {{"method", one("HEAD")}});
  get(url, {{"method", one("POST")}});
  const auto sent = server.requests();
  ASSERT_EQ(sent.size(), 7U);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_THAT(sent[i], AllOf(HasSubstr("\r\nContent-Type: application/json\r\n"), HasSubstr("\r\n\r\n{\"a\":1}")));
  EXPECT_THAT(sent[2], StartsWith("PATCH / "));
  EXPECT_THAT(sent[4], AllOf(HasSubstr("\r\nContent-Type: text/plain\r\n"), HasSubstr("\r\nX-Empty:\r\n"), Not(HasSubstr("json"))));
  EXPECT_THAT(sent[5], StartsWith("HEAD / "));
  EXPECT_THAT(sent[6], AllOf(HasSubstr("\r\nContent-Length: 0\r\n"), Not(HasSubstr("Content-Type"))));
}

TEST_F(http, refuses_what_it_cannot_send) {
  const std::string url = "http://127.0.0.1:1";
  for (const auto* wrong : {"file:///etc/passwd", "ftp://127.0.0.1/", "127.0.0.1", ""}) {
    const auto end = get(wrong);
    EXPECT_EQ(end.end, run_end::failure);
    EXPECT_EQ(end.text, "url is not of the form http://host/path or https://host/path");
  }
  EXPECT_EQ(get(url, {{"body", one("x")}}).text, "a GET has no body: set method");
  EXPECT_EQ(get(url, {{"headers", map({{"A", "1\r\nB: 2"}})}}).text,
            "headers: the value of A has a line break or another control character in it");
  EXPECT_EQ(get(url, {{"headers", map({{"A: 1\r\nB", "2"}})}}).end, run_end::failure);
  for (const auto* wrong : {"2x", "99", "600", "300-200", "200-", "ok"})
    EXPECT_THAT(get(url, {{"success_statuses", list({wrong})}}).text, StartsWith("success_statuses takes")) << wrong;
}

TEST_F(http, maps_statuses) {
  const auto end_for = [&](const std::string& status, const raw_value::map& more = {}) {
    http_server server{always(response(status))};
    return get("http://" + server.address(), more).end;
  };
  EXPECT_EQ(end_for("204 No Content"), run_end::success);
  EXPECT_EQ(end_for("302 Found"), run_end::failure);
  EXPECT_EQ(end_for("404 Not Found"), run_end::failure);
  EXPECT_EQ(end_for("429 Too Many Requests"), run_end::retry_later);
  EXPECT_EQ(end_for("503 Service Unavailable"), run_end::retry_later);
  EXPECT_EQ(end_for("404 Not Found", {{"success_statuses", list({"200-204", "404"})}}), run_end::success);
  EXPECT_EQ(end_for("205 Reset Content", {{"success_statuses", list({"200-204", "404"})}}), run_end::failure);
  EXPECT_EQ(end_for("503 Service Unavailable", {{"retry_statuses", list({})}}), run_end::failure);
}

TEST_F(http, asks_for_another_try_when_there_is_no_response) {
  const auto url_of_nobody = [] { return "http://" + http_server{always("")}.address(); }();
  EXPECT_EQ(get(url_of_nobody).end, run_end::retry_later);
  http_server rude{always("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")};
  EXPECT_EQ(get("http://" + rude.address()).end, run_end::retry_later);
  http_server silent{always("")};
  const auto end = get("http://" + silent.address(), {{"timeout", one("100ms")}});
  EXPECT_EQ(end.end, run_end::retry_later);
  EXPECT_THAT(end.text, HasSubstr("timed out"));
}

TEST_F(http, ends_at_once_when_stopped) {
  http_server silent{always("")};
  const auto r = request({{"url", one("http://" + silent.address())}});
  executor_->start(r);
  ASSERT_TRUE(eventually([&] { return !silent.requests().empty(); }));
  executor_->stop(r.id, {1h, 1h});
  EXPECT_EQ(executor_.ended(r.id).end, run_end::cancelled);
}

TEST_F(http, follows_redirects_when_told_and_hands_no_credentials_on) {
  http_server other{always(response("200 OK", "moved"))};
  http_server first{always(response("302 Found", {}, "Location: http://" + other.address() + "/new\r\n"))};
  const auto end = get("http://user:swordfish@" + first.address() + "/old",
                       {{"follow_redirects", one("true")}, {"headers", map({{"Authorization", "Basic c3dvcmRmaXNo"}})}});
  EXPECT_EQ(end.text, "status 200: moved");
  EXPECT_THAT(first.requests()[0], HasSubstr("\r\nAuthorization: Basic c3dvcmRmaXNo\r\n"));
  EXPECT_THAT(other.requests()[0], AllOf(StartsWith("GET /new "), Not(HasSubstr("Authorization"))));

  get("http://" + first.address(), {{"follow_redirects", one("true")}, {"bearer", one("swordfish")}});
  EXPECT_THAT(first.requests()[1], HasSubstr("\r\nAuthorization: Bearer swordfish\r\n"));
  EXPECT_THAT(other.requests()[1], Not(HasSubstr("swordfish")));
  EXPECT_EQ(get("http://" + first.address(), {{"follow_redirects", one("true")}, {"method", one("PUT")}}).text, "status 302");
}

TEST_F(http, follows_no_redirect_to_where_it_should_not_go) {
  http_server loop{always(response("307 Temporary Redirect", {}, "Location: /\r\n"))};
  const raw_value::map follow{{"follow_redirects", one("true")}};
  EXPECT_EQ(get("http://" + loop.address(), follow).end, run_end::failure);
  EXPECT_EQ(loop.requests().size(), 6U);
  http_server to_file{always(response("302 Found", {}, "Location: file:///etc/passwd\r\n"))};
  EXPECT_THAT(get("http://" + to_file.address(), follow).text, HasSubstr("Protocol \"file\""));
  const certificate own;
  http_server down{always(response("302 Found", {}, "Location: http://" + loop.address() + "/\r\n")), &own};
  const auto end = get("https://" + down.address(), {{"follow_redirects", one("true")}, {"ca", one(own.path())}});
  EXPECT_THAT(end.text, HasSubstr("Protocol \"http\""));
  EXPECT_EQ(loop.requests().size(), 6U);
}

TEST_F(http, reads_the_bearer_token_at_each_run) {
  http_server server{always(response("200 OK"))};
  const auto url = "http://" + server.address();
  const scratch_file token{"first\n"};
  get(url, {{"bearer_file", one(token.path())}});
  token.write("second\n");
  get(url, {{"bearer_file", one(token.path())}});
  EXPECT_THAT(server.requests()[0], HasSubstr("\r\nAuthorization: Bearer first\r\n"));
  EXPECT_THAT(server.requests()[1], HasSubstr("\r\nAuthorization: Bearer second\r\n"));
  token.write("\n");
  EXPECT_EQ(get(url, {{"bearer_file", one(token.path())}}).text, "bearer_file " + token.path() + " has no token in its first line");
  EXPECT_EQ(get(url, {{"bearer_file", one("/nowhere")}}).text, "bearer_file /nowhere: No such file or directory");
  EXPECT_THAT(get(url, {{"bearer_file", one(token.path())}, {"bearer", one("x")}}).text, HasSubstr("one is enough"));
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST_F(http, keeps_the_first_bytes_of_a_long_body) {
  http_server server{always(response("200 OK", std::string(32U << 20, 'x')))};
  const auto url = "http://" + server.address();
  EXPECT_EQ(get(url).text, "status 200: " + std::string(1024, 'x'));
  EXPECT_EQ(get(url, {{"kept_bytes", one("0")}}).text, "status 200");
}

TEST_F(http, checks_the_certificate_of_the_server) {
  const certificate own;
  const certificate another;
  http_server server{always(response("200 OK")), &own};
  const auto url = "https://" + server.address();
  EXPECT_EQ(get(url, {{"ca", one(own.path())}}).end, run_end::success);
  const auto wrong = get(url, {{"ca", one(another.path())}});
  EXPECT_EQ(wrong.end, run_end::failure);
  EXPECT_THAT(wrong.text, HasSubstr("certificate"));
  EXPECT_EQ(get(url).end, run_end::failure);
  EXPECT_EQ(get("https://localhost:" + server.port(), {{"ca", one(own.path())}}).end, run_end::failure);  // another name
  EXPECT_EQ(server.requests().size(), 1U);
  EXPECT_EQ(get(url, {{"verify", one("false")}}).end, run_end::success);
}

TEST_F(http, shows_a_certificate_of_its_own) {
  const certificate own;
  http_server server{always(response("200 OK")), &own, http_server::clients::with_its_certificate};
  const auto url = "https://" + server.address();
  EXPECT_EQ(get(url, {{"ca", one(own.path())}, {"client_certificate", one(own.path())}}).end, run_end::success);
  EXPECT_NE(get(url, {{"ca", one(own.path())}}).end, run_end::success);
}

TEST_F(http, shows_no_secret) {
  for (const std::string host : {"127.0.0.1:1", "no-such-host.invalid"}) {
    const auto r = request({{"url", one("http://me:swordfish@" + host + "/swordfish?token=swordfish")}, {"bearer", one("swordfish")}});
    const auto end = run(r);
    EXPECT_EQ(end.end, run_end::retry_later);
    EXPECT_THAT(end.text, AllOf(StartsWith("http://" + host + ": "), Not(HasSubstr("swordfish"))));
    EXPECT_THAT(end.output, IsEmpty());
    EXPECT_THAT(executor_.events(r.id), Each(Not(testing::VariantWith<run_log>(testing::_))));
  }
}

std::size_t count_of(const char* folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{folder}, std::filesystem::directory_iterator{}));
}

TEST_F(http, leaves_nothing_behind_in_a_process_that_goes_on) {
  const certificate own;
  http_server server{always(response("200 OK")), &own};
  auto r = request({{"url", one("https://localhost:" + server.port())}, {"verify", one("false")}});
  r.isolation = isolation::in_process;
  const auto again = [&] {
    r.id = run_id{static_cast<std::uint64_t>(r.id) + 1};
    EXPECT_EQ(run(r).end, run_end::success);
  };
  again();
  const auto descriptors = count_of("/proc/self/fd");
  const auto threads = count_of("/proc/self/task");
  for (int i = 0; i < 5; ++i) again();
  EXPECT_TRUE(eventually([&] { return count_of("/proc/self/fd") <= descriptors && count_of("/proc/self/task") <= threads; }));
}

}  // namespace

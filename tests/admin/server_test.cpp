#include "baton/admin/server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <list>
#include <thread>

#include "baton/testing/http_client.hpp"

namespace baton::admin {
namespace {

using namespace std::chrono_literals;
using baton::testing::http_client;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

callbacks healthy() {
  return {[] { return std::string{"baton_store_up 1\n"}; }, [] { return health{}; }, [] { return health{false, {"store: away"}}; }};
}

std::unique_ptr<server> started(server::options opts = {}, callbacks calls = healthy()) {
  opts.port = 0;
  auto made = server::start(std::move(opts), std::move(calls));
  EXPECT_TRUE(made) << made.error().context;
  return std::move(*made);
}

server::options with_limits(server::limits bounds) {
  server::options opts;
  opts.bounds = bounds;
  return opts;
}

TEST(server, answers_with_headers_that_a_scraper_and_a_browser_need) {
  const auto running = started();
  http_client client{running->port()};
  EXPECT_EQ(client.get("/metrics"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nCache-Control: no-store\r\n"
            "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
            "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
            "Content-Length: 17\r\n\r\nbaton_store_up 1\n");
  EXPECT_THAT(client.get("/livez"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(client.get("/readyz"),
              AllOf(StartsWith("HTTP/1.1 503 Service Unavailable\r\n"), EndsWith(R"({"ok":false,"reasons":["store: away"]})"
                                                                                 "\n")));
  EXPECT_THAT(client.get("/nothing"), AllOf(StartsWith("HTTP/1.1 404 Not Found\r\n"), Not(HasSubstr("Access-Control"))));
}

TEST(server, answers_head_with_the_length_of_the_body_and_without_it) {
  const auto running = started();
  http_client client{running->port()};
  client.send("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.read_answer(false),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Length: 17\r\n"), EndsWith("\r\n\r\n")));
  EXPECT_THAT(client.get("/livez"), StartsWith("HTTP/1.1 200 OK\r\n")) << "the connection goes on behind it";
}

TEST(server, answers_pipelined_requests_in_their_order) {
  const auto running = started();
  http_client client{running->port()};
  client.send(
      "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(client.read_answer(), AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("Connection: close")));
  EXPECT_EQ(client.read_to_end(), "") << "nothing is answered after Connection: close";
}

TEST(server, speaks_http_1_0_with_those_who_do) {
  const auto running = started();
  http_client client{running->port()};
  client.send("GET /livez HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.0 200 OK\r\n"));
}

TEST(server, allows_nothing_but_reading) {
  const auto running = started();
  http_client client{running->port()};
  client.send("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_THAT(client.read_answer(), AllOf(StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"), HasSubstr("Allow: GET, HEAD\r\n")));
  EXPECT_THAT(client.get("/livez"), StartsWith("HTTP/1.1 200")) << "the body was taken for what it is";
}

TEST(server, refuses_what_is_no_request_and_closes) {
  const auto running = started();
  for (const std::string bad :
       {"nonsense\r\n\r\n", "GET\r\n\r\n", "GET /livez HTTP/2.0\r\n\r\n", "GET /livez HTTP/1.1\r\nHost localhost\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"}) {
    http_client client{running->port()};
    client.send(bad);
    EXPECT_THAT(client.read_to_end(), AllOf(StartsWith("HTTP/1.1 400 Bad Request\r\n"), HasSubstr("Connection: close"))) << bad;
  }
}

TEST(server, refuses_requests_without_one_host_or_with_an_odd_target) {
  const auto running = started();
  for (const std::string bad :
       {"GET /livez HTTP/1.1\r\n\r\n", "GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        "GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n"}) {
    http_client client{running->port()};
    client.send(bad);
    EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 400 Bad Request\r\n")) << bad;
  }
}

TEST(server, knows_itself_only_by_addresses_and_known_names) {
  server::options opts;
  opts.host_names = {"baton.example.com"};
  const auto running = started(opts);
  const auto asked_as = [&](const std::string& host) {
    http_client client{running->port()};
    client.send("GET /livez HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    return client.read_answer();
  };
  EXPECT_THAT(asked_as("127.0.0.1:" + std::to_string(running->port())), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(asked_as("baton.example.com:9687"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(asked_as("127.evil.com"), StartsWith("HTTP/1.1 421 Misdirected Request"));
  EXPECT_THAT(asked_as(""), StartsWith("HTTP/1.1 421"));
}

TEST(server, refuses_headers_and_bodies_beyond_their_limits) {
  const auto running = started();
  const auto said = [&](const std::string& request) {
    http_client client{running->port()};
    client.send(request);
    auto text = client.read_to_end();
    EXPECT_FALSE(client.was_reset());
    return text;
  };
  const std::string start = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
  EXPECT_THAT(said(start + "X: " + std::string(7'000, 'x') + "\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(said(start + "X: " + std::string(9'000, 'x') + "\r\n\r\n"), StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(said("GET /" + std::string(500'000, 'x')), StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(said(start + "Content-Length: 65536\r\n\r\n" + std::string(65'536, 'x')), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(said(start + "Content-Length: 65537\r\n\r\n" + std::string(65'537, 'x')), StartsWith("HTTP/1.1 413"));
  const auto chunk = "8000\r\n" + std::string(0x8000, 'x') + "\r\n";
  EXPECT_THAT(said(start + "Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk + chunk + "0\r\n\r\n"), StartsWith("HTTP/1.1 413"));
}

TEST(server, closes_on_a_client_that_dribbles_its_request) {
  server::limits bounds;
  bounds.read_timeout = 300ms;
  const auto running = started(with_limits(bounds));
  http_client client{running->port()};
  client.send("GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ");
  const auto begin = std::chrono::steady_clock::now();
  // Each byte comes well in time; the request as a whole does not.
  while (!client.has_something_to_read_within(20ms)) client.send("y");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 250ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

TEST(server, closes_on_a_client_that_stops_in_the_middle_of_a_request_or_between_two) {
  server::limits bounds;
  bounds.read_timeout = 100ms;
  const auto running = started(with_limits(bounds));
  http_client silent{running->port()};
  http_client halfway{running->port()};
  halfway.send("GET /livez HTTP/1.1\r\nHo");
  http_client resting{running->port()};
  EXPECT_THAT(resting.get("/livez"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(silent.read_to_end(), "");
  EXPECT_EQ(halfway.read_to_end(), "");
  EXPECT_EQ(resting.read_to_end(), "");
}

TEST(server, closes_on_a_client_that_does_not_read_its_answer) {
  server::limits bounds;
  bounds.write_timeout = 100ms;
  auto calls = healthy();
  calls.metrics_text = [] { return std::string(20'000'000, 'x'); };
  const auto running = started(with_limits(bounds), std::move(calls));
  http_client client{running->port()};
  client.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  http_client other{running->port()};
  EXPECT_THAT(other.get("/livez"), StartsWith("HTTP/1.1 200")) << "the others do not notice";
  while (client.is_waiting()) std::this_thread::yield();  // the first part of the answer is here, and is left unread
  // Only when the server has closed does a write from here fail.
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (client.send("x") && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_LT(std::chrono::steady_clock::now(), deadline);
}

TEST(server, lets_clients_beyond_its_limit_wait_until_one_leaves) {
  server::limits bounds;
  bounds.connections = 64;
  const auto running = started(with_limits(bounds));
  std::list<http_client> clients;
  for (int i = 0; i < 64; ++i) {
    clients.emplace_back(running->port());
    EXPECT_THAT(clients.back().get("/livez"), StartsWith("HTTP/1.1 200"));
  }
  http_client late{running->port()};
  http_client later{running->port()};
  late.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  later.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  for (auto& client : clients) EXPECT_THAT(client.get("/livez"), StartsWith("HTTP/1.1 200")) << "those inside are served";
  EXPECT_TRUE(late.is_waiting());
  EXPECT_TRUE(later.is_waiting());
  clients.pop_front();
  EXPECT_THAT(late.read_answer(), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(later.is_waiting());
  clients.pop_front();
  EXPECT_THAT(later.read_answer(), StartsWith("HTTP/1.1 200"));
}

TEST(server, refuses_scrapes_beyond_its_limit_while_their_texts_wait_to_be_read) {
  server::limits bounds;
  bounds.scrapes = 1;
  auto calls = healthy();
  calls.metrics_text = [] { return std::string(20'000'000, 'x'); };
  const auto running = started(with_limits(bounds), std::move(calls));
  http_client first{running->port()};
  first.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  while (first.is_waiting()) std::this_thread::yield();
  http_client second{running->port()};
  EXPECT_THAT(second.get("/metrics"), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(second.get("/livez"), StartsWith("HTTP/1.1 200"));
  EXPECT_GT(first.read_answer().size(), 20'000'000U);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!second.get("/metrics").starts_with("HTTP/1.1 200") && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_LT(std::chrono::steady_clock::now(), deadline) << "room again once the first was read";
}

TEST(server, serves_the_unix_socket_whatever_the_host_and_removes_it) {
  server::options opts;
  opts.socket = ::testing::TempDir() + "/baton_admin_" + std::to_string(::getpid());
  {
    const auto running = started(opts);
    http_client client{opts.socket};
    client.send("GET /metrics HTTP/1.1\r\nHost: anything\r\n\r\n");
    EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_FALSE(std::filesystem::exists(opts.socket));
}

constexpr std::string_view change_headers = "Host: localhost\r\nContent-Type: application/json\r\nX-Baton-Request: 1\r\n\r\n";

/// A server that listens on a unix socket alone.
server::options on_socket() {
  server::options opts;
  opts.host = "";
  opts.socket = ::testing::TempDir() + "/baton_admin_" + std::to_string(::getpid());
  return opts;
}

/// Changes of one verb, as they come.
struct asked_change {
  order wanted;
  say done;
};

TEST(server, answers_a_change_when_it_is_over_and_others_meanwhile) {
  const auto opts = on_socket();
  auto calls = healthy();
  std::promise<asked_change> begun;
  calls.change = [&](order wanted, say done) { begun.set_value({std::move(wanted), std::move(done)}); };
  const auto running = server::start(opts, std::move(calls));
  ASSERT_TRUE(running) << running.error().context;
  EXPECT_EQ((*running)->port(), 0);
  http_client asking{opts.socket};
  asking.send("POST /api/v1/reload HTTP/1.1\r\n" + std::string{change_headers});
  auto change = begun.get_future().get();
  EXPECT_EQ(change.wanted.verb, "reload");
  EXPECT_EQ(change.wanted.who, "uid " + std::to_string(::getuid()));
  http_client other{opts.socket};
  EXPECT_THAT(other.get("/livez"), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(asking.is_waiting());
  std::thread{[&] { change.done({409, "a:1:1: wrong"}); }}.join();
  EXPECT_THAT(asking.read_answer(), AllOf(StartsWith("HTTP/1.1 409"), HasSubstr("a:1:1: wrong")));
}

TEST(server, tells_of_a_change_that_takes_long_and_outlives_it) {
  auto opts = on_socket();
  opts.bounds.change_timeout = 10ms;
  auto calls = healthy();
  say late;
  calls.change = [&](const order&, say done) { late = std::move(done); };
  {
    const auto running = server::start(opts, std::move(calls));
    http_client asking{opts.socket};
    asking.send("POST /api/v1/drain HTTP/1.1\r\n" + std::string{change_headers});
    EXPECT_THAT(asking.read_answer(), StartsWith("HTTP/1.1 504"));
    late({});
  }
  late({});
}

TEST(server, ends_while_a_change_is_under_way) {
  const auto opts = on_socket();
  auto calls = healthy();
  std::promise<say> begun;
  calls.change = [&](const order&, say done) { begun.set_value(std::move(done)); };
  auto running = server::start(opts, std::move(calls));
  http_client asking{opts.socket};
  asking.send("POST /api/v1/drain HTTP/1.1\r\n" + std::string{change_headers});
  auto done = begun.get_future().get();
  running->reset();
  EXPECT_EQ(asking.read_to_end(), "");
  done({});
}

const std::string token = "0123456789abcdef0123456789abcdef";

TEST(server, takes_changes_over_tcp_only_with_the_token_and_without_a_token_not_at_all) {
  auto calls = healthy();
  std::vector<std::string> refused;
  calls.refused = [&](const order& wanted, std::string_view code) { refused.push_back(wanted.verb + ": " + std::string{code}); };
  calls.change = [](const order& wanted, const say& done) { done({200, wanted.who}); };
  server::options opts;
  const auto open = started(opts, calls);
  opts.admin_token = token;
  const auto guarded = started(opts, calls);
  const auto ask = [](const server& at, const std::string& header) {
    http_client client{at.port()};
    client.send("POST /api/v1/jobs/x/pause HTTP/1.1\r\n" + header + std::string{change_headers});
    return client.read_answer();
  };
  EXPECT_THAT(ask(*open, ""), AllOf(StartsWith("HTTP/1.1 403"), HasSubstr("read_only")));
  EXPECT_THAT(ask(*open, "Authorization: Bearer \r\n"), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(ask(*guarded, ""), AllOf(StartsWith("HTTP/1.1 401"), HasSubstr("WWW-Authenticate: Bearer\r\n"), HasSubstr("token_needed"),
                                       Not(HasSubstr(token))));
  EXPECT_THAT(ask(*guarded, "Authorization: Bearer " + token + "0\r\n"), StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(ask(*guarded, "Authorization: Bearer " + token + "\r\n"), AllOf(StartsWith("HTTP/1.1 200"), EndsWith("token")));
  EXPECT_THAT(ask(*guarded, "Authorization: Bearer " + token + "\r\nOrigin: http://evil.com\r\n"), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(ask(*guarded, "Authorization: Bearer " + token + "\r\nSec-Fetch-Site: same-site\r\n"), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(refused, ::testing::ElementsAre("pause: read_only", "pause: read_only", "pause: token_needed", "pause: token_needed",
                                              "pause: foreign_origin", "pause: foreign_origin"));
}

TEST(server, hands_no_origin_the_right_to_read) {
  const auto running = started();
  http_client client{running->port()};
  client.send("GET /livez HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n\r\n");
  EXPECT_THAT(client.read_answer(), AllOf(StartsWith("HTTP/1.1 200"), Not(HasSubstr("Access-Control"))));
}

/// Answers questions at once with what was asked for.
callbacks answering() {
  auto calls = healthy();
  calls.read = [](const question& asked, const say& done) { done({200, asked.what + " " + asked.object}); };
  calls.known = [](const question& asked) { return said{200, "known " + asked.what}; };
  return calls;
}

TEST(server, answers_a_question_with_what_is_known_when_nobody_answers_in_time) {
  auto calls = answering();
  say late;
  calls.read = [&](const question& asked, say done) {
    if (asked.what != "jobs") return done({200, asked.object});
    late = std::move(done);
  };
  server::limits bounds;
  bounds.answer_timeout = 50ms;
  const auto running = started(with_limits(bounds), std::move(calls));
  http_client client{running->port()};
  EXPECT_THAT(client.get("/api/v1/jobs/a%2Bb"), AllOf(StartsWith("HTTP/1.1 200"), EndsWith("\r\n\r\na+b")));
  EXPECT_THAT(client.get("/api/v1/jobs"), AllOf(StartsWith("HTTP/1.1 200"), EndsWith("known jobs")));
  late({200, "too late"});
  EXPECT_THAT(client.get("/api/v1/jobs/x"), EndsWith("\r\n\r\nx")) << "and it is not taken for another answer";
}

TEST(server, bounds_the_new_routes_as_the_others) {
  server::limits bounds;
  bounds.read_timeout = 200ms;
  const auto running = started(with_limits(bounds), answering());
  http_client slow{running->port()};
  slow.send("POST /api/v1/jobs/x/trigger HTTP/1.1\r\n" + std::string{change_headers.substr(0, 30)});
  http_client large{running->port()};
  large.send("POST /api/v1/jobs/x/trigger HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n" + std::string(70'000, 'x'));
  EXPECT_THAT(large.read_to_end(), StartsWith("HTTP/1.1 413"));
  http_client deep{running->port()};
  deep.send("GET /api/v1/runs?job=" + std::string(9'000, 'x') + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(deep.read_to_end(), StartsWith("HTTP/1.1 431"));
  EXPECT_EQ(slow.read_to_end(), "");
}

/// Follows the events of a server.
class follower {
 public:
  explicit follower(const server& at, const std::string& header = "") : client_(at.port()) {
    client_.send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n" + header + "\r\n");
    head_ = client_.read_answer(false);
  }
  [[nodiscard]] const std::string& head() const { return head_; }
  std::string next() { return client_.read_answer_to("\n\n"); }
  http_client& client() { return client_; }

 private:
  http_client client_;
  std::string head_;
};

std::string id_of(const std::string& event) { return event.substr(4, event.find('\n') - 4); }

TEST(server, streams_events_to_those_who_follow) {
  auto calls = answering();
  std::atomic<std::size_t> watched{0};
  calls.watched = [&](std::size_t n) { watched = n; };
  const auto running = started({}, std::move(calls));
  follower one{*running};
  EXPECT_THAT(one.head(), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Type: text/event-stream\r\n"),
                                HasSubstr("Cache-Control: no-store\r\n"), Not(HasSubstr("Content-Length"))));
  EXPECT_THAT(one.next(), HasSubstr("\nevent: hello\ndata: events"));
  EXPECT_EQ(watched, 1U);
  running->publish("run", "{\"run\":1}");
  EXPECT_THAT(one.next(), EndsWith("\nevent: run\ndata: {\"run\":1}\n\n"));
  follower two{*running};
  EXPECT_THAT(two.next(), HasSubstr("event: hello"));
  running->publish("job", "{}");
  EXPECT_THAT(one.next(), HasSubstr("event: job"));
  EXPECT_THAT(two.next(), HasSubstr("event: job"));
}

TEST(server, replays_what_a_client_missed_or_tells_it_to_begin_anew) {
  const auto running = started({}, answering());
  std::string seen;
  {
    follower one{*running};
    (void)one.next();
    running->publish("run", "1");
    seen = id_of(one.next());
  }
  running->publish("run", "2");
  running->publish("run", "3");
  {
    follower back{*running, "Last-Event-ID: " + seen + "\r\n"};
    EXPECT_EQ(id_of(back.next()), seen) << "hello";
    EXPECT_THAT(back.next(), HasSubstr("data: 2"));
    EXPECT_THAT(back.next(), HasSubstr("data: 3"));
  }
  for (int i = 0; i < 1001; ++i) running->publish("run", "more");
  follower late{*running, "Last-Event-ID: " + seen + "\r\n"};
  EXPECT_THAT(late.next(), HasSubstr("event: hello"));
  EXPECT_THAT(late.next(), HasSubstr("event: reset"));
  running->publish("run", "last");
  EXPECT_THAT(late.next(), HasSubstr("data: last"));
}

TEST(server, shows_those_who_follow_that_it_is_alive_and_notices_when_they_leave) {
  auto calls = answering();
  std::atomic<std::size_t> watched{0};
  calls.watched = [&](std::size_t n) { watched = n; };
  server::limits bounds;
  bounds.heartbeat = 20ms;
  const auto running = started(with_limits(bounds), std::move(calls));
  {
    follower one{*running};
    (void)one.next();
    EXPECT_EQ(one.next(), ": alive\n\n");
  }
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (watched != 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(watched, 0U);
}

TEST(server, has_room_for_followers_beside_the_connections_and_refuses_those_beyond) {
  server::limits bounds;
  bounds.connections = 1;
  bounds.watchers = 2;
  const auto running = started(with_limits(bounds), answering());
  follower one{*running};
  follower two{*running};
  EXPECT_THAT(one.next(), HasSubstr("hello"));
  EXPECT_THAT(two.next(), HasSubstr("hello"));
  http_client other{running->port()};
  EXPECT_THAT(other.get("/livez"), StartsWith("HTTP/1.1 200")) << "the one connection is free";
  EXPECT_THAT(other.get("/api/v1/events"), AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("too many")));
}

TEST(server, drops_a_follower_that_does_not_read_and_keeps_the_others) {
  server::limits bounds;
  bounds.write_timeout = 100ms;
  auto calls = answering();
  std::atomic<std::size_t> watched{0};
  calls.watched = [&](std::size_t n) { watched = n; };
  const auto running = started(with_limits(bounds), std::move(calls));
  follower lazy{*running};
  (void)lazy.next();
  const std::string large(200'000, 'x');
  for (int i = 0; i < 100; ++i) running->publish("run", large);  // more than sockets hold
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (watched != 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(watched, 0U);
  follower eager{*running};
  EXPECT_THAT(eager.next(), HasSubstr("hello"));
}

TEST(server, ends_with_followers_and_takes_no_events_after_that) {
  const auto running = started({}, answering());
  follower one{*running};
  (void)one.next();
  running->stop();
  EXPECT_EQ(one.client().read_to_end(), "");
  running->publish("run", "{}");
}

TEST(server, says_that_a_port_is_taken) {
  const auto running = started();
  server::options opts;
  opts.port = running->port();
  const auto second = server::start(opts, healthy());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, errc::io);
  EXPECT_THAT(second.error().context, AllOf(HasSubstr(std::to_string(running->port())), HasSubstr("Address already in use")));
}

TEST(server, stops_at_once_with_connections_open_and_frees_its_port) {
  const auto running = started();
  http_client resting{running->port()};
  EXPECT_THAT(resting.get("/livez"), StartsWith("HTTP/1.1 200"));
  http_client halfway{running->port()};
  halfway.send("GET /li");
  const auto port = running->port();
  running->stop();
  EXPECT_EQ(resting.read_to_end(), "");
  EXPECT_EQ(halfway.read_to_end(), "");
  running->stop();
  server::options opts;
  opts.port = port;
  EXPECT_TRUE(server::start(opts, healthy()));
}

TEST(server, answers_many_clients_at_once_with_callbacks_one_at_a_time) {
  std::atomic<int> inside{0};
  auto calls = healthy();
  calls.metrics_text = [&] {
    EXPECT_EQ(++inside, 1);
    --inside;
    return std::string(1000, 'x');
  };
  const auto running = started({}, std::move(calls));
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      http_client client{running->port()};
      for (int round = 0; round < 50; ++round) EXPECT_THAT(client.get("/metrics"), StartsWith("HTTP/1.1 200"));
    });
  }
  for (auto& client : clients) client.join();
}

}  // namespace
}  // namespace baton::admin

#include "baton/admin/server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <list>
#include <thread>

#include "http_client.hpp"

namespace baton::admin {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

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
            "X-Content-Type-Options: nosniff\r\nContent-Length: 17\r\n\r\nbaton_store_up 1\n");
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
  opts.socket = testing::TempDir() + "/baton_admin_" + std::to_string(::getpid());
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
  opts.socket = testing::TempDir() + "/baton_admin_" + std::to_string(::getpid());
  return opts;
}

TEST(server, answers_a_change_when_it_is_over_and_others_meanwhile) {
  const auto opts = on_socket();
  auto calls = healthy();
  std::promise<std::function<void(outcome)>> begun;
  calls.reload = [&](std::function<void(outcome)> done) { begun.set_value(std::move(done)); };
  const auto running = server::start(opts, std::move(calls));
  ASSERT_TRUE(running) << running.error().context;
  EXPECT_EQ((*running)->port(), 0);
  http_client asking{opts.socket};
  asking.send("POST /api/v1/reload HTTP/1.1\r\n" + std::string{change_headers});
  auto done = begun.get_future().get();
  http_client other{opts.socket};
  EXPECT_THAT(other.get("/livez"), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(asking.is_waiting());
  std::thread{[&] { done({false, "no", {"a:1:1: wrong"}}); }}.join();
  EXPECT_THAT(asking.read_answer(), AllOf(StartsWith("HTTP/1.1 409"), HasSubstr("a:1:1: wrong")));
}

TEST(server, tells_of_a_change_that_takes_long_and_outlives_it) {
  auto opts = on_socket();
  opts.bounds.change_timeout = 10ms;
  auto calls = healthy();
  std::function<void(outcome)> late;
  calls.drain = [&](std::function<void(outcome)> done) { late = std::move(done); };
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
  std::promise<std::function<void(outcome)>> begun;
  calls.drain = [&](std::function<void(outcome)> done) { begun.set_value(std::move(done)); };
  auto running = server::start(opts, std::move(calls));
  http_client asking{opts.socket};
  asking.send("POST /api/v1/drain HTTP/1.1\r\n" + std::string{change_headers});
  auto done = begun.get_future().get();
  running->reset();
  EXPECT_EQ(asking.read_to_end(), "");
  done({});
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

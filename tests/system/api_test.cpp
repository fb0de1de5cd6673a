// The JSON of an instance's HTTP listener, asked for over TCP and its unix socket while a fleet is at work.
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <csignal>
#include <fstream>

#include "baton/testing/http_client.hpp"
#include "baton/testing/tcp_gate.hpp"
#include "fixture.hpp"

namespace baton::system_test {
namespace {

namespace json = boost::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::http_client;
using testing::http_get;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::tcp_gate;

constexpr std::string_view token = "a-token-of-more-than-32-characters-0";

json::value parsed(const std::string& text) {
  boost::system::error_code error;
  auto value = json::parse(text, error);
  EXPECT_FALSE(error) << text.substr(0, 300);
  return value;
}

/// The properties that docs/reference/openapi.json calls required, and an answer lacks.
class description {
 public:
  description() : all_(parsed(testing::read_text(BATON_OPENAPI))) {}

  [[nodiscard]] std::vector<std::string> lacking(const std::string& path, const json::value& answer) const {
    const auto& content = all_.at("paths").at(path).at("get").at("responses").at("200").at("content").at("application/json");
    std::vector<std::string> found;
    check(content.at("schema"), answer, path, found);
    return found;
  }

 private:
  void check(const json::value& schema, const json::value& value, const std::string& at, std::vector<std::string>& found) const {
    const auto& s = schema.as_object();
    if (const auto* ref = s.if_contains("$ref")) {
      const std::string name{ref->as_string().c_str()};
      return check(all_.at("components").at("schemas").at(name.substr(name.rfind('/') + 1)), value, at, found);
    }
    if (value.is_null()) {
      if (!s.contains("nullable")) found.push_back(at + ": null");
      return;
    }
    if (const auto* all_of = s.if_contains("allOf")) return check(all_of->as_array()[0], value, at, found);
    const std::string type{s.at("type").as_string().c_str()};
    const bool fits = type == "object"    ? value.is_object()
                      : type == "array"   ? value.is_array()
                      : type == "string"  ? value.is_string()
                      : type == "boolean" ? value.is_bool()
                      : type == "integer" ? value.is_int64()
                                          : value.is_number();
    if (!fits) return found.push_back(at + ": no " + type);
    if (type == "array") {
      for (const auto& one : value.as_array()) check(s.at("items"), one, at + "[]", found);
    }
    if (type != "object") return;
    if (const auto* required = s.if_contains("required")) {
      for (const auto& name : required->as_array()) {
        if (!value.as_object().contains(name.as_string())) found.push_back(at + "." + name.as_string().c_str() + ": is not there");
      }
    }
    const auto* properties = s.if_contains("properties");
    const auto* others = s.if_contains("additionalProperties");
    for (const auto& [name, part] : value.as_object()) {
      const auto* known = properties == nullptr ? nullptr : properties->as_object().if_contains(name);
      if (known == nullptr && others != nullptr) known = others;
      if (known == nullptr) {
        found.push_back(at + "." + std::string{name} + ": is not described");
      } else {
        check(*known, part, at + "." + std::string{name}, found);
      }
    }
  }

  json::value all_;
};

std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

class api : public on_a_server {
 protected:
  /// An instance with a token and a unix socket.
  static instance& add(fleet& f, const std::string& name, std::uint16_t store_port = 0) {
    std::ofstream{f.directory() / "token"} << token << "\n";
    return f.add(name, {.clock_offset = {},
                        .environment = {},
                        .store_settings = {},
                        .settings = {},
                        .store_port = store_port,
                        .http = "admin_token: {file: token}, socket: " + name + ".sock"});
  }
  static std::string socket_of(const fleet& f, const std::string& name) { return f.directory() / (name + ".sock"); }
  static json::value ask(instance& i, const std::string& target) { return parsed(i.get(target).body); }
  static std::string post(instance& i, const std::string& target, const std::string& body = "{}", std::string_view with = token) {
    http_client client{i.http_port()};
    client.send("POST " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Baton-Request: 1\r\n" +
                "Authorization: Bearer " + std::string{with} + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return client.read_answer();
  }
  static json::value job(instance& i, const std::string& name) { return ask(i, "/api/v1/jobs/" + name).at("job"); }
};

TEST_P(api, answers_each_route_as_it_is_described_over_tcp_and_the_unix_socket) {
  fleet f{fleet_options()};
  f.job("work", "{every: 1s}", "--for 20");
  f.job("by-hand", never_due, "--for 20");
  auto& a = add(f, "a");
  add(f, "b");
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "work", seconds{10}, 2);
  ASSERT_TRUE(eventually([&] { return ask(a, "/api/v1/jobs/work").at("runs").as_array().size() > 1; }, seconds{10}));
  const description described;
  for (const auto& [path, target] : std::vector<std::pair<std::string, std::string>>{{"/livez", "/livez"},
                                                                                     {"/readyz", "/readyz"},
                                                                                     {"/api/v1/jobs", "/api/v1/jobs"},
                                                                                     {"/api/v1/jobs/{job}", "/api/v1/jobs/work"},
                                                                                     {"/api/v1/runs", "/api/v1/runs?job=work&limit=2"},
                                                                                     {"/api/v1/locks", "/api/v1/locks"},
                                                                                     {"/api/v1/instances", "/api/v1/instances"},
                                                                                     {"/api/v1/config", "/api/v1/config"}}) {
    const auto answer = a.get(target);
    EXPECT_EQ(answer.status, 200) << target;
    EXPECT_THAT(described.lacking(path, parsed(answer.body)), IsEmpty()) << target;
    http_client local{socket_of(f, "a")};
    EXPECT_THAT(local.get(target), StartsWith("HTTP/1.1 200")) << target;
    EXPECT_THAT(answer.body, Not(HasSubstr(std::string{token}))) << target;
  }
  EXPECT_EQ(job(a, "work").at("known_here"), true);
  EXPECT_EQ(job(a, "by-hand").at("next_tick"), "2099-12-31T23:59:00.000000Z");
  EXPECT_THAT(ask(a, "/api/v1/instances").at("instances").as_array(), SizeIs(2));
  const auto locks = ask(a, "/api/v1/locks");
  EXPECT_THAT(locks.at("locks").as_array(), SizeIs(2));
  EXPECT_THAT(locks.at("attempts").as_array(), Not(IsEmpty()));
  EXPECT_THAT(locks.at("latency").at("slots").as_array(), Not(IsEmpty()));
  const auto page = ask(a, "/api/v1/runs?job=work&limit=1");
  const auto behind = ask(a, "/api/v1/runs?job=work&limit=1&after=" + std::string{page.at("next").as_string().c_str()});
  EXPECT_LT(behind.at("runs").at(0).at("tick").as_string(), page.at("runs").at(0).at("tick").as_string());
  EXPECT_EQ(a.get("/api/v1/jobs/wrok").status, 404);
  EXPECT_EQ(ask(a, "/api/v1/jobs/wrok").at("suggestion"), "work");
  EXPECT_EQ(a.get("/api/v1/runs?limit=0").status, 400);
}

TEST_P(api, takes_changes_with_the_token_writes_down_who_made_them_and_tells_followers) {
  fleet f{fleet_options()};
  f.job("by-hand", never_due, "--for 20");
  f.job("long", never_due, "--for 60000 --beat 50");
  auto& a = add(f, "a");
  ASSERT_TRUE(f.await_ready()) << f.logs();
  ASSERT_TRUE(eventually([&] { return ask(a, "/api/v1/jobs").at("jobs").as_array().size() == 2; }, seconds{10}));
  http_client follower{a.http_port()};
  follower.send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(follower.read_answer(false), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(follower.read_answer_to("\n\n"), HasSubstr("event: hello"));

  EXPECT_THAT(post(a, "/api/v1/jobs/by-hand/trigger", "{}", "not-the-token-of-more-than-32-characters"), StartsWith("HTTP/1.1 401"));
  const auto triggered = post(a, "/api/v1/jobs/by-hand/trigger");
  EXPECT_THAT(triggered, AllOf(StartsWith("HTTP/1.1 202"), HasSubstr("by-hand@"), HasSubstr("#trigger")));
  await_run(f, "by-hand");
  std::string event;
  const auto is_end = [&] {
    return event.find("event: run\n") != std::string::npos && event.find("\"outcome\":\"success\"") != std::string::npos;
  };
  for (int i = 0; i < 100 && !is_end(); ++i) event = follower.read_answer_to("\n\n");
  EXPECT_TRUE(is_end()) << event;

  EXPECT_THAT(post(a, "/api/v1/jobs/by-hand/pause"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(job(a, "by-hand").at("paused"), true);
  EXPECT_THAT(post(a, "/api/v1/jobs/by-hand/resume"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(job(a, "by-hand").at("paused"), false);

  const auto begun = parsed(body_of(post(a, "/api/v1/jobs/long/trigger")));
  await_run(f, "long");
  std::string run{begun.at("run").as_string().c_str()};
  const auto hash = run.find('#');
  run.replace(hash, 1, "%23");
  const auto is_held = [](const json::value& lock) { return lock.at("held").as_bool() && lock.at("holder").at("instance") == "a"; };
  EXPECT_TRUE(eventually([&] { return std::ranges::any_of(ask(a, "/api/v1/locks").at("locks").as_array(), is_held); }, seconds{10}));
  EXPECT_THAT(post(a, "/api/v1/runs/" + run + "/cancel"), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(eventually([&] { return ask(a, "/api/v1/runs?job=long").at("runs").at(0).at("outcome") == "cancelled"; }, seconds{10}));
  EXPECT_THAT(post(a, "/api/v1/runs/" + run + "/cancel"), StartsWith("HTTP/1.1 409"));

  EXPECT_THAT(a.log_lines("change asked for over HTTP"),
              Contains(AllOf(HasSubstr("token"), HasSubstr("trigger"), HasSubstr("by-hand"), HasSubstr("success"))));
  EXPECT_THAT(a.log_lines("change asked for over HTTP"), Contains(AllOf(HasSubstr("refused"), HasSubstr("token_needed"))));
  EXPECT_THAT(a.log(), Not(HasSubstr(std::string{token})));
  EXPECT_EQ(a.metrics().value("baton_admin_requests_total", {{"verb", "trigger"}, {"result", "success"}}), 2);
  EXPECT_EQ(a.metrics().value("baton_admin_requests_total", {{"verb", "trigger"}, {"result", "refused"}}), 1);
  EXPECT_EQ(a.metrics().value("baton_admin_requests_total", {{"verb", "cancel"}, {"result", "failure"}}), 1);
}

TEST_P(api, answers_in_time_with_what_it_knew_while_the_store_is_silent) {
  tcp_gate gate{server().port()};
  fleet f{fleet_options()};
  f.job("work", "{every: 1s}", "--for 20");
  auto& a = add(f, "a", gate.port());
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "work");
  ASSERT_TRUE(eventually([&] { return !ask(a, "/api/v1/runs").at("runs").as_array().empty(); }, seconds{10}));
  gate.swallow(true);
  // What was read in the last second may still be the answer to the first question.
  json::value old;
  ASSERT_TRUE(eventually(
      [&] {
        const auto asked = boot_now();
        const auto answer = http_get(a.http_port(), "/api/v1/jobs", seconds{5});
        EXPECT_LT(boot_now() - asked, seconds{4});
        if (!answer) return false;
        old = parsed(answer->body);
        return old.at("stale").as_bool();
      },
      seconds{20}));
  EXPECT_FALSE(old.at("reason").is_null());
  EXPECT_FALSE(old.at("as_of").is_null());
  EXPECT_THAT(old.at("jobs").as_array(), SizeIs(1));
  EXPECT_EQ(a.get("/livez").status, 200);
  const auto told = f.run_program({"status", "--socket", socket_of(f, "a")});
  EXPECT_THAT(told.out, HasSubstr("The store does not answer"));
  gate.swallow(false);
  gate.cut();
  EXPECT_TRUE(eventually([&] { return !ask(a, "/api/v1/jobs").at("stale").as_bool(); }, seconds{20})) << f.logs();
}

TEST_P(api, gives_the_verbs_of_the_command_line_the_same_answers_as_the_store) {
  fleet f{fleet_options()};
  f.job("work", "{every: 1s}", "--for 20");
  f.job("bad", never_due, "--for 20 --exit 3");
  add(f, "a");
  ASSERT_TRUE(f.await_ready()) << f.logs();
  await_run(f, "work");
  EXPECT_EQ(f.verb({"trigger", "bad", "--wait"}).code, 1);
  EXPECT_EQ(f.verb({"pause", "bad"}).code, 0);
  for (const auto* verb : {"status", "list", "runs", "locks", "instances"}) {
    const auto by_store = f.verb({verb});
    const auto by_socket = f.run_program({verb, "--socket", socket_of(f, "a")});
    EXPECT_EQ(by_store.code, 0) << verb << by_store.err;
    EXPECT_EQ(by_socket.code, 0) << verb << by_socket.err;
    const auto head = [](const std::string& text) { return text.substr(0, text.find(' ')); };
    EXPECT_EQ(head(by_store.out), head(by_socket.out)) << verb;
    for (const auto* format : {"json", "yaml"}) {
      EXPECT_EQ(f.verb({verb, "-o", format}).code, 0) << verb;
      EXPECT_EQ(f.run_program({verb, "-o", format, "--socket", socket_of(f, "a")}).code, 0) << verb;
    }
  }
  for (const auto& status : {f.verb({"status"}), f.run_program({"status", "--socket", socket_of(f, "a")})}) {
    EXPECT_THAT(status.out, AllOf(HasSubstr(": needs a look; 1 of 1 instances alive, 2 jobs"), HasSubstr("1 failing, 1 paused")));
    EXPECT_THAT(status.out, HasSubstr("failure"));
  }
  const auto none = f.run_program({"status"});
  EXPECT_EQ(none.code, 64);
  EXPECT_THAT(none.err, HasSubstr("--socket PATH"));
  EXPECT_EQ(f.run_program({"locks", "--socket", "/nonexistent/x.sock"}).code, 69);
}

BATON_ON_BOTH_SERVERS(api);

}  // namespace
}  // namespace baton::system_test

#include <signal.h>
#include <strings.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "baton/sdk/plugin.hpp"

#include "blocked_signal.hpp"
#include "request.hpp"
#include "statuses.hpp"

namespace {

using namespace std::chrono;
using baton::sdk::outcome;
using baton::sdk::run_context;
using baton::sdk::text_list;
using baton::sdk::text_map;
using http_plugin::response;

struct by_header_name {
  bool operator()(const std::string& a, const std::string& b) const { return ::strcasecmp(a.c_str(), b.c_str()) < 0; }
};

bool is_header_name(std::string_view name) {
  constexpr std::string_view allowed = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return !name.empty() && name.find_first_not_of(allowed) == std::string_view::npos;
}

/// No line break, above all: what comes after it would be another header.
bool is_header_value(std::string_view value) {
  return std::ranges::none_of(value, [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; });
}

/// The token that authorises the request, or nothing. Read at each run, since tokens are renewed.
std::string bearer_of(const run_context& run) {
  const auto path = run.text("bearer_file");
  auto token = run.text("bearer");
  if (path.empty()) return token;
  if (!token.empty()) throw std::runtime_error{"bearer and bearer_file are both set: one is enough"};
  std::ifstream file{path};
  if (!file) throw std::runtime_error{"bearer_file " + path + ": " + std::strerror(errno)};
  std::getline(file, token);
  token.erase(token.find_last_not_of(" \t\r") + 1);
  if (token.empty()) throw std::runtime_error{"bearer_file " + path + " has no token in its first line"};
  return token;
}

std::vector<std::string> headers_of(const run_context& run, bool has_body) {
  std::map<std::string, std::string, by_header_name> headers{
      {"User-Agent", "baton/" BATON_VERSION},
      // Of the tick, not of the run: a receiver that knows it does the work of several attempts once.
      {"Idempotency-Key", std::string{run.cluster()} + "/" + std::string{run.job()} + "/" + baton::sdk::to_rfc3339(run.tick())}};
  if (has_body) headers["Content-Type"] = "application/json";
  if (const auto token = bearer_of(run); !token.empty()) {
    if (!is_header_value(token)) throw std::runtime_error{"the bearer token has a line break or another control character in it"};
    headers["Authorization"] = "Bearer " + token;
  }
  for (const auto& [name, value] : run.map("headers")) {
    if (!is_header_name(name)) throw std::runtime_error{"headers: '" + name + "' is not the name of a header"};
    if (!is_header_value(value))
      throw std::runtime_error{"headers: the value of " + name + " has a line break or another control character in it"};
    headers[name] = value;
  }
  std::vector<std::string> lines;
  lines.reserve(headers.size());
  for (const auto& [name, value] : headers) lines.push_back(value.empty() ? name + ";" : name + ": " + value);  // curl's way to send none
  if (!headers.contains("Content-Type")) lines.emplace_back("Content-Type:");  // and not to call a missing body a form
  return lines;
}

http_plugin::statuses statuses_of(const run_context& run, const std::string& name) {
  const auto parsed = http_plugin::statuses::parse(run.list(name));
  if (!parsed) throw std::runtime_error{name + " takes statuses from 100 to 599: 204, 200-299 or 2xx"};
  return *parsed;
}

/// Sends one request.
struct http : baton::sdk::handler {
  static constexpr baton::sdk::params parameters{
      baton::sdk::required<std::string>("url", "http:// or https://; user:password@ is sent as basic authentication"),
      baton::sdk::param<std::string>("method", "GET", "a body takes POST, PUT, PATCH or DELETE")
          .one_of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
      baton::sdk::param<text_map>("headers", "", "sent with the request; they replace those of the plugin"),
      baton::sdk::param<std::string>("body", "", "what is sent, as application/json unless headers say otherwise"),
      baton::sdk::param<std::string>("bearer", "", "token for the header Authorization").secret(),
      baton::sdk::param<std::string>("bearer_file", "", "file with that token, read at each run"),
      baton::sdk::param<text_list>("success_statuses", "2xx", "statuses that mean success: 204, 200-299 or 2xx"),
      baton::sdk::param<text_list>("retry_statuses", "429\n5xx", "statuses that mean: try again later"),
      baton::sdk::param<microseconds>("timeout", 30s, "for the whole request").range<microseconds>(1ms, 24h),
      baton::sdk::param<microseconds>("connect_timeout", 10s, "until there is a connection").range<microseconds>(1ms, 24h),
      baton::sdk::param<bool>("follow_redirects", false, "of GET, HEAD and POST, at most five, never from https to http"),
      baton::sdk::param<bool>("verify", true, "whether the server's certificate and name have to be right"),
      baton::sdk::param<std::string>("ca", "", "file of certificate authorities (PEM); empty: the system's"),
      baton::sdk::param<std::string>("client_certificate", "", "file of a certificate to show (PEM)"),
      baton::sdk::param<std::string>("client_key", "", "file of its key (PEM); empty: it is in the certificate's"),
      baton::sdk::param<std::int64_t>("kept_bytes", 1024, "how much of the response's body is kept in the result").range(0, 3072),
  };

  outcome run(run_context& run) override {
    const auto origin = http_plugin::origin_of(run.text("url"));
    if (!origin) throw std::runtime_error{"url is not of the form http://host/path or https://host/path"};
    http_plugin::request request;
    request.url = run.text("url");
    request.method = run.text("method");
    request.body = run.text("body");
    if (!request.body.empty() && (request.method == "GET" || request.method == "HEAD"))
      throw std::runtime_error{"a " + request.method + " has no body: set method"};
    request.headers = headers_of(run, !request.body.empty());
    request.timeout = run.duration("timeout");
    request.connect_timeout = run.duration("connect_timeout");
    request.follow_redirects = run.flag("follow_redirects");
    request.verify = run.flag("verify");
    request.ca = run.text("ca");
    request.client_certificate = run.text("client_certificate");
    request.client_key = run.text("client_key");
    request.kept_bytes = static_cast<std::size_t>(run.integer("kept_bytes"));
    const auto good = statuses_of(run, "success_statuses");
    const auto later = statuses_of(run, "retry_statuses");

    const plugins::blocked_signal broken_connection{SIGPIPE};
    const auto got = http_plugin::send(request, run.stop_descriptor());
    switch (got.how) {
      case response::end::stopped: return outcome::cancelled();
      case response::end::unreachable: return outcome::retry_later(*origin + ": " + got.why);
      case response::end::refused: return outcome::failure(*origin + ": " + got.why);
      case response::end::answered: break;
    }
    const auto text = "status " + std::to_string(got.status) + (got.body.empty() ? "" : ": " + got.body);
    if (good.contains(got.status)) return outcome::success(text);
    return later.contains(got.status) ? outcome::retry_later(text) : outcome::failure(text);
  }
};

}  // namespace

BATON_PLUGIN(http, "http", "1.0.0")

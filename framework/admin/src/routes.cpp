#include "routes.hpp"

#include <algorithm>
#include <array>
#include <exception>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "baton/base/utf8.hpp"
#include "page.hpp"
#include "target.hpp"

namespace baton::admin {
namespace {

constexpr std::string_view json_type = "application/json";
constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";  // Prometheus 3 refuses to guess

reply metrics_reply(const callbacks& calls) { return {200, metrics_type, calls.metrics_text()}; }

reply health_reply(const health& found) {
  boost::json::array reasons;
  for (const auto& reason : found.reasons) reasons.emplace_back(valid_utf8(reason));
  return {found.ok ? 200U : 503U, json_type,
          boost::json::serialize(boost::json::object{{"ok", found.ok}, {"reasons", std::move(reasons)}}) + "\n"};
}

reply page_reply(std::string_view path) {
  const auto file = page_at(path);
  return {200, file->content_type, std::string{file->body}};
}

struct route {
  std::string_view method;
  std::string_view path;  ///< a part in braces stands for any name
  reply (*run)(const callbacks&) = nullptr;
  std::string_view what = {};  ///< of a question, or the verb of an order
};

constexpr std::array routes{
    route{"GET", "/metrics", metrics_reply},
    route{"GET", "/livez", [](const callbacks& calls) { return health_reply(calls.livez()); }},
    route{"GET", "/readyz", [](const callbacks& calls) { return health_reply(calls.readyz()); }},
    route{"GET", "/", [](const callbacks&) { return page_reply("/"); }},
    route{"GET", "/app.css", [](const callbacks&) { return page_reply("/app.css"); }},
    route{"GET", "/app.js", [](const callbacks&) { return page_reply("/app.js"); }},
    route{"GET", "/api/v1/jobs", nullptr, "jobs"},
    route{"GET", "/api/v1/jobs/{job}", nullptr, "job"},
    route{"GET", "/api/v1/runs", nullptr, "runs"},
    route{"GET", "/api/v1/locks", nullptr, "locks"},
    route{"GET", "/api/v1/instances", nullptr, "instances"},
    route{"GET", "/api/v1/config", nullptr, "config"},
    route{"GET", "/api/v1/events", nullptr, "events"},
    route{"POST", "/api/v1/jobs/{job}/trigger", nullptr, "trigger"},
    route{"POST", "/api/v1/jobs/{job}/pause", nullptr, "pause"},
    route{"POST", "/api/v1/jobs/{job}/resume", nullptr, "resume"},
    route{"POST", "/api/v1/runs/{run}/cancel", nullptr, "cancel"},
    route{"POST", "/api/v1/reload", nullptr, "reload"},
    route{"POST", "/api/v1/drain", nullptr, "drain"},
};

/// Whether the path is the route's; `object` is what stands for its part in braces.
bool matches(std::string_view pattern, const std::vector<std::string>& path, std::string& object) {
  std::string found;
  for (const auto& part : path) {
    if (!pattern.starts_with('/')) return false;
    pattern.remove_prefix(1);
    const auto name = pattern.substr(0, pattern.find('/'));
    if (name.starts_with('{') ? part.empty() : name != part) return false;
    if (name.starts_with('{')) found = part;
    pattern.remove_prefix(name.size());
  }
  if (!pattern.empty()) return false;
  object = std::move(found);
  return true;
}

reply not_found() {
  return error_reply(404, "not_found",
                     "there is no such page; see /, /metrics, /livez, /readyz and, below /api/v1, jobs, runs, locks, instances, config");
}

bool is_change(const route& r) { return r.method == "POST"; }

reply refuse(const callbacks& calls, const order& wanted, unsigned status, std::string_view code, std::string_view message) {
  if (calls.refused) calls.refused(wanted, code);
  return error_reply(status, code, message);
}

reply judge_change(const request& asked, order wanted, const callbacks& calls) {
  if (asked.is_foreign)
    return refuse(calls, wanted, 403, "foreign_origin",
                  "a page of another origin asks for this: a change is asked for from this server's own");
  if (!asked.is_json || !asked.is_marked)
    return refuse(calls, wanted, 415, "not_json", "a change needs Content-Type: application/json and X-Baton-Request: 1");
  if (asked.may == access::read_only)
    return refuse(calls, wanted, 403, "read_only",
                  "nothing is changed over TCP without http.admin_token in the configuration; the unix socket (http.socket) takes changes");
  if (asked.may == access::needs_token)
    return refuse(calls, wanted, 401, "token_needed",
                  "a change over TCP needs the right token: Authorization: Bearer TOKEN, as http.admin_token has it");
  reply begun;
  begun.carry_out = std::move(wanted);
  return begun;
}

reply judge_question(const request& asked, question wanted) {
  if (asked.is_foreign) return error_reply(403, "foreign_origin", "a page of another origin asks for this, and would not get to read it");
  reply begun;
  begun.is_stream = wanted.what == "events";
  begun.ask = std::move(wanted);
  return begun;
}

reply wrong_method(const route& found) {
  auto refusal = error_reply(405, "method_not_allowed", is_change(found) ? "this is a POST" : "this page answers GET and HEAD");
  refusal.allow = is_change(found) ? "POST" : "GET, HEAD";
  return refusal;
}

}  // namespace

route_kind classify(std::string_view target) noexcept {
  if (!target.starts_with('/')) return route_kind::unknown;
  const auto path = target.substr(0, target.find('?'));
  // Escaped letters mean the same: whatever has an escape and one part is taken for it, so that no spelling escapes its limits.
  const bool may_be_metrics =
      path == "/metrics" || (path.find('%') != std::string_view::npos && path.find('/', 1) == std::string_view::npos);
  return may_be_metrics ? route_kind::metrics : route_kind::other;
}

reply answer(const request& asked, const callbacks& calls) {
  try {
    auto where = parse_target(asked.target);
    if (!where) return error_reply(400, "bad_target", "the target holds an escape that is none, a control character, or an escaped slash");
    std::string object;
    const auto* const found =
        std::find_if(routes.begin(), routes.end(), [&](const route& one) { return matches(one.path, where->path, object); });
    if (found == routes.end()) return not_found();
    if (found->run == nullptr && !(is_change(*found) ? static_cast<bool>(calls.change) : static_cast<bool>(calls.read))) return not_found();
    const bool allowed = asked.method == found->method || (asked.method == "HEAD" && found->method == "GET");
    if (!allowed) return wrong_method(*found);
    if (found->run != nullptr) return found->run(calls);
    std::string what{found->what};
    if (!is_change(*found)) return judge_question(asked, {std::move(what), std::move(object), std::move(where->query)});
    return judge_change(asked, {std::move(what), std::move(object), std::string{asked.body}, std::string{asked.who}}, calls);
  } catch (const std::exception& error) {
    return error_reply(500, "internal", error.what());
  }
}

reply json_reply(said what) { return {what.status, json_type, std::move(what.json)}; }

reply error_reply(unsigned status, std::string_view code, std::string_view message) {
  const boost::json::object error{{"error", valid_utf8(code)}, {"message", valid_utf8(message)}};
  return {status, json_type, boost::json::serialize(error) + "\n"};
}

std::vector<route_name> route_names() {
  std::vector<route_name> all;
  all.reserve(std::size(routes));
  for (const auto& one : routes) all.push_back({one.method, one.path});
  return all;
}

}  // namespace baton::admin

#include "routes.hpp"

#include <algorithm>
#include <array>
#include <exception>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "baton/base/utf8.hpp"

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

struct route {
  std::string_view method;
  std::string_view path;
  route_kind kind;
  reply (*run)(const callbacks&);
  callbacks::change callbacks::*change = nullptr;
};

constexpr std::array routes{
    route{"GET", "/metrics", route_kind::metrics, metrics_reply},
    route{"GET", "/livez", route_kind::other, [](const callbacks& calls) { return health_reply(calls.livez()); }},
    route{"GET", "/readyz", route_kind::other, [](const callbacks& calls) { return health_reply(calls.readyz()); }},
    route{"POST", "/api/v1/reload", route_kind::other, nullptr, &callbacks::reload},
    route{"POST", "/api/v1/drain", route_kind::other, nullptr, &callbacks::drain},
};

const route* find_route(std::string_view target) noexcept {
  const auto path = target.substr(0, target.find('?'));
  const auto* const found = std::find_if(routes.begin(), routes.end(), [&](const route& one) { return one.path == path; });
  return found == routes.end() ? nullptr : found;
}

reply judge_change(const request& asked, const callbacks::change& change) {
  if (!asked.is_local) return error_reply(403, "forbidden", "changes are asked for through the unix socket (http.socket)");
  if (!asked.is_json || !asked.is_marked)
    return error_reply(415, "not_json", "a change needs Content-Type: application/json and X-Baton-Request: 1");
  reply begun;
  begun.change = &change;
  return begun;
}

}  // namespace

route_kind classify(std::string_view target) noexcept {
  const auto* const found = find_route(target);
  return found == nullptr ? route_kind::unknown : found->kind;
}

reply answer(const request& asked, const callbacks& calls) {
  const auto* const found = find_route(asked.target);
  const auto* const change = found != nullptr && found->change != nullptr ? &(calls.*found->change) : nullptr;
  if (found == nullptr || (change != nullptr && !*change))
    return error_reply(404, "not_found", "there is no such page; see /metrics, /livez and /readyz");
  const bool allowed = asked.method == found->method || (asked.method == "HEAD" && found->method == "GET");
  if (!allowed) {
    auto refusal = error_reply(405, "method_not_allowed", change == nullptr ? "this page answers GET and HEAD" : "this is a POST");
    refusal.allow = change == nullptr ? "GET, HEAD" : "POST";
    return refusal;
  }
  if (change != nullptr) return judge_change(asked, *change);
  try {
    return found->run(calls);
  } catch (const std::exception& error) {
    return error_reply(500, "internal", error.what());
  }
}

reply outcome_reply(const outcome& o) {
  boost::json::array problems;
  for (const auto& problem : o.problems) problems.emplace_back(valid_utf8(problem));
  return {o.ok ? 200U : 409U, json_type,
          boost::json::serialize(boost::json::object{{"ok", o.ok}, {"message", valid_utf8(o.message)}, {"problems", std::move(problems)}}) +
              "\n"};
}

reply error_reply(unsigned status, std::string_view code, std::string_view message) {
  const boost::json::object error{{"code", valid_utf8(code)}, {"message", valid_utf8(message)}};
  return {status, json_type, boost::json::serialize(boost::json::object{{"error", error}}) + "\n"};
}

}  // namespace baton::admin

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
};

constexpr std::array routes{
    route{"GET", "/metrics", route_kind::metrics, metrics_reply},
    route{"GET", "/livez", route_kind::other, [](const callbacks& calls) { return health_reply(calls.livez()); }},
    route{"GET", "/readyz", route_kind::other, [](const callbacks& calls) { return health_reply(calls.readyz()); }},
};

const route* find_route(std::string_view target) noexcept {
  const auto path = target.substr(0, target.find('?'));
  const auto* const found = std::find_if(routes.begin(), routes.end(), [&](const route& one) { return one.path == path; });
  return found == routes.end() ? nullptr : found;
}

}  // namespace

route_kind classify(std::string_view target) noexcept {
  const auto* const found = find_route(target);
  return found == nullptr ? route_kind::unknown : found->kind;
}

reply answer(const request& asked, const callbacks& calls) {
  const auto* const found = find_route(asked.target);
  if (found == nullptr) return error_reply(404, "not_found", "there is no such page; see /metrics, /livez and /readyz");
  const bool allowed = asked.method == found->method || (asked.method == "HEAD" && found->method == "GET");
  if (!allowed) {
    auto refusal = error_reply(405, "method_not_allowed", "this page answers GET and HEAD");
    refusal.allow = "GET, HEAD";
    return refusal;
  }
  try {
    return found->run(calls);
  } catch (const std::exception& error) {
    return error_reply(500, "internal", error.what());
  }
}

reply error_reply(unsigned status, std::string_view code, std::string_view message) {
  const boost::json::object error{{"code", valid_utf8(code)}, {"message", valid_utf8(message)}};
  return {status, json_type, boost::json::serialize(boost::json::object{{"error", error}}) + "\n"};
}

}  // namespace baton::admin

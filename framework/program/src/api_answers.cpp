#include "api_answers.hpp"

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cstdio>
#include <random>

#include "baton/base/utf8.hpp"
#include "baton/ledger/run_id.hpp"

namespace baton::program {
namespace {

namespace json = boost::json;

constexpr std::uint32_t most_runs = 1000;

failure bad(const std::string& message) { return {errc::invalid_argument, message}; }

result<std::uint32_t> limit_of(const std::string& text) {
  std::uint32_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc{} || end != text.data() + text.size() || limit < 1 || limit > most_runs)
    return bad("limit must be a number from 1 to " + std::to_string(most_runs) + ", got '" + text + "'");
  return limit;
}

/// A scalar as the command line would have it.
std::optional<std::string> text_of(const json::value& v) {
  if (v.is_string()) return std::string{v.get_string().c_str(), v.get_string().size()};
  if (v.is_number() || v.is_bool()) return json::serialize(v);
  return std::nullopt;
}

result<std::string> parameters_of(const json::value& given) {
  if (!given.is_object()) return bad("parameters must be an object of texts");
  json::object all;
  for (const auto& [name, value] : given.get_object()) {
    const auto text = text_of(value);
    if (!text) return bad("parameter '" + std::string{name} + "' must be a text, a number or a boolean");
    all[name] = *text;
  }
  return all.empty() ? std::string{} : json::serialize(all);
}

}  // namespace

admin::said api_answer(unsigned status, const json::object& object) { return {status, json::serialize(object) + "\n"}; }

admin::said api_error(unsigned status, std::string_view code, const std::string& message, const std::string& suggestion) {
  json::object out{{"error", code}, {"message", valid_utf8(message)}};
  if (!suggestion.empty()) out["suggestion"] = valid_utf8(suggestion);
  return api_answer(status, out);
}

std::string api_message(const admin::said& answer) {
  boost::system::error_code error;
  const auto object = json::parse(answer.json, error);
  const auto* message = !error && object.is_object() ? object.get_object().if_contains("message") : nullptr;
  return message != nullptr && message->is_string() ? std::string{message->get_string().c_str()} : std::string{};
}

admin::said api_failure(const failure& why) {
  switch (why.code) {
    case errc::not_found: return api_error(404, "not_found", why.context);
    case errc::already_exists: return api_error(409, "already_exists", why.context);
    case errc::invalid_argument: return api_error(400, "bad_request", why.context);
    case errc::internal: return api_error(500, "internal", why.context);
    default: return api_error(503, to_string(why.code), why.context);
  }
}

result<ledger::row_query> runs_query(const admin::question& asked) {
  ledger::row_query query;
  for (const auto& [name, value] : asked.query) {
    if (name == "job") {
      query.job = value;
    } else if (name == "from" || name == "to") {
      const auto instant = from_rfc3339(value);
      if (!instant) return bad(name + " must be an instant in UTC, such as 2026-03-29T00:00:00Z, got '" + value + "'");
      (name == "from" ? query.from : query.to) = instant;
    } else if (name == "open") {
      if (value != "true" && value != "false") return bad("open must be true or false, got '" + value + "'");
      query.only_open = value == "true";
    } else if (name == "limit") {
      const auto limit = limit_of(value);
      if (!limit) return limit.error();
      query.limit = *limit;
    } else if (name == "after") {
      query.after = ledger::parse_run_id(value);
      if (!query.after) return bad("after must name a run, such as nightly@2026-11-26T02:00:00Z, got '" + value + "'");
    } else {
      return bad("there is no parameter '" + name + "': job, from, to, open, limit and after are known");
    }
  }
  return query;
}

result<ledger::run_order> trigger_order(const std::string& job, const std::string& body, const std::string& request) {
  ledger::run_order order{job, std::nullopt, request, {}};
  if (body.empty()) return order;
  boost::system::error_code error;
  const auto given = json::parse(body, error);
  if (error || !given.is_object()) return bad("the body must be a JSON object: {\"tick\": …, \"parameters\": {…}}, both optional");
  for (const auto& [name, value] : given.get_object()) {
    if (name == "tick" && !value.is_null()) {
      order.tick = value.is_string() ? from_rfc3339(std::string{value.get_string().c_str()}) : std::nullopt;
      if (!order.tick) return bad("tick must be an instant in UTC, such as 2026-03-29T00:00:00Z");
    } else if (name == "parameters") {
      auto parameters = parameters_of(value);
      if (!parameters) return std::move(parameters).error();
      order.parameters = std::move(*parameters);
    } else if (name != "tick") {
      return bad("the body has a key '" + std::string{name} + "': tick and parameters are known");
    }
  }
  return order;
}

std::string random_request_id() {
  std::random_device source;
  std::string id;
  for (int i = 0; i < 4; ++i) {
    std::array<char, 9> part{};
    (void)std::snprintf(part.data(), part.size(), "%08x", static_cast<unsigned>(source()));
    id += part.data();
  }
  return id;
}

}  // namespace baton::program

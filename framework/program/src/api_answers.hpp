#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "baton/admin/server.hpp"
#include "baton/base/result.hpp"
#include "baton/ledger/control.hpp"

namespace baton::program {

[[nodiscard]] admin::said api_answer(unsigned status, const boost::json::object& object);
/// {"error": code, "message": …}, and "suggestion" if there is one.
[[nodiscard]] admin::said api_error(unsigned status, std::string_view code, const std::string& message, const std::string& suggestion = "");
/// The message of an answer; empty: it has none.
[[nodiscard]] std::string api_message(const admin::said& answer);
/// What a failure of the ledger is in HTTP.
[[nodiscard]] admin::said api_failure(const failure& why);

/// Which rows GET /api/v1/runs asks for.
[[nodiscard]] result<ledger::row_query> runs_query(const admin::question& asked);

/// The order in the body of a trigger: {"tick": T?, "parameters": {…}?}. `request` makes it one order, however often it is sent.
[[nodiscard]] result<ledger::run_order> trigger_order(const std::string& job, const std::string& body, const std::string& request);

/// 128 random bits in hex: a request id.
[[nodiscard]] std::string random_request_id();

}  // namespace baton::program

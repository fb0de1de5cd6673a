#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access.hpp"
#include "baton/admin/server.hpp"

namespace baton::admin {

/// A request as far as the routes look at it. HEAD is a GET whose body the server keeps to itself.
struct request {
  std::string_view method;
  std::string_view target;  ///< as sent: "/readyz?verbose"
  access may = access::read_only;
  bool is_foreign = false;  ///< as access.hpp has it
  bool is_json = false;     ///< its Content-Type
  bool is_marked = false;   ///< X-Baton-Request: 1
  std::string_view who = {};
  std::string_view body = {};
};

struct reply {
  unsigned status = 200;
  std::string_view content_type;
  std::string body;
  std::string_view allow = {};          ///< for a 405
  std::optional<question> ask = {};     ///< of the program: what it says is the answer
  std::optional<order> carry_out = {};  ///< by the program: what becomes of it is the answer
  bool is_stream = false;               ///< of events; `ask` is for its first one
};

enum class route_kind : std::uint8_t { unknown = 1, metrics, other };
/// Which limits apply to a target, before it is answered.
[[nodiscard]] route_kind classify(std::string_view target) noexcept;

[[nodiscard]] reply answer(const request& asked, const callbacks& calls);

[[nodiscard]] reply json_reply(said what);

/// `{"error":CODE,"message":…}`
[[nodiscard]] reply error_reply(unsigned status, std::string_view code, std::string_view message);

/// Every route: "GET", "/api/v1/jobs/{job}".
struct route_name {
  std::string_view method;
  std::string_view path;
};
[[nodiscard]] std::vector<route_name> route_names();

}  // namespace baton::admin

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "baton/admin/server.hpp"

namespace baton::admin {

/// A request as far as the routes look at it. HEAD is a GET whose body the server keeps to itself.
struct request {
  std::string_view method;
  std::string_view target;  ///< as sent: "/readyz?verbose"
  bool is_local = false;    ///< through the unix socket
  bool is_json = false;     ///< its Content-Type
  bool is_marked = false;   ///< X-Baton-Request: 1
};

struct reply {
  unsigned status = 200;
  std::string_view content_type;
  std::string body;
  std::string_view allow = {};                ///< for a 405
  const callbacks::change* change = nullptr;  ///< to be carried out: what becomes of it is the answer
};

enum class route_kind : std::uint8_t { unknown = 1, metrics, other };
/// Which limits apply to a target, before it is answered.
[[nodiscard]] route_kind classify(std::string_view target) noexcept;

[[nodiscard]] reply answer(const request& asked, const callbacks& calls);

[[nodiscard]] reply outcome_reply(const outcome& o);

/// `{"error":{"code":…,"message":…}}`
[[nodiscard]] reply error_reply(unsigned status, std::string_view code, std::string_view message);

}  // namespace baton::admin

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "baton/settings/settings.hpp"

namespace baton::settings {

struct url_error {
  std::string message;  ///< holds no part of the password
  std::string hint;
  std::size_t offset = 0;
};

struct store_address {
  store_access store;  ///< without tls
  bool has_password = false;
};

/// Reads mysql://user[:password]@host[:port][,host2…]/database[?socket=/path], or local:///path.
[[nodiscard]] std::variant<store_address, url_error> parse_store_url(std::string_view url);

/// Reads HOST:PORT; an IPv6 address stands in brackets. `default_port`: for a host alone; without it, the port is required.
[[nodiscard]] std::variant<endpoint, url_error> parse_endpoint(std::string_view text, std::optional<std::uint16_t> default_port);
[[nodiscard]] std::string endpoint_text(const endpoint& e);

}  // namespace baton::settings

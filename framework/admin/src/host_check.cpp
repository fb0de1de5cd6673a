#include "host_check.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>

#include "equal_without_case.hpp"

namespace baton::admin {
namespace {

bool is_address(int family, std::string_view text) {
  in6_addr parsed{};
  return ::inet_pton(family, std::string{text}.c_str(), &parsed) == 1 && text.find('\0') == std::string_view::npos;
}

bool is_port(std::string_view text) {
  return text.size() <= 5 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The host without its port; nullopt when what follows the colon is no port.
std::optional<std::string_view> without_port(std::string_view host) {
  const auto colon = host.find(':');
  if (colon == std::string_view::npos) return host;
  if (!is_port(host.substr(colon + 1))) return std::nullopt;
  return host.substr(0, colon);
}

}  // namespace

bool is_acceptable_host(std::string_view host, std::span<const std::string> names) {
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == std::string_view::npos || !is_address(AF_INET6, host.substr(1, end - 1))) return false;
    const auto rest = host.substr(end + 1);
    return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
  }
  const auto name = without_port(host);
  if (!name || name->empty()) return false;
  return is_address(AF_INET, *name) || equal_without_case(*name, "localhost") ||
         std::any_of(names.begin(), names.end(), [&](const std::string& known) { return equal_without_case(*name, known); });
}

}  // namespace baton::admin

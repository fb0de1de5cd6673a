#pragma once

#include <span>
#include <string>
#include <string_view>

namespace baton::admin {

/// Whether the value of a Host header names an address, localhost or one of `names`, each with or without a port.
///
/// The host is parsed as an address; "127.0.0.1.evil.com" only begins like one.
[[nodiscard]] bool is_acceptable_host(std::string_view host, std::span<const std::string> names);

}  // namespace baton::admin

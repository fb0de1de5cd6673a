#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace baton::lock {

/// FIPS 180-4. Not for secrets: it only keeps shortened lock names apart. Written here because lock names are stable for ever, and
/// the libraries at hand either hide theirs in a detail namespace (Boost) or are OpenSSL.
[[nodiscard]] std::array<std::uint8_t, 32> sha256(std::string_view text);

}  // namespace baton::lock

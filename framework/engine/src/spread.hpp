#pragma once

#include <cstdint>
#include <string>

namespace baton::engine {

/// FNV-1a: spreads instances over names and times; nothing depends on its quality.
inline std::uint64_t spread_hash(const std::string& a, const std::string& b) {
  std::uint64_t h = 14695981039346656037U;
  for (const auto* text : {&a, &b}) {
    for (const char c : *text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211U;
  }
  return h;
}

}  // namespace baton::engine

#pragma once

#include <cstdint>
#include <string_view>

namespace baton::schedule {

/// FNV-1a with splitmix64's finisher. Written into schedules and offsets that every instance must agree on: never changed.
[[nodiscard]] constexpr std::uint64_t stable_hash(std::string_view text, std::uint64_t salt) noexcept {
  std::uint64_t h = 0xcbf29ce484222325U ^ salt * 0x9e3779b97f4a7c15U;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9U;
  h = (h ^ h >> 27) * 0x94d049bb133111ebU;
  return h ^ h >> 31;
}

}  // namespace baton::schedule

#pragma once

#include <cstdint>

#include "baton/settings/settings.hpp"

namespace baton::settings {

/// 48 bits over the effective settings, jobs in the order of their names, without keys marked local and without secrets. Stable
/// from release to release as long as no key is added.
[[nodiscard]] std::uint64_t hash_of(const settings& s);

}  // namespace baton::settings

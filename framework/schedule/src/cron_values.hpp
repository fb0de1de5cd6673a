#pragma once

#include <bit>
#include <cstddef>
#include <vector>

#include "cron.hpp"

namespace baton::schedule {

using values = std::vector<int>;

/// The numbers of the bits that are set, plus `base`.
template <typename Bits>
[[nodiscard]] values values_of(Bits bits, int base = 0) {
  values out;
  out.reserve(static_cast<std::size_t>(std::popcount(bits)));
  for (; bits != 0; bits &= bits - 1) out.push_back(base + std::countr_zero(bits));
  return out;
}

[[nodiscard]] inline values years_of(const cron& c) {
  values out;
  for (std::size_t i = 0; i < c.years.size(); ++i) {
    const auto some = values_of(c.years[i], first_cron_year + static_cast<int>(64 * i));
    out.insert(out.end(), some.begin(), some.end());
  }
  return out;
}

}  // namespace baton::schedule

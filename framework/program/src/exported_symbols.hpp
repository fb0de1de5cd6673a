#pragma once

#include <string>
#include <vector>

#include "baton/base/result.hpp"

namespace baton::program {

/// The names that a shared object defines for others, as `nm -D --defined-only` lists them; sorted. Only of this machine's own kind of ELF.
[[nodiscard]] result<std::vector<std::string>> exported_symbols(const std::string& file);

}  // namespace baton::program

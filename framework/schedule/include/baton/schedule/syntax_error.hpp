#pragma once

#include <cstddef>
#include <string>

namespace baton::schedule {

/// Why a text was refused: what, and where in it.
struct syntax_error {
  std::string message;     ///< "day-of-month: 32 is out of range 1-31"; a suggestion where there is one
  std::size_t offset = 0;  ///< of the first byte at fault, 0-based
  std::size_t length = 0;
};

}  // namespace baton::schedule

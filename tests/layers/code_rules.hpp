// Rules that a reviewer would repeat for ever: which library is used where, who reads clocks, what never to write.
#pragma once

#include <string>
#include <vector>

#include "source_tree.hpp"

namespace baton::layers {

// Libraries stay behind the rooms that wrap them, clocks are read in few places, and nothing sleeps.
std::vector<violation> check_words(const std::vector<source_file>& files);

// GCC 12 double-frees `b ? co_await f(T()) : x` and a braced temporary as a coroutine's argument, `co_await f({…})`.
std::vector<violation> check_coroutines(const std::vector<source_file>& files);

// Folders at the top other than those of the design.
std::vector<violation> check_top(const std::vector<std::string>& folders);

}  // namespace baton::layers

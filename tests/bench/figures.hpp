#pragma once

#include <string>
#include <vector>

namespace baton::bench {

/// One measured figure, and what a bare program that does the same needs in the same run.
struct figure {
  std::string name;
  double value = 0;
  std::string unit;
  double baseline = 0;
  double limit = 0;  ///< the most that value / baseline may be; 0: none
};

void keep(const figure& measured);
[[nodiscard]] const std::vector<figure>& kept();

}  // namespace baton::bench

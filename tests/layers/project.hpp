// The project under test: where it is, its rooms, and the exceptions it allows itself.
#pragma once

#include <string>
#include <vector>

#include "room_rules.hpp"
#include "source_tree.hpp"

namespace baton::layers {

std::string project_root();
std::vector<room> project_rooms();

// Fails for every violation that tests/layers/EXCEPTIONS does not list.
void expect_none(const std::vector<violation>& found);

// A row of tests/layers/EXCEPTIONS: a rule, the start of a path, and why.
struct exception_row {
  std::string rule;
  std::string path;
  std::string reason;
};
std::vector<exception_row> project_exceptions();

}  // namespace baton::layers

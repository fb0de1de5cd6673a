// The rules of framework/LAYERS: which rooms there are, and who may include whom.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "source_tree.hpp"

namespace baton::layers {

struct room {
  int floor = 0;
  std::string name;
  std::vector<std::string> may_include;
};

std::vector<room> parse_layers(std::string_view text);

// A row names rooms that have a row above it and are on no higher floor, so that the table has no circle.
std::vector<violation> check_table(const std::vector<room>& rooms);

// Each row has its folder with CMakeLists.txt and a README.md of 10-30 lines; each folder its row; each source is listed in CMake.
std::vector<violation> check_rooms(const std::vector<room>& rooms, const std::vector<std::string>& folders,
                                   const std::vector<source_file>& framework);

// A file includes its own room's files and the public headers of the rooms its row names; a plugin the SDK's alone.
std::vector<violation> check_includes(const std::vector<room>& rooms, const std::vector<source_file>& files);

// tests/<room>/x_test.cpp has framework/<room>/src/x.cpp (or a header x.hpp), also as x_<aspect>_test.cpp, and is listed in its
// CMakeLists.txt.
std::vector<violation> check_mirror(const std::vector<room>& rooms, const std::vector<source_file>& files);

}  // namespace baton::layers

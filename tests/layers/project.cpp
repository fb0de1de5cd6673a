#include "project.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace baton::layers {
namespace {

std::string text_of(const std::string& path) {
  const auto files = read_tree(project_root(), {path});
  return files.empty() ? std::string() : files.front().text;
}

}  // namespace

std::string project_root() { return BATON_SOURCE_DIR; }

std::vector<room> project_rooms() { return parse_layers(text_of("framework/LAYERS")); }

std::vector<exception_row> project_exceptions() {
  std::vector<exception_row> rows;
  for (const auto& line : lines_of(text_of("tests/layers/EXCEPTIONS"))) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    exception_row row;
    words >> row.rule >> row.path;
    std::getline(words, row.reason);
    row.reason = trimmed(row.reason);
    rows.push_back(row);
  }
  return rows;
}

void expect_none(const std::vector<violation>& found) {
  const auto exceptions = project_exceptions();
  for (const auto& each : found) {
    const bool excepted =
        std::ranges::any_of(exceptions, [&](const exception_row& row) { return row.rule == each.rule && each.path.starts_with(row.path); });
    if (!excepted)
      ADD_FAILURE_AT((project_root() + "/" + each.path).c_str(), static_cast<int>(each.line)) << each.rule << ": " << each.advice;
  }
}

}  // namespace baton::layers

// Rules for Markdown: code comes from files that are compiled or used, links lead somewhere, guarantees have tests.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "source_tree.hpp"

namespace baton::layers {

// The lines of a file between its two lines `// [name]` (or `# [name]`), with their common indentation removed; empty if not there.
// L2-L9 names lines by their numbers, for files that should carry no marks.
std::string region_of(std::string_view text, std::string_view name);

// A fenced block of C, C++, YAML, CMake or SQL is a copy of a file or a region of it: the line above the fence is
// `<!-- from: path -->` or `<!-- from: path#region -->`. A block of sh is such a copy, or runs known commands only.
std::vector<violation> check_snippets(const std::vector<source_file>& pages, const std::vector<source_file>& files);

// A relative link leads to a file or folder that is there; an anchor to a heading of it.
std::vector<violation> check_links(const std::vector<source_file>& pages, const std::string& root);

// Of a guarantee G<n>, the names of the test cases with `g<n>_` in them.
std::map<int, std::vector<std::string>> tests_of_guarantees(const std::vector<source_file>& tests);

// Every guarantee has a row `| **G<n> …`; it is named by a test, or its row says "Not yet proven" and what brings the proof - not both.
std::vector<violation> check_guarantees(const source_file& page, const std::map<int, std::vector<std::string>>& tests, int count);

}  // namespace baton::layers

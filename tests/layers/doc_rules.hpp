// Rules for Markdown: code comes from files that are compiled or used, links lead somewhere, guarantees have tests.
#pragma once

#include <map>
#include <set>
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

struct named_test {
  std::string name;  // "suite.case", as in TEST, TEST_F and TEST_P
  std::string path;
};
std::vector<named_test> tests_in(const std::vector<source_file>& files);

// What says that it proves a guarantee G<n>: a test with `g<n>_` in its name, or a file with G<n> in a comment, for which any test of it
// will do.
struct claim_of_guarantee {
  std::string path;
  std::string test;
  auto operator<=>(const claim_of_guarantee&) const = default;
};
std::map<int, std::set<claim_of_guarantee>> claims_of_guarantees(const std::vector<source_file>& files);

// Every guarantee has a row `| **G<n> …`, and below `### G<n>` tests by name, all of which exist, and each that claims it.
// Where there is no test it says "Not yet proven", and what brings the proof.
std::vector<violation> check_guarantees(const source_file& page, const std::vector<source_file>& files, int count);

// Every scenario of `numbers` has a row `| S<n> | …` that names tests which exist, and at least one of them carries `s<nn>_` in its name;
// every test that carries a number stands in the row of that number.
std::vector<violation> check_scenarios(const source_file& page, const std::vector<source_file>& files, const std::set<int>& numbers);

}  // namespace baton::layers

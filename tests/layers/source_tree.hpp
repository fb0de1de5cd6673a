// Reads the project's own files, so that its rules can be tested like its code.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace baton::layers {

struct source_file {
  std::string path;  // below the project's folder, with forward slashes
  std::string text;
};

// Where a rule is broken, and what to do about it.
struct violation {
  std::string rule;
  std::string path;
  std::size_t line = 0;  // 0: the file as a whole
  std::string advice;
  bool operator==(const violation&) const = default;
};

// Every file below the given folders (or a file named itself), sorted by path; build folders and dot-folders are left out.
std::vector<source_file> read_tree(const std::string& root, const std::vector<std::string>& below);

// The names of the folders right below `folder`, sorted, without dot-folders.
std::vector<std::string> folders_in(const std::string& folder);

enum class strings { keep, blank };

// The text with its comments (and contents of string literals) replaced by spaces: same length, same lines.
std::string code_of(std::string_view text, strings what);

std::vector<std::string> lines_of(std::string_view text);
std::size_t line_at(std::string_view text, std::size_t offset);
std::string trimmed(std::string_view text);

}  // namespace baton::layers

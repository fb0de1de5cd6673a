#include "source_tree.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace baton::layers {
namespace fs = std::filesystem;
namespace {

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Walks over source text and blanks what is not code.
class stripper {
 public:
  stripper(std::string_view text, strings what) : out_(text), what_(what) {}

  std::string run() {
    while (at_ < out_.size()) {
      if (starts("//")) {
        blank_to(out_.find('\n', at_));
      } else if (starts("/*")) {
        blank_to(after("*/", at_ + 2));
      } else if (starts("R\"") && (at_ == 0 || !is_word(out_[at_ - 1]))) {
        raw_string();
      } else if (out_[at_] == '"' || (out_[at_] == '\'' && (at_ == 0 || !is_word(out_[at_ - 1])))) {
        literal(out_[at_]);
      } else {
        ++at_;
      }
    }
    return std::move(out_);
  }

 private:
  bool starts(std::string_view what) const { return std::string_view(out_).substr(at_, what.size()) == what; }

  std::size_t after(std::string_view what, std::size_t from) const {
    const auto found = out_.find(what, from);
    return found == std::string::npos ? found : found + what.size();
  }

  void blank_to(std::size_t end) {
    end = std::min(end, out_.size());
    for (; at_ < end; ++at_)
      if (out_[at_] != '\n') out_[at_] = ' ';
  }

  void skip_or_blank_to(std::size_t end) {
    if (what_ == strings::blank) blank_to(end);
    at_ = std::min(end, out_.size());
  }

  void raw_string() {
    const auto open = out_.find('(', at_);
    if (open == std::string::npos) {
      ++at_;
      return;
    }
    const auto closing = ")" + out_.substr(at_ + 2, open - at_ - 2) + "\"";
    const auto end = after(closing, open);
    at_ = open;
    skip_or_blank_to(end == std::string::npos ? end : end - 1);
    ++at_;
  }

  void literal(char quote) {
    auto end = at_ + 1;
    while (end < out_.size() && out_[end] != quote && out_[end] != '\n') end += out_[end] == '\\' ? 2U : 1U;
    ++at_;
    skip_or_blank_to(end);
    ++at_;
  }

  std::string out_;
  strings what_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<source_file> read_tree(const std::string& root, const std::vector<std::string>& below) {
  std::vector<source_file> files;
  for (const auto& name : below) {
    const fs::path start = fs::path(root) / name;
    if (fs::is_regular_file(start)) {
      files.push_back({name, content_of(start)});
    } else if (fs::is_directory(start)) {
      for (auto it = fs::recursive_directory_iterator(start); it != fs::recursive_directory_iterator(); ++it) {
        const auto leaf = it->path().filename().string();
        if (it->is_directory() && (leaf.starts_with('.') || leaf == "build" || leaf == "node_modules")) {
          it.disable_recursion_pending();
        } else if (it->is_regular_file()) {
          files.push_back({fs::relative(it->path(), root).generic_string(), content_of(it->path())});
        }
      }
    }
  }
  std::ranges::sort(files, {}, &source_file::path);
  return files;
}

std::vector<std::string> folders_in(const std::string& folder) {
  std::vector<std::string> names;
  if (!fs::is_directory(folder)) return names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (entry.is_directory() && !name.starts_with('.')) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

std::string code_of(std::string_view text, strings what) { return stripper(text, what).run(); }

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::size_t line_at(std::string_view text, std::size_t offset) {
  return 1 + static_cast<std::size_t>(std::ranges::count(text.substr(0, offset), '\n'));
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

}  // namespace baton::layers

#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace baton::program {

/// Without control characters, which would break lines, or more of the terminal.
[[nodiscard]] std::string printable(std::string text);

/// Lines of columns for people to read. The last column takes what is left of the line, and is cut where that is not enough.
class table {
 public:
  explicit table(std::vector<std::string> heads) : rows_{std::move(heads)} {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  /// `width`: columns of the terminal; 0: no limit.
  [[nodiscard]] std::string text(std::size_t width) const;
  /// To stdout, as wide as the terminal is, if it is one.
  void print() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace baton::program

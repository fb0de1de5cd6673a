#include "table.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace baton::program {
namespace {

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }

std::size_t characters(const std::string& text) { return static_cast<std::size_t>(std::ranges::count_if(text, begins_character)); }

std::string cut(const std::string& text, std::size_t limit) {
  if (characters(text) <= limit) return text;
  std::size_t seen = 0;
  const auto end = std::ranges::find_if(text, [&](char c) { return begins_character(c) && ++seen == limit; });
  return std::string{text.begin(), end} + "…";
}

}  // namespace

std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text;
}

std::string table::text(std::size_t width) const {
  auto rows = rows_;
  std::vector<std::size_t> widths(rows.front().size());
  for (auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = printable(std::move(row[i]));
      widths[i] = std::max(widths[i], characters(row[i]));
    }
  }
  std::string all;
  for (const auto& row : rows) {
    std::string line;
    std::size_t used = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool is_last = i + 1 == row.size();
      const auto room = width == 0 ? characters(row[i]) : width > used ? width - used : 0;
      line += is_last && room > 0 ? cut(row[i], room) : is_last ? "" : row[i];
      if (is_last) continue;
      line.append(widths[i] + 2 - characters(row[i]), ' ');
      used += widths[i] + 2;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    all += line + "\n";
  }
  return all;
}

void table::print() const {
  winsize size{};
  const bool is_terminal = ::isatty(STDOUT_FILENO) == 1 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  std::fputs(text(is_terminal ? size.ws_col : 0).c_str(), stdout);
}

}  // namespace baton::program

#include "test_clock.hpp"

#include <cstdlib>
#include <fstream>

namespace baton::program {

std::optional<microseconds> parse_offset(std::string_view text) noexcept {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  const std::string copy{text};
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (end == copy.c_str()) return std::nullopt;
  const std::string_view unit{end};
  const double scale = unit == "us"                 ? 1
                       : unit == "ms"               ? 1e3
                       : unit == "s"                ? 1e6
                       : unit == "m"                ? 60e6
                       : unit == "h"                ? 3600e6
                       : value == 0 && unit.empty() ? 1
                                                    : 0;
  if (scale == 0) return std::nullopt;
  return microseconds{static_cast<std::int64_t>(value * scale)};
}

test_clock::test_clock(std::string setting) : setting_(std::move(setting)), fixed_(parse_offset(setting_)) {}

time_point test_clock::now() const noexcept {
  auto t = system_.now();
  t.wall += offset();
  return t;
}

microseconds test_clock::offset() const noexcept {
  if (fixed_) return *fixed_;
  const std::lock_guard guard{mutex_};
  const auto steady = system_.now().steady;
  if (steady - read_at_ < milliseconds{20}) return last_;
  read_at_ = steady;
  std::ifstream file{setting_};
  std::string text;
  if (std::getline(file, text)) last_ = parse_offset(text).value_or(last_);
  return last_;
}

}  // namespace baton::program

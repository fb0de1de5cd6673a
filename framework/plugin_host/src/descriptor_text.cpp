#include "descriptor_text.hpp"

#include <algorithm>

#include "printed.hpp"

namespace baton::plugin_host {

bool is_identifier(std::string_view text) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !text.empty() && is_letter(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

std::string descriptor_texts::line(std::string_view what, baton_string text, std::size_t limit) {
  auto read = lines(what, text, limit);
  const auto is_control = [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; };
  if (std::ranges::any_of(read, is_control)) note(what, "is not one line of text");
  return read;
}

std::string descriptor_texts::lines(std::string_view what, baton_string text, std::size_t limit) {
  if (text.size == 0) return {};
  if (text.data == nullptr) {
    note(what, "points to nothing");
    return {};
  }
  if (text.size > limit) {
    note(what, "is longer than " + std::to_string(limit) + " bytes");
    return {};
  }
  const std::string_view read{text.data, text.size};
  auto valid = valid_utf8(read);
  if (valid != read) note(what, "is not UTF-8");
  return valid;
}

void descriptor_texts::note(std::string_view what, const std::string& why) {
  if (problem_.empty()) problem_ = "has a " + std::string{what} + " that " + why;
}

}  // namespace baton::plugin_host

#include "baton/base/utf8.hpp"

#include "baton/base/result.hpp"

namespace baton {

code_point first_code_point(std::string_view text) noexcept {
  BATON_ASSERT(!text.empty());
  constexpr code_point malformed{0xFFFD, 1, false};
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return malformed;
  char32_t value = lead & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0U) != 0x80) return malformed;
    value = (value << 6U) | (next & 0x3FU);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) return malformed;
  return {value, size, true};
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto next = first_code_point(text);
    out += next.well_formed ? text.substr(0, next.size) : std::string_view{"\xEF\xBF\xBD"};
    text.remove_prefix(next.size);
  }
  return out;
}

std::string storable(std::string_view text, std::size_t limit, keep which) {
  if (text.size() > limit) {
    if (which == keep::first) {
      while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0U) == 0x80) --limit;
      text = text.substr(0, limit);
    } else {
      text.remove_prefix(text.size() - limit);
      while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xc0U) == 0x80) text.remove_prefix(1);
    }
  }
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto next = first_code_point(text);
    if (next.well_formed) {
      out += text.substr(0, next.size);
    } else {
      out += '?';
    }
    text.remove_prefix(next.size);
  }
  return out;
}

}  // namespace baton

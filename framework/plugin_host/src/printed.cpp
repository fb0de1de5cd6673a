#include "printed.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace baton::plugin_host {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// The length of the well-formed character at the beginning of `text`, or 0. No surrogates, no overlong forms, nothing above U+10FFFF.
std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xC2 && first <= 0xDF ? 2 : first >= 0xE0 && first <= 0xEF ? 3 : first >= 0xF0 && first <= 0xF4 ? 4 : 0;
  if (size == 0 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if (!is_continuation(text[i])) return 0;
  }
  const auto second = byte(1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) || (first == 0xF0 && second < 0x90) ||
      (first == 0xF4 && second > 0x8F))
    return 0;
  return size;
}

/// How many bytes from the beginning are well-formed; eight at a time while they are ASCII.
std::size_t valid_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t block = 0;
    if (at + sizeof block <= text.size()) {
      std::memcpy(&block, text.data() + at, sizeof block);
      if ((block & 0x8080808080808080U) == 0) {
        at += sizeof block;
        continue;
      }
    }
    const auto size = character(text.substr(at));
    if (size == 0) break;
    at += size;
  }
  return at;
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto good = valid_prefix(text);
    out += text.substr(0, good);
    text.remove_prefix(good);
    if (text.empty()) break;
    out += replacement;
    text.remove_prefix(1);
  }
  return out;
}

std::string head(std::string_view text, std::size_t limit) {
  auto out = valid_utf8(text.substr(0, limit + 3));  // so much that the last character is not cut before it is judged
  if (out.size() > limit) {
    auto end = limit;
    while (end > 0 && is_continuation(out[end])) --end;
    out.resize(end);
  }
  return out;
}

std::string tail(std::string_view text, std::size_t limit) {
  if (text.size() > limit) {
    text.remove_prefix(text.size() - limit);
    for (int i = 0; i < 3 && !text.empty() && is_continuation(text.front()); ++i) text.remove_prefix(1);  // the rest of a cut character
  }
  auto out = valid_utf8(text);
  if (out.size() > limit) {
    auto begin = out.size() - limit;
    while (begin < out.size() && is_continuation(out[begin])) ++begin;
    out.erase(0, begin);
  }
  return out;
}

void printed::append(std::string_view text) {
  if (text.size() > max_printed) text.remove_prefix(text.size() - max_printed);
  kept_ += text;
  if (kept_.size() > 4 * max_printed) kept_.erase(0, kept_.size() - max_printed);
}

}  // namespace baton::plugin_host

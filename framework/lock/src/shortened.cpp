#include "shortened.hpp"

#include <algorithm>

#include "sha256.hpp"

namespace baton::lock {
namespace {

constexpr std::size_t hash_characters = 26;  // five bits each

}  // namespace

std::string hash(std::string_view text) {
  const auto digest = sha256(text);
  std::string out;
  unsigned bits = 0;
  int available = 0;
  for (auto next = digest.begin(); out.size() < hash_characters;) {
    if (available < 5) {
      bits = (bits << 8) | *next++;
      available += 8;
    }
    available -= 5;
    out += "abcdefghijklmnopqrstuvwxyz234567"[(bits >> available) & 31U];
  }
  return out;
}

std::string readable(std::string_view text, std::string_view kept) {
  std::string out{text};
  for (char& c : out) {
    c = lower(c);
    if (!is_safe(c) && kept.find(c) == std::string_view::npos) c = '_';
  }
  return out;
}

std::string shortened(std::string text, std::string_view whole) {
  text.resize(std::min(text.size(), longest_name - 1 - hash_characters));
  return text + "#" + hash(whole);
}

}  // namespace baton::lock

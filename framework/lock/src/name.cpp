#include "baton/lock/name.hpp"

#include <algorithm>

#include "sha256.hpp"

namespace baton::lock {
namespace {

constexpr std::size_t longest = 64;          // MySQL's limit, in characters; MariaDB's is 192 bytes
constexpr std::size_t hash_characters = 26;  // 130 bits, five a character

bool is_safe(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'; }
bool is_safe_text(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_safe); }

/// What people can still recognise in a listing of locks.
std::string readable(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!is_safe(c)) c = '_';
  }
  return out;
}

/// Of cluster and name, kept apart by a byte that a lock name cannot hold.
std::string hash(std::string_view cluster, std::string_view name) {
  const auto digest = sha256(std::string{cluster}.append(1, '\0').append(name));
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

}  // namespace

std::string scheduler_name(std::string_view cluster, std::string_view name) {
  const auto literal = std::string{"baton:"}.append(cluster).append(":").append(name);
  if (is_safe_text(cluster) && is_safe_text(name) && literal.size() <= longest) return literal;
  auto prefix = "baton:" + readable(cluster) + ":" + readable(name);
  prefix.resize(std::min(prefix.size(), longest - 1 - hash_characters));
  return prefix + "#" + hash(cluster, name);
}

std::string incarnation_name(std::string_view cluster, std::string_view incarnation) {
  return std::string{"baton:"}.append(cluster).append(":~i:").append(incarnation);
}

}  // namespace baton::lock

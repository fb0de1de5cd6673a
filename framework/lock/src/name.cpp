#include "baton/lock/name.hpp"

#include <algorithm>

#include "shortened.hpp"

namespace baton::lock {
namespace {

bool is_safe_text(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_safe); }

}  // namespace

std::string scheduler_name(std::string_view cluster, std::string_view name) {
  const auto literal = std::string{"baton:"}.append(cluster).append(":").append(name);
  if (is_safe_text(cluster) && is_safe_text(name) && literal.size() <= longest_name) return literal;
  // The two are kept apart in the hash by a byte that a lock name cannot hold.
  return shortened("baton:" + readable(cluster) + ":" + readable(name), std::string{cluster}.append(1, '\0').append(name));
}

std::string incarnation_name(std::string_view cluster, std::string_view incarnation) {
  return std::string{"baton:"}.append(cluster).append(":~i:").append(incarnation);
}

}  // namespace baton::lock

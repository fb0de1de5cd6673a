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

std::string leader_name(std::string_view cluster) { return std::string{"baton:"}.append(cluster).append(":~leader"); }

std::string tag_name(std::string_view cluster, std::string_view tag) {
  const auto prefix = std::string{"baton:"}.append(cluster).append(":~t:");
  if (is_safe_text(tag) && prefix.size() + tag.size() <= longest_name) return prefix + std::string{tag};
  return shortened(prefix + readable(tag), std::string{cluster}.append(1, '\0').append(tag));
}

std::string run_name_prefix(std::string_view cluster) { return std::string{"baton:"}.append(cluster).append(":~r:"); }

std::string run_name(std::string_view cluster, std::string_view run) { return run_name_prefix(cluster) + hash(run); }

}  // namespace baton::lock

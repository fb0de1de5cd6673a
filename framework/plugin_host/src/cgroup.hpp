#pragma once

#include <cstdint>
#include <string>

#include "baton/base/result.hpp"

namespace baton::plugin_host {

/// The part of the cgroup tree (v2) that the service manager gave to this process to divide, as systemd does for `Delegate=memory`.
///
/// One for a process. Thread safety: make() on one thread at a time.
class cgroup_tree {
 public:
  /// Moves this process into a group of its own at the bottom, since one with processes cannot pass controllers on.
  /// Errors: errc::io with the reason: no cgroup v2, no memory controller, not delegated, the kernel's refusal.
  [[nodiscard]] static result<cgroup_tree> take(const std::string& mount = "/sys/fs/cgroup", const std::string& self = "/proc/self/cgroup");

  /// A new group that may use so much memory, and no swap; its folder. Errors: errc::io.
  [[nodiscard]] result<std::string> make(std::uint64_t memory_bytes);

 private:
  explicit cgroup_tree(std::string folder) : folder_{std::move(folder)} {}
  std::string folder_;
  std::uint64_t made_ = 0;
};

/// Moves the calling process into a group. False: it is where it was.
[[nodiscard]] bool join_cgroup(const std::string& folder) noexcept;

/// How often the kernel ended a process of the group for want of memory.
[[nodiscard]] std::uint64_t out_of_memory_kills(const std::string& folder);

/// Kills what is left of a group, and removes it as soon as it is empty. False: it is not yet.
[[nodiscard]] bool remove_cgroup(const std::string& folder) noexcept;

}  // namespace baton::plugin_host

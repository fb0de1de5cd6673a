#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace exec_plugin {

/// An account of this host, as its user database has it.
struct account {
  std::string name;
  std::string home;
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;  ///< all it belongs to, `group` among them

  /// `error` says why there is none.
  static std::optional<account> find(const std::string& name, std::string& error);
};

/// Makes this process the account's, for good: groups, user, no capability kept; nothing is done if it is the account's already.
/// For a child that has not called exec yet: it makes system calls alone. False: errno says why.
bool become(const account& who) noexcept;

}  // namespace exec_plugin

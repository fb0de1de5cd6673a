#include "account.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace exec_plugin {

std::optional<account> account::find(const std::string& name, std::string& error) {
  std::vector<char> buffer(4096);
  passwd entry{};
  passwd* found = nullptr;
  int code = 0;
  while ((code = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found)) == ERANGE) buffer.resize(2 * buffer.size());
  if (found == nullptr) {
    error = "there is no user '" + name + "'";
    if (code != 0) error += std::string{": "} + std::strerror(code);
    return std::nullopt;
  }
  account who{name, entry.pw_dir, entry.pw_uid, entry.pw_gid, std::vector<gid_t>(32)};
  int count = static_cast<int>(who.groups.size());
  while (::getgrouplist(name.c_str(), who.group, who.groups.data(), &count) < 0) who.groups.resize(static_cast<std::size_t>(count));
  who.groups.resize(static_cast<std::size_t>(count));
  return who;
}

bool become(const account& who) noexcept {
  if (who.user == ::geteuid()) return true;
  // Not by libc's functions: those change all threads that were there before the fork.
  return ::syscall(SYS_setgroups, who.groups.size(), who.groups.data()) == 0 &&
         ::syscall(SYS_setresgid, who.group, who.group, who.group) == 0 && ::syscall(SYS_setresuid, who.user, who.user, who.user) == 0 &&
         // Only root's own are dropped with the user: what lets a daemon switch accounts must not reach the program.
         ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0;
}

}  // namespace exec_plugin

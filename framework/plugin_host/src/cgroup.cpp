#include "cgroup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string_view>

#include "system.hpp"

namespace baton::plugin_host {
namespace {

failure refused(const std::string& what) { return {errc::io, what + ": " + last_error()}; }

/// The kernel takes a control file's text in one write, or says why not.
bool write_control(const std::string& file, std::string_view text) noexcept {
  const unique_fd out{::open(file.c_str(), O_WRONLY | O_CLOEXEC)};
  return out && ::write(out.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// systemd marks what it delegates.
bool is_delegated(const std::string& folder) {
  char value = 0;
  for (const auto* name : {"user.delegate", "trusted.delegate"}) {
    if (::getxattr(folder.c_str(), name, &value, sizeof value) == 1 && value == '1') return true;
  }
  return false;
}

bool has_word(const std::string& file, std::string_view wanted) {
  std::ifstream in{file};
  for (std::string word; in >> word;) {
    if (word == wanted) return true;
  }
  return false;
}

}  // namespace

result<cgroup_tree> cgroup_tree::take(const std::string& mount, const std::string& self) {
  std::string path;
  std::ifstream in{self};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("0::")) path = line.substr(3);
  }
  const auto folder = mount + (path == "/" ? "" : path);
  if (path.empty() || ::access((folder + "/cgroup.controllers").c_str(), R_OK) != 0)
    return failure{errc::io, "this process is in no cgroup of version 2 below " + mount};
  if (!has_word(folder + "/cgroup.controllers", "memory")) return failure{errc::io, "the cgroup " + path + " has no memory controller"};
  if (!is_delegated(folder)) return failure{errc::io, "the cgroup " + path + " is not delegated; a systemd unit says Delegate=memory"};
  const auto own = folder + "/instance";
  if (::mkdir(own.c_str(), 0755) != 0 && errno != EEXIST) return refused(own);
  if (!write_control(own + "/cgroup.procs", "0")) return refused(own + "/cgroup.procs");
  if (!write_control(folder + "/cgroup.subtree_control", "+memory")) return refused(folder + "/cgroup.subtree_control");
  return cgroup_tree{folder};
}

result<std::string> cgroup_tree::make(std::uint64_t memory_bytes) {
  auto folder = folder_ + "/runner-" + std::to_string(::getpid()) + "-" + std::to_string(++made_);
  if (::mkdir(folder.c_str(), 0755) != 0) return refused(folder);
  if (!write_control(folder + "/memory.max", std::to_string(memory_bytes))) {
    auto why = refused(folder + "/memory.max");
    ::rmdir(folder.c_str());
    return why;
  }
  write_control(folder + "/memory.swap.max", "0");  // where there is no swap there is no file
  return folder;
}

bool join_cgroup(const std::string& folder) noexcept { return write_control(folder + "/cgroup.procs", "0"); }

std::uint64_t out_of_memory_kills(const std::string& folder) {
  std::ifstream in{folder + "/memory.events"};
  std::string event;
  for (std::uint64_t count = 0; in >> event >> count;) {
    if (event == "oom_kill") return count;
  }
  return 0;
}

bool remove_cgroup(const std::string& folder) noexcept {
  if (::rmdir(folder.c_str()) == 0 || errno == ENOENT) return true;
  write_control(folder + "/cgroup.kill", "1");
  return ::rmdir(folder.c_str()) == 0;
}

}  // namespace baton::plugin_host

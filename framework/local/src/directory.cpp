#include "directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace baton::local {
namespace {

namespace fs = std::filesystem;

constexpr mode_t own_only = 0700;

failure io_failure(const fs::path& path, const std::string& what, int error) {
  const auto code = error == EACCES || error == EPERM ? errc::access_denied : error == EROFS ? errc::store_unfit : errc::io;
  return {code, path.string() + " " + what + ": " + error_text(error)};
}

/// mkdir -p, with a mode.
status make_directories(const fs::path& path) {
  fs::path so_far;
  for (const auto& part : path) {
    so_far /= part;
    if (::mkdir(so_far.c_str(), own_only) == 0 || errno == EEXIST) continue;
    const int error = errno;
    struct stat found {};
    if (::stat(so_far.c_str(), &found) == 0) continue;  // not ours to make, and there
    return io_failure(so_far, "cannot be made", error);
  }
  return {};
}

file_identity identity_of(const struct stat& s) { return {s.st_dev, s.st_ino}; }

}  // namespace

std::string error_text(int error) { return std::generic_category().message(error); }

std::string_view network_file_system(std::uint64_t magic) noexcept {
  switch (magic) {
    case 0x6969: return "NFS";
    case 0x517b: return "SMB";
    case 0xfe534d42: return "SMB";
    case 0xff534d42: return "CIFS";
    case 0x5346414f: return "AFS";
    case 0x00c36400: return "Ceph";
    case 0x0bd00bd0: return "Lustre";
    case 0x01161970: return "GFS2";
    case 0x7461636f: return "OCFS2";
    default: return "";
  }
}

result<std::shared_ptr<const directory>> directory::open(const fs::path& path) {
  if (auto made = make_directories(path); !made) return std::move(made).error();
  const std::shared_ptr<directory> opened{new directory{path}};
  opened->self_ = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened->self_ < 0) return io_failure(path, "cannot be opened", errno);
  if (auto fit = opened->look_over(); !fit) return std::move(fit).error();
  struct stat self {};
  if (::fstat(opened->self_, &self) != 0) return io_failure(path, "cannot be looked at", errno);
  opened->identity_ = identity_of(self);
  if (::mkdirat(opened->self_, "locks", own_only) != 0 && errno != EEXIST) return io_failure(path / "locks", "cannot be made", errno);
  opened->locks_ = ::openat(opened->self_, "locks", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (opened->locks_ < 0) return io_failure(path / "locks", "cannot be opened", errno);
  return std::shared_ptr<const directory>{opened};
}

directory::~directory() {
  if (locks_ >= 0) ::close(locks_);
  if (self_ >= 0) ::close(self_);
}

status directory::look_over() const {
  struct statfs system {};
  if (::fstatfs(self_, &system) != 0) return io_failure(path_, "cannot be looked at", errno);
  if (const auto name = network_file_system(static_cast<std::uint32_t>(system.f_type)); !name.empty())
    return failure{errc::store_unfit, path_.string() + " is on a network file system (" + std::string{name} +
                                          "), and this store serves one host: name a directory on a local disk, or a mysql:// store"};
  struct stat self {};
  if (::fstat(self_, &self) != 0) return io_failure(path_, "cannot be looked at", errno);
  if ((self.st_mode & S_IWOTH) != 0)
    return failure{errc::store_unfit, path_.string() + " may be written by everybody: chmod o-w " + path_.string() +
                                          ", or name a directory of this account's"};
  return {};
}

status directory::still_in_place() const {
  struct stat now {};
  struct stat locks {};
  struct stat open_locks {};
  const bool is_self = ::stat(path_.c_str(), &now) == 0 && identity_of(now) == identity_;
  const bool has_locks = ::fstatat(self_, "locks", &locks, AT_SYMLINK_NOFOLLOW) == 0 && ::fstat(locks_, &open_locks) == 0 &&
                         identity_of(locks) == identity_of(open_locks);
  if (is_self && has_locks) return {};
  return failure{errc::store_unavailable, path_.string() + " was removed or replaced while it was in use; it is opened anew"};
}

bool directory::is_writable() const noexcept { return ::faccessat(self_, ".", W_OK, AT_EACCESS) == 0; }

file_identity directory::database_identity() const noexcept {
  struct stat found {};
  return ::fstatat(self_, "baton.db", &found, 0) == 0 ? identity_of(found) : file_identity{};
}

}  // namespace baton::local

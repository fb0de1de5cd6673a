#include "lock_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace baton::local {
namespace {

constexpr std::size_t longest_name = 64;
constexpr std::string_view suffix = ".lock";
constexpr std::string_view incarnation_mark = "%3A%7Ei%3A";  // ":~i:" as lock_file_name() writes it

/// What stands in a held file: 16 hexadecimal digits and a line end. A free one has zeros, or what a killed process left.
using content = std::array<char, 17>;

content content_of(std::uint64_t session) {
  std::array<char, 18> text{};
  std::snprintf(text.data(), text.size(), "%016llx\n", static_cast<unsigned long long>(session));
  content out{};
  std::memcpy(out.data(), text.data(), out.size());
  return out;
}

struct descriptor {
  int fd;
  explicit descriptor(int opened) : fd(opened) {}
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  [[nodiscard]] int release() noexcept { return std::exchange(fd, -1); }
};

/// Whether `fd` is what stands at the name: another process may have removed the file between our open and our lock.
bool is_at_path(int fd, int folder, const std::string& file) noexcept {
  struct stat mine {};
  struct stat there {};
  return ::fstat(fd, &mine) == 0 && ::fstatat(folder, file.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 && mine.st_dev == there.st_dev &&
         mine.st_ino == there.st_ino;
}

failure file_failure(const directory& where, const std::string& file, const std::string& what, int error) {
  const auto path = (where.path() / "locks" / file).string();
  switch (error) {
    case EACCES:
    case EPERM: return {errc::access_denied, path + " cannot be " + what + ": it belongs to another account; run all instances as one"};
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return {errc::store_unfit, path + " cannot be " + what + ": " + error_text(error) + "; make room on the disk"};
    case EROFS: return {errc::store_unfit, path + " cannot be " + what + ": the file system is read-only"};
    case EMFILE:
    case ENFILE:
      return {errc::io, path + " cannot be " + what + ": too many open files, and each held lock is one; raise LimitNOFILE (ulimit -n)"};
    default: return {errc::io, path + " cannot be " + what + ": " + error_text(error)};
  }
}

}  // namespace

std::string lock_file_name(std::string_view name) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : name) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    if (is_plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      (((out += '%') += digits[byte >> 4U]) += digits[byte & 15U]);
    }
  }
  return out.append(suffix);
}

result<std::unique_ptr<lock_file>> lock_file::try_take(std::shared_ptr<const directory> where, std::string_view name,
                                                       std::uint64_t session) {
  if (name.empty() || name.size() > longest_name)
    return failure{errc::invalid_key, "a lock's name has 1 to " + std::to_string(longest_name) + " bytes, got " +
                                          std::to_string(name.size()) + ": '" + std::string{name.substr(0, 80)} + "'"};
  const auto file = lock_file_name(name);
  for (;;) {
    descriptor opened{::openat(where->locks(), file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (opened.fd < 0) return file_failure(*where, file, "opened", errno);
    if (::flock(opened.fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return std::unique_ptr<lock_file>{};
      return file_failure(*where, file, "locked", errno);
    }
    if (!is_at_path(opened.fd, where->locks(), file)) continue;
    const auto text = content_of(session);
    const auto written = ::pwrite(opened.fd, text.data(), text.size(), 0);
    if (written != static_cast<ssize_t>(text.size())) return file_failure(*where, file, "written", written < 0 ? errno : ENOSPC);
    return std::unique_ptr<lock_file>{new lock_file{std::move(where), file, opened.release()}};
  }
}

lock_file::lock_file(std::shared_ptr<const directory> where, std::string file, int descriptor)
    : where_(std::move(where)), file_(std::move(file)), descriptor_(descriptor), owner_(::getpid()) {}

lock_file::~lock_file() {
  if (::getpid() == owner_) {
    // First the content, then the lock: nobody sees it busy under an id that has given it back.
    const auto nobody = content_of(0);
    [[maybe_unused]] const auto written = ::pwrite(descriptor_, nobody.data(), nobody.size(), 0);
    if (is_removed_at_end_ && is_in_place()) ::unlinkat(where_->locks(), file_.c_str(), 0);
    ::flock(descriptor_, LOCK_UN);
  }
  ::close(descriptor_);
}

bool lock_file::is_in_place() const noexcept { return is_at_path(descriptor_, where_->locks(), file_); }

result<bool> is_held(const directory& where, std::string_view name, std::optional<std::uint64_t> by) {
  const auto file = lock_file_name(name);
  const descriptor opened{::openat(where.locks(), file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (opened.fd < 0) {
    if (errno == ENOENT) return false;
    return file_failure(where, file, "opened", errno);
  }
  if (by) {
    content text{};
    const auto size = ::pread(opened.fd, text.data(), text.size(), 0);
    if (size != static_cast<ssize_t>(text.size()) || text != content_of(*by)) return false;
  }
  if (::flock(opened.fd, LOCK_SH | LOCK_NB) == 0) return false;
  if (errno == EWOULDBLOCK) return true;
  return file_failure(where, file, "asked about", errno);
}

void sweep_lock_files(const directory& where, wall_time now) {
  constexpr auto a_day = std::chrono::hours{24};
  const int folder = ::openat(where.locks(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const list = folder < 0 ? nullptr : ::fdopendir(folder);
  if (list == nullptr) {
    if (folder >= 0) ::close(folder);
    return;
  }
  while (const auto* entry = ::readdir(list)) {
    const std::string file{static_cast<const char*>(entry->d_name)};
    struct stat found {};
    if (!file.ends_with(suffix) || ::fstatat(where.locks(), file.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const bool is_incarnation = file.find(incarnation_mark) != std::string::npos;
    if (!is_incarnation && now - wall_time{std::chrono::seconds{found.st_mtim.tv_sec}} < a_day) continue;
    const descriptor opened{::openat(where.locks(), file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
    if (opened.fd < 0 || ::flock(opened.fd, LOCK_EX | LOCK_NB) != 0) continue;
    if (is_at_path(opened.fd, where.locks(), file)) ::unlinkat(where.locks(), file.c_str(), 0);
  }
  ::closedir(list);
}

}  // namespace baton::local

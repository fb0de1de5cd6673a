#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "baton/base/result.hpp"

namespace baton::local {

/// The name of a file system that other hosts may share, by its magic number; empty for one of this host.
[[nodiscard]] std::string_view network_file_system(std::uint64_t magic) noexcept;

/// The words of errno.
[[nodiscard]] std::string error_text(int error);

/// Which file: its device and inode.
struct file_identity {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const file_identity&, const file_identity&) = default;
};

/// The store's directory, open and found fit. Thread safety: any thread.
class directory {
 public:
  /// Makes it and its parents with mode 0700 where they are missing.
  [[nodiscard]] static result<std::shared_ptr<const directory>> open(const std::filesystem::path& path);
  ~directory();
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::filesystem::path database() const { return path_ / "baton.db"; }
  [[nodiscard]] int locks() const noexcept { return locks_; }  ///< the folder of the lock files, for openat()

  /// Errors: store_unavailable when its path, or that of its locks, leads to something else now: nobody would see what is done here.
  [[nodiscard]] status still_in_place() const;
  /// False on a file system that is read-only, and where the account may not write. A full disk is not asked for.
  [[nodiscard]] bool is_writable() const noexcept;
  /// Of the database; nothing at its path is {}.
  [[nodiscard]] file_identity database_identity() const noexcept;

 private:
  explicit directory(std::filesystem::path path) : path_(std::move(path)) {}
  [[nodiscard]] status look_over() const;

  std::filesystem::path path_;
  int self_ = -1;
  int locks_ = -1;
  file_identity identity_;
};

}  // namespace baton::local

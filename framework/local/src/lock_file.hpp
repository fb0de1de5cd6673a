#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "baton/base/time.hpp"
#include "directory.hpp"

namespace baton::local {

/// What a lock is called in the folder: letters that every file system keeps apart, others as %XX; a name of 64 bytes takes 197 at most.
[[nodiscard]] std::string lock_file_name(std::string_view name);

/// One named lock that this process holds: a file with a flock, in which the session's id stands.
///
/// The lock belongs to the open file description: exec closes it (O_CLOEXEC), a fork without exec shares it until both have closed it.
class lock_file {
 public:
  /// nullptr: somebody has it. Errors: io, access_denied; store_unfit on a full or read-only disk.
  [[nodiscard]] static result<std::unique_ptr<lock_file>> try_take(std::shared_ptr<const directory> where, std::string_view name,
                                                                   std::uint64_t session);
  /// Gives it back. In a forked child it stays the parent's.
  ~lock_file();
  lock_file(const lock_file&) = delete;
  lock_file& operator=(const lock_file&) = delete;

  /// False once another file stands at its path: others do not see the lock any more.
  [[nodiscard]] bool is_in_place() const noexcept;
  /// From now on the file goes with the lock: of names that do not come back.
  void remove_at_end() noexcept { is_removed_at_end_ = true; }

 private:
  lock_file(std::shared_ptr<const directory> where, std::string file, int descriptor);

  std::shared_ptr<const directory> where_;
  std::string file_;
  int descriptor_;
  pid_t owner_;
  bool is_removed_at_end_ = false;
};

/// Whether anybody holds the name; with `by`, whether that session does. Takes nothing from anybody: what is free and bears the
/// session's id is locked shared for a moment.
[[nodiscard]] result<bool> is_held(const directory& where, std::string_view name, std::optional<std::uint64_t> by = std::nullopt);

/// Removes the files of incarnations that have ended, and of other names that nobody has taken for a day.
void sweep_lock_files(const directory& where, wall_time now);

}  // namespace baton::local

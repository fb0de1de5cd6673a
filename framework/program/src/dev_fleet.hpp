#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"

namespace baton::program {

/// A folder for as long as it lives; folders of killed demos are swept by the next one.
class temporary_folder {
 public:
  [[nodiscard]] static result<temporary_folder> create();
  temporary_folder(temporary_folder&& other) noexcept;
  temporary_folder& operator=(temporary_folder&&) = delete;
  ~temporary_folder();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// Leaves the folder behind, as evidence.
  void keep() noexcept { is_kept_ = true; }

 private:
  temporary_folder() = default;
  std::filesystem::path path_;
  int owner_ = -1;  ///< locked: tells others that the folder is in use
  bool is_kept_ = false;
};

/// One instance of the demo's fleet: `baton run` as a child process.
///
/// Lifetime: the child is killed with this object, and told to stop (PDEATHSIG) when this process ends in any other way.
/// Thread safety: one thread, the same that stays to the end: PDEATHSIG fires when the spawning thread ends.
class fleet_member {
 public:
  fleet_member(std::string name, std::uint16_t port, std::filesystem::path configuration, std::filesystem::path log);
  fleet_member(fleet_member&& other) noexcept;
  fleet_member& operator=(fleet_member&&) = delete;
  ~fleet_member();

  [[nodiscard]] status start();
  void send(int signal) const noexcept;
  /// Reaps the child if it has ended: waitpid's status.
  [[nodiscard]] std::optional<int> ended() noexcept;
  /// Asks /readyz.
  [[nodiscard]] bool is_ready() const;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }  ///< 0 while it does not run
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::string url(const std::string& route) const { return "http://127.0.0.1:" + std::to_string(port_) + route; }
  /// The end of its log.
  [[nodiscard]] std::string last_words() const;

 private:
  std::string name_;
  std::uint16_t port_;
  std::filesystem::path configuration_;
  std::filesystem::path log_;
  pid_t pid_ = 0;
};

/// A port of 127.0.0.1 that nobody listens on now; 0 if there is none.
[[nodiscard]] std::uint16_t free_port();

}  // namespace baton::program

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "baton/base/result.hpp"

namespace baton::admin {

/// A listening socket, non-blocking and closed on exec; a unix socket's file goes with it.
class listener {
 public:
  [[nodiscard]] static result<listener> on_tcp(const std::string& host, std::uint16_t port);
  [[nodiscard]] static result<listener> on_unix(const std::string& path);

  listener(listener&& other) noexcept;
  listener& operator=(listener&&) = delete;
  ~listener();

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  /// The next client that waits, non-blocking and closed on exec; -1 with errno when there is none.
  [[nodiscard]] int accept() const noexcept;

 private:
  explicit listener(int descriptor) noexcept : descriptor_(descriptor) {}

  int descriptor_;
  std::uint16_t port_ = 0;
  std::string path_;  // of a unix socket, with what tells its file from one that took its place
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

/// Who is at the other end of a unix socket: "uid 1000".
[[nodiscard]] std::string peer_of(int client);

}  // namespace baton::admin

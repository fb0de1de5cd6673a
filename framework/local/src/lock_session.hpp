#pragma once

#include <sys/types.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "baton/lock/session.hpp"
#include "directory.hpp"
#include "lock_file.hpp"

namespace baton::local {

/// lock::session on files. No call waits for anybody.
class lock_session final : public lock::session {
 public:
  lock_session(std::shared_ptr<const directory> where, lock::server_identity identity);

  [[nodiscard]] result<std::vector<lock::try_outcome>> try_acquire(std::span<const std::string> names) override;
  [[nodiscard]] result<std::vector<bool>> owned(std::span<const std::string> names) override;
  [[nodiscard]] result<lock::probe_reply> probe(std::span<const std::string> names) override;
  [[nodiscard]] result<std::vector<lock::release_outcome>> release(std::span<const std::string> names) override;

  [[nodiscard]] std::uint64_t connection_id() const noexcept override { return id_; }
  [[nodiscard]] const lock::server_identity& identity() const noexcept override { return identity_; }
  [[nodiscard]] int descriptor() const noexcept override { return -1; }
  void interrupt() noexcept override { is_interrupted_ = true; }

 private:
  [[nodiscard]] status usable() const;
  [[nodiscard]] bool holds(const std::string& name) const;

  std::shared_ptr<const directory> where_;
  lock::server_identity identity_;
  file_identity database_;
  std::uint64_t id_;
  pid_t owner_;
  std::atomic<bool> is_interrupted_ = false;
  std::map<std::string, std::unique_ptr<lock_file>, std::less<>> held_;
};

/// An id that no other session of the host has: 63 random bits.
[[nodiscard]] std::uint64_t new_session_id();

}  // namespace baton::local

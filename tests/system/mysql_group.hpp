#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fixture.hpp"

namespace baton::system_test {

/// A single-primary group of three MySQL servers on loopback, as MySQL's InnoDB Cluster makes one.
class mysql_group {
 public:
  /// Throws std::runtime_error.
  mysql_group();

  [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }
  [[nodiscard]] private_server& operator[](std::size_t index) { return *members_[index]; }
  /// mysql://baton@HOST:PORT,HOST:PORT,HOST:PORT/baton
  [[nodiscard]] std::string url() const;

  /// As a member that runs sees it; nullopt while there is none, or nobody but the one that was takes writes.
  [[nodiscard]] std::optional<std::size_t> primary();
  /// The primary is another member than `before`, and takes writes.
  [[nodiscard]] bool await_primary_after(std::size_t before, microseconds limit);
  [[nodiscard]] bool await_online(std::size_t count, microseconds limit);

  void make_primary(std::size_t member);
  /// It stands still, or goes on: nobody asks it meanwhile.
  void suspend(std::size_t member);
  void resume(std::size_t member);
  /// A member that was killed or expelled joins again.
  void join(std::size_t member);

 private:
  [[nodiscard]] std::string ask(std::size_t member, const std::string& sql);

  std::vector<std::unique_ptr<private_server>> members_;
  std::vector<std::size_t> suspended_;
};

}  // namespace baton::system_test

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fixture.hpp"

namespace baton::system_test {

/// A single-primary group of MySQL servers of this machine, as MySQL's InnoDB Cluster makes one.
class mysql_group {
 public:
  /// Where a member is.
  struct site {
    std::string address = "127.0.0.1";
    std::vector<std::string> command_prefix = {};  ///< as in private_server::options
  };
  /// Throws std::runtime_error.
  explicit mysql_group(std::vector<site> sites = std::vector<site>(3));

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
  /// A member that stands still, or that nobody can reach: its view is not asked for.
  void leave_out(std::size_t member) { left_out_.push_back(member); }
  void take_in(std::size_t member) { std::erase(left_out_, member); }

 private:
  [[nodiscard]] std::string ask(std::size_t member, const std::string& sql);

  std::vector<site> sites_;
  std::vector<std::unique_ptr<private_server>> members_;
  std::vector<std::size_t> left_out_;
};

}  // namespace baton::system_test

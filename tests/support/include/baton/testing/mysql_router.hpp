#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "baton/testing/fleet_process.hpp"

namespace baton::testing {

/// MySQL Router of private_server::mysql_folder(), on loopback, with routes that lead to one server each whatever that is at the moment.
class mysql_router {
 public:
  struct route {
    std::string name;
    std::uint16_t port = 0;
    std::uint16_t destination = 0;
    std::string settings = {};  ///< further lines
  };
  /// Started, not yet listening.
  [[nodiscard]] static result<std::unique_ptr<mysql_router>> start(const std::vector<route>& routes);
  ~mysql_router();
  mysql_router(const mysql_router&) = delete;
  mysql_router& operator=(const mysql_router&) = delete;

  void terminate() noexcept;
  /// For the message of a failed test.
  [[nodiscard]] std::string logs() const;

 private:
  explicit mysql_router(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path folder_;
  std::unique_ptr<child_process> process_;
};

}  // namespace baton::testing

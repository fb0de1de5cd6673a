#pragma once

#include <boost/json/value.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "fixture.hpp"

namespace baton::system_test {

/// A Prometheus of its own that scrapes the instances of a fleet twice a second, by the shipped rules with their times made short.
class live_prometheus {
 public:
  /// `folder` takes its data and files. Throws std::runtime_error.
  live_prometheus(const std::filesystem::path& folder, const std::vector<std::uint16_t>& instances);

  /// It answers, and every instance was scraped.
  [[nodiscard]] bool await_scraped(std::size_t instances, microseconds limit);

  struct answer {
    bool ok = false;
    std::string error;
    boost::json::array series;  ///< as /api/v1/query has them: {"metric": {…}, "value": [T, "1"]}
  };
  [[nodiscard]] answer query(const std::string& expression) const;
  [[nodiscard]] bool fires(const std::string& alert) const;
  /// Names of alerts that fire or are about to, for the message of a failed test.
  [[nodiscard]] std::string alerts() const;
  /// Groups of rules whose last evaluation failed: "NAME: ERROR".
  [[nodiscard]] std::vector<std::string> broken_rules() const;
  [[nodiscard]] std::string log() const { return process_->output(); }

 private:
  [[nodiscard]] boost::json::value ask(const std::string& path) const;

  std::uint16_t port_ = 0;
  std::unique_ptr<testing::child_process> process_;
};

/// The text of a shipped file, as tests rewrite it.
[[nodiscard]] std::string shipped(const std::string& path);
/// The output of a shell command, without its last newline; throws std::runtime_error when it fails.
[[nodiscard]] std::string output_of(const std::string& command);

}  // namespace baton::system_test

#pragma once

#include <chrono>
#include <cstdlib>

namespace baton::testing {

/// How long a test may go on drawing cases: an environment variable in seconds, or a default.
class time_budget {
 public:
  time_budget(const char* variable, std::chrono::seconds otherwise) : limit_(otherwise) {
    if (const char* text = std::getenv(variable)) limit_ = std::chrono::seconds{std::strtoll(text, nullptr, 10)};
  }
  [[nodiscard]] std::chrono::steady_clock::duration spent() const { return std::chrono::steady_clock::now() - start_; }
  [[nodiscard]] bool is_spent() const { return spent() >= limit_; }

 private:
  std::chrono::steady_clock::duration limit_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace baton::testing

#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "baton/base/time.hpp"

namespace baton::program {

/// What a check came to.
struct check_result {
  enum class kind : unsigned char { ok = 1, failed, skipped };
  kind outcome{};
  std::string text;

  [[nodiscard]] static check_result ok(std::string text) { return {kind::ok, std::move(text)}; }
  [[nodiscard]] static check_result failed(std::string text) { return {kind::failed, std::move(text)}; }
  [[nodiscard]] static check_result skipped(std::string text) { return {kind::skipped, std::move(text)}; }
};

/// How far a check is, seen from outside: told when it crashes or hangs.
class checkpoint {
 public:
  static constexpr std::size_t longest = 256;

  checkpoint();
  ~checkpoint();
  checkpoint(const checkpoint&) = delete;
  checkpoint& operator=(const checkpoint&) = delete;

  void reach(std::string_view where) noexcept;
  [[nodiscard]] std::string text() const;

 private:
  char* shared_;  ///< by both processes
};

/// Carries out a check in a process of its own, which is killed with what it started when it is not through within `limit`. What it prints
/// is lost. To be called while this process has one thread.
[[nodiscard]] check_result isolated(const std::function<check_result(checkpoint&)>& check, microseconds limit);

}  // namespace baton::program

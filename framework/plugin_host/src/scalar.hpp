#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "baton/plugin_host/parameters.hpp"

namespace baton::plugin_host {

/// A value, or in words why the text is none.
class parsed {
 public:
  parsed(value v) : state_{std::move(v)} {}  // NOLINT(google-explicit-constructor)
  static parsed wrong(std::string why) { return parsed{std::move(why), false}; }
  explicit operator bool() const noexcept { return why_.empty(); }
  value& operator*() { return state_; }
  [[nodiscard]] const std::string& error() const { return why_; }

 private:
  parsed(std::string why, bool) : why_{std::move(why)} {}
  value state_;
  std::string why_;
};

/// Reads a scalar of the parameter's type; bounds and choices are checked.
[[nodiscard]] parsed parse_scalar(const parameter& p, std::string_view text);
/// Reads a default as the ABI carries it: lists and maps have an entry a line.
[[nodiscard]] parsed parse_fallback(const parameter& p, std::string_view text);

}  // namespace baton::plugin_host

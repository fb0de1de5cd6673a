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
  /// In place: GCC 12 at -O2 takes the move of a variant's temporary for the use of uninitialised memory.
  template <typename T>
  explicit parsed(std::in_place_type_t<T> type, T v) : state_{type, std::move(v)} {}
  static parsed wrong(std::string why) {
    parsed none{std::in_place_type<bool>, false};
    none.why_ = std::move(why);
    return none;
  }
  explicit operator bool() const noexcept { return why_.empty(); }
  value& operator*() { return state_; }
  [[nodiscard]] const std::string& error() const { return why_; }

 private:
  value state_;
  std::string why_;
};

/// Reads a scalar of the parameter's type; bounds and choices are checked.
[[nodiscard]] parsed parse_scalar(const parameter& p, std::string_view text);
/// Reads a default as the ABI carries it: lists and maps have an entry a line.
[[nodiscard]] parsed parse_fallback(const parameter& p, std::string_view text);

}  // namespace baton::plugin_host

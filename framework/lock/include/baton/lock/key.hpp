#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "baton/base/result.hpp"

namespace baton::lock {

/// How a text becomes the name of a lock on the server.
enum class key_mode : std::uint8_t {
  /// As it is, 1 to 64 code points: what other clients of the server (sqlalchemy_dlock, SQL by hand) call the same lock. "Job" and "job"
  /// are one lock on MySQL, which folds case, and two on MariaDB, which compares bytes.
  exact = 1,
  /// Folded to lower case first, ASCII only: one lock for "Job" and "job" on both servers.
  portable,
  /// Text of any length and any bytes; two texts are two locks on both servers. What fits into 64 of a-z 0-9 . _ : - stays readable as it
  /// is, anything else becomes a readable prefix, '#' and 130 bits of SHA-256. Stable for ever.
  hashed,
};

struct key_options {
  key_mode mode = key_mode::exact;
  std::string_view prefix;  ///< put before the text, before its length is looked at: named locks are shared by all users of a server
};

/// A value that is a number and nothing else: `bool` and characters are not, since nobody means "1" or "65" by them.
template <typename T>
concept number = (std::integral<T> || std::floating_point<T>)&&!std::same_as<T, bool> && !std::same_as<T, char> &&
                 !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

/// The name of a lock, fit for MySQL and MariaDB alike. A key that exists is valid.
///
/// Errors of from(): invalid_key, with what is wrong and what would do: empty; longer than 64 code points; not UTF-8; a NUL, which both
/// servers would cut the name at; a code point beyond U+FFFF, which MySQL refuses; in portable mode, anything but ASCII.
/// Thread safety: as a std::string.
class key {
 public:
  [[nodiscard]] static result<key> from(std::string_view text, const key_options& how = {});
  static result<key> from(std::nullptr_t, const key_options& how = {}) = delete;
  /// UTF-8; in hashed mode any bytes.
  [[nodiscard]] static result<key> from(std::span<const std::byte> bytes, const key_options& how = {});
  [[nodiscard]] static result<key> from(std::span<const unsigned char> bytes, const key_options& how = {}) {
    return from(std::as_bytes(bytes), how);
  }
  /// In decimal, "42" or "-7"; floating point as Python writes it, "1.5", "2.0", "1e-07": the shortest text that reads back the same.
  template <number T>
  [[nodiscard]] static result<key> from(T value, const key_options& how = {}) {
    if constexpr (std::floating_point<T>) return from(decimal(static_cast<double>(value)), how);
    if constexpr (std::integral<T>) return from(std::to_string(value), how);
  }
  /// Of any type: `convert(value)` gives the text.
  template <typename T, std::invocable<const T&> Convert>
  [[nodiscard]] static result<key> from(const T& value, Convert&& convert, const key_options& how = {}) {
    static_assert(std::convertible_to<std::invoke_result_t<Convert, const T&>, std::string>, "a converter returns the text of the key");
    return from(std::string_view{std::string(std::invoke(std::forward<Convert>(convert), value))}, how);
  }

  /// As the server knows it.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  friend bool operator==(const key&, const key&) = default;

 private:
  explicit key(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] static std::string decimal(double value);

  std::string text_;
};

}  // namespace baton::lock

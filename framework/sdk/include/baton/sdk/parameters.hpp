#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "baton/sdk/abi.h"

namespace baton::sdk {

using text_list = std::vector<std::string>;
using text_map = std::map<std::string, std::string>;

namespace detail {

template <typename T>
inline constexpr bool is_duration = false;
template <typename Rep, typename Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;

template <typename T>
constexpr std::uint32_t type_of() {
  if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>) {
    return BATON_TYPE_TEXT;
  } else if constexpr (std::is_same_v<T, bool>) {
    return BATON_TYPE_BOOLEAN;
  } else if constexpr (std::is_integral_v<T>) {
    return BATON_TYPE_INTEGER;
  } else if constexpr (std::is_floating_point_v<T>) {
    return BATON_TYPE_NUMBER;
  } else if constexpr (is_duration<T>) {
    return BATON_TYPE_DURATION;
  } else if constexpr (std::is_same_v<T, text_list>) {
    return BATON_TYPE_LIST;
  } else {
    static_assert(std::is_same_v<T, text_map>, "a parameter is a text, integer, number, bool, duration, text_list or text_map");
    return BATON_TYPE_MAP;
  }
}

template <typename T>
constexpr double bound(T value) {
  if constexpr (is_duration<T>) {
    return std::chrono::duration<double>(value).count();
  } else {
    return static_cast<double>(value);
  }
}

}  // namespace detail

/// One parameter of a plugin, made by param<T>() or required<T>(): what a job may write under `with`. The host checks it before the
/// handler sees it.
class parameter_spec {
 public:
  static constexpr std::size_t max_choices = 16;

  /// Inclusive bounds of an integer, a number or a duration.
  template <typename T>
  [[nodiscard]] constexpr parameter_spec range(T lowest, T highest) const {
    if (type_ != BATON_TYPE_INTEGER && type_ != BATON_TYPE_NUMBER && type_ != BATON_TYPE_DURATION)
      throw "range() is for numbers and durations";
    if (detail::is_duration<T> != (type_ == BATON_TYPE_DURATION)) throw "a duration has bounds with units, a number without";
    auto copy = *this;
    copy.minimum_ = detail::bound(lowest);
    copy.maximum_ = detail::bound(highest);
    copy.flags_ |= BATON_PARAMETER_HAS_MINIMUM | BATON_PARAMETER_HAS_MAXIMUM;
    return copy;
  }

  /// The only texts allowed.
  template <typename... Text>
  [[nodiscard]] constexpr parameter_spec one_of(Text... choices) const {
    static_assert(sizeof...(Text) > 0 && sizeof...(Text) <= max_choices);
    if (type_ != BATON_TYPE_TEXT) throw "one_of() is for texts";
    auto copy = *this;
    copy.choices_ = {std::string_view{choices}...};
    copy.choice_count_ = sizeof...(Text);
    return copy;
  }

  /// Never shown: not in logs, not on pages, not in error messages.
  [[nodiscard]] constexpr parameter_spec secret() const {
    auto copy = *this;
    copy.flags_ |= BATON_PARAMETER_SECRET;
    return copy;
  }

  [[nodiscard]] constexpr std::string_view name() const { return name_; }
  [[nodiscard]] constexpr std::string_view help() const { return help_; }
  [[nodiscard]] constexpr std::uint32_t type() const { return type_; }
  [[nodiscard]] constexpr std::uint32_t flags() const { return flags_; }
  [[nodiscard]] constexpr double minimum() const { return minimum_; }
  [[nodiscard]] constexpr double maximum() const { return maximum_; }
  [[nodiscard]] constexpr const std::string_view* choices() const { return choices_.data(); }
  [[nodiscard]] constexpr std::size_t choice_count() const { return choice_count_; }
  /// The default as a user would write it. Not constexpr: numbers are printed.
  [[nodiscard]] inline std::string fallback_text() const;

 private:
  template <typename T>
  friend constexpr parameter_spec required(std::string_view name, std::string_view help);
  template <typename T, typename U>
  friend constexpr parameter_spec param(std::string_view name, U fallback, std::string_view help);

  constexpr parameter_spec(std::uint32_t type, std::uint32_t flags, std::string_view name, std::string_view help)
      : name_{name}, help_{help}, type_{type}, flags_{flags} {}

  std::string_view name_;
  std::string_view help_;
  std::uint32_t type_;
  std::uint32_t flags_;
  std::string_view text_;
  std::int64_t integer_ = 0;
  double number_ = 0;
  double minimum_ = 0;
  double maximum_ = 0;
  std::array<std::string_view, max_choices> choices_{};
  std::size_t choice_count_ = 0;
};

/// A parameter that every job has to set.
template <typename T>
constexpr parameter_spec required(std::string_view name, std::string_view help) {
  return {detail::type_of<T>(), BATON_PARAMETER_REQUIRED, name, help};
}

/// A parameter with a default. The default of a text_list is a text with an item a line, of a text_map with "key=value" a line.
template <typename T, typename U>
constexpr parameter_spec param(std::string_view name, U fallback, std::string_view help) {
  parameter_spec spec{detail::type_of<T>(), BATON_PARAMETER_HAS_DEFAULT, name, help};
  if constexpr (detail::is_duration<T>) {
    spec.integer_ = std::chrono::duration_cast<std::chrono::microseconds>(T{fallback}).count();
  } else if constexpr (std::is_floating_point_v<T>) {
    spec.number_ = static_cast<double>(fallback);
  } else if constexpr (std::is_integral_v<T>) {
    spec.integer_ = static_cast<std::int64_t>(fallback);
  } else {
    spec.text_ = fallback;
  }
  return spec;
}

inline std::string parameter_spec::fallback_text() const {
  switch (type_) {
    case BATON_TYPE_INTEGER: return std::to_string(integer_);
    case BATON_TYPE_BOOLEAN: return integer_ != 0 ? "true" : "false";
    case BATON_TYPE_DURATION: return std::to_string(integer_) + "us";
    case BATON_TYPE_NUMBER: {
      std::array<char, 40> text{};
      const int length = std::snprintf(text.data(), text.size(), "%.17g", number_);
      return {text.data(), static_cast<std::size_t>(length)};
    }
    default: return std::string{text_};
  }
}

/// The parameter table of a handler: `static constexpr baton::sdk::params parameters{param<…>(…), required<…>(…)};`
template <std::size_t N>
struct params {
  template <typename... Spec>
  explicit(false) constexpr params(const Spec&... specs) : rows{specs...} {
    static_assert(sizeof...(Spec) == N);
  }
  std::array<parameter_spec, N> rows;
};

template <>
struct params<0> {
  std::array<parameter_spec, 0> rows;
};

template <typename... Spec>
params(Spec...) -> params<sizeof...(Spec)>;

}  // namespace baton::sdk

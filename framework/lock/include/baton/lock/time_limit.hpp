#pragma once

#include <chrono>
#include <limits>
#include <optional>

#include "baton/base/time.hpp"

namespace baton::lock {

/// How long a call may wait for a lock: for ever, unless a duration is given.
///
/// Any duration converts: fractions are honoured to the microsecond (rounded up), a negative one is none at all - one try -, and one
/// beyond a hundred years is for ever, so that no value overflows on its way to a server.
class time_limit {
 public:
  constexpr time_limit() noexcept = default;
  constexpr time_limit(std::nullopt_t /*for_ever*/) noexcept {}  // NOLINT(google-explicit-constructor)
  template <typename Rep, typename Period>
  constexpr time_limit(std::chrono::duration<Rep, Period> d) noexcept : limit_(clamped(d)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] constexpr bool is_infinite() const noexcept { return limit_ == for_ever; }
  /// One try, without waiting.
  [[nodiscard]] constexpr bool is_zero() const noexcept { return limit_ == microseconds{0}; }
  /// microseconds::max() when infinite.
  [[nodiscard]] constexpr microseconds value() const noexcept { return limit_; }

  friend bool operator==(const time_limit&, const time_limit&) = default;

 private:
  static constexpr microseconds for_ever = microseconds::max();

  template <typename Rep, typename Period>
  static constexpr microseconds clamped(std::chrono::duration<Rep, Period> d) noexcept {
    const std::chrono::duration<long double> wide{d};
    if (!(wide > std::chrono::duration<long double>::zero())) return microseconds{0};  // a NaN too
    if (wide >= std::chrono::years{100}) return for_ever;
    return std::chrono::ceil<microseconds>(wide);
  }

  microseconds limit_ = for_ever;
};

}  // namespace baton::lock

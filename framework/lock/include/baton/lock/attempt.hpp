#pragma once

#include <utility>
#include <variant>

#include "baton/base/result.hpp"

namespace baton::lock {

/// The lock is held by others, and was for as long as the caller was ready to wait.
struct busy {
  friend bool operator==(const busy&, const busy&) = default;
};

/// What came of trying to get a lock: it is held, it is busy, or the attempt failed. True only when the lock is held, so that
/// `if (auto got = lock.acquire())` guards what it seems to guard; a `result<bool>` would be true for a busy one.
///
/// Reading the side that is not there is a bug and aborts.
template <typename T = std::monostate>
class [[nodiscard]] attempt {
 public:
  attempt(T held) : state_(std::in_place_index<0>, std::move(held)) {}          // NOLINT(google-explicit-constructor)
  attempt(busy b) : state_(std::in_place_index<1>, b) {}                        // NOLINT(google-explicit-constructor)
  attempt(failure error) : state_(std::in_place_index<2>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const noexcept { return state_.index() == 0; }
  [[nodiscard]] bool is_busy() const noexcept { return state_.index() == 1; }
  [[nodiscard]] bool has_failed() const noexcept { return state_.index() == 2; }

  [[nodiscard]] T& operator*() & { return get<0>(); }
  [[nodiscard]] const T& operator*() const& { return const_cast<attempt&>(*this).get<0>(); }
  [[nodiscard]] T&& operator*() && { return std::move(get<0>()); }
  [[nodiscard]] T* operator->() { return &get<0>(); }
  [[nodiscard]] const T* operator->() const { return &const_cast<attempt&>(*this).get<0>(); }
  [[nodiscard]] const failure& error() const& { return const_cast<attempt&>(*this).get<2>(); }
  [[nodiscard]] failure&& error() && { return std::move(get<2>()); }

 private:
  template <std::size_t Side>
  auto& get() {
    BATON_ASSERT(state_.index() == Side);
    return *std::get_if<Side>(&state_);
  }

  std::variant<T, busy, failure> state_;
};

}  // namespace baton::lock

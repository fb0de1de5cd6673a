#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace baton {

/// What kind of failure happened. Numbers are stable, documented in docs/reference/error-codes.md, and never reused.
enum class errc : std::int32_t {
  invalid_argument = 1,  ///< a value from outside does not fit; the context says which, and what would
  invalid_configuration = 2,
  invalid_key = 3,  ///< a lock name that no server would treat as the caller means
  not_found = 4,
  io = 5,        ///< the operating system refused; the context holds its words
  internal = 6,  ///< a defect of Baton's
  already_exists = 7,

  store_unavailable = 20,  ///< no connection, or it ended: nothing is known of what was under way
  store_unfit = 21,        ///< the server answers, but must not be used; the context says why and what cures it
  store_timeout = 22,      ///< a call exceeded its deadline: nothing is known of what was under way
  store_busy = 23,         ///< deadlock or lock wait time-out; rolled back, safe to repeat
  store_query = 24,        ///< the server refused a statement on a live connection
  schema_outdated = 25,    ///< tables are missing or of an older release
  access_denied = 26,

  already_locked = 40,
  not_locked = 41,
  lock_lost = 42,
  interrupted = 43,  ///< a wait was ended from outside (KILL QUERY); the lock is not held
  deadlock = 44,
  held_by_this_session = 45,   ///< a second acquire of a name on one session, which the server would grant
  wrong_thread = 46,           ///< a lock that belongs to one thread was used from another
  operation_in_progress = 47,  ///< an asynchronous operation of the same lock has not ended
  cancelled = 48,              ///< by the caller; the lock is not held
  timed_out = 49,              ///< a guard's time to wait is over
  over_budget = 50,            ///< one more connection than the caller allows
  stale_fence = 51,            ///< a guarded write under a fence that a later holder has passed; nothing was written
  wrong_process = 52,          ///< a connection was used in a forked child

  plugin_refused = 60,  ///< not loadable, or of an ABI this host does not speak
  spawn_failed = 61,
};

/// The short, stable name of a code, such as "store_unavailable".
[[nodiscard]] std::string_view to_string(errc code) noexcept;

/// An expected failure: what kind, and a sentence that names the object, the value and what to do next.
struct failure {
  errc code;
  std::string context;

  /// The same failure, its context prefixed with "`what`: ".
  [[nodiscard]] failure in(std::string_view what) && {
    context.insert(0, ": ").insert(0, what);
    return std::move(*this);
  }
};

/// A value, or why there is none. A strict subset of C++23's std::expected.
///
/// Reading the side that is not there is a bug and aborts, in release builds too.
template <typename T>
class [[nodiscard]] result {
 public:
  using value_type = T;

  result(T value) : state_(std::in_place_index<0>, std::move(value)) {}        // NOLINT(google-explicit-constructor)
  result(failure error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)
  /// As a pointer to a base takes one to a derived class.
  template <typename U>
  requires(!std::is_same_v<T, U> && std::is_convertible_v<U, T>) result(result<U>&& other)  // NOLINT(google-explicit-constructor)
      : state_(other ? std::variant<T, failure>{std::in_place_index<0>, std::move(other).value()}
                     : std::variant<T, failure>{std::in_place_index<1>, std::move(other).error()}) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  [[nodiscard]] T& value() & { return *checked(std::get_if<0>(&state_)); }
  [[nodiscard]] const T& value() const& { return *checked(std::get_if<0>(&state_)); }
  [[nodiscard]] T&& value() && { return std::move(*checked(std::get_if<0>(&state_))); }
  [[nodiscard]] failure& error() & { return *checked(std::get_if<1>(&state_)); }
  [[nodiscard]] const failure& error() const& { return *checked(std::get_if<1>(&state_)); }
  [[nodiscard]] failure&& error() && { return std::move(*checked(std::get_if<1>(&state_))); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  template <typename U>
  [[nodiscard]] T value_or(U&& other) const& {
    return has_value() ? value() : static_cast<T>(std::forward<U>(other));
  }

 private:
  template <typename P>
  static P* checked(P* side) {
    if (side == nullptr) std::abort();
    return side;
  }

  std::variant<T, failure> state_;
};

/// Success without a value, or why not.
template <>
class [[nodiscard]] result<void> {
 public:
  using value_type = void;

  result() = default;
  result(failure error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  [[nodiscard]] const failure& error() const& { return checked(); }
  [[nodiscard]] failure&& error() && { return std::move(const_cast<failure&>(checked())); }

 private:
  [[nodiscard]] const failure& checked() const {
    if (!error_) std::abort();
    return *error_;
  }

  std::optional<failure> error_;
};

using status = result<void>;

/// Stops the process with a message when a precondition that only a bug of ours can break does not hold; on in release too.
/// Never used on what a peer, a file or a server sent.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

#define BATON_ASSERT(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::baton::assertion_failed(#condition, __FILE__, __LINE__))

}  // namespace baton

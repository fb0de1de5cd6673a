#pragma once

#include <memory>
#include <string>

#include "baton/lock/async_lock_state.hpp"
#include "baton/lock/named_lock.hpp"
#include "baton/mysql/asio/operation.hpp"
#include "baton/mysql/lock_client.hpp"

namespace baton::mysql {

class async_scoped_lock;

/// named_lock for programs on Boost.Asio: the same contract, with a completion token of any kind. Handlers run on their associated
/// executor, and never before the call that started the operation has returned. Nothing blocks it.
///
/// Cancelling an operation, by its cancellation slot, ends an acquire: it completes with errc::cancelled, and the lock is not held - or
/// with the lock, when that had come first. One operation at a time for each lock: another one completes with errc::operation_in_progress.
///
/// Lifetime: a lock that is destroyed while held is released in the background; an acquire under way is ended. An io_context that is
/// destroyed while handlers wait takes them with it: they are not called, and what they waited for is given back.
/// Thread safety: none for one lock; different locks from any thread.
class async_named_lock {
 public:
  struct options {
    lock::reentry again = lock::reentry::refuse;
    lock::time_limit contextual_timeout = {};  ///< how long async_hold() waits, whose expiry is an error
  };

  async_named_lock(std::shared_ptr<lock::async_session> on, lock::key name) : async_named_lock(std::move(on), std::move(name), options()) {}
  async_named_lock(std::shared_ptr<lock::async_session> on, lock::key name, options how)
      : state_(std::make_shared<lock::async_lock_state>(std::move(on), std::move(name), how.again)), options_(how) {}
  ~async_named_lock() {
    if (state_) state_->abandon();
  }
  async_named_lock(async_named_lock&&) noexcept = default;
  async_named_lock& operator=(async_named_lock&& other) noexcept {
    if (this == &other) return *this;
    if (state_) state_->abandon();
    state_ = std::move(other.state_);
    options_ = other.options_;
    return *this;
  }

  /// Completes with lock::attempt<>: true when the lock is held, busy, or failed.
  template <typename Token>
  auto async_acquire(lock::blocking block, lock::time_limit limit, Token&& token) {
    if (block == lock::blocking::no) limit = microseconds{0};
    return detail::initiate<lock::attempt<>>(
        [state = state_, limit](std::function<void()>& cancel, auto done) {
          cancel = [weak = std::weak_ptr{state}] {
            if (const auto s = weak.lock()) s->cancel();
          };
          state->acquire(limit, [state, done](lock::attempt<> got) {
            const bool is_held = static_cast<bool>(got);
            if (!done(std::move(got)) && is_held) state->close([](const status&) {});
          });
        },
        std::forward<Token>(token));
  }
  template <typename Token>
  auto async_acquire(Token&& token) {
    return async_acquire(lock::blocking::yes, {}, std::forward<Token>(token));
  }

  /// Completes with status.
  template <typename Token>
  auto async_release(Token&& token) {
    return detail::initiate<status>(
        [state = state_](std::function<void()>&, auto done) { state->release([done](status s) { (void)done(std::move(s)); }); },
        std::forward<Token>(token));
  }

  /// Releases what is held; nothing to do is success. Completes with status.
  template <typename Token>
  auto async_close(Token&& token) {
    return detail::initiate<status>(
        [state = state_](std::function<void()>&, auto done) { state->close([done](status s) { (void)done(std::move(s)); }); },
        std::forward<Token>(token));
  }

  /// Acquires for a scope, within the contextual time-out: completes with result<async_scoped_lock>, errc::timed_out when that is over.
  template <typename Token>
  auto async_hold(Token&& token);

  [[nodiscard]] bool is_locked() const { return state_ && state_->is_locked(); }
  [[nodiscard]] const lock::key& key() const noexcept { return state_->key(); }
  [[nodiscard]] lock::async_session& session() const noexcept { return state_->session(); }
  [[nodiscard]] lock::time_limit contextual_timeout() const noexcept { return options_.contextual_timeout; }
  /// "<locked async_named_lock key=nightly>"
  [[nodiscard]] std::string describe() const { return state_ ? state_->describe() : "<moved async_named_lock>"; }

 private:
  std::shared_ptr<lock::async_lock_state> state_;
  options options_;
};

/// Holds an async_named_lock for the length of a scope: what unwinds it - a return, an exception, the end of a coroutine that was cancelled
/// - releases the lock in the background. To wait for the release, async_close() the lock.
class [[nodiscard]] async_scoped_lock {
 public:
  explicit async_scoped_lock(std::shared_ptr<lock::async_lock_state> held) noexcept : held_(std::move(held)) {}
  ~async_scoped_lock() {
    if (held_)
      held_->close([held = held_](const status& closed) {
        if (!closed && closed.error().code != errc::not_locked) held->session().warn("at the end of a scope: " + closed.error().context);
      });
  }
  async_scoped_lock(async_scoped_lock&&) noexcept = default;
  async_scoped_lock& operator=(async_scoped_lock&&) = delete;

 private:
  std::shared_ptr<lock::async_lock_state> held_;
};

template <typename Token>
auto async_named_lock::async_hold(Token&& token) {
  return detail::initiate<result<async_scoped_lock>>(
      [state = state_, limit = options_.contextual_timeout](std::function<void()>& cancel, auto done) {
        cancel = [weak = std::weak_ptr{state}] {
          if (const auto s = weak.lock()) s->cancel();
        };
        state->acquire(limit, [state, limit, done](lock::attempt<> got) {
          if (got) return (void)done(async_scoped_lock{state});
          if (got.has_failed()) return (void)done(std::move(got).error());
          (void)done(failure{errc::timed_out,
                             state->key().text() + ": held by another for the " + to_text(limit.value()) + " that this scope waits"});
        });
      },
      std::forward<Token>(token));
}

/// lock_client::async_acquire() with a completion token: completes with lock::attempt<lease>.
template <typename Token>
auto async_acquire(lock_client& from, const lock::key& name, lock::time_limit limit, Token&& token) {
  return detail::initiate<lock::attempt<lease>>(
      [&from, name, limit](std::function<void()>& cancel, auto done) {
        const auto t = std::make_shared<std::atomic<lock_client::ticket>>(0);
        cancel = [&from, t] { from.cancel(*t); };
        *t = from.async_acquire(name, limit, [done](lock::attempt<lease> got) { (void)done(std::move(got)); });
      },
      std::forward<Token>(token));
}

/// lock_client::async_open_session() with a completion token: completes with result<std::shared_ptr<lock::async_session>>.
template <typename Token>
auto async_open_session(lock_client& from, Token&& token) {
  using session = result<std::shared_ptr<lock::async_session>>;
  return detail::initiate<session>(
      [&from](std::function<void()>&, auto done) { from.async_open_session([done](session s) { (void)done(std::move(s)); }); },
      std::forward<Token>(token));
}

}  // namespace baton::mysql

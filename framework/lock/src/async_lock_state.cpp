#include "baton/lock/async_lock_state.hpp"

namespace baton::lock {

failure async_lock_state::in_progress() const {
  return {errc::operation_in_progress, key_.text() + ": another operation of this lock has not ended; await it first"};
}

void async_lock_state::acquire(time_limit limit, std::function<void(attempt<>)> done) {
  std::optional<failure> refused;
  {
    const std::lock_guard guard{mutex_};
    if (count_ > 0 && !session_->is_alive()) count_ = 0;  // lost with its session
    if (is_busy_) {
      refused = in_progress();
    } else if (count_ > 0 && again_ == reentry::refuse) {
      refused = failure{errc::already_locked, key_.text() + ": acquire() of a lock that this object holds already"};
    } else {
      is_busy_ = true;
      is_cancelled_ = false;
    }
  }
  if (refused) return done(std::move(*refused));
  const auto t = session_->acquire(
      key_.text(), limit, again_,
      [self = shared_from_this(), done = std::move(done)](result<wait_reply> reply) { self->acquired(done, std::move(reply)); });
  const std::lock_guard guard{mutex_};
  ticket_ = t;
  if (is_busy_ && is_cancelled_) session_->cancel(t);
}

void async_lock_state::acquired(const std::function<void(attempt<>)>& done, result<wait_reply> reply) {
  {
    const std::lock_guard guard{mutex_};
    is_busy_ = false;
    ticket_ = 0;
    if (reply && reply->outcome == wait_outcome::acquired) ++count_;
    if (is_abandoned_ && count_ > 0) {
      --count_;
      session_->release(key_.text(), [](const auto&) {});
      reply = failure{errc::cancelled, key_.text() + ": the lock was destroyed during its acquire"};
    }
  }
  if (!reply) return done(std::move(reply).error().in(key_.text()));
  if (reply->outcome == wait_outcome::busy) return done(busy{});
  done(std::monostate{});
}

void async_lock_state::cancel() {
  const std::lock_guard guard{mutex_};
  if (!is_busy_) return;
  is_cancelled_ = true;
  if (ticket_ != 0) session_->cancel(ticket_);
}

void async_lock_state::release(std::function<void(status)> done) {
  std::optional<failure> refused;
  {
    const std::lock_guard guard{mutex_};
    if (is_busy_) {
      refused = in_progress();
    } else if (count_ == 0) {
      refused = failure{errc::not_locked, key_.text() + ": release() of a lock that this object does not hold"};
    } else {
      is_busy_ = true;
    }
  }
  if (refused) return done(std::move(*refused));
  release_now(std::move(done));
}

void async_lock_state::close(std::function<void(status)> done) {
  if (!is_locked()) {
    const std::lock_guard guard{mutex_};
    if (!is_busy_) count_ = 0;
    return done(is_busy_ ? status{in_progress()} : status{});
  }
  release([self = shared_from_this(), done = std::move(done)](status released) {
    if (!released) return done(std::move(released));
    self->close(done);
  });
}

/// With the turn taken.
void async_lock_state::release_now(std::function<void(status)> done) {
  session_->release(key_.text(), [self = shared_from_this(), done = std::move(done)](result<release_outcome> outcome) {
    const auto& name = self->key_.text();
    status said;
    {
      const std::lock_guard guard{self->mutex_};
      self->is_busy_ = false;
      --self->count_;
      if (!outcome || *outcome == release_outcome::not_held) self->count_ = 0;
    }
    if (!outcome) {
      const bool is_gone = outcome.error().code == errc::store_unavailable;
      said = failure{is_gone ? errc::lock_lost : outcome.error().code, name + ": " + outcome.error().context};
    } else if (*outcome == release_outcome::not_held) {
      said = failure{errc::lock_lost, name + ": the server says that this session does not hold it (any more)"};
    }
    done(std::move(said));
  });
}

void async_lock_state::abandon() {
  cancel();
  bool holds = false;
  {
    const std::lock_guard guard{mutex_};
    is_abandoned_ = true;
    holds = count_ > 0 && !is_busy_;
  }
  if (!holds) return;
  close([self = shared_from_this()](const status& closed) {
    if (!closed) self->session_->warn("the lock " + self->key_.text() + " was destroyed while held: " + closed.error().context);
  });
}

bool async_lock_state::is_locked() const {
  const std::lock_guard guard{mutex_};
  return count_ > 0 && session_->is_alive();
}

std::string async_lock_state::describe() const {
  return std::string{is_locked() ? "<locked" : "<unlocked"} + " async_named_lock key=" + key_.text() + ">";
}

}  // namespace baton::lock

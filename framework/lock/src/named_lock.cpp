#include "baton/lock/named_lock.hpp"

#include <unistd.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

namespace baton::lock {

class named_lock::state {
 public:
  state(waiting_session& on, lock::key name, options how) : session_(on), key_(std::move(name)), options_(how) {}

  attempt<> acquire(time_limit limit, std::stop_token stop) {
    const auto turn = take_turn();
    if (!turn) return turn.error();
    forget_what_was_lost();
    if (count_ > 0 && options_.again == reentry::refuse)
      return failure{errc::already_locked, describe() + ": acquire() of a lock that this object holds already"};
    auto reply = session_.acquire(key_.text(), limit, options_.again, std::move(stop));
    if (!reply) {
      counters_.failed(reply.error().code);
      return std::move(reply).error().in(key_.text());
    }
    counters_.waits.add(reply->waited);
    if (reply->outcome == wait_outcome::busy) {
      ++counters_.busy;
      return busy{};
    }
    ++counters_.acquired;
    generation_ = session_.generation();
    ++count_;
    return std::monostate{};
  }

  status release() {
    const auto turn = take_turn();
    if (!turn) return turn.error();
    return release_now();
  }

  status close() {
    const auto turn = take_turn();
    if (!turn) return turn.error();
    while (count_ > 0) {
      if (auto released = release_now(); !released) return released;
    }
    return {};
  }

  /// Whatever thread destroys the lock: nobody else can be using it.
  void destroy() noexcept {
    while (count_ > 0) {
      if (auto released = release_now(); !released) {
        session_.warn("the lock " + key_.text() + " was destroyed while held, and not released: " + released.error().context);
      }
    }
  }

  /// Of any thread, also while another waits in acquire().
  [[nodiscard]] bool is_locked() const noexcept { return count_ > 0 && is_still_held(); }

  [[nodiscard]] lock::counters counters() const {
    const auto turn = take_turn();
    return turn ? counters_ : lock::counters{};
  }

  [[nodiscard]] std::string describe() const {
    return std::string{is_locked() ? "<locked" : "<unlocked"} + " named_lock key=" + key_.text() + ">";
  }

  [[nodiscard]] const lock::key& key() const noexcept { return key_; }
  [[nodiscard]] waiting_session& session() const noexcept { return session_; }
  [[nodiscard]] time_limit contextual_timeout() const noexcept { return options_.contextual_timeout; }

 private:
  /// Held while a call lasts; an error where nobody may call.
  result<std::unique_lock<std::mutex>> take_turn() const {
    if (::getpid() != process_)  // a thread of the parent may have had the turn as it forked, and is not there to give it back
      return failure{errc::wrong_process, key_.text() + ": the lock belongs to the process that forked this one; make one here"};
    if (options_.threads == thread_use::serialised) return std::unique_lock{mutex_};
    if (std::this_thread::get_id() == owner_) return std::unique_lock<std::mutex>{};
    return failure{
        errc::wrong_thread,
        key_.text() + ": the lock belongs to the thread that made it; make one for each thread, or choose thread_use::serialised"};
  }

  [[nodiscard]] bool is_still_held() const noexcept { return session_.is_alive() && session_.generation() == generation_; }

  void forget_what_was_lost() {
    if (count_ == 0 || is_still_held()) return;
    ++counters_.lost;
    count_ = 0;
  }

  status release_now() {
    if (count_ == 0) return failure{errc::not_locked, describe() + ": release() of a lock that this object does not hold"};
    if (session_.generation() != generation_) {
      count_ = 0;
      return failure{errc::lock_lost, key_.text() + ": given back before, with all locks of its session"};
    }
    const std::string name[]{key_.text()};
    auto reply = session_.release(name);
    // Somebody's KILL QUERY: not about the lock. Of a name that may be held several times, also by another object, a second attempt might
    // give back one too many.
    const bool may_repeat = options_.again == reentry::refuse;
    if (!reply && reply.error().code == errc::interrupted && may_repeat) reply = session_.release(name);
    --count_;
    if (reply && reply->front() == release_outcome::released) {
      ++counters_.released;
      return {};
    }
    count_ = 0;
    ++counters_.lost;
    ++counters_.overlap_suspected;
    if (reply) return failure{errc::lock_lost, key_.text() + ": the server says that this session does not hold it (any more)"};
    if (reply.error().code == errc::store_unavailable) return failure{errc::lock_lost, key_.text() + ": " + reply.error().context};
    session_.interrupt();  // no one knows whether it is held: it must not be
    return std::move(reply).error().in(key_.text());
  }

  waiting_session& session_;
  lock::key key_;
  options options_;
  std::thread::id owner_ = std::this_thread::get_id();
  pid_t process_ = ::getpid();
  mutable std::mutex mutex_;
  std::atomic<std::uint64_t> count_ = 0;
  std::atomic<std::uint64_t> generation_ = 0;
  lock::counters counters_;
};

named_lock::named_lock(waiting_session& on, lock::key name, options how) : state_(std::make_unique<state>(on, std::move(name), how)) {}
named_lock::named_lock(named_lock&& other) noexcept = default;
named_lock::~named_lock() {
  if (state_) state_->destroy();
}
named_lock& named_lock::operator=(named_lock&& other) noexcept {
  if (this == &other) return *this;
  if (state_) state_->destroy();
  state_ = std::move(other.state_);
  return *this;
}

attempt<> named_lock::acquire(blocking block, time_limit limit, std::stop_token stop) {
  BATON_ASSERT(state_ != nullptr);
  return state_->acquire(block == blocking::no ? time_limit{microseconds{0}} : limit, std::move(stop));
}
status named_lock::release() {
  BATON_ASSERT(state_ != nullptr);
  return state_->release();
}
status named_lock::close() { return state_ ? state_->close() : status{}; }
bool named_lock::is_locked() const noexcept { return state_ != nullptr && state_->is_locked(); }
const key& named_lock::key() const noexcept {
  BATON_ASSERT(state_ != nullptr);
  return state_->key();
}
waiting_session& named_lock::session() const noexcept {
  BATON_ASSERT(state_ != nullptr);
  return state_->session();
}
time_limit named_lock::contextual_timeout() const noexcept { return state_ ? state_->contextual_timeout() : time_limit{}; }
counters named_lock::counters() const { return state_ ? state_->counters() : lock::counters{}; }
std::string named_lock::describe() const { return state_ ? state_->describe() : "<moved named_lock>"; }

result<scoped_lock> scoped_lock::hold(named_lock& on, time_limit limit) {
  auto got = on.acquire(blocking::yes, limit);
  if (got) return scoped_lock{on};
  if (got.has_failed()) return std::move(got).error();
  return failure{errc::timed_out, on.key().text() + ": held by another for the " + to_text(limit.value()) + " that this scope waits"};
}

scoped_lock::~scoped_lock() {
  if (lock_ == nullptr) return;
  if (auto closed = lock_->close(); !closed) lock_->session().warn("at the end of a scope: " + closed.error().context);
}

}  // namespace baton::lock

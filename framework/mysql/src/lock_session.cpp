#include "lock_session.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include "inquiry.hpp"
#include "lock_statements.hpp"

namespace baton::mysql {
namespace {

/// Readable once a stop was asked for.
class stop_event {
 public:
  explicit stop_event(const std::stop_token& stop) : descriptor_(stop.stop_possible() ? ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1) {
    if (descriptor_ >= 0) callback_.emplace(stop, [this] { ::eventfd_write(descriptor_, 1); });
  }
  ~stop_event() {
    callback_.reset();
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  stop_event(const stop_event&) = delete;
  stop_event& operator=(const stop_event&) = delete;
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
  std::optional<std::stop_callback<std::function<void()>>> callback_;
};

/// The most that ending a wait may take; after that the whole session is ended.
constexpr milliseconds cancel_limit{150};

}  // namespace

lock_session::~lock_session() {
  if (around_.let_go && link_->is_of_this_process()) around_.let_go(this);
}

/// None in a forked child: the parent's thread that had the turn as it forked is not there to give it back.
std::optional<std::unique_lock<std::mutex>> lock_session::take_turn() const {
  if (!link_->is_of_this_process()) return std::nullopt;
  return std::unique_lock{turn_};
}

result<std::vector<lock::try_outcome>> lock_session::try_acquire(std::span<const std::string> names) {
  if (names.empty()) return std::vector<lock::try_outcome>{};
  const auto turn = take_turn();
  if (!turn) return link_->foreign();
  may_hold_others_ = true;
  auto answers = link_->run(try_acquire_sql(names));
  if (!answers) return std::move(answers).error();
  return read_try_acquire(std::move(*answers), names);
}

result<std::vector<bool>> lock_session::ask_owned(std::span<const std::string> names) {
  if (names.empty()) return std::vector<bool>{};
  auto answers = link_->run(owned_sql(names));
  if (!answers) return std::move(answers).error();
  return read_owned(std::move(*answers), names);
}

result<std::vector<bool>> lock_session::owned(std::span<const std::string> names) {
  const auto turn = take_turn();
  if (!turn) return link_->foreign();
  return ask_owned(names);
}

result<std::vector<lock::release_outcome>> lock_session::ask_release(std::span<const std::string> names) {
  if (names.empty()) return std::vector<lock::release_outcome>{};
  auto answers = link_->run(release_sql(names));
  if (!answers) return std::move(answers).error();
  return read_release(std::move(*answers), names);
}

result<std::vector<lock::release_outcome>> lock_session::release(std::span<const std::string> names) {
  const auto turn = take_turn();
  if (!turn) return link_->foreign();
  auto outcomes = ask_release(names);
  if (!outcomes) return outcomes;
  const std::lock_guard counting{counters_mutex_};
  for (std::size_t i = 0; i < names.size(); ++i) {
    forget(names[i]);
    ++((*outcomes)[i] == lock::release_outcome::released ? counters_.released : counters_.lost);
  }
  return outcomes;
}

result<lock::probe_reply> lock_session::probe(std::span<const std::string> names) {
  const auto turn = take_turn();
  if (!turn) return link_->foreign();
  const auto sent = link_->now();
  auto answers = link_->run(probe_sql(names, server_));
  if (!answers) return std::move(answers).error();
  auto answer = read_probe(std::move(*answers), names, server_);
  if (!answer) return std::move(answer).error();
  {
    const std::lock_guard counting{counters_mutex_};
    counters_.probes.add(link_->now() - sent);
  }
  if (answer->all_held) return std::move(answer->reply);
  auto held = ask_owned(names);
  if (!held) return std::move(held).error();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!(*held)[i]) answer->reply.lost.push_back(names[i]);
  }
  return std::move(answer->reply);
}

result<lock::wait_reply> lock_session::acquire(const std::string& name, lock::time_limit limit, lock::reentry again, std::stop_token stop) {
  const auto turn = take_turn();
  if (!turn) return link_->foreign();
  const auto began = link_->now();
  auto outcome = wait(name, limit, holds_nothing() ? lock::reentry::count : again, stop);
  // Nothing was proven during the wait, and what is granted must not look lost for that.
  const bool is_stale = kept_ && outcome && *outcome == lock::wait_outcome::acquired && link_->now() >= proven_.load() + kept_->probe;
  if (is_stale && !prove()) outcome = link_->unavailable("the session ended right after the grant of " + name);
  const auto waited = link_->now() - began;
  const std::lock_guard counting{counters_mutex_};
  if (!outcome) {
    may_hold_others_ = true;
    counters_.failed(outcome.error().code);
    return std::move(outcome).error();
  }
  counters_.waits.add(waited);
  if (*outcome == lock::wait_outcome::acquired) ++held_[name];
  ++(*outcome == lock::wait_outcome::acquired ? counters_.acquired : counters_.busy);
  return lock::wait_reply{*outcome, waited};
}

result<lock::wait_outcome> lock_session::wait(const std::string& name, lock::time_limit limit, lock::reentry again,
                                              const std::stop_token& stop) {
  if (stop.stop_possible() && !around_.kill_query)
    return failure{errc::invalid_argument,
                   "a wait on an adopted connection can only be cancelled by another connection: give adopt() a store"};
  if (stop.stop_requested()) return failure{errc::cancelled, "the wait for " + name + " was cancelled before it began"};
  const stop_event stopped{stop};
  for (auto left = limit;;) {
    const auto asked = acquire_sql(name, left, again, server_.kind);
    const auto began = link_->now();
    if (auto sent = link_->send(asked.sql); !sent) return std::move(sent).error();
    bool is_cancelled = false;
    switch (link_->await(asked.answer_after + link_->answer_timeout(), stopped.descriptor())) {
      case awaited::answered: break;
      case awaited::woken:
        is_cancelled = true;
        if (end_wait()) break;
        link_->hang_up();
        return failure{errc::cancelled, "the wait for " + name + " was cancelled; the server did not take notice in " +
                                            to_text(cancel_limit) + ", so that the session was ended"};
      case awaited::timed_out: return link_->unavailable("no answer to a wait that is over");
      case awaited::interrupted: return link_->unavailable("interrupted by the caller");
    }
    auto answers = link_->receive();
    auto verdict = judge_wait(std::move(answers), asked, link_->last_error(), name, is_cancelled);
    if (verdict.is_granted && held_.contains(name)) return lock::wait_outcome::acquired;  // once more: it came too late
    if (verdict.ask_owner && !held_.contains(name)) {
      auto held = is_held_after_all(name, verdict.keep_if_held);
      if (!held) return std::move(held).error();
      if (*held) return lock::wait_outcome::acquired;
    }
    const bool wait_on = verdict.outcome && *verdict.outcome == lock::wait_outcome::busy && !asked.is_whole;
    if (!wait_on) return std::move(verdict.outcome);
    if (!limit.is_infinite()) left = lock::time_limit{left.value() - (link_->now() - began)};
  }
}

/// Whether the grant came before what ended the wait; if it is not to be kept, it is given back.
result<bool> lock_session::is_held_after_all(const std::string& name, bool keep) {
  const std::string names[]{name};
  for (int tries_left = 3;;) {
    auto held = ask_owned(names);
    if (held && (keep || !held->front())) return static_cast<bool>(held->front());
    std::optional<failure> error;
    if (!held) error = std::move(held).error();
    if (!error) {
      auto released = ask_release(names);
      if (released) return false;
      error = std::move(released).error();
    }
    // The KILL QUERY that came too late for the wait may hit what follows it.
    if (error->code == errc::interrupted && --tries_left > 0) continue;
    link_->hang_up();  // nobody knows whether it is held: it must not be
    return std::move(*error);
  }
}

/// Whether the answer to the wait under way is there, its end having been asked of the server.
bool lock_session::end_wait() {
  const auto deadline = link_->now() + cancel_limit;
  if (!around_.kill_query(link_->id(), cancel_limit)) return false;
  return link_->await(std::max(microseconds{1}, deadline - link_->now())) == awaited::answered;
}

result<std::uint64_t> lock_session::release_all() {
  const auto turn = take_turn();
  if (!turn) return link_->foreign();
  auto answers = link_->run("SELECT RELEASE_ALL_LOCKS()");
  if (!answers) return std::move(answers).error();
  ++generation_;
  held_.clear();
  if (answers->empty() || !answers->front().next()) return failure{errc::store_query, "RELEASE_ALL_LOCKS() gave no answer"};
  return answers->front().number(0);
}

bool lock_session::is_alive() const noexcept {
  if (!link_->is_of_this_process()) return false;
  const std::unique_lock turn{turn_, std::try_to_lock};
  if (!turn) return !link_->is_dead();  // a statement is under way, whose answer will tell
  if (kept_ && link_->now() >= kept_->deadline(proven_)) return false;
  return !link_->has_ended();
}

void lock_session::be_kept(const lock::lease_timing& timing, boot_time proven) {
  const std::lock_guard turn{turn_};
  kept_ = timing;
  proven_ = proven;
}

bool lock_session::keep_alive() {
  const std::unique_lock turn{turn_, std::try_to_lock};
  if (!turn) return !link_->is_dead();
  if (link_->has_ended()) return false;
  if (link_->now() < proven_.load() + kept_->probe) return true;
  return prove();
}

bool lock_session::prove() {
  const auto sent = link_->now();
  auto answers = link_->run(probe_sql({}, server_));
  if (!answers) return !link_->is_dead();  // what interrupted the question may spare the next one
  const auto answer = read_probe(std::move(*answers), {}, server_);
  if (!answer || !answer->reply.writable || !answer->reply.quorum || answer->reply.identity != server_.identity) {
    link_->hang_up();  // a server that is not to be trusted with locks any more
    return false;
  }
  proven_ = sent;
  const std::lock_guard counting{counters_mutex_};
  counters_.probes.add(link_->now() - sent);
  return true;
}

result<std::optional<lock::holder>> lock_session::find_holder(const std::string& name) {
  const auto turn = take_turn();
  if (!turn) return link_->foreign();
  return mysql::find_holder(*link_, server_.kind, name);
}

result<std::vector<std::string>> lock_session::held_names(std::string_view prefix) {
  const auto turn = take_turn();
  if (!turn) return link_->foreign();
  auto all = mysql::held_names(*link_, server_.kind, prefix);
  if (all || all.error().code == errc::store_unavailable) return all;
  std::vector<std::string> own;
  for (const auto& [name, count] : held_) {
    if (name.starts_with(prefix)) own.push_back(name);
  }
  return own;
}

lock::counters lock_session::counters() const {
  if (!link_->is_of_this_process()) return {};
  const std::lock_guard counting{counters_mutex_};
  return counters_;
}

void lock_session::warn(const std::string& message) noexcept {
  if (!around_.warn) return;
  try {
    around_.warn(message);
  } catch (...) {  // a destructor may be below us
  }
}

void lock_session::forget(const std::string& name) {
  const auto it = held_.find(name);
  if (it != held_.end() && --it->second == 0) held_.erase(it);
}

}  // namespace baton::mysql

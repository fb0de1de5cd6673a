#include "lock_client_core.hpp"

#include <algorithm>
#include <condition_variable>
#include <future>
#include <system_error>
#include <thread>

namespace baton::mysql {

using lock::busy;
using lock::try_outcome;
using lock::wait_outcome;

namespace {
constexpr milliseconds kill_limit{150};
}

/// One acquire on its way to a lease.
struct lock_client_core::acquisition {
  lock_client::ticket ticket = 0;
  acquire_request request;
  boot_time began{};
  bool is_cancelled = false;
  bool is_over = false;
  bool is_retried = false;
  pooled_ptr waits_on;
};

/// A session of the pool.
struct lock_client_core::pooled {
  std::shared_ptr<async_lock_session> session;
  std::shared_ptr<lease_group> group;
  std::set<std::string> asked;    ///< names that are being tried on it
  std::set<std::string> unready;  ///< granted, and not yet a lease
  std::optional<failure> lost_why;
  bool is_for_waiting = false;
};

std::shared_ptr<lock_client_core> lock_client_core::start(options where, lock_client_options how) {
  auto made = std::make_shared<lock_client_core>(std::move(where), how);
  const std::weak_ptr<lock_client_core> weak = made;
  made->fences_ = std::make_shared<fence_taker>(
      made->reactor_.io(),
      [weak](std::function<void(fence_taker::opened_link)> done) {
        const auto self = weak.lock();
        if (!self) return;
        if (!self->budget_.take()) return done(self->budget_.exceeded());
        self->open(helper_role(self->where_, "fence"), [self, done = std::move(done)](result<opened> o) {
          if (o) return done(std::move(o->link));
          self->budget_.give_back();
          done(std::move(o).error());
        });
      },
      std::max<microseconds>(made->where_.lease.probe_timeout, std::chrono::seconds{2}),
      [weak] {
        if (const auto self = weak.lock()) self->budget_.give_back();
      });
  return made;
}

lock_client_core::lock_client_core(options where, lock_client_options how)
    : where_(std::move(where)),
      how_(how),
      budget_(how.max_connections),
      watch_(std::make_shared<lease_watch>(where_.time, reactor_.thread_id(), where_.on_warning)) {}

lock_client_core::~lock_client_core() = default;

void lock_client_core::warn(const std::string& message) const noexcept {
  if (!where_.on_warning) return;
  try {
    where_.on_warning(message);
  } catch (...) {  // a destructor may be below us
  }
}

void lock_client_core::call_guarded(const std::string& whose, const std::function<void()>& call) const noexcept {
  try {
    call();
  } catch (const std::exception& error) {
    warn(whose + ": a callback threw: " + error.what());
  } catch (...) {
    warn(whose + ": a callback threw");
  }
}

void lock_client_core::stop() {
  BATON_ASSERT(!is_client_thread());
  reactor_.post([self = shared_from_this()] {
    self->is_stopping_ = true;
    const auto pending = self->acquisitions_;
    for (const auto& [ticket, a] : pending) self->finish(a, failure{errc::cancelled, a->request.name + ": the client is being destroyed"});
    const auto sessions = std::exchange(self->sessions_, {});
    for (const auto& p : sessions) {
      self->watch_->remove(p->group);
      p->session->close();
    }
    self->fences_->close();
    std::map<const void*, std::function<void()>> closers;
    {
      const std::lock_guard guard{self->closers_mutex_};
      closers = std::exchange(self->closers_, {});
    }
    for (const auto& [session, close] : closers) close();
  });
  inquiry_.reset();
  keeper_.reset();
  reactor_.finish();
  has_stopped_ = true;
  watch_->stop();
}

// ---- connections

void lock_client_core::open(connect_options how, std::function<void(result<opened>)> done) {
  const auto work = [self = shared_from_this(), guard = reactor_.work(), how = std::move(how), done] {
    auto made = std::make_shared<result<opened>>(open_session(self->where_, self->memory_, how));
    self->reactor_.post([self, made, done] {
      if (self->is_stopping_) return done(failure{errc::cancelled, "the client is being destroyed"});
      done(std::move(*made));
    });
  };
  try {
    std::thread{work}.detach();
  } catch (const std::system_error& error) {
    reactor_.post([done, why = std::string{error.what()}] { done(failure{errc::io, "no thread to open a connection on: " + why}); });
  }
}

void lock_client_core::kill_query(std::uint64_t connection_id, std::function<void(status)> done) {
  const auto work = [self = shared_from_this(), guard = reactor_.work(), connection_id, done] {
    auto killed = mysql::kill_query(self->where_, self->memory_, connection_id, kill_limit);
    self->reactor_.post([done, killed] { done(killed); });
  };
  try {
    std::thread{work}.detach();
  } catch (const std::system_error& error) {
    done(failure{errc::io, error.what()});
  }
}

void lock_client_core::close_at_end(const void* session, std::function<void()> close) {
  const std::lock_guard guard{closers_mutex_};
  closers_.emplace(session, std::move(close));
}

bool lock_client_core::forget_to_close(const void* session) {
  const std::lock_guard guard{closers_mutex_};
  return closers_.erase(session) > 0;
}

session_keeper& lock_client_core::keeper() {
  const std::lock_guard guard{closers_mutex_};
  if (!keeper_) keeper_ = std::make_unique<session_keeper>(where_.lease);
  return *keeper_;
}

status lock_client_core::open_inquiry() {
  if (inquiry_ && !inquiry_->link->has_ended()) return {};
  if (inquiry_) budget_.give_back();
  inquiry_.reset();
  if (!budget_.take()) return budget_.exceeded();
  auto made = open_session(where_, memory_, helper_role(where_, "inquiry"));
  if (!made) {
    budget_.give_back();
    return std::move(made).error();
  }
  inquiry_.emplace(std::move(*made));
  return {};
}

/// Hands a session of the pool's to `use`, once it is open.
void lock_client_core::with_session(std::function<void(result<pooled_ptr>)> use) {
  if (!budget_.take()) return use(budget_.exceeded());
  open(lock_role(where_), [self = shared_from_this(), use = std::move(use)](result<opened> o) {
    if (o) return self->opened_session(std::move(*o), use);
    self->budget_.give_back();
    use(std::move(o).error());
  });
}

void lock_client_core::opened_session(opened o, const std::function<void(result<pooled_ptr>)>& use) {
  const auto p = std::make_shared<pooled>();
  const std::weak_ptr<pooled> weak_p = p;
  const std::weak_ptr<lock_client_core> weak = weak_from_this();
  p->group = std::make_shared<lease_group>(where_.lease.deadline(o.sent));
  p->session = async_lock_session::start(std::move(o), async_lock_session::probing::regular,
                                         {reactor_.io(), where_.lease,
                                          [weak](std::uint64_t id, std::function<void(status)> done) {
                                            if (const auto self = weak.lock()) self->kill_query(id, std::move(done));
                                          },
                                          [weak, weak_p](const std::vector<lock::lost_lease>& lost) {
                                            const auto self = weak.lock();
                                            const auto mine = weak_p.lock();
                                            if (!self || !mine) return;
                                            for (const auto& [name, reason] : lost) {
                                              mine->unready.erase(name);
                                              self->watch_->lose(mine->group, name, reason);
                                            }
                                          },
                                          [weak, group = p->group](boot_time deadline) {
                                            if (const auto self = weak.lock()) self->watch_->proven(group, deadline);
                                          },
                                          [weak, weak_p](const failure&) {
                                            const auto self = weak.lock();
                                            const auto mine = weak_p.lock();
                                            if (self && mine) self->session_ended(mine);
                                          }});
  // A deadline that passes condemns the session: the connection may hang, and its locks with it.
  p->group->on_expired = [weak, weak_session = std::weak_ptr{p->session}] {
    const auto self = weak.lock();
    if (!self) return;
    self->post([weak_session] {
      if (const auto session = weak_session.lock())
        session->condemn(lock::loss::deadline, {errc::store_unavailable, "nothing has proven the leases until their deadline"});
    });
  };
  sessions_.insert(p);
  watch_->add(p->group);
  // Another start of the server, or another server: what the others hold is gone.
  const auto all = sessions_;
  for (const auto& other : all) {
    if (other->session->facts().identity != p->session->facts().identity)
      other->session->condemn(lock::loss::server_changed,
                              {errc::store_unavailable, "the server has been restarted, or is another one now"});
  }
  use(p);
}

void lock_client_core::session_ended(const pooled_ptr& p) {
  if (sessions_.erase(p) == 0) return;
  budget_.give_back();
  watch_->remove(p->group);
}

/// Keeps one connection for the next acquire.
void lock_client_core::close_spare_sessions() {
  bool is_kept = false;
  const auto all = sessions_;
  for (const auto& p : all) {
    const bool is_spare = p->session->book().names().empty() && p->asked.empty() && !p->is_for_waiting && p->session->is_idle();
    if (!is_spare || !std::exchange(is_kept, true)) continue;
    session_ended(p);
    p->session->close();
  }
}

lock_client_core::pooled_ptr lock_client_core::shared_session(const std::string& but_for) const {
  for (const auto& p : sessions_) {
    const auto& book = p->session->book();
    if (!p->session->has_ended() && !p->is_for_waiting && book.names().size() + p->asked.size() < how_.locks_per_connection &&
        !book.holds(but_for) && !p->asked.contains(but_for))
      return p;
  }
  return nullptr;
}

lock_client_core::pooled_ptr lock_client_core::spare_session() const {
  for (const auto& p : sessions_) {
    if (!p->session->has_ended() && !p->is_for_waiting && p->session->book().names().empty() && p->asked.empty()) return p;
  }
  return nullptr;
}

// ---- the way of an acquire

lock_client::ticket lock_client_core::acquire(acquire_request r) {
  const auto a = std::make_shared<acquisition>();
  a->ticket = next_ticket_++;
  a->request = std::move(r);
  a->began = where_.time->now().steady;
  post([self = shared_from_this(), a] {
    self->acquisitions_.emplace(a->ticket, a);
    if (self->is_stopping_) return self->finish(a, failure{errc::cancelled, a->request.name + ": the client is being destroyed"});
    self->try_somewhere(a);
  });
  return a->ticket;
}

void lock_client_core::cancel(lock_client::ticket t) {
  post([self = shared_from_this(), t] {
    const auto it = self->acquisitions_.find(t);
    if (it == self->acquisitions_.end()) return;
    const auto a = it->second;
    a->is_cancelled = true;
    if (a->waits_on) a->waits_on->session->cancel_wait();
  });
}

lock::time_limit lock_client_core::left(const acquisition& a) const {
  if (a.request.limit.is_infinite()) return a.request.limit;
  return a.request.limit.value() - (where_.time->now().steady - a.began);
}

void lock_client_core::finish(const acquisition_ptr& a, lock::attempt<lease> outcome) {
  if (std::exchange(a->is_over, true)) return;
  acquisitions_.erase(a->ticket);
  count(*a, outcome);
  const auto done = std::move(a->request.done);
  call_guarded(a->request.name, [&] { done(std::move(outcome)); });
}

void lock_client_core::count(const acquisition& a, const lock::attempt<lease>& outcome) {
  const std::lock_guard guard{counters_mutex_};
  if (outcome.has_failed()) return counters_.failed(outcome.error().code);
  ++(outcome.is_busy() ? counters_.busy : counters_.acquired);
  counters_.waits.add(where_.time->now().steady - a.began);
}

void lock_client_core::try_somewhere(const acquisition_ptr& a) {
  const failure cancelled{errc::cancelled, "the acquire of " + a->request.name + " was cancelled"};
  if (a->is_cancelled) return finish(a, cancelled);
  if (const auto p = shared_session(a->request.name)) {
    p->asked.insert(a->request.name);
    return p->session->try_acquire(a->request.name, [self = shared_from_this(), a, p](result<try_outcome> outcome) {
      p->asked.erase(a->request.name);
      self->tried(a, p, std::move(outcome));
    });
  }
  const bool is_ours = std::ranges::any_of(sessions_, [&](const auto& p) {
    return !p->session->has_ended() && (p->session->book().holds(a->request.name) || p->asked.contains(a->request.name));
  });
  if (is_ours) {
    if (left(*a).is_zero()) return finish(a, busy{});
    return wait_somewhere(a);
  }
  // Those who come while a connection is being opened share it.
  for_a_session_.emplace_back([self = shared_from_this(), a](result<pooled_ptr> p) {
    if (!p) return self->finish(a, std::move(p).error());
    self->try_somewhere(a);
  });
  if (for_a_session_.size() > 1) return;
  with_session([self = shared_from_this()](result<pooled_ptr> p) {
    for (const auto& use : std::exchange(self->for_a_session_, {})) use(p);
  });
}

void lock_client_core::tried(const acquisition_ptr& a, const pooled_ptr& p, result<try_outcome> outcome) {
  if (!outcome && outcome.error().code == errc::store_unavailable && !std::exchange(a->is_retried, true)) return try_somewhere(a);
  if (!outcome) return finish(a, std::move(outcome).error().in(a->request.name));
  if (*outcome == try_outcome::acquired) return granted(a, p);
  if (a->is_cancelled) return finish(a, failure{errc::cancelled, "the acquire of " + a->request.name + " was cancelled"});
  if (left(*a).is_zero()) return finish(a, busy{});
  wait_somewhere(a);
}

void lock_client_core::wait_somewhere(const acquisition_ptr& a) {
  if (const auto p = spare_session()) return wait_on(a, p);
  with_session([self = shared_from_this(), a](result<pooled_ptr> p) {
    if (!p) return self->finish(a, std::move(p).error());
    self->wait_on(a, *p);
  });
}

void lock_client_core::wait_on(const acquisition_ptr& a, const pooled_ptr& p) {
  if (a->is_cancelled) return finish(a, failure{errc::cancelled, "the acquire of " + a->request.name + " was cancelled"});
  p->is_for_waiting = true;
  a->waits_on = p;
  ++waiting_;
  p->session->wait(a->request.name, left(*a), lock::reentry::refuse, [self = shared_from_this(), a, p](result<lock::wait_reply> reply) {
    --self->waiting_;
    p->is_for_waiting = false;
    a->waits_on = nullptr;
    self->waited(a, p, std::move(reply));
  });
}

void lock_client_core::waited(const acquisition_ptr& a, const pooled_ptr& p, result<lock::wait_reply> reply) {
  if (!reply || reply->outcome == wait_outcome::busy) {
    close_spare_sessions();
    if (!reply) return finish(a, std::move(reply).error().in(a->request.name));
    return finish(a, busy{});
  }
  // The grant is as old as the wait: only a probe says until when it is certain, and that the server still takes writes.
  p->unready.insert(a->request.name);
  p->session->prove([self = shared_from_this(), a, p](const status& proven) {
    if (!proven) return self->finish(a, failure{proven.error()}.in(a->request.name));
    if (!p->unready.contains(a->request.name))
      return self->finish(a, failure{errc::lock_lost, a->request.name + ": lost as soon as it was granted"});
    self->granted(a, p);
  });
}

void lock_client_core::granted(const acquisition_ptr& a, const pooled_ptr& p) {
  p->unready.insert(a->request.name);
  if (a->is_cancelled) return give_up(a, p, {errc::cancelled, "the acquire of " + a->request.name + " was cancelled"});
  if (!how_.fences) return fenced(a, p, fence_taker::taken{});
  const auto give_up_at = where_.time->now().steady + where_.lease.wait_timeout;
  fences_->take({a->request.name, p->session->id(), a->request.holder, give_up_at,
                 [self = shared_from_this(), a, p](result<fence_taker::taken> taken) { self->fenced(a, p, std::move(taken)); }});
}

void lock_client_core::fenced(const acquisition_ptr& a, const pooled_ptr& p, result<fence_taker::taken> taken) {
  const auto& name = a->request.name;
  if (!taken) return give_up(a, p, std::move(taken).error());
  if (a->is_cancelled) return give_up(a, p, {errc::cancelled, "the acquire of " + name + " was cancelled"});
  if (p->unready.erase(name) == 0) return finish(a, failure{errc::lock_lost, name + ": lost as soon as it was granted"});
  // A lease may outlive the client; its session must not outlive the loop.
  const std::weak_ptr<lock_client_core> weak = weak_from_this();
  auto record = std::make_shared<lease_record>(name, taken->fence, p->group, watch_, where_.time,
                                               [weak, weak_p = std::weak_ptr{p}, name](std::function<void(status)> done) {
                                                 if (const auto self = weak.lock()) return self->give_back(weak_p, name, std::move(done));
                                                 if (done) done({});
                                               });
  watch_->add(record);
  if (a->request.on_given_back) a->request.on_given_back(taken->was_given_back);
  finish(a, lease{std::move(record)});
}

/// What was granted is released before the caller is told that it was not.
void lock_client_core::give_up(const acquisition_ptr& a, const pooled_ptr& p, failure why) {
  if (p->unready.erase(a->request.name) == 0) return finish(a, std::move(why));
  p->session->release(a->request.name, [self = shared_from_this(), a, why](const result<lock::release_outcome>& released) {
    self->close_spare_sessions();
    (void)released;  // of an unavailable session everything is released
    self->finish(a, why);
  });
}

/// From any thread.
void lock_client_core::give_back(const std::weak_ptr<pooled>& weak_p, const std::string& name, std::function<void(status)> done) {
  post([self = shared_from_this(), weak_p, name, done = guarded(name, std::move(done))] {
    const auto p = weak_p.lock();
    if (!p) return done(failure{errc::lock_lost, name + ": its session has ended"});
    p->session->release(name, [self, name, done](result<lock::release_outcome> released) {
      status outcome;
      if (!released) {
        outcome = failure{errc::lock_lost, name + ": " + released.error().context};
      } else if (*released == lock::release_outcome::not_held) {
        outcome = failure{errc::lock_lost, name + ": the server says that it was not held (any more)"};
      }
      {
        const std::lock_guard guard{self->counters_mutex_};
        ++(outcome ? self->counters_.released : self->counters_.lost);
        if (!outcome) ++self->counters_.overlap_suspected;
      }
      self->close_spare_sessions();
      done(outcome);
    });
  });
}

lock_client_report lock_client_core::report() const {
  lock_client_report r;
  r.connections = budget_.used();
  r.waiting = waiting_;
  r.leases = watch_->leases();
  const std::lock_guard guard{counters_mutex_};
  r.counters = counters_;
  r.counters.lost += watch_->lost();
  return r;
}

}  // namespace baton::mysql

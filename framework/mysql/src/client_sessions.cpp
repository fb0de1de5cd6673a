#include "client_sessions.hpp"

#include <deque>

#include "baton/mysql/adopt.hpp"
#include "open.hpp"

namespace baton::mysql {

namespace {
failure gone(const std::string& name) {
  return {errc::store_unavailable, name + ": its session was closed with its client, and whatever it held is free"};
}
}  // namespace

struct client_session::turns : std::enable_shared_from_this<client_session::turns> {
  struct call {
    ticket t = 0;
    std::function<void()> start;
    std::function<void()> cancelled;  ///< instead of its answer
  };
  std::shared_ptr<async_lock_session> session;
  std::deque<call> queue;
  call under_way;
  bool is_closed = false;
  std::atomic<bool> has_ended = false;
  std::atomic<bool> is_at_work = false;
  std::atomic<boot_time> deadline = boot_time::max();

  void add(call c) {
    if (is_closed) return c.cancelled();
    queue.push_back(std::move(c));
    pump();
  }
  void pump() {
    if (is_at_work || is_closed || queue.empty()) return;
    is_at_work = true;
    under_way = std::move(queue.front());
    queue.pop_front();
    const auto start = std::move(under_way.start);
    start();
  }
  /// The answer to what is under way is there; false if it comes too late for anybody.
  [[nodiscard]] bool is_over() {
    under_way = {};
    is_at_work = false;
    return !is_closed;
  }
  /// With its locks, which nobody holds from here on. Who waits for an answer gets one.
  void close() {
    if (std::exchange(is_closed, true)) return;
    has_ended = true;
    auto waiting = std::exchange(queue, {});
    if (is_at_work) waiting.push_front(std::exchange(under_way, {}));
    is_at_work = false;
    session->close();
    for (const auto& c : waiting) c.cancelled();
  }
  void cancel(ticket t) {
    if (is_at_work && under_way.t == t) return session->cancel_wait();
    const auto it = std::ranges::find(queue, t, &call::t);
    if (it == queue.end()) return;
    const auto cancelled = std::move(it->cancelled);
    queue.erase(it);
    cancelled();
  }
};

client_session::client_session(std::shared_ptr<lock_client_core> core, opened with, async_lock_session::probing how)
    : core_(std::move(core)),
      turns_(std::make_shared<turns>()),
      id_(with.link->id()),
      counts_(how == async_lock_session::probing::regular) {
  const std::weak_ptr<lock_client_core> weak = core_;
  if (how == async_lock_session::probing::regular) turns_->deadline = core_->where().lease.deadline(with.sent);
  turns_->session = async_lock_session::start(std::move(with), how,
                                              {core_->io(), core_->where().lease,
                                               [weak](std::uint64_t id, std::function<void(status)> done) {
                                                 if (const auto self = weak.lock()) self->kill_query(id, std::move(done));
                                               },
                                               [](const std::vector<lock::lost_lease>&) {},  // what is lost by itself shows at its release
                                               [state = turns_](boot_time deadline) { state->deadline = deadline; },
                                               [state = turns_](const failure&) { state->has_ended = true; }});
  core_->close_at_end(this, [state = turns_] { state->close(); });
}

client_session::~client_session() {
  if (!core_->forget_to_close(this)) return;  // the client has ended, and this with it
  core_->post([state = std::move(turns_)] { state->close(); });
  if (counts_) core_->budget().give_back();
}

result<std::shared_ptr<lock::async_session>> adopt(lock_client& client, MYSQL* handle) {
  const auto& core = lock_client_core::of(client);
  auto link = connection::adopt(handle, core->where().time, core->where().lease.probe_timeout);
  if (!link) return std::move(link).error();
  auto facts = look_over(**link);
  if (!facts) return std::move(facts).error().in((*link)->where());
  return std::shared_ptr<lock::async_session>{std::make_shared<client_session>(
      core, opened{std::move(*link), std::move(*facts), core->where().time->now().steady}, async_lock_session::probing::none)};
}

client_session::ticket client_session::acquire(const std::string& name, lock::time_limit limit, lock::reentry again,
                                               std::function<void(result<lock::wait_reply>)> done) {
  const auto t = next_ticket_++;
  const bool is_posted = core_->post([state = turns_, t, name, limit, again, done = core_->guarded(name, done)] {
    state->add({t,
                [state, name, limit, again, done] {
                  state->session->wait(name, limit, again, [state, done](result<lock::wait_reply> reply) {
                    if (!state->is_over()) return;
                    done(std::move(reply));
                    state->pump();
                  });
                },
                [name, done] {
                  done(failure{errc::cancelled, "the wait for " + name + " was cancelled"});
                }});
  });
  if (!is_posted) done(gone(name));
  return t;
}

void client_session::cancel(ticket t) {
  core_->post([state = turns_, t] { state->cancel(t); });
}

void client_session::release(const std::string& name, std::function<void(result<lock::release_outcome>)> done) {
  const bool is_posted = core_->post([state = turns_, name, done = core_->guarded(name, done)] {
    state->add({0,
                [state, name, done] {
                  state->session->release(name, [state, done](result<lock::release_outcome> outcome) {
                    if (!state->is_over()) return;
                    done(std::move(outcome));
                    state->pump();
                  });
                },
                [name, done] { done(gone(name)); }});
  });
  if (!is_posted) done(gone(name));
}

bool client_session::is_alive() const noexcept {
  if (turns_->has_ended) return false;
  return turns_->is_at_work || core_->where().time->now().steady < turns_->deadline.load();
}

}  // namespace baton::mysql

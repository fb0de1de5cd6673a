#include "client_sessions.hpp"

#include <deque>

#include "baton/mysql/adopt.hpp"
#include "open.hpp"

namespace baton::mysql {

struct client_session::turns : std::enable_shared_from_this<client_session::turns> {
  struct call {
    ticket t = 0;
    std::function<void()> start;
    std::function<void()> cancelled;
  };
  std::shared_ptr<async_lock_session> session;
  std::deque<call> queue;
  ticket under_way = 0;
  std::atomic<bool> has_ended = false;
  std::atomic<bool> is_at_work = false;
  std::atomic<boot_time> deadline = boot_time::max();

  void add(call c) {
    queue.push_back(std::move(c));
    pump();
  }
  void pump() {
    if (is_at_work || queue.empty()) return;
    is_at_work = true;
    const auto next = std::move(queue.front());
    queue.pop_front();
    under_way = next.t;
    next.start();
  }
  void is_over() {
    under_way = 0;
    is_at_work = false;
  }
  void cancel(ticket t) {
    if (under_way == t) return session->cancel_wait();
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
  core_->close_at_end(this, [state = turns_] { state->session->close(); });
}

client_session::~client_session() {
  if (!core_->forget_to_close(this)) return;  // the client has ended, and this with it
  core_->post([state = std::move(turns_)] { state->session->close(); });
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
  core_->post([state = turns_, t, name, limit, again, done = std::move(done)] {
    state->add({t,
                [state, name, limit, again, done] {
                  state->session->wait(name, limit, again, [state, done](result<lock::wait_reply> reply) {
                    state->is_over();
                    done(std::move(reply));
                    state->pump();
                  });
                },
                [name, done] {
                  done(failure{errc::cancelled, "the wait for " + name + " was cancelled before it began"});
                }});
  });
  return t;
}

void client_session::cancel(ticket t) {
  core_->post([state = turns_, t] { state->cancel(t); });
}

void client_session::release(const std::string& name, std::function<void(result<lock::release_outcome>)> done) {
  core_->post([state = turns_, name, done = std::move(done)] {
    state->add({0,
                [state, name, done] {
                  state->session->release(name, [state, done](result<lock::release_outcome> outcome) {
                    state->is_over();
                    done(std::move(outcome));
                    state->pump();
                  });
                },
                nullptr});
  });
}

bool client_session::is_alive() const noexcept {
  if (turns_->has_ended) return false;
  return turns_->is_at_work || core_->where().time->now().steady < turns_->deadline.load();
}

}  // namespace baton::mysql

#include "session_worker.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace baton::runtime {

worker::worker(const clock& time, std::function<void()> on_end_of_file)
    : time_(time), on_end_of_file_(std::move(on_end_of_file)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  BATON_ASSERT(wake_ >= 0);
}

worker::~worker() { ::close(wake_); }

void worker::begin() {
  thread_ = std::thread{[this] { run(); }};
}

void worker::join() {
  close();
  if (thread_.joinable()) thread_.join();
}

void worker::post(std::function<void()> task) {
  {
    const std::lock_guard guard{mutex_};
    if (closing_) return;
    tasks_.push_back(std::move(task));
  }
  ::eventfd_write(wake_, 1);
}

void worker::close() {
  {
    const std::lock_guard guard{mutex_};
    if (std::exchange(closing_, true)) return;
    tasks_.clear();
  }
  // An idle session says good-bye in order; a call under way is cut off.
  if (busy_since()) interrupt();
  ::eventfd_write(wake_, 1);
}

std::optional<boot_time> worker::busy_since() const noexcept {
  const auto since = busy_since_.load();
  if (since == 0) return std::nullopt;
  return boot_time{microseconds{since}};
}

void worker::run() {
  for (;;) {
    std::function<void()> task;
    {
      const std::lock_guard guard{mutex_};
      if (closing_) break;
      if (!tasks_.empty()) {
        task = std::move(tasks_.front());
        tasks_.pop_front();
        busy_since_ = steady_now().time_since_epoch().count();
      }
    }
    if (task) {
      task();
      busy_since_ = 0;
    } else {
      wait_for_work();
    }
  }
  end();
  ended_ = true;
}

void worker::wait_for_work() {
  std::array<pollfd, 2> ready{{{wake_, POLLIN, 0}, {watched_, POLLIN | POLLRDHUP, 0}}};
  if (::poll(ready.data(), watched_ >= 0 ? 2 : 1, -1) < 0) return;
  if (ready[0].revents != 0) {
    eventfd_t count = 0;
    ::eventfd_read(wake_, &count);
    return;  // what was asked for comes first; it will notice the end by itself
  }
  if (watched_ >= 0 && ready[1].revents != 0 && peer_has_ended(watched_)) {
    watched_ = -1;
    on_end_of_file_();
  }
}

/// Nothing is under way, so whatever arrives is the end, or the server's last words before it.
bool worker::peer_has_ended(int descriptor) const noexcept {
  char byte = 0;
  const auto n = ::recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

// ---- lock sessions

lock_worker::lock_worker(engine::session_id id, const clock& time, opener open, deliver to)
    : worker(time, [id, to] { to(engine::session_ended{id}); }), id_(id), deliver_(std::move(to)) {
  post([this, open = std::move(open)] {
    auto opened = open();
    if (!opened) return deliver_(engine::session_failed{id_, opened.error()});
    watch((*opened)->descriptor());
    engine::lock_session_opened event{id_, (*opened)->connection_id(), (*opened)->identity()};
    {
      const std::lock_guard guard{session_mutex_};
      session_ = std::move(*opened);
    }
    deliver_(std::move(event));
  });
  begin();
}

lock_worker::~lock_worker() { join(); }

void lock_worker::interrupt() noexcept {
  const std::lock_guard guard{session_mutex_};
  if (session_) session_->interrupt();
}

void lock_worker::end() noexcept {
  const std::lock_guard guard{session_mutex_};
  session_.reset();
}

template <typename Event, typename Call>
void lock_worker::call(Call what) {
  post([this, what = std::move(what)] {
    if (!session_) return;
    const auto sent = steady_now();
    auto reply = what(*session_);
    deliver_(Event{id_, {sent, steady_now()}, std::move(reply)});
  });
}

void lock_worker::perform(engine::acquire a) {
  call<engine::acquired>([names = std::move(a.names)](lock::session& s) { return s.try_acquire(names); });
}
void lock_worker::perform(engine::ask_owned a) {
  call<engine::owned_known>([names = std::move(a.names)](lock::session& s) { return s.owned(names); });
}
void lock_worker::perform(engine::probe a) {
  call<engine::probed>([names = std::move(a.names)](lock::session& s) { return s.probe(names); });
}
void lock_worker::perform(engine::release a) {
  call<engine::released>([names = std::move(a.names)](lock::session& s) { return s.release(names); });
}

// ---- ledger sessions

ledger_worker::ledger_worker(engine::session_id id, const clock& time, opener open, identity who, deliver to)
    : worker(time, [id, to] { to(engine::session_ended{id}); }), id_(id), who_(std::move(who)), deliver_(std::move(to)) {
  post([this, open = std::move(open)] { open_session(open); });
  begin();
}

ledger_worker::~ledger_worker() { join(); }

void ledger_worker::open_session(const opener& open) {
  auto opened = open();
  if (!opened) return deliver_(engine::session_failed{id_, opened.error()});
  auto& session = **opened;
  {
    const std::lock_guard guard{session_mutex_};
    session_ = std::move(*opened);
  }
  const auto held = session.hold_incarnation(who_.cluster, who_.incarnation);
  if (!held) return deliver_(engine::session_failed{id_, held.error()});
  if (!*held) {
    return deliver_(engine::session_failed{
        id_,
        {errc::store_busy, "an earlier connection of this instance still holds its incarnation's lock; waiting for the server to end it"}});
  }
  auto jobs = session.register_jobs(who_.cluster, *who_.jobs);
  if (!jobs) return deliver_(engine::session_failed{id_, jobs.error()});
  watch(session.descriptor());
  deliver_(engine::ledger_session_opened{id_, session.connection_id(), session.identity(), std::move(*jobs)});
}

void ledger_worker::interrupt() noexcept {
  const std::lock_guard guard{session_mutex_};
  if (session_) session_->interrupt();
}

void ledger_worker::end() noexcept {
  const std::lock_guard guard{session_mutex_};
  session_.reset();
}

template <typename Event, typename Call>
void ledger_worker::call(Call what) {
  post([this, what = std::move(what)] {
    if (!session_) return;
    const auto sent = steady_now();
    auto reply = what(*session_);
    deliver_(Event{id_, {sent, steady_now()}, std::move(reply)});
  });
}

void ledger_worker::perform(engine::claim a) {
  call<engine::claimed>([request = std::move(a.request)](ledger::session& s) { return s.claim(request); });
}
void ledger_worker::perform(engine::finish a) {
  call<engine::finished>([this, records = std::move(a.records)](ledger::session& s) { return s.finish(who_.cluster, records); });
}
void ledger_worker::perform(engine::reconcile a) {
  call<engine::reconciled>([request = std::move(a.request)](ledger::session& s) { return s.reconcile(request); });
}
void ledger_worker::perform(engine::register_jobs /*unused*/) {
  call<engine::jobs_registered>([this](ledger::session& s) { return s.register_jobs(who_.cluster, *who_.jobs); });
}
void ledger_worker::perform(engine::sign_off /*unused*/) {
  post([this] {
    // The heartbeat row ages out anyway; a stop does not wait for it.
    if (session_) (void)session_->sign_off(who_.cluster, who_.incarnation);
    deliver_(engine::signed_off{id_});
  });
}

void ledger_worker::perform(engine::request_cancel a) {
  call<engine::cancel_requested>([this, runs = std::move(a.runs)](ledger::session& s) -> result<bool> {
    if (auto done = s.request_cancel(who_.cluster, runs); !done) return std::move(done).error();
    return true;
  });
}
void ledger_worker::perform(engine::restore a) {
  call<engine::restored>([this, claims = std::move(a.claims)](ledger::session& s) { return s.restore(who_.cluster, claims); });
}
void ledger_worker::perform(engine::purge a) {
  call<engine::purged>([request = std::move(a.request)](ledger::session& s) { return s.purge(request); });
}
void ledger_worker::set_jobs(std::shared_ptr<const std::vector<ledger::job_registration>> jobs) {
  post([this, jobs = std::move(jobs)]() mutable { who_.jobs = std::move(jobs); });
}

}  // namespace baton::runtime

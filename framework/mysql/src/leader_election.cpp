#include "baton/mysql/leader_election.hpp"

#include <unistd.h>

#include <array>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <random>
#include <thread>

#include "lock_client_core.hpp"
#include "lock_statements.hpp"

namespace baton::mysql {
namespace {

std::string default_label(const std::string& instance) {
  if (!instance.empty()) return instance;
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return std::string{host.data()} + "/" + std::to_string(::getpid());
}

}  // namespace

/// Carries out what the state machine says. What it is told comes from the client's threads; what is told to the program is called on a
/// thread of its own, in order; giving the lock back waits its turn among that.
class leader_election::impl : public std::enable_shared_from_this<leader_election::impl> {
 public:
  impl(std::shared_ptr<lock_client_core> core, std::string name, options how)
      : core_(std::move(core)),
        name_(std::move(name)),
        how_(std::move(how)),
        machine_({core_->where().lease, how_.takeover, how_.shortest_return, how_.longest_return, std::random_device{}()}) {}

  void begin() {
    thread_ = std::thread{[self = shared_from_this()] { self->run(); }};
    const std::lock_guard guard{mutex_};
    carry_out(machine_.start(now()));
  }

  /// Resigns, and waits until nothing is left to be told.
  void end() {
    BATON_ASSERT(std::this_thread::get_id() != thread_.get_id());
    std::stop_source leads;
    {
      const std::lock_guard guard{mutex_};
      leads = leads_;
      carry_out(machine_.stop(now()));
    }
    leads.request_stop();
    {
      std::unique_lock guard{mutex_};
      changed_.wait(guard, [this] { return machine_.is_at_rest() && tasks_.empty() && !is_telling_; });
      is_ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void resign(microseconds pause) {
    std::stop_source leads;
    {
      const std::lock_guard guard{mutex_};
      auto actions = machine_.resign(pause, now());
      if (actions.empty()) return;
      leads = leads_;
      carry_out(actions);
    }
    leads.request_stop();
  }

  [[nodiscard]] bool is_leader() const noexcept {
    const std::lock_guard guard{mutex_};
    return machine_.is_leader() && lease_ && lease_->is_held();
  }
  [[nodiscard]] std::uint64_t epoch() const noexcept {
    const std::lock_guard guard{mutex_};
    return machine_.is_leader() && lease_ && lease_->is_held() ? machine_.epoch() : 0;
  }

 private:
  [[nodiscard]] boot_time now() const noexcept { return core_->where().time->now().steady; }

  // All of these with the mutex held.

  void carry_out(const lock::election::actions& actions) {
    for (const auto& action : actions) std::visit([this](const auto& a) { perform(a); }, action);
    changed_.notify_all();
  }

  void perform(const lock::election::acquire&) {
    was_given_back_ = false;
    has_led_ = false;
    // Its end waits for its callback, which may be waiting for the mutex.
    if (lease_) tasks_.emplace_back([old = std::shared_ptr<lease>{std::move(lease_)}]() mutable { old.reset(); });
    ticket_ = core_->acquire({name_,
                              {},
                              how_.label,
                              [weak = weak_from_this()](bool in_order) {
                                if (const auto self = weak.lock()) self->was_given_back_ = in_order;
                              },
                              [weak = weak_from_this()](lock::attempt<lease> got) {
                                if (const auto self = weak.lock()) self->acquired(std::move(got));
                              }});
  }
  void perform(const lock::election::cancel_acquire&) { core_->cancel(ticket_); }
  void perform(const lock::election::give_back&) {
    tasks_.emplace_back([this] { give_back(); });
  }
  void perform(const lock::election::tell_candidate&) {
    if (how_.candidate) tasks_.emplace_back([this] { how_.candidate(); });
  }
  void perform(const lock::election::tell_elected& a) {
    leads_ = std::stop_source{};
    has_led_ = true;
    if (how_.elected) tasks_.emplace_back([this, told = leadership{a.epoch, leads_.get_token()}] { how_.elected(told); });
  }
  void perform(const lock::election::tell_deposed& a) {
    if (how_.deposed) tasks_.emplace_back([this, a] { how_.deposed(a.epoch, a.reason); });
  }

  // On threads of the client's.

  void acquired(lock::attempt<lease> got) {
    if (got) {
      const auto epoch = got->fence();
      got->on_lost([weak = weak_from_this(), epoch](lock::loss reason) {
        if (const auto self = weak.lock()) self->lost(epoch, reason);
      });
    }
    std::stop_source leads{std::nostopstate};
    std::unique_lock guard{mutex_};
    if (!got) {
      carry_out(machine_.not_granted(now()));
      const bool is_news = got.has_failed() && got.error().code != errc::cancelled;
      if (is_news && how_.failed) tasks_.emplace_back([this, why = got.error()] { how_.failed(why); });
      return changed_.notify_all();
    }
    lease_ = std::make_unique<lease>(std::move(*got));
    carry_out(machine_.granted(lease_->fence(), was_given_back_, now()));
    if (const auto reason = lease_->lost()) {  // before it was ours to be told of
      leads = leads_;
      carry_out(machine_.lost(*reason, now()));
    }
    guard.unlock();
    leads.request_stop();
  }

  void lost(std::uint64_t epoch, lock::loss reason) {
    std::stop_source leads;
    {
      const std::lock_guard guard{mutex_};
      if (!lease_ || lease_->fence() != epoch) return;
      leads = leads_;
      carry_out(machine_.lost(reason, now()));
    }
    leads.request_stop();  // at once, also while a callback is at work
  }

  // On the election's own thread.

  void give_back() {
    std::unique_ptr<lease> held;
    bool is_in_order = false;  // else the leader before may still be stopping, and who comes next has to wait for it too
    {
      const std::lock_guard guard{mutex_};
      held = std::move(lease_);
      is_in_order = has_led_ || was_given_back_;
    }
    if (held) {
      if (is_in_order) sign_off(*held);
      if (auto released = held->release(); !released && released.error().code != errc::lock_lost)
        core_->warn("giving the lead of " + name_ + " back: " + released.error().context);
    }
    const std::lock_guard guard{mutex_};
    carry_out(machine_.given_back(now()));
  }

  /// Best effort: without it the next leader waits for us to have stopped.
  void sign_off(const lease& held) {
    std::string sql = "UPDATE baton_holder SET given_back=1 WHERE lock_name=";
    append_name(sql, name_);
    sql += " AND fence=" + std::to_string(held.fence());
    const auto done = std::make_shared<std::promise<void>>();
    auto is_done = done->get_future();
    core_->post([core = core_, sql = std::move(sql), done] {
      core->fences().ask(sql, [done](const async_connection::answer&) { done->set_value(); });
    });
    (void)is_done.wait_for(core_->where().lease.probe_timeout);
  }

  void run() {
    std::unique_lock guard{mutex_};
    while (!is_ended_) {
      carry_out(machine_.advance(now()));
      if (!tasks_.empty()) {
        const auto task = std::move(tasks_.front());
        tasks_.pop_front();
        is_telling_ = true;
        guard.unlock();
        tell(task);
        guard.lock();
        is_telling_ = false;
        changed_.notify_all();
        continue;
      }
      constexpr milliseconds longest_nap{250};  // a suspended machine stops the clock that condition variables wait by
      if (const auto wake = machine_.next_wakeup()) {
        changed_.wait_for(guard, std::clamp<microseconds>(*wake - now(), microseconds{1}, longest_nap));
      } else {
        changed_.wait(guard);
      }
    }
  }

  void tell(const std::function<void()>& task) const { core_->call_guarded("the election of " + name_, task); }

  const std::shared_ptr<lock_client_core> core_;
  const std::string name_;
  const options how_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  lock::election machine_;
  std::unique_ptr<lease> lease_;
  std::stop_source leads_;
  lock_client::ticket ticket_ = 0;
  std::atomic<bool> was_given_back_ = false;
  bool has_led_ = false;  ///< in this candidacy
  std::deque<std::function<void()>> tasks_;
  bool is_telling_ = false;
  bool is_ended_ = false;
  std::thread thread_;
};

result<std::unique_ptr<leader_election>> leader_election::start(lock_client& on, const lock::key& name, options how) {
  const auto& core = lock_client_core::of(on);
  if (!is_portable(name.text())) return not_portable(name.text());
  if (!core->has_fences())
    return failure{errc::invalid_argument, "an election of " + name.text() + " needs fences: its epochs; create the client with fences on"};
  if (how.label.empty()) how.label = default_label(core->where().instance);
  auto i = std::make_shared<impl>(core, name.text(), std::move(how));
  i->begin();
  return std::unique_ptr<leader_election>{new leader_election{std::move(i)}};
}

leader_election::~leader_election() { impl_->end(); }
bool leader_election::is_leader() const noexcept { return impl_->is_leader(); }
std::uint64_t leader_election::epoch() const noexcept { return impl_->epoch(); }
void leader_election::resign(microseconds pause) { impl_->resign(pause); }

result<std::optional<leader>> leader_election::find_leader(lock_client& on, const lock::key& name) {
  return lock_client_core::of(on)->inquire([&](connection& link, flavour) -> result<std::optional<leader>> {
    std::string sql =
        "SELECT holder,fence,since FROM baton_holder WHERE given_back=0 AND connection_id=COALESCE(IS_USED_LOCK(lock_name),0) AND "
        "lock_name=";
    append_name(sql, name.text());
    auto answers = link.run(sql);
    if (!answers) return std::move(answers).error();
    auto& row = answers->front();
    if (!row.next()) return std::optional<leader>{};
    return std::optional{leader{row.text(0), row.number(1), row.time(2).value_or(wall_time{})}};
  });
}

// ---- observers

class leader_observer::impl {
 public:
  impl(lock_client& on, lock::key name, microseconds period, std::function<void(const std::optional<leader>&)> changed)
      : core_(lock_client_core::of(on)),
        client_(on),
        name_(std::move(name)),
        period_(period),
        changed_(std::move(changed)),
        thread_([this] { run(); }) {}
  ~impl() {
    {
      const std::lock_guard guard{mutex_};
      is_ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

 private:
  void run() {
    std::optional<std::optional<leader>> known;
    std::unique_lock guard{mutex_};
    while (!is_ending_) {
      guard.unlock();
      // What cannot be asked has not changed.
      if (auto found = leader_election::find_leader(client_, name_); found && (!known || *known != *found)) {
        known = *found;
        core_->call_guarded("the observer of " + name_.text(), [&] { changed_(*found); });
      }
      guard.lock();
      if (!is_ending_) wake_.wait_for(guard, period_);
    }
  }

  const std::shared_ptr<lock_client_core> core_;
  lock_client& client_;
  const lock::key name_;
  const microseconds period_;
  const std::function<void(const std::optional<leader>&)> changed_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_ending_ = false;
  std::thread thread_;
};

leader_observer::leader_observer(lock_client& on, const lock::key& name, microseconds period,
                                 std::function<void(const std::optional<leader>&)> changed)
    : impl_(std::make_unique<impl>(on, name, period, std::move(changed))) {}
leader_observer::~leader_observer() = default;

}  // namespace baton::mysql

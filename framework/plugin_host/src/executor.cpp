#include "baton/plugin_host/executor.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "cgroup.hpp"
#include "process_run.hpp"
#include "runner_pool.hpp"
#include "thread_run.hpp"

namespace baton::plugin_host {
namespace {

/// Log lines and progress of handlers in process that wait for the executor's thread; more are dropped.
constexpr std::size_t max_posted = 4096;
/// How often a group without a supervisor is looked at.
constexpr milliseconds orphan_interval{2};

/// How long a process counts as one that is being started. Many at once would take turns, and each the time of all.
constexpr milliseconds starting_time{200};

/// From when a cold run began until a process is begun for the next one: it would take the processor from a run that is short.
constexpr milliseconds spare_delay{5};

/// What the executor's thread keeps of a run.
struct run {
  run_id id{};
  std::unique_ptr<process_run> process;
  std::unique_ptr<thread_run> thread;
  std::optional<runner_purpose> purpose;  ///< of its runner
  std::size_t runs = 0;                   ///< which the runner had before
  run_limits limits;
  wall_time started{};
  boot_time begun = boot_now();
};

struct start_command {
  run_request request;
};
struct extend_command {
  run_id id;
  boot_time lease_deadline;
};
struct stop_command {
  run_id id;
  stop_order order;
};
struct posted_frame {
  run_id id;
  frame content;
};
using command = std::variant<start_command, extend_command, stop_command, posted_frame>;

class supervised_executor final : public executor {
 public:
  supervised_executor(options opts, const clock& time, listener on_event, unique_fd poller, unique_fd wake)
      : program_{std::move(opts.runner_program)},
        environment_{runner_environment(opts.environment)},
        time_{time},
        on_event_{std::move(on_event)},
        poller_{std::move(poller)},
        wake_{std::move(wake)} {
    watch(wake_.get(), wake_key, EPOLLIN, EPOLL_CTL_ADD);
    watch(timer_.descriptor(), timer_key, EPOLLIN, EPOLL_CTL_ADD);
    if (opts.divides_cgroup) {
      if (auto tree = cgroup_tree::take()) {
        cgroups_ = std::move(*tree);
      } else {
        no_cgroup_reason_ = tree.error().context;
      }
    }
    // No signal of the program's is for this thread, nor for those it makes.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread{[this] { work(); }};
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  ~supervised_executor() override {
    quitting_ = true;
    wake();
    thread_.join();
  }

  void start(run_request request) override { push(start_command{std::move(request)}); }
  void extend(run_id id, boot_time lease_deadline) override { push(extend_command{id, lease_deadline}); }
  void stop(run_id id, stop_order order) override { push(stop_command{id, order}); }
  [[nodiscard]] const std::string& no_cgroup_reason() const noexcept override { return no_cgroup_reason_; }

 private:
  // Keys of the poller: a run's slot times two, plus one for its pidfd; slots begin at 1.
  static constexpr std::uint64_t wake_key = 0;
  static constexpr std::uint64_t timer_key = 1;
  using slot = std::uint64_t;

  // ---- from any thread

  /// Commands are taken all together: the first that waits wakes the executor's thread for the others.
  void push(command c) {
    bool is_first = false;
    {
      const std::scoped_lock guard{mutex_};
      is_first = commands_.empty();
      commands_.push_back(std::move(c));
    }
    if (is_first) wake();
  }

  void post(run_id id, frame f) {
    const bool may_be_dropped = std::holds_alternative<run_log>(f) || std::holds_alternative<run_progress>(f);
    if (may_be_dropped && has_too_many_commands()) return;
    push(posted_frame{id, std::move(f)});
  }

  [[nodiscard]] bool has_too_many_commands() {
    const std::scoped_lock guard{mutex_};
    return commands_.size() >= max_posted;
  }

  void wake() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
  }

  // ---- on the executor's thread

  void work() {
    bool hung_up = false;
    while (!quitting_ || !runs_.empty() || !pool_.is_empty() || !waiting_.empty() || has_commands()) {
      if (quitting_ && !std::exchange(hung_up, true)) {
        for (auto& [key, r] : runs_) end_early(r);
      }
      if (quitting_) pool_.send_away_all();
      std::array<epoll_event, 64> events{};
      const int count = ::epoll_wait(poller_.get(), events.data(), static_cast<int>(events.size()), wait_time());
      for (int i = 0; i < count; ++i) on_ready(events[static_cast<std::size_t>(i)]);
      obey();
      start_next();
      looked_at_.clear();
      look_at_clock();
    }
  }

  [[nodiscard]] bool has_commands() {
    const std::scoped_lock guard{mutex_};
    return !commands_.empty();
  }

  [[nodiscard]] int wait_time() const {
    if (next_to_start() != waiting_.size()) return 0;
    if (has_orphans_) return static_cast<int>(orphan_interval.count());
    if (!waiting_.empty()) return static_cast<int>(milliseconds{starting_time / 10}.count());
    return quitting_ && runs_.empty() && pool_.is_empty() ? 0 : -1;
  }

  void on_ready(const epoll_event& event) {
    const auto key = event.data.u64;
    if (key == wake_key) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto got = ::read(wake_.get(), &count, sizeof count);
      return;
    }
    if (pool_.contains(key / 2)) {
      if (key % 2 == 0) return pool_.send_away(key / 2);
      if (auto group = pool_.reap(key / 2); !group.empty()) old_cgroups_.push_back(std::move(group));
      return;
    }
    const auto found = runs_.find(key / 2);
    if (key == timer_key || found == runs_.end()) return;
    auto& r = found->second;
    const auto on_frame = [&](frame f) { hear(r, std::move(f)); };
    if (key % 2 == 0) {
      if ((event.events & EPOLLOUT) != 0) r.process->send();
      const bool is_readable = (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
      const bool is_open = !is_readable || r.process->receive(on_frame);
      if (r.process->has_report()) {  // the runner waits for another run, or ends by itself
        auto end = verdict_of(r);
        if (!r.process->is_reusable()) r.purpose.reset();
        pool_.keep(found->first, {std::move(r.purpose), r.process->take_runner(), r.runs + 1, {}}, boot_now());
        finish(found->first, std::move(end));
      } else if (!is_open) {
        watch(r.process->socket(), 0, 0, EPOLL_CTL_DEL);  // the pidfd says when it has ended
      } else {
        watch_socket(found->first, r);
      }
    } else if (!r.process->is_reaped()) {
      r.process->reap_supervisor(on_frame);
      watch(r.process->pidfd(), 0, 0, EPOLL_CTL_DEL);
      if (r.process->is_gone()) {
        finish(found->first, verdict_of(r));
      } else {
        has_orphans_ = true;
      }
    }
  }

  void obey() {
    std::vector<command> commands;
    {
      const std::scoped_lock guard{mutex_};
      commands.swap(commands_);
    }
    for (auto& c : commands) std::visit([this](auto& content) { obey(content); }, c);
  }

  /// One process at a time: starting it takes milliseconds, and leases that others live by are to be extended meanwhile.
  void obey(start_command& c) { waiting_.push_back(std::move(c.request)); }

  void start_next() {
    for (bool was_process = false; !was_process;) {
      const auto next = next_to_start();
      if (next == waiting_.size()) return;
      auto wanted = take_waiting(waiting_.begin() + static_cast<std::ptrdiff_t>(next));
      was_process = is_process(wanted);
      start_now(std::move(wanted));
    }
  }

  static bool is_process(const run_request& wanted) { return !wanted.handler && wanted.isolation == isolation::process; }

  /// Its place in waiting_, or the end's.
  [[nodiscard]] std::size_t next_to_start() const {
    if (waiting_.empty()) return 0;
    const auto now = boot_now();
    const auto is_starting = [&](const auto& entry) {
      return entry.second.process && entry.second.started == wall_time{} && now < entry.second.begun + starting_time;
    };
    const bool has_room = quitting_ || std::ranges::count_if(runs_, is_starting) < most_starting_;
    const auto found = std::ranges::find_if(waiting_, [&](const run_request& wanted) { return has_room || !is_process(wanted); });
    return static_cast<std::size_t>(found - waiting_.begin());
  }

  [[nodiscard]] std::deque<run_request>::iterator find_waiting(run_id id) { return std::ranges::find(waiting_, id, &run_request::id); }

  [[nodiscard]] run_request take_waiting(std::deque<run_request>::iterator at) {
    auto wanted = std::move(*at);
    waiting_.erase(at);
    return wanted;
  }

  void start_now(run_request wanted) {
    const auto id = wanted.id;
    BATON_ASSERT(!find(id));  // ids are never reused
    if (quitting_) return emit_not_started(id, "the executor is shutting down");
    request_frame request{std::move(wanted), {}};
    if (request.request.timeout) request.deadline = time_.now().wall + *request.request.timeout;
    try {
      if (!is_process(request.request)) {
        if (!request.request.handler) tell_of_change(request.request);
        auto thread = std::make_unique<thread_run>(std::move(request), threads_, [this, id](frame f) { post(id, std::move(f)); });
        add(next_slot_++, {id, {}, std::move(thread), {}, 0, {}, {}});
        return;
      }
      if (encode_frame(request).size() > max_frame_size) return emit_not_started(id, "its parameters are too large");
      start_process(std::move(request));
    } catch (const std::exception& e) {
      emit_not_started(id, e.what());
    }
  }

  /// In a runner that has run this plugin before, else in one that has run nothing.
  void start_process(request_frame request) {
    const auto id = request.request.id;
    auto purpose = purpose_of(request.request);
    auto chosen = purpose ? pool_.take(*purpose) : std::nullopt;
    const bool is_cold = !chosen;
    if (is_cold) chosen = pool_.take_spare();
    if (!chosen) {
      auto spawned = spawn_runner(program_, environment_);
      if (!spawned) return emit_not_started(id, spawned.error().context);
      chosen = watched(std::move(*spawned));
    }
    auto& [key, what] = *chosen;
    if (is_cold && cgroups_ && request.request.limits.memory_bytes) {
      if (auto group = cgroups_->make(*request.request.limits.memory_bytes)) request.cgroup = what.runner.cgroup = std::move(*group);
    }
    run r{id, std::make_unique<process_run>(std::move(what.runner), request), {}, std::move(purpose), what.runs, request.request.limits,
          {}};
    watch_socket(key, r);
    add(key, std::move(r));
  }

  /// The next cold run need not wait for a process to begin.
  void provide_spare(boot_time now) {
    if (now < spare_at_) return;
    spare_at_ = waiting_.empty() ? boot_time::max() : later(now, spare_delay);
    if (!waiting_.empty() || quitting_ || pool_.has_spare()) return;
    auto spawned = spawn_runner(program_, environment_);
    if (!spawned) return;  // a run that needs one will say so
    auto [key, what] = watched(std::move(*spawned));
    pool_.keep_spare(key, std::move(what.runner), now);
  }

  runner_pool::taken watched(spawned_runner spawned) {
    const auto key = next_slot_++;
    watch(spawned.socket.get(), key * 2, EPOLLIN, EPOLL_CTL_ADD);
    watch(spawned.pidfd.get(), key * 2 + 1, EPOLLIN, EPOLL_CTL_ADD);
    return {key, {std::nullopt, std::move(spawned), 0, {}}};
  }

  /// A plugin stays loaded, so that a file which was replaced has no effect in this process.
  void tell_of_change(const run_request& request) {
    if (!looked_at_.insert(request.plugin_path).second) return;
    const auto now = purpose_of(request);
    if (!now) return;
    auto& known = loaded_here_.try_emplace(request.plugin_path, *now).first->second;
    if (std::exchange(known, *now) == *now) return;
    emit(request.id,
         run_log{3,
                 "the plugin's file was replaced, and this process goes on with the one it has loaded; restart it to use the new one",
                 {{"plugin", request.plugin_path}}});
  }

  void add(slot key, run r) {
    slots_.emplace(r.id, key);
    runs_.emplace(key, std::move(r));
  }

  void obey(const extend_command& c) {
    if (const auto waits = find_waiting(c.id); waits != waiting_.end()) waits->lease_deadline = c.lease_deadline;
    const auto found = find(c.id);
    if (!found) return;
    auto& r = runs_.at(*found);
    if (r.thread) r.thread->extend(c.lease_deadline);
    if (r.process) r.process->say(extend_frame{c.lease_deadline});
    watch_socket(*found, r);
  }

  void obey(const stop_command& c) {
    if (const auto waits = find_waiting(c.id); waits != waiting_.end()) start_now(take_waiting(waits));
    const auto found = find(c.id);
    if (!found) return;
    auto& r = runs_.at(*found);
    if (r.thread) r.thread->stop();
    if (r.process) r.process->say(stop_frame{c.order});
    watch_socket(*found, r);
  }

  void obey(posted_frame& c) {
    const auto found = find(c.id);
    if (!found) return;
    auto& r = runs_.at(*found);
    if (auto* answer = std::get_if<ended_frame>(&c.content)) {
      r.thread->look_at_clock(boot_now());
      return finish(*found, r.thread->verdict(std::move(*answer)));
    }
    hear(r, std::move(c.content));
  }

  void end_early(run& r) {
    if (r.thread) r.thread->stop();
    if (r.process) r.process->hang_up();
  }

  void look_at_clock() {
    const auto now = boot_now();
    provide_spare(now);
    pool_.send_away_idle(now);
    std::erase_if(old_cgroups_, remove_cgroup);
    auto next = old_cgroups_.empty() ? pool_.next_deadline() : later(now, milliseconds{100});
    next = std::min(next, spare_at_);
    bool orphans = false;
    std::vector<slot> gone;
    for (auto& [key, r] : runs_) {
      if (r.thread) {
        r.thread->look_at_clock(now);
        next = std::min(next, r.thread->next_deadline());
      } else if (has_orphans_ && r.process->is_reaped()) {
        if (r.process->is_gone()) {
          gone.push_back(key);
        } else {
          orphans = true;
        }
      }
    }
    for (const auto key : gone) finish(key, verdict_of(runs_.at(key)));
    has_orphans_ = orphans;
    if (next != armed_) timer_.arm(next);
    armed_ = next;
  }

  void hear(run& r, frame f) {
    if (std::holds_alternative<started_frame>(f)) {
      if (r.process && r.runs == 0) spare_at_ = std::min(spare_at_, later(boot_now(), spare_delay));
      r.started = time_.now().wall;
      emit(r.id, run_started{r.started});
    } else if (auto* line = std::get_if<run_log>(&f)) {
      emit(r.id, std::move(*line));
    } else if (auto* step = std::get_if<run_progress>(&f)) {
      emit(r.id, std::move(*step));
    } else if (auto* news = std::get_if<run_metrics>(&f)) {
      emit(r.id, std::move(*news));
    }
  }

  void finish(slot key, ended_frame end) {
    auto node = runs_.extract(key);  // closes descriptors
    const auto& r = node.mapped();
    slots_.erase(r.id);
    if (r.process && !r.process->cgroup().empty()) old_cgroups_.push_back(r.process->cgroup());
    emit(r.id, run_ended{end.end, std::move(end.text), std::move(end.output), r.started, time_.now().wall});
  }

  [[nodiscard]] static ended_frame verdict_of(const run& r) {
    auto end = r.process->verdict();
    const auto& group = r.process->cgroup();
    if (end.end == run_end::crashed && !group.empty() && out_of_memory_kills(group) > 0)
      end.text += ": its processes used all of the " + std::to_string(*r.limits.memory_bytes) + " bytes of memory that the job may";
    return end;
  }

  void emit_not_started(run_id id, std::string why) { emit(id, run_ended{run_end::not_started, std::move(why), {}, {}, time_.now().wall}); }

  void emit(run_id id, run_event event) { on_event_(id, std::move(event)); }

  [[nodiscard]] std::optional<slot> find(run_id id) const {
    const auto found = slots_.find(id);
    if (found == slots_.end()) return std::nullopt;
    return found->second;
  }

  void watch_socket(slot key, run& r) {
    if (r.process) watch(r.process->socket(), key * 2, EPOLLIN | (r.process->wants_to_send() ? EPOLLOUT : 0U), EPOLL_CTL_MOD);
  }

  void watch(int descriptor, std::uint64_t key, std::uint32_t what, int how) const noexcept {
    epoll_event event{};
    event.events = what;
    event.data.u64 = key;
    ::epoll_ctl(poller_.get(), how, descriptor, &event);
  }

  const runner_program program_;
  const std::vector<std::string> environment_;
  const clock& time_;
  const listener on_event_;
  unique_fd poller_;
  unique_fd wake_;
  boot_timer timer_;
  boot_time armed_ = boot_time::max();
  bool has_orphans_ = false;
  boot_time spare_at_ = boot_time::max();
  slot next_slot_ = 1;
  std::deque<run_request> waiting_;  ///< to be started
  const std::ptrdiff_t most_starting_ = std::max(2U, std::thread::hardware_concurrency());
  run_threads threads_;
  std::map<slot, run> runs_;
  runner_pool pool_;
  std::map<std::string, runner_purpose> loaded_here_;  ///< plugins of runs in process, by path
  std::set<std::string> looked_at_;                    ///< of these, for the runs that start together
  std::optional<cgroup_tree> cgroups_;
  std::string no_cgroup_reason_;
  std::vector<std::string> old_cgroups_;  ///< to be removed as soon as the kernel lets them go
  std::map<run_id, slot> slots_;

  std::atomic<bool> quitting_ = false;
  std::mutex mutex_;
  std::vector<command> commands_;
  std::thread thread_;
};

}  // namespace

result<std::unique_ptr<executor>> executor::create(options opts, const clock& time, listener on_event) {
  unique_fd poller{::epoll_create1(EPOLL_CLOEXEC)};
  unique_fd wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!poller || !wake) return failure{errc::io, "no descriptors are left to run handlers with: " + last_error()};
  std::unique_ptr<executor> made =
      std::make_unique<supervised_executor>(std::move(opts), time, std::move(on_event), std::move(poller), std::move(wake));
  return made;
}

}  // namespace baton::plugin_host

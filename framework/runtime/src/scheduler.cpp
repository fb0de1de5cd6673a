#include "baton/runtime/scheduler.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <mutex>
#include <random>

#include "baton/ledger/run_id.hpp"
#include "baton/lock/name.hpp"
#include "job.hpp"
#include "observer.hpp"
#include "session_worker.hpp"

namespace baton::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr microseconds longest_sleep = milliseconds{500};
constexpr microseconds stuck_slack = seconds{5};

/// 128 bits of the system's randomness as 25 characters of base 36.
std::string random_incarnation() {
  std::random_device device;
  std::string text;
  for (std::size_t i = 0; i < lock::incarnation_length; ++i) text.push_back("0123456789abcdefghijklmnopqrstuvwxyz"[device() % 36]);
  return text;
}

ledger::run_outcome outcome_of(plugin_host::run_end end) {
  using plugin_host::run_end;
  switch (end) {
    case run_end::success:
    case run_end::skipped: return ledger::run_outcome::success;
    case run_end::failure:
    case run_end::retry_later:
    case run_end::not_started: return ledger::run_outcome::failure;
    case run_end::cancelled: return ledger::run_outcome::cancelled;
    case run_end::timeout: return ledger::run_outcome::timeout;
    case run_end::crashed: return ledger::run_outcome::crashed;
    case run_end::lease_expired: return ledger::run_outcome::lock_lost;
  }
  return ledger::run_outcome::failure;
}

}  // namespace

/// One thread - the io_context's - owns the engine; workers and the executor post to it. Posted work holds a weak_ptr, so that what
/// arrives after the end is dropped.
class scheduler::impl : public std::enable_shared_from_this<impl> {
 public:
  impl(boost::asio::io_context& io, options opts, std::vector<job> jobs, store where, const clock& time, observe::log& log,
       observe::metrics& metrics)
      : io_(io),
        opts_(std::move(opts)),
        jobs_(std::move(jobs)),
        store_(std::move(where)),
        clock_(time),
        log_(log),
        metrics_(metrics),
        incarnation_(random_incarnation()),
        observer_(jobs_, log, metrics, opts_.recorder),
        engine_(engine_options(), registered(engine_jobs(opts_, jobs_))),
        timer_(io) {}

  status start_executor() {
    auto made = plugin_host::executor::create(opts_.runners, clock_,
                                              [weak = weak_from_this(), &io = io_](plugin_host::run_id id, plugin_host::run_event e) {
                                                boost::asio::post(io, [weak, id, e = std::move(e)]() mutable {
                                                  if (const auto self = weak.lock()) self->on_run(id, std::move(e));
                                                });
                                              });
    if (!made) return made.error();
    executor_ = std::move(*made);
    return {};
  }

  void start() {
    log_.info(
        "scheduler started",
        {{"cluster", opts_.cluster}, {"instance", opts_.instance}, {"incarnation", incarnation_}, {"jobs", std::to_string(jobs_.size())}});
    const bool limits_memory = std::ranges::any_of(jobs_, [](const auto& j) { return j.limits.memory_bytes.has_value(); });
    if (const auto& why = executor_->no_cgroup_reason(); limits_memory && !why.empty())
      log_.info("memory is limited as address space of each process, not by a cgroup", {{"reason", why}});
    step([this](time_point now) { return engine_.advance(now); });
  }

  void stop(std::function<void()> stopped) {
    if (stopped) stopped_ = std::move(stopped);
    log_.info("stopping", {{"running", std::to_string(engine_.health().running)}});
    feed(engine::stop_requested{});
  }
  void drain(std::function<void()> stopped) {
    if (!stopped_) stopped_ = std::move(stopped);
    log_.info("draining", {{"running", std::to_string(engine_.health().running)}});
    feed(engine::stop_requested{true});
  }

  /// Jobs keep their places: what runs refers to them by these.
  void reload(options opts, std::vector<job> jobs) {
    look_at_what_arrived();  // it is about the jobs as they were
    opts_.config_hash = opts.config_hash;
    opts_.max_concurrent_runs = opts.max_concurrent_runs;
    opts_.labels = std::move(opts.labels);
    opts_.tag_limits = std::move(opts.tag_limits);
    std::map<std::string, job> wanted;
    std::vector<std::string> order;
    for (auto& j : jobs) {
      order.push_back(j.name);
      wanted.emplace(j.name, std::move(j));
    }
    for (auto& known : jobs_) {
      const auto it = wanted.find(known.name);
      known.is_retired = it == wanted.end();
      if (known.is_retired) continue;
      known = std::move(it->second);
      wanted.erase(it);
    }
    for (const auto& name : order) {
      const auto it = wanted.find(name);
      if (it != wanted.end()) jobs_.push_back(std::move(it->second));
    }
    metrics_.add_jobs(labels_of(opts_.cluster, jobs_));
    metrics_.run_slots_total(opts_.max_concurrent_runs);
    auto set = registered(engine_jobs(opts_, jobs_));
    for (const auto& [id, w] : ledger_workers_) w->set_jobs(registrations_);
    arrived_.emplace_back(engine::jobs_changed{std::move(set), opts_.config_hash, opts_.max_concurrent_runs});
    look_at_what_arrived();
  }

  [[nodiscard]] runtime::report report() const {
    const std::lock_guard guard{report_mutex_};
    auto copy = report_;
    const auto now = clock_.now().steady;
    if (loop_due_ && now > *loop_due_ + stuck_slack) {
      copy.is_stuck = true;
      copy.stuck_reason = "the event loop has not run for " + to_text(now - *loop_due_);
    }
    for (const auto& [id, w] : workers_view_) {
      const auto since = w->busy_since();
      if (since && now > *since + store_.connect_limit + opts_.timing.wait_timeout + stuck_slack) {
        copy.is_stuck = true;
        copy.stuck_reason = "a store call has not returned for " + to_text(now - *since);
      }
    }
    return copy;
  }

  [[nodiscard]] const std::string& incarnation() const noexcept { return incarnation_; }

 private:
  friend class scheduler;

  /// Keeps what ledger sessions register of it, for the engine to take.
  engine::job_set registered(engine::job_set set) {
    registrations_ = registrations_of(set);
    return set;
  }
  [[nodiscard]] engine::options engine_options() const {
    return {opts_.cluster,
            incarnation_,
            opts_.instance,
            opts_.version,
            opts_.config_hash,
            opts_.tzdata,
            opts_.timing,
            opts_.takeover,
            opts_.max_concurrent_runs,
            opts_.max_clock_offset,
            opts_.elects_leader ? lock::leader_name(opts_.cluster) : "",
            opts_.history_keep};
  }

  /// What is in the loop's queue already comes along: runs that ended together are written together.
  void feed(engine::event e) {
    arrived_.push_back(std::move(e));
    if (arrived_.size() > 1) return;
    boost::asio::post(io_, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->look_at_what_arrived();
    });
  }

  void look_at_what_arrived() {
    if (arrived_.empty()) return;
    step([this](time_point now) { return engine_.on(std::exchange(arrived_, {}), now); });
  }

  template <typename Step>
  void step(Step what) {
    if (exited_) return;
    const auto now = clock_.now();
    const auto actions = what(now);
    for (const auto& a : actions) {
      if (const auto* n = std::get_if<engine::note>(&a)) {
        observer_.note(*n, now);
      } else {
        std::visit([this](const auto& todo) { perform(todo); }, a);
      }
    }
    std::erase_if(ending_, [](const auto& w) { return w->has_ended(); });
    publish(now);
    if (!exited_) sleep(now);
  }

  void sleep(time_point now) {
    auto wake = now.steady + longest_sleep;
    if (const auto asked = engine_.next_wakeup()) wake = std::min(wake, *asked);
    {
      const std::lock_guard guard{report_mutex_};
      loop_due_ = wake;
    }
    timer_.expires_after(std::max(microseconds{0}, wake - now.steady));
    timer_.async_wait([weak = weak_from_this(), wake](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || !self) return;
      const auto woke = self->clock_.now().steady;
      self->metrics_.scheduler_lag(std::max(microseconds{0}, woke - wake));
      self->step([&](time_point at) { return self->engine_.advance(at); });
    });
  }

  void publish(time_point now) {
    auto health = engine_.health();
    metrics_.run_slots(static_cast<std::uint32_t>(health.running));
    metrics_.due_queue_length(health.due);
    metrics_.store_connections("lock", health.lock_sessions);
    metrics_.store_connections("ledger", health.ledger_sessions);
    metrics_.store_connections("abandoned", health.abandoned_sessions);
    metrics_.lease_age(health.oldest_proof ? now.steady - *health.oldest_proof : microseconds{0});
    const std::lock_guard guard{report_mutex_};
    report_.health = std::move(health);
  }

  // ---- actions

  deliver post_to_loop() {
    return [weak = weak_from_this(), &io = io_](engine::event e) {
      boost::asio::post(io, [weak, e = std::move(e)]() mutable {
        if (const auto self = weak.lock()) self->feed(std::move(e));
      });
    };
  }

  void perform(const engine::open_lock_session& a) {
    add(a.id, lock_workers_, std::make_shared<lock_worker>(a.id, clock_, store_.open_lock_session, post_to_loop()));
  }
  void perform(const engine::open_ledger_session& a) {
    ledger_worker::identity who{opts_.cluster, incarnation_, registrations_};
    add(a.id, ledger_workers_, std::make_shared<ledger_worker>(a.id, clock_, store_.open_ledger_session, std::move(who), post_to_loop()));
  }

  template <typename Map, typename Worker>
  void add(engine::session_id id, Map& workers, std::shared_ptr<Worker> w) {
    const std::lock_guard guard{report_mutex_};
    workers_view_[id] = w;
    workers[id] = std::move(w);
  }

  void perform(const engine::close_session& a) {
    std::shared_ptr<worker> w;
    if (const auto it = lock_workers_.find(a.id); it != lock_workers_.end()) {
      w = it->second;
      lock_workers_.erase(it);
    } else if (const auto other = ledger_workers_.find(a.id); other != ledger_workers_.end()) {
      w = other->second;
      ledger_workers_.erase(other);
    }
    if (!w) return;
    w->close();
    const std::lock_guard guard{report_mutex_};
    workers_view_.erase(a.id);
    ending_.push_back(std::move(w));
  }

  template <typename Map, typename A>
  static void hand_over(Map& workers, const A& a) {
    if (const auto it = workers.find(a.id); it != workers.end()) it->second->perform(a);
  }
  void perform(const engine::acquire& a) { hand_over(lock_workers_, a); }
  void perform(const engine::ask_owned& a) { hand_over(lock_workers_, a); }
  void perform(const engine::probe& a) { hand_over(lock_workers_, a); }
  void perform(const engine::release& a) { hand_over(lock_workers_, a); }
  void perform(const engine::claim& a) { hand_over(ledger_workers_, a); }
  void perform(const engine::finish& a) { hand_over(ledger_workers_, a); }
  void perform(const engine::reconcile& a) { hand_over(ledger_workers_, a); }
  void perform(const engine::register_jobs& a) { hand_over(ledger_workers_, a); }
  void perform(const engine::sign_off& a) { hand_over(ledger_workers_, a); }
  void perform(const engine::request_cancel& a) { hand_over(ledger_workers_, a); }
  void perform(const engine::restore& a) { hand_over(ledger_workers_, a); }
  void perform(const engine::purge& a) { hand_over(ledger_workers_, a); }

  void perform(const engine::start_run& a) {
    const auto& j = jobs_[a.job];
    plugin_host::run_request request;
    request.id = plugin_host::run_id{static_cast<std::uint64_t>(a.id)};
    request.isolation = isolation_of(j);
    request.plugin_path = j.plugin_path;
    request.handler = j.handler;
    request.parameters = j.parameters;
    request.cluster = opts_.cluster;
    request.instance = opts_.instance;
    request.job = j.name;
    if (!a.run.parameters.empty()) {
      auto with = j.with ? j.with(a.run.parameters)
                         : result<plugin_host::values>{failure{errc::invalid_argument, "this job takes no parameters from a trigger"}};
      if (!with) return refuse(a.id, with.error());
      request.parameters = std::move(*with);
    }
    request.trigger = trigger_of(a.run);
    request.run_name = ledger::run_id(a.run.key);
    request.tick = a.run.key.tick;
    request.attempt = a.run.attempt;
    request.fence = a.run.fence;
    request.timeout = j.timeout;
    request.grace = j.grace;
    request.lease_deadline = a.lease_deadline;
    request.limits = j.limits;
    if (j.uses_store && store_.access) {
      request.store = store_.access;
      request.store->lock_name = a.run.lock_name;
    }
    run_jobs_[request.id] = {a.job, request.isolation, on_lost_of(j), j.plugin, request.run_name};
    executor_->start(std::move(request));
  }
  /// It never comes to a handler.
  void refuse(engine::run_id id, const failure& why) {
    boost::asio::post(io_, [weak = weak_from_this(), id, text = why.context] {
      if (const auto self = weak.lock())
        self->feed(engine::run_ended{id, ledger::run_outcome::failure, ledger::reason_code::none, text, "", microseconds{0}});
    });
  }
  void perform(const engine::extend_run& a) { executor_->extend(plugin_host::run_id{static_cast<std::uint64_t>(a.id)}, a.lease_deadline); }
  void perform(const engine::stop_run& a) {
    const plugin_host::run_id id{static_cast<std::uint64_t>(a.id)};
    executor_->stop(id, {a.terminate_after, a.kill_after});
    const auto it = run_jobs_.find(id);
    const bool is_in_process = it != run_jobs_.end() && it->second.how == plugin_host::isolation::in_process;
    if (is_in_process && !a.is_cancel) watch_in_process(id, a.kill_after);
  }
  void perform(const engine::exit_now& /*unused*/) {
    exited_ = true;
    timer_.cancel();
    log_.info("stopped");
    if (stopped_) boost::asio::post(io_, std::exchange(stopped_, nullptr));
  }
  void perform(const engine::note& /*unused*/) {}

  /// A thread cannot be killed alone. What does not come back in time after it was told to stop ends the process, or is reported.
  void watch_in_process(plugin_host::run_id id, microseconds kill_after) {
    auto& timer = in_process_watches_.try_emplace(id, io_).first->second;
    timer.expires_after(kill_after);
    timer.async_wait([weak = weak_from_this(), id](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || !self) return;
      const auto it = self->run_jobs_.find(id);
      if (it == self->run_jobs_.end()) return;
      const auto& j = self->jobs_[it->second.job];
      const auto policy = it->second.on_lost;
      self->log_.error("a handler in process did not stop when told to",
                       {{"job", j.name}, {"on_lost", policy == lost_policy::abort ? "abort" : "report"}});
      if (policy == lost_policy::abort) std::abort();
    });
  }

  // ---- what the executor tells

  void on_run(plugin_host::run_id id, plugin_host::run_event e) {
    const auto it = run_jobs_.find(id);
    if (it == run_jobs_.end()) return;
    const auto& j = jobs_[it->second.job];
    const engine::run_id run{static_cast<std::uint64_t>(id)};
    if (std::holds_alternative<plugin_host::run_started>(e)) {
      feed(engine::run_started{run});
    } else if (auto* line = std::get_if<plugin_host::run_log>(&e)) {
      std::vector<observe::log_field> fields{{"job", j.name}, {"run", it->second.name}};
      for (const auto& [key, value] : line->fields) fields.emplace_back(key, value);
      log_.write(static_cast<observe::log_level>(std::clamp<std::uint8_t>(line->level, 1, 4)), line->message, fields);
    } else if (auto* progress = std::get_if<plugin_host::run_progress>(&e)) {
      log_.debug("progress", {{"job", j.name}, {"fraction", std::to_string(progress->fraction)}, {"text", progress->text}});
    } else if (auto* counted = std::get_if<plugin_host::run_metrics>(&e)) {
      for (auto& update : counted->updates) metrics_.plugin_counted(j.name, it->second.plugin, to_observe(std::move(update)));
    } else if (auto* ended = std::get_if<plugin_host::run_ended>(&e)) {
      const auto outcome = outcome_of(ended->end);
      const auto reason = ended->end == plugin_host::run_end::skipped ? ledger::reason_code::skipped_by_handler : ledger::reason_code::none;
      run_jobs_.erase(it);
      in_process_watches_.erase(id);  // an io_context with nothing else to do need not wait for it
      const bool says_why = outcome != ledger::run_outcome::success || reason != ledger::reason_code::none;
      const auto took = std::max(microseconds{0}, ended->finished - ended->started);
      feed(engine::run_ended{run, outcome, reason, says_why ? std::move(ended->text) : std::string{}, std::move(ended->output), took});
    }
  }

  boost::asio::io_context& io_;
  options opts_;
  std::vector<job> jobs_;
  store store_;
  const clock& clock_;
  observe::log& log_;
  observe::metrics& metrics_;
  std::string incarnation_;
  std::shared_ptr<const std::vector<ledger::job_registration>> registrations_;
  observer observer_;
  engine::scheduler engine_;
  std::vector<engine::event> arrived_;
  /// A run that is under way, as its job was when it began.
  struct run_of_job {
    engine::job_index job = 0;
    plugin_host::isolation how{};
    lost_policy on_lost{};
    std::string plugin;
    std::string name;  ///< ledger::run_id()
  };
  std::map<plugin_host::run_id, run_of_job> run_jobs_;
  std::map<plugin_host::run_id, boost::asio::steady_timer> in_process_watches_;
  bool exited_ = false;
  std::function<void()> stopped_;

  mutable std::mutex report_mutex_;
  runtime::report report_;
  std::optional<boot_time> loop_due_;
  std::map<engine::session_id, std::shared_ptr<worker>> workers_view_;  // under report_mutex_

  boost::asio::steady_timer timer_;
  std::map<engine::session_id, std::shared_ptr<lock_worker>> lock_workers_;
  std::map<engine::session_id, std::shared_ptr<ledger_worker>> ledger_workers_;
  std::vector<std::shared_ptr<worker>> ending_;
  std::unique_ptr<plugin_host::executor> executor_;
};

result<std::unique_ptr<scheduler>> scheduler::create(boost::asio::io_context& io, options opts, std::vector<job> jobs, store where,
                                                     const clock& time, observe::log& log, observe::metrics& metrics) {
  if (auto valid = opts.timing.validate(); !valid) return valid.error();
  if (opts.cluster.empty() || opts.cluster.size() > lock::max_cluster_length) {
    return failure{errc::invalid_configuration, "cluster: 1 to " + std::to_string(lock::max_cluster_length) + " characters are needed"};
  }
  if (auto valid = check_jobs(jobs); !valid) return valid.error();
  auto made = std::make_shared<impl>(io, std::move(opts), std::move(jobs), std::move(where), time, log, metrics);
  if (auto started = made->start_executor(); !started) return started.error();
  return std::unique_ptr<scheduler>{new scheduler{std::move(made)}};
}

scheduler::scheduler(std::shared_ptr<impl> i) : impl_(std::move(i)) {}
scheduler::~scheduler() = default;
void scheduler::start() { impl_->start(); }
status scheduler::reload(options opts, std::vector<job> jobs) {
  if (auto valid = check_jobs(jobs); !valid) return valid;
  impl_->reload(std::move(opts), std::move(jobs));
  return {};
}
void scheduler::stop(std::function<void()> stopped) { impl_->stop(std::move(stopped)); }
void scheduler::drain(std::function<void()> stopped) { impl_->drain(std::move(stopped)); }
report scheduler::report() const { return impl_->report(); }
const std::string& scheduler::incarnation() const noexcept { return impl_->incarnation(); }

}  // namespace baton::runtime

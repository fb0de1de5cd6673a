#include "baton/observe/metrics.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <unordered_map>

#include <prometheus/text_serializer.h>

#include "baton/base/utf8.hpp"
#include "job_series.hpp"
#include "job_text.hpp"
#include "plugin_series.hpp"
#include "process_metrics.hpp"

namespace baton::observe {
namespace {

struct text_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

const Histogram::BucketBoundaries round_trip_buckets{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 15};
const Histogram::BucketBoundaries lag_buckets{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5};

double seconds(microseconds duration) noexcept { return std::chrono::duration<double>(std::max(duration, microseconds{0})).count(); }
double seconds(wall_time time) noexcept { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

constexpr std::size_t ample_for_a_job = 16'000;  // bytes of text; what is not written costs nothing

/// Of a text of many megabytes, each page of 4 KiB is a fault of its own when it is first written, which took longer than the writing.
void use_large_pages([[maybe_unused]] std::string& text) noexcept {
#ifdef MADV_HUGEPAGE
  constexpr std::uintptr_t large = 2 << 20;
  const auto skew = (large - reinterpret_cast<std::uintptr_t>(text.data()) % large) % large;
  const auto size = text.capacity() < skew ? 0 : (text.capacity() - skew) / large * large;
  if (size > 0) (void)::madvise(text.data() + skew, size, MADV_HUGEPAGE);  // a wish
#endif
}

void add(Counter* counter, double amount = 1) noexcept {
  if (counter != nullptr) counter->Increment(amount);
}

}  // namespace

struct metrics::state {
  explicit state(options opts)
      : of_caller(opts.registry != nullptr),
        registry(of_caller ? std::move(opts.registry) : std::make_shared<prometheus::Registry>()),
        started(opts.started),
        slots(opts.run_slots) {
    builder.gauge("build_info", "How this binary was built.")
        .Add({{"version", valid_utf8(opts.version)},
              {"revision", valid_utf8(opts.revision)},
              {"compiler", valid_utf8(opts.compiler)},
              {"mysql_client", valid_utf8(opts.mysql_client)}},
             1.0);
    builder.gauge("instance_info", "This instance; instance_id is its incarnation's label.")
        .Add({{"instance_id", valid_utf8(opts.instance_id)}, {"cluster", valid_utf8(opts.cluster)}, {"store", valid_utf8(opts.store)}},
             1.0);
    if (of_caller) per_job = std::make_unique<registered_families>(*registry);
    add(opts.jobs);
    set_slots(0);
  }

  /// Whoever looks at the former map goes on with it: it stays.
  void add(const std::vector<job_labels>& more) {
    auto next = maps.empty() ? std::make_unique<job_map>() : std::make_unique<job_map>(*maps.back());
    next->by_name.reserve(next->by_name.size() + more.size());
    bool is_new = maps.empty();
    for (const auto& job : more) {
      auto& known = next->by_name[job.job_name];
      if (known.own == nullptr) {
        known.own = &series.emplace_back(job, per_job.get());
        next->all.push_back(known.own);
        is_new = true;
      }
      auto all = extended(known.of_plugins == nullptr ? std::vector<plugin_series>{} : *known.of_plugins, *registry, job);
      if (known.of_plugins != nullptr && all.size() == known.of_plugins->size()) continue;
      known.of_plugins = &plugin_lists.emplace_back(std::move(all));
      is_new = true;
    }
    if (!is_new) return;
    jobs = next.get();
    maps.push_back(std::move(next));
  }

  [[nodiscard]] job_series* find(std::string_view job) const noexcept {
    const auto* known = find_job(job);
    return known == nullptr ? nullptr : known->own;
  }

  struct known_job {
    job_series* own = nullptr;
    const std::vector<plugin_series>* of_plugins = nullptr;
  };
  [[nodiscard]] const known_job* find_job(std::string_view job) const noexcept {
    const auto& known = jobs.load(std::memory_order_acquire)->by_name;
    const auto found = known.find(job);
    return found == known.end() ? nullptr : &found->second;
  }

  void set_slots(std::uint32_t busy) noexcept {
    const auto all = slots.load();
    run_slots.find("busy")->Set(busy);
    run_slots.find("free")->Set(all - std::min(busy, all));
  }

  const bool of_caller;  // then all series are in it, for whoever else scrapes it
  const std::shared_ptr<prometheus::Registry> registry;
  const wall_time started;
  std::atomic<std::uint32_t> slots;
  family_builder builder{*registry};
  std::unique_ptr<registered_families> per_job;  // with a registry of the caller's alone
  struct job_map {
    std::unordered_map<std::string, known_job, text_hash, std::equal_to<>> by_name;
    std::vector<const job_series*> all;
  };
  std::deque<job_series> series;
  std::deque<std::vector<plugin_series>> plugin_lists;  // those in the last map are in use; none of them changes
  std::vector<std::unique_ptr<job_map>> maps;           // the last one is in use; none of them changes
  std::atomic<const job_map*> jobs = nullptr;

  prometheus::Family<Gauge>& plugin_info = builder.gauge("plugin_info", "A loaded plugin.");
  Histogram& lease_probe_duration =
      builder.histogram("lease_probe_duration_seconds", "Round trip of the probe that proves the leases.").Add({}, round_trip_buckets);
  Gauge& lease_age = builder.gauge("lease_age_seconds", "Age of the oldest proof of a lease held.").Add({});
  Counter& fenced_writes_rejected =
      builder.counter("fenced_writes_rejected_total", "Writes that changed nothing because a newer fence exists.").Add({});
  Gauge& leader = builder.gauge("leader", "1 while this instance is the elected leader; 0 with election per_run.").Add({});
  Counter& leader_changes = builder.counter("leader_changes_total", "Times this instance became or ceased to be leader.").Add({});
  series_by<Gauge> run_slots{builder.gauge("run_slots", "Slots for concurrent runs of this instance."), {}, "state", {"busy", "free"}};
  Gauge& due_queue_length = builder.gauge("due_queue_length", "Ticks due and not yet decided or running.").Add({});
  Histogram& scheduler_lag =
      builder.histogram("scheduler_lag_seconds", "How much later than asked for the scheduler woke.").Add({}, lag_buckets);
  Gauge& store_up = builder.gauge("store_up", "1 while the store answers and is fit for use.").Add({});
  series_by<Gauge> store_connections{
      builder.gauge("store_connections", "Connections to the store."), {}, "state", {"lock", "ledger", "abandoned"}};
  Counter& store_reconnects = builder.counter("store_reconnects_total", "Sessions opened again after a loss.").Add({});
  Counter& store_identity_changes =
      builder.counter("store_identity_changes_total", "Times another server, or another start of it, answered.").Add({});
  series_by<Histogram> store_query_duration{builder.histogram("store_query_duration_seconds", "How long a call to the store took."),
                                            {},
                                            "operation",
                                            {"connect", "acquire", "owned", "probe", "release", "incarnation", "register", "claim",
                                             "finish", "reconcile", "restore", "sign_off", "migrate", "purge", "other"},
                                            round_trip_buckets};
  Gauge& clock_offset = builder.gauge("clock_offset_seconds", "Time of the store minus time of this host.").Add({});
  Counter& clock_steps = builder.counter("clock_steps_total", "Steps of this host's clock that were noticed.").Add({});
  prometheus::Family<Gauge>& tzdata_info = builder.gauge("tzdata_info", "Release of the time zone data that the schedules go by.");
  Gauge& tzdata_restart_needed =
      builder.gauge("tzdata_restart_needed", "1 when newer time zone data is installed that moves ticks of jobs to come.").Add({});
  Gauge& config_hash = builder.gauge("config_hash", "48 bits of the hash of the effective configuration.").Add({});
  Gauge& config_reload_successful =
      builder.gauge("config_last_reload_successful", "1 if the last load of the configuration was successful.").Add({});
  Gauge& config_reload_success_time =
      builder.gauge("config_last_reload_success_timestamp_seconds", "When the configuration was last loaded with success.").Add({});
  std::vector<std::pair<std::string_view, series_by<Counter>>> admin_requests = make_admin_requests();
  series_by<Counter> log_messages{
      builder.counter("log_messages_total", "Messages logged."), {}, "level", {"debug", "info", "warning", "error"}};

 private:
  std::vector<std::pair<std::string_view, series_by<Counter>>> make_admin_requests() {
    auto& family = builder.counter("admin_requests_total", "Requests that change something, by verb.");
    std::vector<std::pair<std::string_view, series_by<Counter>>> made;
    for (const std::string_view verb : {"trigger", "pause", "resume", "cancel", "reload", "drain"}) {
      made.emplace_back(verb, series_by<Counter>{family, {{"verb", std::string{verb}}}, "result", {"success", "failure", "refused"}});
    }
    return made;
  }
};

metrics::metrics(options opts) : state_(std::make_unique<state>(std::move(opts))) {}
metrics::~metrics() = default;

void metrics::lock_attempt(std::string_view job, std::string_view outcome, microseconds took) noexcept {
  auto* series = state_->find(job);
  if (series == nullptr) return;
  series->add(job_family::lock_attempts, outcome);
  series->observe(job_family::lock_acquire_duration, seconds(took), outcome);
}

void metrics::duplicate_tick(std::string_view job) noexcept {
  if (auto* series = state_->find(job)) series->add(job_family::lock_attempts, "duplicate_tick");
}

void metrics::lock_held(std::string_view job, bool held) noexcept {
  if (auto* series = state_->find(job)) series->set(job_family::lock_held, held ? 1 : 0);
}

void metrics::lock_hold(std::string_view job, microseconds how_long) noexcept {
  if (auto* series = state_->find(job)) series->observe(job_family::lock_hold_duration, seconds(how_long));
}

void metrics::lock_lost(std::string_view job, std::string_view reason) noexcept {
  if (auto* series = state_->find(job)) series->add(job_family::lock_lost, reason);
}

void metrics::lease_probe(microseconds took) noexcept { state_->lease_probe_duration.Observe(seconds(took)); }
void metrics::lease_age(microseconds age) noexcept { state_->lease_age.Set(seconds(age)); }
void metrics::fenced_write_rejected() noexcept { state_->fenced_writes_rejected.Increment(); }

void metrics::tick(std::string_view job, std::string_view result, std::uint64_t count) noexcept {
  if (auto* series = state_->find(job)) series->add(job_family::ticks, result, static_cast<double>(count));
}

void metrics::skip(std::string_view job, std::string_view reason, std::uint64_t count) noexcept {
  if (auto* series = state_->find(job)) series->add(job_family::skips, reason, static_cast<double>(count));
}

void metrics::tick_lateness(std::string_view job, microseconds late) noexcept {
  if (auto* series = state_->find(job)) series->observe(job_family::tick_lateness, seconds(late));
}

void metrics::run_started(std::string_view job, std::string_view trigger) noexcept {
  if (auto* series = state_->find(job)) series->add(job_family::runs_started, trigger);
}

void metrics::run_ended(std::string_view job, std::string_view outcome, microseconds took) noexcept {
  auto* series = state_->find(job);
  if (series == nullptr) return;
  series->add(job_family::runs, outcome);
  series->observe(job_family::run_duration, seconds(took));
}

void metrics::job_times(std::string_view job, wall_time last_run, wall_time last_success) noexcept {
  auto* series = state_->find(job);
  if (series == nullptr) return;
  series->raise(job_family::last_run, seconds(last_run));
  series->raise(job_family::last_success, seconds(last_success));
}

void metrics::job_next_tick(std::string_view job, wall_time tick) noexcept {
  if (auto* series = state_->find(job)) series->set(job_family::next_tick, seconds(tick));
}

void metrics::job_paused(std::string_view job, bool paused) noexcept {
  if (auto* series = state_->find(job)) series->set(job_family::paused, paused ? 1 : 0);
}

void metrics::job_schedule_max_gap(std::string_view job, microseconds gap) noexcept {
  if (auto* series = state_->find(job)) series->set(job_family::schedule_max_gap, seconds(gap));
}

void metrics::running(std::string_view job, std::int64_t count) noexcept {
  if (auto* series = state_->find(job)) series->set(job_family::running, static_cast<double>(count));
}

void metrics::retried(std::string_view job) noexcept {
  if (auto* series = state_->find(job)) series->add(job_family::retries);
}

void metrics::overlap_suspected(std::string_view job) noexcept {
  if (auto* series = state_->find(job)) series->add(job_family::overlap_suspected);
}

void metrics::schedule_disagreement(std::string_view job, bool disagrees) noexcept {
  if (auto* series = state_->find(job)) series->set(job_family::schedule_disagreement, disagrees ? 1 : 0);
}

void metrics::leader(bool is_leader) noexcept { state_->leader.Set(is_leader ? 1 : 0); }
void metrics::leader_change() noexcept { state_->leader_changes.Increment(); }
void metrics::run_slots(std::uint32_t busy) noexcept { state_->set_slots(busy); }
void metrics::run_slots_total(std::uint32_t slots) noexcept { state_->slots = slots; }
void metrics::add_jobs(const std::vector<job_labels>& jobs) { state_->add(jobs); }
void metrics::due_queue_length(std::size_t length) noexcept { state_->due_queue_length.Set(static_cast<double>(length)); }
void metrics::scheduler_lag(microseconds lag) noexcept { state_->scheduler_lag.Observe(seconds(lag)); }
void metrics::store_up(bool up) noexcept { state_->store_up.Set(up ? 1 : 0); }

void metrics::store_connections(std::string_view kind, std::size_t count) noexcept {
  if (auto* gauge = state_->store_connections.find(kind)) gauge->Set(static_cast<double>(count));
}

void metrics::store_reconnect() noexcept { state_->store_reconnects.Increment(); }
void metrics::store_identity_change() noexcept { state_->store_identity_changes.Increment(); }

void metrics::store_query(std::string_view operation, microseconds took) noexcept {
  auto* histogram = state_->store_query_duration.find(operation);
  if (histogram == nullptr) histogram = state_->store_query_duration.find("other");
  histogram->Observe(seconds(took));
}

void metrics::clock_offset(microseconds offset) noexcept { state_->clock_offset.Set(std::chrono::duration<double>(offset).count()); }
void metrics::clock_step() noexcept { state_->clock_steps.Increment(); }
void metrics::tzdata(std::string_view version) noexcept {
  try {
    state_->tzdata_info.Add({{"version", valid_utf8(version)}}, 1.0);
  } catch (const std::exception&) {  // out of memory: an info series less
  }
}
void metrics::tzdata_restart_needed(bool needed) noexcept { state_->tzdata_restart_needed.Set(needed ? 1 : 0); }
void metrics::config_hash(std::uint64_t hash48) noexcept { state_->config_hash.Set(static_cast<double>(hash48)); }

void metrics::config_reloaded(bool successful, wall_time at) noexcept {
  state_->config_reload_successful.Set(successful ? 1 : 0);
  if (successful) state_->config_reload_success_time.Set(seconds(at));
}

void metrics::admin_request(std::string_view verb, std::string_view result) noexcept {
  for (const auto& [known, series] : state_->admin_requests) {
    if (known == verb) add(series.find(result));
  }
}

void metrics::log_message(std::string_view level) noexcept { add(state_->log_messages.find(level)); }

void metrics::plugin(std::string_view plugin, std::string_view version, std::string_view abi, std::string_view build_id) noexcept {
  try {
    state_->plugin_info.Add(
        {{"plugin", valid_utf8(plugin)}, {"version", valid_utf8(version)}, {"abi", valid_utf8(abi)}, {"build_id", valid_utf8(build_id)}},
        1.0);
  } catch (const std::exception&) {  // out of memory: an info series less
  }
}

void metrics::plugin_counted(std::string_view job, std::string_view plugin, const plugin_update& update) noexcept {
  const auto* known = state_->find_job(job);
  if (known == nullptr) return;
  if (const auto* series = find(*known->of_plugins, plugin, update)) series->add(update);
}

std::string metrics::serialize() const {
  auto families = state_->registry->Collect();
  for (auto& family : collect_process_metrics(state_->started)) {
    const bool known = std::any_of(families.begin(), families.end(), [&](const auto& other) { return other.name == family.name; });
    if (!known) families.push_back(std::move(family));  // a registry of the caller's may have its own
  }
  auto text = prometheus::TextSerializer{}.Serialize(families);
  if (state_->of_caller) return text;
  const auto& jobs = state_->jobs.load(std::memory_order_acquire)->all;
  text.reserve(text.size() + ample_for_a_job * jobs.size());
  use_large_pages(text);
  write_jobs(jobs, text);
  return text;
}

}  // namespace baton::observe

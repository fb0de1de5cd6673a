#include "job_series.hpp"

#include <algorithm>
#include <new>
#include <optional>

#include "baton/base/utf8.hpp"

namespace baton::observe {
namespace {

template <typename... Values>
constexpr auto texts(Values... values) {
  return std::array<std::string_view, sizeof...(values)>{values...};
}

// Taking a named lock needs 11 us to 2 ms when all is well: the usual buckets would put everything into the first.
constexpr std::array lock_acquire_buckets{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 1., 5., 30.};
constexpr std::array run_buckets{.01, .05, .1, .5, 1., 5., 15., 60., 300., 900., 3600.};
constexpr std::array lateness_buckets{.001, .005, .01, .025, .05, .1, .25, .5, 1., 5., 15., 60., 300., 3600.};
constexpr std::array<double, 0> no_bounds{};

constexpr auto no_label = texts("");
constexpr auto acquire_outcomes = texts("acquired", "busy", "error");
constexpr auto attempt_outcomes = texts("acquired", "busy", "duplicate_tick", "error");
constexpr auto loss_reasons = texts("connection", "released_elsewhere", "not_primary", "server_changed", "no_quorum", "deadline");
constexpr auto tick_results = texts("run", "caught_up", "skipped", "missed");
constexpr auto skip_reasons = texts("overlap", "paused", "calendar", "queue_full", "disabled");
constexpr auto run_triggers = texts("schedule", "catch_up", "trigger", "after", "retry");
constexpr auto run_outcomes = texts("success", "failure", "timeout", "cancelled", "crashed", "lock_lost");

/// Gives each family its place among the numbers, or the histograms, of a job.
constexpr std::array<family_of_jobs, job_family_count> placed(std::array<family_of_jobs, job_family_count> all) {
  std::size_t numbers = 0;
  std::size_t histograms = 0;
  for (auto& f : all) {
    auto& next = f.type == metric_type::histogram ? histograms : numbers;
    f.first = next;
    next += f.values.size();
  }
  return all;
}

constexpr auto families = placed({
    family_of_jobs{metric_type::histogram, "lock_acquire_duration_seconds", "How long asking for the job's named lock took.", "outcome",
                   acquire_outcomes, lock_acquire_buckets},
    family_of_jobs{metric_type::counter, "lock_attempts_total", "Attempts to take the job's named lock; busy is healthy in a fleet.",
                   "outcome", attempt_outcomes, no_bounds},
    family_of_jobs{metric_type::histogram, "lock_hold_duration_seconds", "How long the job's named lock was held.", "", no_label,
                   run_buckets},
    family_of_jobs{metric_type::gauge, "lock_held", "1 while this instance holds the job's named lock.", "", no_label, no_bounds},
    family_of_jobs{metric_type::counter, "lock_lost_total", "Named locks lost while they were held, by reason.", "reason", loss_reasons,
                   no_bounds},
    family_of_jobs{metric_type::counter, "ticks_total", "Ticks decided by this instance.", "result", tick_results, no_bounds},
    family_of_jobs{metric_type::counter, "skips_total", "Ticks skipped by this instance, by reason.", "reason", skip_reasons, no_bounds},
    family_of_jobs{metric_type::histogram, "tick_lateness_seconds",
                   "From when a tick was due, jitter included, to the start of its first attempt.", "", no_label, lateness_buckets},
    family_of_jobs{metric_type::counter, "runs_started_total", "Attempts started here, by what caused them.", "trigger", run_triggers,
                   no_bounds},
    family_of_jobs{metric_type::counter, "runs_total", "Attempts ended here, by outcome.", "outcome", run_outcomes, no_bounds},
    family_of_jobs{metric_type::histogram, "run_duration_seconds", "How long an attempt ran.", "", no_label, run_buckets},
    family_of_jobs{metric_type::counter, "retries_total", "Further attempts after a failed one.", "", no_label, no_bounds},
    family_of_jobs{metric_type::gauge, "running", "Attempts of the job running here now.", "", no_label, no_bounds},
    family_of_jobs{metric_type::counter, "overlap_suspected_total", "Runs that may have overlapped another run under the same lock name.",
                   "", no_label, no_bounds},
    family_of_jobs{metric_type::gauge, "job_schedule_max_gap_seconds",
                   "The longest time between two ticks to come that run; 0 when unknown.", "", no_label, no_bounds},
    family_of_jobs{metric_type::gauge, "job_last_success_timestamp_seconds",
                   "When the job last succeeded anywhere in the cluster; 0 when never.", "", no_label, no_bounds},
    family_of_jobs{metric_type::gauge, "job_last_run_timestamp_seconds", "When the job last ended anywhere in the cluster; 0 when never.",
                   "", no_label, no_bounds},
    family_of_jobs{metric_type::gauge, "job_next_tick_timestamp_seconds", "The next nominal time of the job; 0 when there is none.", "",
                   no_label, no_bounds},
    family_of_jobs{metric_type::gauge, "job_paused", "1 while the job is paused.", "", no_label, no_bounds},
    family_of_jobs{metric_type::gauge, "schedule_disagreement", "1 while another instance knows the job with another schedule.", "",
                   no_label, no_bounds},
});

constexpr const family_of_jobs& last_of(bool histograms) {
  const family_of_jobs* last = nullptr;
  for (const auto& f : families) {
    if ((f.type == metric_type::histogram) == histograms) last = &f;
  }
  return *last;
}
static_assert(last_of(false).first + last_of(false).values.size() == job_series::number_count);
static_assert(last_of(true).first + last_of(true).values.size() == job_series::histogram_count);
static_assert(std::ranges::all_of(families, [](const auto& f) { return f.bounds.size() < sparse_histogram::most_buckets; }));
static_assert(static_cast<std::size_t>(job_family::schedule_disagreement) + 1 == job_family_count);

std::optional<std::size_t> place_of(const family_of_jobs& family, std::string_view value) noexcept {
  const auto found = std::ranges::find(family.values, value);
  if (found == family.values.end()) return std::nullopt;
  return family.first + static_cast<std::size_t>(found - family.values.begin());
}

/// As the text format wants it, job_name="…".
std::string text_of(std::string_view label, std::string_view value) {
  std::string text{label};
  text += "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text + '"';
}

prometheus::Labels info_labels(const job_labels& job) {
  return {{"job_name", valid_utf8(job.job_name)},
          {"schedule", valid_utf8(job.schedule)},
          {"timezone", valid_utf8(job.timezone)},
          {"plugin", valid_utf8(job.plugin)},
          {"lock_name", valid_utf8(job.lock_name)}};
}

std::string text_of(const prometheus::Labels& labels) {
  std::string text;
  for (const auto& [label, value] : labels) text += (text.empty() ? "" : ",") + text_of(label, value);
  text.shrink_to_fit();
  return text;
}

}  // namespace

std::span<const family_of_jobs, job_family_count> families_of_jobs() noexcept { return families; }
const family_of_jobs& family_of(job_family which) noexcept { return families[static_cast<std::size_t>(which)]; }

void sparse_histogram::observe(std::span<const double> bounds, double value) noexcept {
  auto* seen = seen_.load(std::memory_order_acquire);
  if (seen == nullptr) {
    auto* const fresh = new (std::nothrow) content;
    if (fresh == nullptr) return;
    if (seen_.compare_exchange_strong(seen, fresh, std::memory_order_acq_rel)) {
      seen = fresh;
    } else {
      delete fresh;
    }
  }
  const auto bucket = static_cast<std::size_t>(std::ranges::lower_bound(bounds, value) - bounds.begin());
  seen->sum.fetch_add(value, std::memory_order_relaxed);
  seen->counts[bucket].fetch_add(1, std::memory_order_relaxed);
}

double sparse_histogram::read(buckets& counts) const noexcept {
  const auto* const seen = seen_.load(std::memory_order_acquire);
  if (seen == nullptr) {
    counts.fill(0);
    return 0;
  }
  std::ranges::transform(seen->counts, counts.begin(), [](const auto& one) { return one.load(std::memory_order_relaxed); });
  return seen->sum.load(std::memory_order_relaxed);
}

registered_families::registered_families(prometheus::Registry& registry)
    : info_(family_builder{registry}.gauge("job_info", job_info_help)) {
  family_builder builder{registry};
  for (std::size_t i = 0; i < job_family_count; ++i) {
    const auto& f = families[i];
    switch (f.type) {
      case metric_type::counter: counters_[i] = &builder.counter(f.name, f.help); break;
      case metric_type::gauge: gauges_[i] = &builder.gauge(f.name, f.help); break;
      case metric_type::histogram: histograms_[i] = &builder.histogram(f.name, f.help); break;
    }
  }
}

std::unique_ptr<const registered_families::series> registered_families::add(const job_labels& job) {
  auto made = std::make_unique<series>();
  for (std::size_t i = 0; i < job_family_count; ++i) {
    const auto& f = families[i];
    for (const auto value : f.values) {
      prometheus::Labels labels{{"job_name", valid_utf8(job.job_name)}};
      if (!f.label.empty()) labels.emplace(f.label, value);
      if (f.type == metric_type::histogram) {
        made->histograms.push_back(&histograms_[i]->Add(labels, Histogram::BucketBoundaries(f.bounds.begin(), f.bounds.end())));
      } else {
        made->counters.push_back(f.type == metric_type::counter ? &counters_[i]->Add(labels) : nullptr);
        made->gauges.push_back(f.type == metric_type::gauge ? &gauges_[i]->Add(labels) : nullptr);
      }
    }
  }
  info_.Add(info_labels(job), 1.0);
  return made;
}

job_series::job_series(const job_labels& job, registered_families* theirs)
    : name_text_(text_of("job_name", valid_utf8(job.job_name))),
      info_text_(text_of(info_labels(job))),
      theirs_(theirs == nullptr ? nullptr : theirs->add(job)) {}

void job_series::add(job_family which, std::string_view value, double by) noexcept {
  const auto place = place_of(family_of(which), value);
  if (!place) return;
  if (theirs_) {
    theirs_->counters[*place]->Increment(by);
  } else {
    numbers_[*place].fetch_add(by, std::memory_order_relaxed);
  }
}

void job_series::set(job_family which, double to) noexcept {
  const auto place = family_of(which).first;
  if (theirs_) {
    theirs_->gauges[place]->Set(to);
  } else {
    numbers_[place].store(to, std::memory_order_relaxed);
  }
}

void job_series::raise(job_family which, double to) noexcept {
  const auto place = family_of(which).first;
  if (to > (theirs_ ? theirs_->gauges[place]->Value() : number(place))) set(which, to);
}

void job_series::observe(job_family which, double seen, std::string_view value) noexcept {
  const auto& family = family_of(which);
  const auto place = place_of(family, value);
  if (!place) return;
  if (theirs_) {
    theirs_->histograms[*place]->Observe(seen);
  } else {
    histograms_[*place].observe(family.bounds, seen);
  }
}

}  // namespace baton::observe

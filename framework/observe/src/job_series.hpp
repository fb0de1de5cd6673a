#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "baton/observe/metrics.hpp"

namespace baton::observe {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

/// Adds families of Baton's to a registry; names come without the prefix.
class family_builder {
 public:
  explicit family_builder(prometheus::Registry& registry) : registry_(registry) {}

  prometheus::Family<Counter>& counter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(prefixed(name)).Help(help).Register(registry_);
  }
  prometheus::Family<Gauge>& gauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(prefixed(name)).Help(help).Register(registry_);
  }
  prometheus::Family<Histogram>& histogram(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(prefixed(name)).Help(help).Register(registry_);
  }

 private:
  static std::string prefixed(const char* name) { return std::string{"baton_"} + name; }

  prometheus::Registry& registry_;
};

using label_values = std::initializer_list<std::string_view>;

/// The series of one family that differ in one label alone, each made beforehand.
template <typename Metric>
class series_by {
 public:
  /// `others` are the labels they share, `arguments` those of the metric's constructor.
  template <typename... Arguments>
  series_by(prometheus::Family<Metric>& family, const prometheus::Labels& others, const char* label, label_values values,
            const Arguments&... arguments) {
    for (const auto value : values) {
      auto labels = others;
      labels.emplace(label, value);
      series_.emplace_back(value, &family.Add(labels, arguments...));
    }
  }

  /// nullptr for a value that was not listed.
  [[nodiscard]] Metric* find(std::string_view value) const noexcept {
    const auto found = std::find_if(series_.begin(), series_.end(), [&](const auto& one) { return one.first == value; });
    return found == series_.end() ? nullptr : found->second;
  }

 private:
  std::vector<std::pair<std::string_view, Metric*>> series_;  // a handful: a search in line beats a map. Values are literals.
};

/// The families with a label job_name.
struct job_families {
  explicit job_families(family_builder builder);

  prometheus::Family<Gauge>& info;
  prometheus::Family<Histogram>& lock_acquire_duration;
  prometheus::Family<Counter>& lock_attempts;
  prometheus::Family<Histogram>& lock_hold_duration;
  prometheus::Family<Gauge>& lock_held;
  prometheus::Family<Counter>& lock_lost;
  prometheus::Family<Counter>& ticks;
  prometheus::Family<Counter>& skips;
  prometheus::Family<Histogram>& tick_lateness;
  prometheus::Family<Counter>& runs_started;
  prometheus::Family<Counter>& runs;
  prometheus::Family<Histogram>& run_duration;
  prometheus::Family<Counter>& retries;
  prometheus::Family<Gauge>& running;
  prometheus::Family<Counter>& overlap_suspected;
  prometheus::Family<Gauge>& schedule_max_gap;
  prometheus::Family<Gauge>& last_success;
  prometheus::Family<Gauge>& last_run;
  prometheus::Family<Gauge>& next_tick;
  prometheus::Family<Gauge>& paused;
  prometheus::Family<Gauge>& schedule_disagreement;
};

/// Every series of one job, found once, so that recording needs no look-up by labels.
struct job_series {
  job_series(job_families& families, const job_labels& job);

  series_by<Histogram> lock_acquire_duration;
  series_by<Counter> lock_attempts;
  Histogram& lock_hold_duration;
  Gauge& lock_held;
  series_by<Counter> lock_lost;
  series_by<Counter> ticks;
  series_by<Counter> skips;
  Histogram& tick_lateness;
  series_by<Counter> runs_started;
  series_by<Counter> runs;
  Histogram& run_duration;
  Counter& retries;
  Gauge& running;
  Counter& overlap_suspected;
  Gauge& schedule_max_gap;
  Gauge& last_success;
  Gauge& last_run;
  Gauge& next_tick;
  Gauge& paused;
  Gauge& schedule_disagreement;
};

}  // namespace baton::observe

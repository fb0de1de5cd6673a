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

/// A family with a label job_name. A registry does not tell the help of a family without collecting all of it.
template <typename Metric>
struct job_family {
  const char* help;
  prometheus::Family<Metric>& family;
};

using label_values = std::initializer_list<std::string_view>;

/// The series of one family that differ in one label alone, each made beforehand.
template <typename Metric>
class series_by {
 public:
  /// `others` are the labels they share, `arguments` those of the metric's constructor.
  template <typename... Arguments>
  series_by(prometheus::Family<Metric>& family, const prometheus::Labels& others, std::string_view label, label_values values,
            const Arguments&... arguments)
      : label_(label) {
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
  [[nodiscard]] std::string_view label() const noexcept { return label_; }
  [[nodiscard]] const std::vector<std::pair<std::string_view, Metric*>>& all() const noexcept { return series_; }

 private:
  std::string_view label_;
  std::vector<std::pair<std::string_view, Metric*>> series_;  // a handful: a search in line beats a map. Values are literals.
};

/// The families with a label job_name.
struct job_families {
  explicit job_families(family_builder builder);

  job_family<Gauge> info;
  job_family<Histogram> lock_acquire_duration;
  job_family<Counter> lock_attempts;
  job_family<Histogram> lock_hold_duration;
  job_family<Gauge> lock_held;
  job_family<Counter> lock_lost;
  job_family<Counter> ticks;
  job_family<Counter> skips;
  job_family<Histogram> tick_lateness;
  job_family<Counter> runs_started;
  job_family<Counter> runs;
  job_family<Histogram> run_duration;
  job_family<Counter> retries;
  job_family<Gauge> running;
  job_family<Counter> overlap_suspected;
  job_family<Gauge> schedule_max_gap;
  job_family<Gauge> last_success;
  job_family<Gauge> last_run;
  job_family<Gauge> next_tick;
  job_family<Gauge> paused;
  job_family<Gauge> schedule_disagreement;
};

/// Every series of one job, found once, so that recording needs no look-up by labels.
struct job_series {
  job_series(job_families& families, const job_labels& job);

  std::string name_text;  ///< job_name="…", escaped
  std::string info_text;  ///< the labels of job_info, escaped
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

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

  static std::string prefixed(const char* name) { return std::string{"baton_"} + name; }

 private:
  prometheus::Registry& registry_;
};

using label_values = std::initializer_list<std::string_view>;

/// The series of one family that differ in one label alone, each made beforehand.
template <typename Metric>
class series_by {
 public:
  /// `others` are the labels they share, `arguments` those of the metric's constructor.
  template <typename... Arguments>
  series_by(prometheus::Family<Metric>& family, const prometheus::Labels& others, std::string_view label, label_values values,
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

}  // namespace baton::observe

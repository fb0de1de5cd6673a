#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "baton/observe/metrics.hpp"
#include "families.hpp"

namespace baton::observe {

/// One series of a job's plugin. Without any of the three when its name is taken by a family of another kind.
struct plugin_series {
  std::string plugin;
  std::string name;
  std::map<std::string, std::string> labels;
  Counter* counter = nullptr;
  Gauge* gauge = nullptr;
  Histogram* histogram = nullptr;

  plugin_series(prometheus::Registry& registry, const job_labels& job, const plugin_metric& m);

  /// Ignores what does not fit.
  void add(const plugin_update& update) const noexcept;
};

/// `known`, and after them what the job's plugin has beside.
[[nodiscard]] std::vector<plugin_series> extended(std::vector<plugin_series> known, prometheus::Registry& registry, const job_labels& job);

template <typename Metric>
[[nodiscard]] const plugin_series* find(const std::vector<plugin_series>& all, std::string_view plugin, const Metric& m) noexcept {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& s) { return s.name == m.name && s.labels == m.labels && s.plugin == plugin; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace baton::observe

#include "plugin_series.hpp"

#include <cmath>
#include <exception>

#include "baton/base/utf8.hpp"

namespace baton::observe {
namespace {

std::string family_name(const std::string& plugin, const std::string& name) {
  auto full = "baton_plugin_" + plugin + "_" + name;
  std::replace(full.begin(), full.end(), '-', '_');
  return full;
}

prometheus::Labels all_labels(const job_labels& job, const plugin_metric& m) {
  prometheus::Labels labels{m.labels.begin(), m.labels.end()};
  labels["job_name"] = valid_utf8(job.job_name);
  return labels;
}

}  // namespace

plugin_series::plugin_series(prometheus::Registry& registry, const job_labels& job, const plugin_metric& m)
    : plugin(job.plugin), name(m.name), labels(m.labels) {
  const auto family = family_name(plugin, name);
  try {
    switch (m.kind) {
      case plugin_metric_kind::counter:
        counter = &prometheus::BuildCounter().Name(family).Help(m.help).Register(registry).Add(all_labels(job, m));
        break;
      case plugin_metric_kind::gauge:
        gauge = &prometheus::BuildGauge().Name(family).Help(m.help).Register(registry).Add(all_labels(job, m));
        break;
      case plugin_metric_kind::histogram:
        histogram = &prometheus::BuildHistogram().Name(family).Help(m.help).Register(registry).Add(all_labels(job, m), m.buckets);
        break;
    }
  } catch (const std::exception&) {  // plugins a-b and a_b have the same names
  }
}

void plugin_series::add(const plugin_update& update) const noexcept {
  if (!std::isfinite(update.value)) return;
  if (counter != nullptr && update.kind == plugin_metric_kind::counter && update.value >= 0) counter->Increment(update.value);
  if (gauge != nullptr && update.kind == plugin_metric_kind::gauge) gauge->Set(update.value);
  if (histogram == nullptr || update.kind != plugin_metric_kind::histogram) return;
  try {
    histogram->ObserveMultiple({update.buckets.begin(), update.buckets.end()}, update.value);
  } catch (const std::exception&) {  // another number of buckets: the plugin's file was replaced
  }
}

std::vector<plugin_series> extended(std::vector<plugin_series> known, prometheus::Registry& registry, const job_labels& job) {
  for (const auto& m : job.plugin_metrics) {
    if (find(known, job.plugin, m) == nullptr) known.emplace_back(registry, job, m);
  }
  return known;
}

}  // namespace baton::observe

#include "metric_table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string_view>

#include "descriptor_text.hpp"

namespace baton::plugin_host {
namespace {

constexpr std::uint32_t max_metrics = 64;
constexpr std::uint32_t max_labels = 8;
constexpr std::size_t max_buckets = 64;
constexpr std::size_t max_identifier = 64;
constexpr std::size_t max_label_value = 128;
constexpr std::size_t max_help = 1024;

/// Of a run, for who has no better idea.
constexpr std::array default_buckets{.001, .005, .01, .05, .1, .5, 1., 5., 15., 60., 300., 900., 3600.};

bool is_reserved(std::string_view label) {
  constexpr std::array<std::string_view, 5> reserved{"job", "instance", "job_name", "le", "quantile"};
  return std::ranges::find(reserved, label) != reserved.end();
}

/// What is wrong with a name beside its letters. The endings of a histogram's own series are not for others.
std::string_view problem_with_ending(std::string_view name, metric_kind kind) {
  if ((kind == metric_kind::counter) != name.ends_with("_total"))
    return "is named against the rule: counters, and only they, end in _total";
  if (name.ends_with("_bucket") || name.ends_with("_sum") || name.ends_with("_count")) {
    return "has a name that ends in _bucket, _sum or _count, as the series of histograms do";
  }
  return {};
}

std::string problem_with_labels(const baton_metric& row, metric& m, descriptor_texts& read) {
  if (row.label_count > max_labels) return "has more than " + std::to_string(max_labels) + " labels";
  if (row.label_count > 0 && row.labels == nullptr) return "has labels that point to nothing";
  for (std::uint32_t i = 0; i < row.label_count; ++i) {
    auto key = read.line("label", row.labels[i].key, max_identifier);
    auto value = read.line("label", row.labels[i].value, max_label_value);
    if (!read.problem().empty()) return read.problem();
    if (!is_identifier(key)) return "has the label '" + key + "', which is not of a-z, 0-9 and _ after a letter";
    if (is_reserved(key)) return "has the reserved label '" + key + "'";
    if (!m.labels.emplace(key, std::move(value)).second) return "has the label '" + key + "' twice";
  }
  return {};
}

std::string problem_with_buckets(const baton_metric& row, metric& m) {
  if (m.kind != metric_kind::histogram) return row.bucket_count == 0 ? "" : "has buckets, which only a histogram can have";
  if (row.bucket_count > max_buckets) return "has more than " + std::to_string(max_buckets) + " buckets";
  if (row.bucket_count > 0 && row.buckets == nullptr) return "has buckets that point to nothing";
  m.buckets.assign(default_buckets.begin(), default_buckets.end());
  if (row.bucket_count > 0) m.buckets.assign(row.buckets, row.buckets + row.bucket_count);
  const auto falls = [](double a, double b) { return !(a < b); };
  if (!std::ranges::all_of(m.buckets, [](double bound) { return std::isfinite(bound); }) ||
      std::ranges::adjacent_find(m.buckets, falls) != m.buckets.end()) {
    return "has buckets whose bounds do not rise";
  }
  return {};
}

bool has_same_labels(const metric& a, const metric& b) {
  return std::ranges::equal(a.labels, b.labels, {}, &text_map::value_type::first, &text_map::value_type::first);
}

/// Empty: nothing.
std::string problem_with_row(const baton_metric& row, metric& m, const std::vector<metric>& others) {
  descriptor_texts read;
  m.name = read.line("name", row.name, max_identifier);
  m.help = read.line("help", row.help, max_help);
  if (!read.problem().empty()) return read.problem();
  if (!is_identifier(m.name)) return "has a name that is not of a-z, 0-9 and _ after a letter";
  if (m.help.empty()) return "has no help";
  if (row.kind < BATON_METRIC_COUNTER || row.kind > BATON_METRIC_HISTOGRAM) return "has the unknown kind " + std::to_string(row.kind);
  static_assert(BATON_METRIC_COUNTER == static_cast<int>(metric_kind::counter) &&
                BATON_METRIC_HISTOGRAM == static_cast<int>(metric_kind::histogram));
  m.kind = static_cast<metric_kind>(row.kind);
  if (const auto why = problem_with_ending(m.name, m.kind); !why.empty()) return std::string{why};
  if (auto why = problem_with_labels(row, m, read); !why.empty()) return why;
  if (auto why = problem_with_buckets(row, m); !why.empty()) return why;
  for (const auto& other : others) {
    if (other.name != m.name) continue;
    if (other.kind != m.kind || other.help != m.help || other.buckets != m.buckets || !has_same_labels(other, m)) {
      return "has rows that differ in kind, help, buckets or names of labels";
    }
    if (other.labels == m.labels) return "is there twice with the same labels";
  }
  return {};
}

}  // namespace

std::variant<std::vector<metric>, std::string> read_metrics(const baton_plugin_descriptor& descriptor) {
  if (descriptor.metric_count > max_metrics) return "it has more than " + std::to_string(max_metrics) + " metrics";
  if (descriptor.metric_count > 0 && (descriptor.metrics == nullptr || descriptor.metric_size < sizeof(baton_metric))) {
    return "its metric table is truncated";
  }
  std::vector<metric> all;
  for (std::uint32_t i = 0; i < descriptor.metric_count; ++i) {
    baton_metric row;
    std::memcpy(&row, reinterpret_cast<const char*>(descriptor.metrics) + std::size_t{i} * descriptor.metric_size, sizeof row);
    metric m;
    if (const auto why = problem_with_row(row, m, all); !why.empty()) return "metric '" + m.name + "' " + why;
    all.push_back(std::move(m));
  }
  return all;
}

}  // namespace baton::plugin_host

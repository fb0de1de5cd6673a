#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "baton/sdk/abi.h"

namespace baton::sdk {

/// One series of a plugin, made by counter(), gauge() or histogram(): what run_context::count(), set() and observe() write to. It is
/// scraped as baton_plugin_<plugin>_<name>, with the label job_name, and exists from the first scrape on. The host checks the table when it
/// loads the plugin. A family of several series has a row for each, which differ in the values of their labels.
class metric_spec {
 public:
  static constexpr std::size_t max_labels = 8;
  static constexpr std::size_t max_buckets = 32;

  /// A label with a value known beforehand; not job, instance, job_name, le, quantile, nor a name that begins with __.
  [[nodiscard]] constexpr metric_spec label(std::string_view key, std::string_view value) const {
    if (label_count_ == max_labels) throw "a series has at most 8 labels";
    auto copy = *this;
    copy.labels_[copy.label_count_++] = {key, value};
    return copy;
  }

  /// Upper bounds of a histogram's buckets, rising; without them 1 ms to 1 h, as for durations in seconds.
  template <typename... Number>
  [[nodiscard]] constexpr metric_spec buckets(Number... bounds) const {
    static_assert(sizeof...(Number) > 0 && sizeof...(Number) <= max_buckets);
    if (kind_ != BATON_METRIC_HISTOGRAM) throw "buckets() is for histograms";
    auto copy = *this;
    copy.buckets_ = {static_cast<double>(bounds)...};
    copy.bucket_count_ = sizeof...(Number);
    for (std::size_t i = 1; i < copy.bucket_count_; ++i) {
      if (!(copy.buckets_[i - 1] < copy.buckets_[i])) throw "bounds of buckets rise";
    }
    return copy;
  }

  [[nodiscard]] constexpr std::uint32_t kind() const { return kind_; }
  [[nodiscard]] constexpr std::string_view name() const { return name_; }
  [[nodiscard]] constexpr std::string_view help() const { return help_; }
  [[nodiscard]] constexpr const std::pair<std::string_view, std::string_view>* labels() const { return labels_.data(); }
  [[nodiscard]] constexpr std::size_t label_count() const { return label_count_; }
  [[nodiscard]] constexpr const double* buckets() const { return buckets_.data(); }
  [[nodiscard]] constexpr std::size_t bucket_count() const { return bucket_count_; }

 private:
  friend constexpr metric_spec counter(std::string_view name, std::string_view help);
  friend constexpr metric_spec gauge(std::string_view name, std::string_view help);
  friend constexpr metric_spec histogram(std::string_view name, std::string_view help);

  constexpr metric_spec(std::uint32_t kind, std::string_view name, std::string_view help) : kind_{kind}, name_{name}, help_{help} {
    if ((kind == BATON_METRIC_COUNTER) != name.ends_with("_total")) throw "the name of a counter ends in _total, and no other does";
  }

  std::uint32_t kind_;
  std::string_view name_;
  std::string_view help_;
  std::array<std::pair<std::string_view, std::string_view>, max_labels> labels_{};
  std::size_t label_count_ = 0;
  std::array<double, max_buckets> buckets_{};
  std::size_t bucket_count_ = 0;
};

/// What only grows: "rows_total".
constexpr metric_spec counter(std::string_view name, std::string_view help) { return {BATON_METRIC_COUNTER, name, help}; }
/// What is so now: "backlog_bytes". Of several runs the last one to say counts.
constexpr metric_spec gauge(std::string_view name, std::string_view help) { return {BATON_METRIC_GAUGE, name, help}; }
/// How often which values were seen: "batch_seconds".
constexpr metric_spec histogram(std::string_view name, std::string_view help) { return {BATON_METRIC_HISTOGRAM, name, help}; }

/// The metrics of a handler: `static constexpr baton::sdk::metric_table metrics{counter(…), histogram(…).buckets(…)};`
template <std::size_t N>
struct metric_table {
  template <typename... Spec>
  explicit(false) constexpr metric_table(const Spec&... specs) : rows{specs...} {
    static_assert(sizeof...(Spec) == N);
  }
  std::array<metric_spec, N> rows;
};

template <>
struct metric_table<0> {
  std::array<metric_spec, 0> rows;
};

template <typename... Spec>
metric_table(Spec...) -> metric_table<sizeof...(Spec)>;

}  // namespace baton::sdk

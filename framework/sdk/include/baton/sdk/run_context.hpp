#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "baton/sdk/abi.h"
#include "baton/sdk/metrics.hpp"
#include "baton/sdk/parameters.hpp"

namespace baton::sdk {

/// UTC, microseconds.
using wall_time = std::chrono::sys_time<std::chrono::microseconds>;

namespace detail {

inline baton_string borrow(std::string_view text) noexcept { return {text.data(), text.size()}; }
inline std::string_view view(baton_string text) noexcept {
  return text.size == 0 ? std::string_view{} : std::string_view{text.data, text.size};
}

}  // namespace detail

/// "2026-11-22T15:04:05.000000Z"
[[nodiscard]] inline std::string to_rfc3339(wall_time t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{t - day};
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", static_cast<int>(date.year()),
                                   static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                   static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                                   static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

/// A name and a value of a log line: text, number, bool, duration or time.
class field {
 public:
  template <typename T>
  field(std::string_view key, const T& value) : key_{key} {  // NOLINT(google-explicit-constructor)
    if constexpr (std::is_same_v<T, bool>) {
      value_ = value ? "true" : "false";
    } else if constexpr (std::is_floating_point_v<T>) {
      std::array<char, 40> text{};
      std::snprintf(text.data(), text.size(), "%.15g", static_cast<double>(value));
      value_ = text.data();
    } else if constexpr (std::is_arithmetic_v<T>) {
      value_ = std::to_string(value);
    } else if constexpr (std::is_convertible_v<const T&, wall_time>) {
      value_ = to_rfc3339(value);
    } else if constexpr (detail::is_duration<T>) {
      std::array<char, 40> text{};
      std::snprintf(text.data(), text.size(), "%.15gs", std::chrono::duration<double>(value).count());
      value_ = text.data();
    } else {
      value_ = std::string_view{value};
    }
  }

  [[nodiscard]] baton_field to_abi() const noexcept { return {detail::borrow(key_), detail::borrow(value_)}; }

 private:
  std::string key_;
  std::string value_;
};

/// Writes to the scheduler's log: a short message that never changes, and fields. Any thread.
class logger {
 public:
  explicit logger(const baton_host& host) noexcept : host_{&host} {}
  void debug(std::string_view message, std::initializer_list<field> fields = {}) const { write(BATON_LOG_DEBUG, message, fields); }
  void info(std::string_view message, std::initializer_list<field> fields = {}) const { write(BATON_LOG_INFO, message, fields); }
  void warning(std::string_view message, std::initializer_list<field> fields = {}) const { write(BATON_LOG_WARNING, message, fields); }
  void error(std::string_view message, std::initializer_list<field> fields = {}) const { write(BATON_LOG_ERROR, message, fields); }

 private:
  void write(std::uint32_t level, std::string_view message, std::initializer_list<field> fields) const {
    std::vector<baton_field> rows;
    rows.reserve(fields.size());
    for (const auto& f : fields) rows.push_back(f.to_abi());
    host_->log(host_->context, level, detail::borrow(message), rows.data(), rows.size());
  }

  const baton_host* host_;
};

/// Labels of a series, as in the table; in any order.
using metric_labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;
/// How the scheduler reaches its store. Views live as long as the run_context. Never log any of it.
struct store_access {
  std::string_view url;  ///< without a password: mysql://user@host:3306,host2/database?socket=...
  std::string_view password;
  std::string_view tls_mode;   ///< disabled, required, verify_ca or verify_identity
  std::string_view tls_ca;     ///< a file, or empty
  std::string_view lock_name;  ///< the row of baton_fence whose fence is fence() until another holder takes a later one
};

/// What a handler sees of its run.
///
/// Accessors of parameters and of metrics throw std::invalid_argument for a name or a type that is not in the table, which fails the run.
/// Thread safety: any thread, set_result() excepted. Lifetime: until the handler is destroyed.
class run_context {
 public:
  /// Without a table of metrics, as for a callable of an embedding program, those are ignored.
  run_context(const baton_host& host, std::stop_token stop, std::optional<std::span<const metric_spec>> metrics = std::nullopt) noexcept
      : host_{&host}, stop_{std::move(stop)}, metrics_{metrics} {}

  [[nodiscard]] bool has(std::string_view name) const { return find(name).has_value(); }
  [[nodiscard]] std::string text(std::string_view name) const { return std::string{detail::view(get(name, BATON_TYPE_TEXT).text)}; }
  [[nodiscard]] std::int64_t integer(std::string_view name) const { return get(name, BATON_TYPE_INTEGER).integer; }
  [[nodiscard]] double number(std::string_view name) const { return get(name, BATON_TYPE_NUMBER).number; }
  [[nodiscard]] bool flag(std::string_view name) const { return get(name, BATON_TYPE_BOOLEAN).integer != 0; }
  [[nodiscard]] std::chrono::microseconds duration(std::string_view name) const {
    return std::chrono::microseconds{get(name, BATON_TYPE_DURATION).integer};
  }
  [[nodiscard]] text_list list(std::string_view name) const {
    const auto value = get(name, BATON_TYPE_LIST);
    text_list items;
    for (std::size_t i = 0; i < value.count; ++i) items.emplace_back(detail::view(value.items[i]));
    return items;
  }
  [[nodiscard]] text_map map(std::string_view name) const {
    const auto value = get(name, BATON_TYPE_MAP);
    text_map entries;
    for (std::size_t i = 0; i < value.count; ++i) {
      entries.insert_or_assign(std::string{detail::view(value.entries[i].key)}, std::string{detail::view(value.entries[i].value)});
    }
    return entries;
  }

  [[nodiscard]] logger log() const noexcept { return logger{*host_}; }
  /// How far the work is, from 0 to 1.
  void progress(double fraction, std::string_view words = {}) const { host_->progress(host_->context, fraction, detail::borrow(words)); }
  /// The text people see with the outcome; a text of the outcome itself comes before it.
  void set_result(std::string_view words) const { host_->set_result(host_->context, detail::borrow(words)); }

  /// Adds to a counter. Cheap enough for a loop: the host sums up, and hands on what is new each second and at the end of the run; a
  /// crash loses at most the last second. An amount that is negative or no number is ignored.
  void count(std::string_view name, double amount = 1, metric_labels labels = {}) const {
    update(BATON_METRIC_COUNTER, name, amount, labels);
  }
  /// Sets a gauge; as above.
  void set(std::string_view name, double value, metric_labels labels = {}) const { update(BATON_METRIC_GAUGE, name, value, labels); }
  /// Observes a value in a histogram; as above.
  void observe(std::string_view name, double value, metric_labels labels = {}) const {
    update(BATON_METRIC_HISTOGRAM, name, value, labels);
  }

  /// True once the run should end: stop order, time-out or lost lock. Look often; who does not come back is killed.
  [[nodiscard]] bool stop_requested() const noexcept { return host_->stop_requested(host_->context) != 0; }
  /// Polls readable (POLLIN) once stop_requested(). Do not read or close it.
  [[nodiscard]] int stop_descriptor() const noexcept { return host_->stop_descriptor(host_->context); }
  [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_; }
  /// A hint for work that should not begin without the lock; work that must not overlap hands fence() on.
  [[nodiscard]] bool lease_is_held() const noexcept { return host_->lease_is_held(host_->context) != 0; }

  /// How much longer the lock is known to be held: the longest that a call which cannot be interrupted should take. Rises again at each
  /// proof, every few seconds. nullopt: the host does not say.
  [[nodiscard]] std::optional<std::chrono::microseconds> lease_time_left() const noexcept {
    const auto* const lease = static_cast<const baton_lease*>(host_->get_extension(host_->context, detail::borrow(BATON_LEASE)));
    if (lease == nullptr) return std::nullopt;
    return std::chrono::microseconds{lease->time_left(host_->context)};
  }

  /// nullopt: the handler does not say that it uses the store, or the store is no server.
  [[nodiscard]] std::optional<store_access> store() const noexcept {
    const auto* const store = static_cast<const baton_store*>(host_->get_extension(host_->context, detail::borrow(BATON_STORE)));
    if (store == nullptr) return std::nullopt;
    return store_access{detail::view(store->url), detail::view(store->password), detail::view(store->tls_mode), detail::view(store->tls_ca),
                        detail::view(store->lock_name)};
  }

  [[nodiscard]] wall_time tick() const noexcept { return wall_time{std::chrono::microseconds{info().tick}}; }
  /// When the run will be stopped for taking too long; nullopt: never.
  [[nodiscard]] std::optional<wall_time> deadline() const noexcept {
    if (info().deadline == std::numeric_limits<std::int64_t>::max()) return std::nullopt;
    return wall_time{std::chrono::microseconds{info().deadline}};
  }
  [[nodiscard]] std::uint32_t attempt() const noexcept { return info().attempt; }
  [[nodiscard]] std::uint64_t fence() const noexcept { return info().fence; }
  [[nodiscard]] std::string_view cluster() const noexcept { return detail::view(info().cluster); }
  [[nodiscard]] std::string_view instance() const noexcept { return detail::view(info().instance); }
  [[nodiscard]] std::string_view job() const noexcept { return detail::view(info().job); }
  [[nodiscard]] std::string_view run_id() const noexcept { return detail::view(info().run_id); }
  [[nodiscard]] std::string_view trigger() const noexcept { return detail::view(info().trigger); }

  /// For what this class has no word for: extensions.
  [[nodiscard]] const baton_host& host() const noexcept { return *host_; }

 private:
  [[nodiscard]] const baton_run_info& info() const noexcept { return *host_->run_info(host_->context); }
  [[nodiscard]] std::optional<baton_value> find(std::string_view name) const noexcept {
    baton_value value{};
    value.struct_size = sizeof value;
    if (host_->get_value(host_->context, detail::borrow(name), &value) == 0) return std::nullopt;
    return value;
  }
  [[nodiscard]] baton_value get(std::string_view name, std::uint32_t type) const {
    const auto value = find(name);
    if (!value) throw std::invalid_argument{"the plugin asked for parameter '" + std::string{name} + "', which is not in its table"};
    if (value->type != type)
      throw std::invalid_argument{"the plugin asked for parameter '" + std::string{name} + "' as another type than its table says"};
    return *value;
  }
  void update(std::uint32_t kind, std::string_view name, double value, metric_labels labels) const {
    if (!metrics_) return;
    for (std::size_t i = 0; i < metrics_->size(); ++i) {
      const auto& row = (*metrics_)[i];
      if (row.kind() != kind || row.name() != name || !has_labels(row, labels)) continue;
      return host_->update_metric(host_->context, static_cast<std::uint32_t>(i + 1), value);
    }
    throw std::invalid_argument{"the plugin wrote to metric '" + std::string{name} + "', which is not in its table so"};
  }
  static bool has_labels(const metric_spec& row, metric_labels labels) {
    if (row.label_count() != labels.size()) return false;
    for (const auto& label : labels) {
      bool found = false;
      for (std::size_t i = 0; i < row.label_count(); ++i) found = found || row.labels()[i] == label;
      if (!found) return false;
    }
    return true;
  }

  const baton_host* host_;
  std::stop_token stop_;
  std::optional<std::span<const metric_spec>> metrics_;
};

}  // namespace baton::sdk

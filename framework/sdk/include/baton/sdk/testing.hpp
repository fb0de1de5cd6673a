#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "baton/sdk/plugin.hpp"

namespace baton::sdk::testing {

/// A host for unit tests of a handler: parameters, a stop token, and what the handler logged and counted. No process, no scheduler.
///
///     fake_host host;
///     host.set("greeting", "servus");
///     EXPECT_EQ(host.run<hello>().code, BATON_OUTCOME_SUCCESS);
///
/// Defaults of texts, integers, numbers, bools and durations are filled in as the real host does; values are not checked.
/// Thread safety: request_stop() may be called from any thread while run() runs; everything else from one.
class fake_host {
 public:
  struct line {
    std::uint32_t level;
    std::string message;
    std::map<std::string, std::string> fields;
  };
  struct answer {
    std::uint32_t code;  ///< BATON_OUTCOME_…, or 0 if the handler could not be made
    std::string text;
  };

  fake_host() : stop_descriptor_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
    info_.struct_size = sizeof info_;
    info_.attempt = 1;
    info_.fence = 1;
    info_.deadline = std::numeric_limits<std::int64_t>::max();
    info_.cluster = detail::borrow("test");
    info_.instance = detail::borrow("test-1");
    info_.job = detail::borrow("test-job");
    info_.run_id = detail::borrow("test-run");
    info_.trigger = detail::borrow("schedule");
    host_.struct_size = sizeof host_;
    host_.abi_major = BATON_ABI_MAJOR;
    host_.abi_minor = BATON_ABI_MINOR;
    host_.context = this;
    host_.run_info = [](void* me) noexcept -> const baton_run_info* { return &self(me).info_; };
    host_.get_value = [](void* me, baton_string name, baton_value* out) noexcept { return self(me).get(detail::view(name), *out); };
    host_.log = [](void* me, std::uint32_t level, baton_string message, const baton_field* fields, std::size_t count) noexcept {
      self(me).add({level, std::string{detail::view(message)}, {}}, fields, count);
    };
    host_.progress = [](void* me, double fraction, baton_string) noexcept { self(me).progress_ = fraction; };
    host_.stop_requested = [](void* me) noexcept -> std::uint32_t { return self(me).stopped_ ? 1 : 0; };
    host_.stop_descriptor = [](void* me) noexcept -> std::int32_t { return self(me).stop_descriptor_; };
    host_.lease_is_held = [](void* me) noexcept -> std::uint32_t { return self(me).lease_is_held ? 1 : 0; };
    host_.set_result = [](void* me, baton_string text) noexcept { self(me).text_ = detail::view(text); };
    host_.update_metric = [](void* me, std::uint32_t row, double value) noexcept { self(me).update(row, value); };
    host_.get_extension = [](void* me, baton_string id) noexcept -> const void* {
      return detail::view(id) == BATON_STORE && self(me).store_.struct_size != 0 ? &self(me).store_ : nullptr;
    };
  }
  ~fake_host() { ::close(stop_descriptor_); }
  fake_host(const fake_host&) = delete;
  fake_host& operator=(const fake_host&) = delete;

  void set(std::string name, std::string text) { put(std::move(name), {BATON_TYPE_TEXT, 0, 0, std::move(text), {}, {}, {}, {}}); }
  void set(std::string name, const char* text) { set(std::move(name), std::string{text}); }
  void set(std::string name, bool flag) { put(std::move(name), {BATON_TYPE_BOOLEAN, flag ? 1 : 0, 0, {}, {}, {}, {}, {}}); }
  void set(std::string name, int value) { put(std::move(name), {BATON_TYPE_INTEGER, value, 0, {}, {}, {}, {}, {}}); }
  void set(std::string name, std::int64_t value) { put(std::move(name), {BATON_TYPE_INTEGER, value, 0, {}, {}, {}, {}, {}}); }
  void set(std::string name, double value) { put(std::move(name), {BATON_TYPE_NUMBER, 0, value, {}, {}, {}, {}, {}}); }
  void set(std::string name, std::chrono::microseconds value) {
    put(std::move(name), {BATON_TYPE_DURATION, value.count(), 0, {}, {}, {}, {}, {}});
  }
  void set(std::string name, text_list items) { put(std::move(name), {BATON_TYPE_LIST, 0, 0, {}, std::move(items), {}, {}, {}}); }
  void set(std::string name, text_map entries) { put(std::move(name), {BATON_TYPE_MAP, 0, 0, {}, {}, std::move(entries), {}, {}}); }

  void set_tick(wall_time t) { info_.tick = t.time_since_epoch().count(); }
  void set_attempt(std::uint32_t attempt) { info_.attempt = attempt; }
  void set_fence(std::uint64_t fence) { info_.fence = fence; }
  /// What run_context::store() answers; its texts outlive the host. The real host asks for Handler::uses_store first.
  void set_store(const store_access& s) {
    store_ = {sizeof store_,
              0,
              detail::borrow(s.url),
              detail::borrow(s.password),
              detail::borrow(s.tls_mode),
              detail::borrow(s.tls_ca),
              detail::borrow(s.lock_name)};
  }

  void request_stop() {
    stopped_ = true;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_descriptor_, &one, sizeof one);
    const std::scoped_lock guard{mutex_};
    if (running_ != nullptr) nudge_(running_);
  }

  /// Makes a handler, runs it, destroys it.
  template <typename Handler>
  answer run() {
    using functions = detail::trampoline<Handler>;
    add_fallbacks(detail::table{Handler::parameters});
    metrics_ = Handler::metrics.rows;
    text_.clear();
    void* instance = nullptr;
    if (functions::create(&host_, &instance) != BATON_STATUS_OK) return {0, text_};
    enter(instance, &functions::stop);
    const auto code = functions::run(instance);
    enter(nullptr, nullptr);
    functions::destroy(instance);
    return {code, text_};
  }

  [[nodiscard]] const std::vector<line>& lines() const { return lines_; }
  [[nodiscard]] double progress() const { return progress_; }
  /// The sum of a counter, the last value of a gauge, the sum of what a histogram observed; labels in the order of the table.
  [[nodiscard]] double metric(std::string_view name, metric_labels labels = {}) const {
    const auto found = counted_.find({std::string{name}, text_pairs(labels.begin(), labels.end())});
    return found == counted_.end() ? 0 : found->second.value;
  }
  /// How often it was written to.
  [[nodiscard]] std::size_t updates(std::string_view name, metric_labels labels = {}) const {
    const auto found = counted_.find({std::string{name}, text_pairs(labels.begin(), labels.end())});
    return found == counted_.end() ? 0 : found->second.updates;
  }
  [[nodiscard]] const baton_host& abi() const { return host_; }

  std::atomic<bool> lease_is_held = true;

 private:
  struct stored {
    std::uint32_t type = 0;
    std::int64_t integer = 0;
    double number = 0;
    std::string text;
    text_list list;
    text_map map;
    std::vector<baton_string> items;
    std::vector<baton_field> entries;
  };

  using text_pairs = std::vector<std::pair<std::string, std::string>>;
  struct counted {
    double value = 0;
    std::size_t updates = 0;
  };

  static fake_host& self(void* me) noexcept { return *static_cast<fake_host*>(me); }

  void put(std::string name, stored value) { values_.insert_or_assign(std::move(name), std::move(value)); }

  void add_fallbacks(const detail::table& parameters) {
    for (const auto& row : parameters.rows) {
      const std::string name{detail::view(row.name)};
      if ((row.flags & BATON_PARAMETER_HAS_DEFAULT) == 0 || values_.contains(name)) continue;
      const std::string text{detail::view(row.fallback)};
      stored value;
      value.type = row.type;
      value.text = text;
      if (row.type == BATON_TYPE_INTEGER || row.type == BATON_TYPE_DURATION) value.integer = std::stoll(text);
      if (row.type == BATON_TYPE_BOOLEAN) value.integer = text == "true" ? 1 : 0;
      if (row.type == BATON_TYPE_NUMBER) value.number = std::stod(text);
      put(name, std::move(value));
    }
  }

  std::uint32_t get(std::string_view name, baton_value& out) noexcept {
    const auto found = values_.find(std::string{name});
    if (found == values_.end()) return 0;
    auto& value = found->second;
    value.items.clear();
    value.entries.clear();
    for (const auto& item : value.list) value.items.push_back(detail::borrow(item));
    for (const auto& [key, text] : value.map) value.entries.push_back({detail::borrow(key), detail::borrow(text)});
    out.type = value.type;
    out.integer = value.integer;
    out.number = value.number;
    out.text = detail::borrow(value.text);
    out.items = value.items.data();
    out.entries = value.entries.data();
    out.count = value.type == BATON_TYPE_MAP ? value.entries.size() : value.items.size();
    return 1;
  }

  void add(line l, const baton_field* fields, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) l.fields.emplace(detail::view(fields[i].key), detail::view(fields[i].value));
    const std::scoped_lock guard{mutex_};
    lines_.push_back(std::move(l));
  }

  void update(std::uint32_t row, double value) {
    if (row == 0 || row > metrics_.size()) return;
    const auto& spec = metrics_[row - 1];
    if (std::isnan(value) || (spec.kind() == BATON_METRIC_COUNTER && value < 0)) return;
    const std::scoped_lock guard{mutex_};
    auto& kept = counted_[{std::string{spec.name()}, text_pairs(spec.labels(), spec.labels() + spec.label_count())}];
    kept.value = spec.kind() == BATON_METRIC_GAUGE ? value : kept.value + value;
    ++kept.updates;
  }

  void enter(void* instance, void (*nudge)(void*) noexcept) {
    const std::scoped_lock guard{mutex_};
    running_ = instance;
    nudge_ = nudge;
    if (running_ != nullptr && stopped_) nudge_(running_);
  }

  baton_host host_{};
  baton_run_info info_{};
  baton_store store_{};
  std::map<std::string, stored> values_;
  std::span<const metric_spec> metrics_;
  std::map<std::pair<std::string, text_pairs>, counted> counted_;
  int stop_descriptor_;
  std::atomic<bool> stopped_ = false;
  std::atomic<double> progress_ = 0;
  std::mutex mutex_;
  void* running_ = nullptr;
  void (*nudge_)(void*) noexcept = nullptr;
  std::vector<line> lines_;
  std::string text_;
};

}  // namespace baton::sdk::testing

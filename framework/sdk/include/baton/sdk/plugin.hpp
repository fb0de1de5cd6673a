#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "baton/sdk/abi.h"
#include "baton/sdk/metrics.hpp"
#include "baton/sdk/parameters.hpp"
#include "baton/sdk/run_context.hpp"

namespace baton::sdk {

/// How a run ended, by the handler's own word.
class outcome {
 public:
  [[nodiscard]] static outcome success(std::string text = {}) { return {BATON_OUTCOME_SUCCESS, std::move(text)}; }
  [[nodiscard]] static outcome failure(std::string text) { return {BATON_OUTCOME_FAILURE, std::move(text)}; }
  /// A failure that a later attempt may cure.
  [[nodiscard]] static outcome retry_later(std::string text) { return {BATON_OUTCOME_RETRY_LATER, std::move(text)}; }
  /// There was nothing to do; counts as success, with the reason.
  [[nodiscard]] static outcome skipped(std::string text) { return {BATON_OUTCOME_SKIPPED, std::move(text)}; }
  /// Ended early because it was asked to.
  [[nodiscard]] static outcome cancelled(std::string text = {}) { return {BATON_OUTCOME_CANCELLED, std::move(text)}; }

  [[nodiscard]] std::uint32_t code() const noexcept { return code_; }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  outcome(std::uint32_t code, std::string text) : code_{code}, text_{std::move(text)} {}
  std::uint32_t code_;
  std::string text_;
};

/// The code of a job. One object per run, made and destroyed on the thread that runs it; the constructor takes nothing.
/// An exception that leaves run() is a failure with its text.
class handler {
 public:
  /// What jobs may set; a handler with parameters hides this with a table of its own.
  static constexpr params<0> parameters{};
  /// What it counts; hidden likewise.
  static constexpr metric_table<0> metrics{};
  /// Whether run_context::store() answers; a handler that wants it hides this with true. Others never come near the store's password.
  static constexpr bool uses_store = false;

  handler() = default;
  handler(const handler&) = delete;
  handler& operator=(const handler&) = delete;
  virtual ~handler() = default;

  virtual outcome run(run_context& run) = 0;
};

namespace detail {

/// The C functions around a handler.
template <typename Handler>
struct trampoline {
  static_assert(std::is_base_of_v<handler, Handler>, "BATON_PLUGIN takes a class derived from baton::sdk::handler");

  struct instance {
    explicit instance(const baton_host& h) : host{&h}, context{h, stop.get_token(), Handler::metrics.rows} {}
    const baton_host* host;
    std::stop_source stop;
    run_context context;
    Handler code{};
  };

  static void fail(const baton_host* host, std::string_view text) noexcept { host->set_result(host->context, borrow(text)); }

  static std::uint32_t create(const baton_host* host, void** out) noexcept {
    try {
      *out = std::make_unique<instance>(*host).release();
      return BATON_STATUS_OK;
    } catch (const std::exception& e) {
      fail(host, e.what());
    } catch (...) {
      fail(host, "an exception that is not a std::exception");
    }
    return BATON_STATUS_FAILED;
  }

  static std::uint32_t run(void* self) noexcept {
    auto& me = *static_cast<instance*>(self);
    try {
      const outcome end = me.code.run(me.context);
      if (!end.text().empty()) me.context.set_result(end.text());
      return end.code();
    } catch (const std::exception& e) {
      fail(me.host, e.what());
    } catch (...) {
      fail(me.host, "an exception that is not a std::exception");
    }
    return BATON_OUTCOME_FAILURE;
  }

  static void stop(void* self) noexcept { static_cast<instance*>(self)->stop.request_stop(); }
  static void destroy(void* self) noexcept { delete static_cast<instance*>(self); }
};

/// The parameter table in the form of the ABI; lives as long as the plugin.
struct table {
  std::vector<std::string> fallbacks;
  std::vector<std::vector<baton_string>> choices;
  std::vector<baton_parameter> rows;

  template <std::size_t N>
  explicit table(const params<N>& specs) {
    fallbacks.reserve(N);
    choices.reserve(N);
    for (const parameter_spec& spec : specs.rows) {
      fallbacks.push_back(spec.fallback_text());
      auto& allowed = choices.emplace_back();
      for (std::size_t i = 0; i < spec.choice_count(); ++i) allowed.push_back(borrow(spec.choices()[i]));
      baton_parameter row{};
      row.name = borrow(spec.name());
      row.help = borrow(spec.help());
      row.type = spec.type();
      row.flags = spec.flags();
      row.fallback = borrow((spec.flags() & BATON_PARAMETER_HAS_DEFAULT) != 0 ? std::string_view{fallbacks.back()} : std::string_view{});
      row.minimum = spec.minimum();
      row.maximum = spec.maximum();
      row.choices = allowed.data();
      row.choice_count = allowed.size();
      rows.push_back(row);
    }
  }
};

/// The metrics in the form of the ABI; points into the handler's own table.
struct series {
  std::vector<std::vector<baton_field>> labels;
  std::vector<baton_metric> rows;

  template <std::size_t N>
  explicit series(const metric_table<N>& specs) {
    labels.reserve(N);
    for (const metric_spec& spec : specs.rows) {
      auto& all = labels.emplace_back();
      for (std::size_t i = 0; i < spec.label_count(); ++i) all.push_back({borrow(spec.labels()[i].first), borrow(spec.labels()[i].second)});
      baton_metric row{};
      row.name = borrow(spec.name());
      row.help = borrow(spec.help());
      row.kind = spec.kind();
      row.label_count = static_cast<std::uint32_t>(all.size());
      row.labels = all.data();
      row.buckets = spec.buckets();
      row.bucket_count = spec.bucket_count();
      rows.push_back(row);
    }
  }
};

template <typename Handler>
const baton_plugin_descriptor* describe(std::string_view name, std::string_view version, std::string_view build_id) noexcept {
  static const table parameters{Handler::parameters};
  static const series metrics{Handler::metrics};
  static const baton_plugin_descriptor descriptor = [&] {
    baton_plugin_descriptor d{};
    d.magic = BATON_ABI_MAGIC;
    d.struct_size = sizeof d;
    d.abi_major = BATON_ABI_MAJOR;
    d.abi_minor = BATON_ABI_MINOR;
    d.name = borrow(name);
    d.version = borrow(version);
    d.build_id = borrow(build_id);
    d.parameters = parameters.rows.data();
    d.parameter_count = static_cast<std::uint32_t>(parameters.rows.size());
    d.parameter_size = sizeof(baton_parameter);
    d.metrics = metrics.rows.data();
    d.metric_count = static_cast<std::uint32_t>(metrics.rows.size());
    d.metric_size = sizeof(baton_metric);
    d.flags = Handler::uses_store ? BATON_PLUGIN_USES_STORE : 0;
    d.create = &trampoline<Handler>::create;
    d.run = &trampoline<Handler>::run;
    d.stop = &trampoline<Handler>::stop;
    d.destroy = &trampoline<Handler>::destroy;
    return d;
  }();
  return &descriptor;
}

}  // namespace detail
}  // namespace baton::sdk

#ifndef BATON_BUILD_ID
#define BATON_BUILD_ID "compiler " __VERSION__
#endif

/// Makes `type` the handler of this plugin; once in a shared object, outside any namespace. `name` is the file's name without .so.
#define BATON_PLUGIN(type, name, version)                                                \
  extern "C" BATON_EXPORT const baton_plugin_descriptor* baton_plugin_entry() noexcept { \
    return ::baton::sdk::detail::describe<type>(name, version, BATON_BUILD_ID);          \
  }

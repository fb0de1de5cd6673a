#include "invocation.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <functional>
#include <limits>
#include <optional>
#include <string_view>

#include "loader.hpp"
#include "printed.hpp"

namespace baton::plugin_host {
namespace {

constexpr std::size_t max_log_fields = 64;

baton_string borrow(const std::string& text) noexcept { return {text.data(), text.size()}; }
std::string_view view(baton_string text) noexcept { return text.size == 0 ? std::string_view{} : std::string_view{text.data, text.size}; }
invocation& self(void* context) noexcept { return *static_cast<invocation*>(context); }

run_end to_run_end(std::uint32_t outcome) {
  switch (outcome) {
    case BATON_OUTCOME_SUCCESS: return run_end::success;
    case BATON_OUTCOME_RETRY_LATER: return run_end::retry_later;
    case BATON_OUTCOME_SKIPPED: return run_end::skipped;
    case BATON_OUTCOME_CANCELLED: return run_end::cancelled;
    default: return run_end::failure;
  }
}

}  // namespace

invocation::invocation(request_frame request, run_sink& sink)
    : request_{std::move(request)},
      sink_{sink},
      stop_descriptor_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)},
      lease_deadline_{request_.request.lease_deadline.time_since_epoch().count()} {
  for (const auto& [name, v] : request_.request.parameters) offer(name, v);
  const auto& run = request_.request;
  info_.struct_size = sizeof info_;
  info_.attempt = run.attempt;
  info_.tick = run.tick.time_since_epoch().count();
  info_.deadline = request_.deadline ? request_.deadline->time_since_epoch().count() : std::numeric_limits<std::int64_t>::max();
  info_.fence = run.fence;
  info_.cluster = borrow(run.cluster);
  info_.instance = borrow(run.instance);
  info_.job = borrow(run.job);
  info_.run_id = borrow(run.run_name);
  info_.trigger = borrow(run.trigger);
  if (run.store) {
    const auto& s = *run.store;
    store_ = {sizeof store_, 0, borrow(s.url), borrow(s.password), borrow(s.tls_mode), borrow(s.tls_ca), borrow(s.lock_name)};
  }
  fill_host();
}

void invocation::offer(const std::string& name, const value& v) {
  auto& o = offered_[name];
  o.value.struct_size = sizeof o.value;
  o.value.type = static_cast<std::uint32_t>(v.index() + 1);
  static_assert(BATON_TYPE_TEXT == 1 && BATON_TYPE_MAP == std::variant_size_v<value>);
  if (const auto* text = std::get_if<std::string>(&v)) o.value.text = borrow(*text);
  if (const auto* integer = std::get_if<std::int64_t>(&v)) o.value.integer = *integer;
  if (const auto* number = std::get_if<double>(&v)) o.value.number = *number;
  if (const auto* flag = std::get_if<bool>(&v)) o.value.integer = *flag ? 1 : 0;
  if (const auto* duration = std::get_if<microseconds>(&v)) o.value.integer = duration->count();
  if (const auto* list = std::get_if<text_list>(&v)) std::ranges::transform(*list, std::back_inserter(o.items), borrow);
  if (const auto* map = std::get_if<text_map>(&v)) {
    for (const auto& [key, text] : *map) o.entries.push_back({borrow(key), borrow(text)});
  }
  o.value.items = o.items.data();
  o.value.entries = o.entries.data();
  o.value.count = std::max(o.items.size(), o.entries.size());
}

void invocation::fill_host() {
  host_.struct_size = sizeof host_;
  host_.abi_major = BATON_ABI_MAJOR;
  host_.abi_minor = BATON_ABI_MINOR;
  host_.context = this;
  host_.run_info = [](void* context) noexcept -> const baton_run_info* { return &self(context).info_; };
  host_.get_value = [](void* context, baton_string name, baton_value* out) noexcept -> std::uint32_t {
    const auto& all = self(context).offered_;
    const auto found = all.find(view(name));
    if (found == all.end()) return 0;
    const auto size = out->struct_size;  // as the plugin was compiled
    std::memcpy(out, &found->second.value, std::min<std::size_t>(size, sizeof *out));
    out->struct_size = size;
    return 1;
  };
  host_.log = [](void* context, std::uint32_t level, baton_string message, const baton_field* fields, std::size_t count) noexcept {
    run_log line;
    line.level = static_cast<std::uint8_t>(std::clamp<std::uint32_t>(level, BATON_LOG_DEBUG, BATON_LOG_ERROR));
    line.message = head(view(message));
    for (std::size_t i = 0; i < std::min(count, max_log_fields); ++i) {
      line.fields.emplace_back(head(view(fields[i].key), 256), head(view(fields[i].value)));
    }
    self(context).sink_.log(std::move(line));
  };
  host_.progress = [](void* context, double fraction, baton_string text) noexcept {
    self(context).sink_.progress({std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0, head(view(text), 256)});
  };
  host_.stop_requested = [](void* context) noexcept -> std::uint32_t { return self(context).stopped_ ? 1 : 0; };
  host_.stop_descriptor = [](void* context) noexcept -> std::int32_t { return self(context).stop_descriptor_.get(); };
  host_.lease_is_held = [](void* context) noexcept -> std::uint32_t { return self(context).is_lease_held() ? 1 : 0; };
  host_.set_result = [](void* context, baton_string text) noexcept { self(context).text_ = head(view(text)); };
  host_.update_metric = [](void* context, std::uint32_t row, double amount) noexcept {
    if (auto& counted = self(context).tally_) counted->update(row, amount);
  };
  host_.get_extension = [](void* context, baton_string id) noexcept -> const void* {
    static constexpr baton_lease lease{sizeof lease, [](void* run) noexcept { return self(run).lease_time_left(); }};
    if (view(id) == BATON_LEASE) return &lease;
    if (view(id) == BATON_STORE && self(context).request_.request.store) return &self(context).store_;
    return nullptr;
  };
}

std::int64_t invocation::lease_time_left() const noexcept {
  return std::max<std::int64_t>(0, lease_deadline_ - boot_now().time_since_epoch().count());
}

std::string invocation::take_text() { return std::exchange(text_, {}); }

void invocation::request_stop() noexcept {
  if (stopped_.exchange(true)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(stop_descriptor_.get(), &one, sizeof one);
  stop_source_.request_stop();
  const std::scoped_lock guard{mutex_};
  if (running_ != nullptr && running_->stop != nullptr) std::exchange(running_, nullptr)->stop(instance_);
}

ended_frame invocation::carry_out() {
  if (!stop_descriptor_) return {run_end::not_started, "no descriptor is left for the stop token: " + last_error(), {}};
  if (request_.request.handler) {
    if (auto reason = reason_not_to_start()) return *std::move(reason);
    sink_.started();
    return call_handler();
  }
  const auto found = plugin_in_use(request_.request.plugin_path);
  if (!found) return {run_end::not_started, found.error().context, {}};
  const auto& plugin = **found;
  if (auto reason = reason_not_to_start()) return *std::move(reason);
  sink_.started();
  tally_.emplace(plugin.description.metrics, [this](run_metrics news) { sink_.count(std::move(news)); });
  auto end = call_plugin(*plugin.functions);
  tally_->end();
  return end;
}

std::optional<ended_frame> invocation::reason_not_to_start() const {
  if (!is_lease_held()) return ended_frame{run_end::not_started, "the lease ended before the handler started", {}};
  if (stopped_) return ended_frame{run_end::cancelled, "stopped before the handler started", {}};
  return std::nullopt;
}

ended_frame invocation::call_handler() {
  try {
    sdk::run_context run{host_, stop_source_.get_token()};
    const auto outcome = request_.request.handler(run);
    if (!outcome.text().empty()) run.set_result(outcome.text());
    return {to_run_end(outcome.code()), take_text(), {}};
  } catch (const std::exception& e) {
    return {run_end::failure, head(e.what()), {}};
  } catch (...) {
    return {run_end::failure, "an exception that is not a std::exception", {}};
  }
}

ended_frame invocation::call_plugin(const baton_plugin_descriptor& functions) {
  // A plugin must not throw. One that does is caught here as well as can be, so its functions are not called as noexcept.
  try {
    std::uint32_t (*const create)(const baton_host*, void**) = functions.create;
    std::uint32_t (*const run)(void*) = functions.run;
    void (*const destroy)(void*) = functions.destroy;
    void* instance = nullptr;
    if (create(&host_, &instance) != BATON_STATUS_OK) return {run_end::failure, "the handler could not be made: " + take_text(), {}};
    {
      const std::scoped_lock guard{mutex_};
      running_ = &functions;
      instance_ = instance;
      if (stopped_ && functions.stop != nullptr) std::exchange(running_, nullptr)->stop(instance_);
    }
    ended_frame end{run_end::lease_expired, "the lease ended before the handler ran", {}};
    if (is_lease_held()) {
      const auto outcome = run(instance);
      end = {to_run_end(outcome), take_text(), {}, true};
      if (outcome < BATON_OUTCOME_SUCCESS || outcome > BATON_OUTCOME_CANCELLED)
        end.text = "the handler answered with the unknown outcome " + std::to_string(outcome);
    }
    {
      const std::scoped_lock guard{mutex_};
      running_ = nullptr;
    }
    destroy(instance);
    return end;
  } catch (const std::exception& e) {
    return {run_end::failure, head(std::string{"an exception left the plugin: "} + e.what()), {}};
  } catch (...) {
    return {run_end::failure, "an exception left the plugin", {}};
  }
}

}  // namespace baton::plugin_host

#pragma once

#include <functional>
#include <optional>

#include "baton/plugin_host/executor.hpp"

namespace baton::program {

/// One run of a plugin without a scheduler: nobody else wants its lock, so its lease is extended as long as it lasts.
struct single_run {
  std::string plugin_path;
  plugin_host::values parameters;
  plugin_host::isolation isolation = plugin_host::isolation::process;
  std::optional<microseconds> timeout;
  std::optional<microseconds> stop_after;  ///< from when the handler began
  microseconds grace = std::chrono::seconds{10};
  int signals = -1;                                             ///< a signalfd; the first is a stop order, the same again ends the program
  std::function<void(const plugin_host::run_event&)> on_event;  ///< on a thread of its own
};

struct single_run_end {
  plugin_host::run_ended end;
  std::optional<microseconds> stopped_within;  ///< from the stop order to the end
};

/// Returns when the run has ended and nothing is left of it. Errors: no executor could be made.
[[nodiscard]] result<single_run_end> carry_out(const single_run& run);

/// "success", "retry_later", "timeout", …
[[nodiscard]] const char* end_word(plugin_host::run_end end) noexcept;

}  // namespace baton::program

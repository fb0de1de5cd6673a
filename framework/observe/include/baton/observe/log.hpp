#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "baton/base/time.hpp"

namespace baton::observe {

enum class log_level : std::uint8_t { debug = 1, info, warning, error };
enum class log_format : std::uint8_t { automatic = 1, text, json, journald };

using log_field = std::pair<std::string_view, std::string>;

/// Structured lines on stderr (or to journald): a short message that never changes, and fields.
///
/// A message is one line in every format, whatever its fields hold: control characters are escaped, bytes that are not UTF-8 replaced,
/// long values cut. Writing is synchronous; a message that cannot be written is dropped, never thrown about.
///
/// `automatic` is journald where stderr is journald's stream ($JOURNAL_STREAM), text on a terminal (in colour without $NO_COLOR),
/// else JSON. journald without its socket is text, each line with the "<6>" that journald understands on a stream.
///
/// Thread safety: all functions may be called from any thread.
class log {
 public:
  struct options {
    log_level level = log_level::info;
    log_format format = log_format::automatic;
    std::function<wall_time()> now = {};             ///< required: where time stamps come from
    std::function<void(log_level)> on_message = {};  ///< counts baton_log_messages_total; called before the message is written
    /// Instead of stderr: a log of the caller's. Gets one line at a time, without its end; must not log.
    std::function<void(std::string_view)> sink = {};
    std::string journal = "/run/systemd/journal/socket";
  };
  explicit log(options opts);
  ~log();

  [[nodiscard]] bool is_enabled(log_level level) const noexcept;
  void write(log_level level, std::string_view message, std::span<const log_field> fields) noexcept;

  void debug(std::string_view message, std::initializer_list<log_field> fields = {}) noexcept;
  void info(std::string_view message, std::initializer_list<log_field> fields = {}) noexcept;
  void warning(std::string_view message, std::initializer_list<log_field> fields = {}) noexcept;
  void error(std::string_view message, std::initializer_list<log_field> fields = {}) noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace baton::observe

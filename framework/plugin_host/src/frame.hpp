#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"
#include "baton/plugin_host/executor.hpp"

/// What instance, supervisor and handler process say to each other: `u32 size of the rest, u8 kind, fields`, little-endian, texts as
/// `u32 size, bytes`. All three are of the same build, so the format has no version; the handler's end may still say anything.
namespace baton::plugin_host {

/// The largest frame accepted or written; a request with more parameters than that is not started.
inline constexpr std::size_t max_frame_size = std::size_t{4} << 20;

/// Instance → supervisor → handler, first and after each end that is reusable. With the time the handler may be told it will be stopped at.
struct request_frame {
  run_request request;
  std::optional<wall_time> deadline;
  bool describe_only = false;  ///< the plugin is loaded and described, and its code not called
  std::string cgroup{};        ///< for a new handler process to join
};
/// Instance → supervisor → handler.
struct extend_frame {
  boot_time lease_deadline{};
};
/// Instance → supervisor.
struct stop_frame {
  stop_order order;
};
/// Supervisor → handler: set the stop token.
struct stop_token_frame {};
/// Supervisor → instance: the number of the handler's process and of its group, for the case that the supervisor dies first.
struct spawned_frame {
  std::int32_t handler = 0;
};
/// Handler → supervisor → instance: the handler's code is about to be called.
struct started_frame {};
/// Handler → supervisor → instance.
struct described_frame {
  plugin_description plugin;
};
/// Handler → supervisor, the last of a run; supervisor → instance, the same, with what it printed.
struct ended_frame {
  run_end end{};
  std::string text;
  std::string output;
  bool reusable = false;  ///< the sender is as it was before the run, and waits for another request
};

/// run_log, run_progress and run_metrics go handler → supervisor → instance.
using frame = std::variant<request_frame, extend_frame, stop_frame, stop_token_frame, spawned_frame, started_frame, run_log, run_progress,
                           run_metrics, described_frame, ended_frame>;

struct decoded_frame {
  frame content;
  std::size_t size;  ///< bytes it took
};

[[nodiscard]] std::string encode_frame(const frame& f);
/// The first frame in `bytes`; nullopt: not all of it is there yet. A failure means that the sender cannot be trusted any further.
/// Never reads beyond `bytes`, never allocates more than a small multiple of it.
[[nodiscard]] result<std::optional<decoded_frame>> decode_frame(std::span<const std::byte> bytes);

/// Takes every whole frame from the front of `buffer` and hands it to `on_frame`, until that says false. False: that it did, or a
/// sender that cannot be trusted.
template <typename Callback>
[[nodiscard]] bool take_frames(std::string& buffer, Callback on_frame) {
  std::size_t taken = 0;
  bool good = true;
  while (good) {
    auto decoded = decode_frame(std::as_bytes(std::span{buffer}).subspan(taken));
    good = decoded.has_value();
    if (!good || !*decoded) break;
    taken += (*decoded)->size;
    good = on_frame(std::move((*decoded)->content));
  }
  buffer.erase(0, taken);
  return good;
}

}  // namespace baton::plugin_host

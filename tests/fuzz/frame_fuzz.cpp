// Whatever bytes come along a channel are a frame, the beginning of one, or refused; a frame that was read is written and read as itself.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "baton/base/result.hpp"
#include "frame.hpp"

using namespace baton::plugin_host;

namespace {

auto bytes_of(const std::string& text) { return std::as_bytes(std::span{text}); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string buffer{reinterpret_cast<const char*>(data), size};
  const bool good = take_frames(buffer, [&](const frame& content) {
    const auto written = encode_frame(content);
    const auto read = decode_frame(bytes_of(written));
    BATON_ASSERT(read && *read && (*read)->size == written.size());
    BATON_ASSERT((*read)->content.index() == content.index());
    BATON_ASSERT(encode_frame((*read)->content) == written);
    return true;
  });
  BATON_ASSERT(buffer.size() <= size);
  const auto rest = decode_frame(bytes_of(buffer));
  BATON_ASSERT(good == (rest.has_value() && !rest->has_value()));
  return 0;
}

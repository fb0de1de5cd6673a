// No name leaves the folder of the time zones, and what is found has offsets of less than a day.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "baton/base/result.hpp"
#include "baton/schedule/zone.hpp"

using baton::schedule::syntax_error;
using baton::schedule::zone;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view name{reinterpret_cast<const char*>(data), size};
  const auto found = zone::find(name);
  if (const auto* error = std::get_if<syntax_error>(&found)) {
    BATON_ASSERT(!error->message.empty());
    return 0;
  }
  BATON_ASSERT(name.find("..") == std::string_view::npos && name.front() != '/');
  const auto offset = std::get<zone>(found).offset(baton::wall_time{});
  BATON_ASSERT(offset < std::chrono::hours{24} && offset > -std::chrono::hours{24});
  return 0;
}

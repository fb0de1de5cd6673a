#include "baton/base/system_clock.hpp"

#include <time.h>

namespace baton {
namespace {

microseconds read(clockid_t id) noexcept {
  timespec t{};
  clock_gettime(id, &t);
  return std::chrono::seconds{t.tv_sec} + std::chrono::duration_cast<microseconds>(std::chrono::nanoseconds{t.tv_nsec});
}

}  // namespace

time_point system_clock::now() const noexcept { return {wall_time{read(CLOCK_REALTIME)}, boot_time{read(CLOCK_BOOTTIME)}}; }

}  // namespace baton

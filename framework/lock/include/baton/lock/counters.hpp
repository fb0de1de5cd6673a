#pragma once

#include <array>
#include <cstdint>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"

namespace baton::lock {

/// How often something took how long, in the buckets of baton_lock_acquire_duration_seconds.
class duration_histogram {
 public:
  static constexpr std::array<microseconds, 14> bounds{
      microseconds{100}, microseconds{250},  microseconds{500},  milliseconds{1},    milliseconds{2} + microseconds{500},
      milliseconds{5},   milliseconds{10},   milliseconds{25},   milliseconds{50},   milliseconds{100},
      milliseconds{500}, milliseconds{1000}, milliseconds{5000}, milliseconds{30000}};

  void add(microseconds d) noexcept {
    std::size_t bucket = 0;
    while (bucket < bounds.size() && d > bounds[bucket]) ++bucket;
    ++counts_[bucket];
    sum_ += d;
  }
  /// Of those that took up to bounds[bucket] and more than the bound before; the last one of the rest.
  [[nodiscard]] std::uint64_t count(std::size_t bucket) const noexcept { return counts_[bucket]; }
  [[nodiscard]] std::uint64_t count() const noexcept {
    std::uint64_t all = 0;
    for (const auto n : counts_) all += n;
    return all;
  }
  [[nodiscard]] microseconds sum() const noexcept { return sum_; }

 private:
  std::array<std::uint64_t, bounds.size() + 1> counts_{};
  microseconds sum_{};
};

/// What has become of the attempts of a lock, or of all locks of a session.
struct counters {
  std::uint64_t acquired = 0;
  std::uint64_t busy = 0;  ///< gave up waiting, or found it held and did not wait
  std::uint64_t released = 0;
  std::uint64_t lost = 0;         ///< ended without being asked
  std::uint64_t interrupted = 0;  ///< waits that the server ended
  std::uint64_t cancelled = 0;
  std::uint64_t deadlocks = 0;
  std::uint64_t errors = 0;             ///< any other failure
  std::uint64_t overlap_suspected = 0;  ///< released, and only then found to have been lost: another may have held it meanwhile
  duration_histogram waits;             ///< of the attempts that ended as acquired or busy
  duration_histogram probes;            ///< of a session

  void failed(errc code) noexcept {
    ++(code == errc::interrupted ? interrupted : code == errc::cancelled ? cancelled : code == errc::deadlock ? deadlocks : errors);
  }
};

}  // namespace baton::lock

#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

#include "baton/base/time.hpp"

namespace baton::simulation {

/// Simulated time since the start, and what is to happen in it: in order of time, then of asking.
class event_loop {
 public:
  [[nodiscard]] microseconds now() const noexcept { return now_; }
  void at(microseconds when, std::function<void()> what) { events_.push({std::max(when, now_), next_++, std::move(what)}); }
  void after(microseconds how_long, std::function<void()> what) { at(now_ + how_long, std::move(what)); }

  template <typename EachTime>
  void run_until(microseconds end, EachTime time_has_moved) {
    while (!events_.empty() && events_.top().when <= end) {
      auto next = std::move(const_cast<event&>(events_.top()));
      events_.pop();
      now_ = next.when;
      time_has_moved();
      next.what();
      ++happened_;
    }
    now_ = end;
    time_has_moved();
  }
  [[nodiscard]] std::uint64_t happened() const noexcept { return happened_; }

 private:
  struct event {
    microseconds when;
    std::uint64_t order;
    std::function<void()> what;
    bool operator<(const event& other) const noexcept { return std::pair{when, order} > std::pair{other.when, other.order}; }
  };
  std::priority_queue<event> events_;
  microseconds now_{};
  std::uint64_t next_ = 0;
  std::uint64_t happened_ = 0;
};

/// The one source of chance: the same seed, the same fleet.
class chance {
 public:
  explicit chance(std::uint64_t seed) : bits_(seed) {}
  std::uint64_t below(std::uint64_t n) { return bits_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  microseconds between(microseconds a, microseconds b) {
    return a + microseconds{static_cast<std::int64_t>(below(static_cast<std::uint64_t>((b - a).count()) + 1))};
  }

 private:
  std::mt19937_64 bits_;
};

}  // namespace baton::simulation

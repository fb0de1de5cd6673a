#include "store_clock.hpp"

#include <algorithm>

namespace baton::engine {
namespace {
constexpr microseconds sample_life = std::chrono::seconds{60};
constexpr std::size_t most_samples = 128;
constexpr microseconds drift_allowance = std::chrono::milliseconds{20};  // two quartz clocks, 60 s apart, at worst 200 ppm each
}  // namespace

void store_clock::sample(boot_time sent, boot_time received, wall_time store) {
  const auto round_trip = received - sent;
  const auto middle = sent + round_trip / 2;
  const reading fresh{received, round_trip, store.time_since_epoch() - middle.time_since_epoch()};
  // No round trip explains the difference: the store's clock was set, and what was known before is void.
  if (best_ && std::chrono::abs(fresh.offset - best_->offset) > (fresh.round_trip + best_->round_trip) / 2 + drift_allowance)
    samples_.clear();
  samples_.push_back(fresh);
  while (samples_.size() > most_samples || received - samples_.front().received > sample_life) samples_.pop_front();
  best_ = *std::ranges::min_element(samples_, {}, &reading::round_trip);
}

void store_clock::forget() {
  samples_.clear();
  best_.reset();
}

std::optional<wall_time> store_clock::now(boot_time steady) const {
  if (!best_) return std::nullopt;
  latest_ = std::max(latest_, wall_time{steady.time_since_epoch() + best_->offset});
  return latest_;
}

std::optional<boot_time> store_clock::when(wall_time t) const {
  if (!best_) return std::nullopt;
  return boot_time{t.time_since_epoch() - best_->offset};
}

}  // namespace baton::engine

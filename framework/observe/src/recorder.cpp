#include "baton/observe/recorder.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <mutex>

namespace baton::observe {
namespace {

// Those of baton_lock_acquire_duration_seconds.
constexpr std::array bounds{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 1., 5., 30.};
constexpr std::size_t buckets = bounds.size() + 1;
constexpr std::size_t most_attempts = 500;
constexpr std::size_t most_losses = 100;
constexpr std::size_t most_slots = 24 * 60;
constexpr std::size_t most_jobs = 20'000;  // with figures of their own

std::size_t bucket_of(microseconds took) {
  const auto seconds = std::chrono::duration<double>(took).count();
  return static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin());
}

/// The newest entries, numbered from 0.
template <typename Entry>
class ring {
 public:
  explicit ring(std::size_t capacity) : capacity_(capacity) {}
  void push(Entry one) {
    entries_.push_back(std::move(one));
    ++next_;
    if (entries_.size() > capacity_) entries_.pop_front();
  }
  [[nodiscard]] recorder::newer<Entry> from(std::uint64_t number) const {
    const auto oldest = next_ - entries_.size();
    const auto first = std::clamp(number, oldest, next_) - oldest;
    return {{entries_.begin() + static_cast<std::ptrdiff_t>(first), entries_.end()}, next_};
  }
  [[nodiscard]] const std::deque<Entry>& entries() const { return entries_; }

 private:
  std::size_t capacity_;
  std::uint64_t next_ = 0;
  std::deque<Entry> entries_;
};

}  // namespace

struct recorder::state {
  mutable std::mutex mutex;
  ring<attempt> attempts{most_attempts};
  ring<loss> losses{most_losses};
  std::deque<slot> slots;
  std::map<std::string, std::array<std::uint64_t, buckets>, std::less<>> of_jobs;
  std::optional<microseconds> offset;
  bool is_up = false;

  void count(wall_time at, std::string_view job, microseconds took) {
    const auto bucket = bucket_of(took);
    const auto minute = std::chrono::floor<std::chrono::minutes>(at);
    if (slots.empty() || slots.back().at != minute) {
      slots.push_back({minute, std::vector<std::uint32_t>(buckets)});
      if (slots.size() > most_slots) slots.pop_front();
    }
    ++slots.back().counts[bucket];
    auto known = of_jobs.find(job);
    if (known == of_jobs.end() && of_jobs.size() < most_jobs)
      known = of_jobs.emplace(std::string{job}, decltype(of_jobs)::mapped_type{}).first;
    if (known != of_jobs.end()) ++known->second[bucket];
  }
};

recorder::recorder() : state_(std::make_unique<state>()) {}
recorder::~recorder() = default;

void recorder::lock_attempt(wall_time at, std::string_view job, wall_time tick, std::string_view outcome, microseconds took) {
  const std::lock_guard lock{state_->mutex};
  state_->attempts.push({at, std::string{job}, tick == wall_time{} ? std::nullopt : std::optional{tick}, std::string{outcome}, took});
  state_->count(at, job, took);
}

void recorder::duplicate_tick(wall_time at, std::string_view job) {
  const std::lock_guard lock{state_->mutex};
  attempt made{at, std::string{job}, std::nullopt, "duplicate_tick", {}};
  const auto& all = state_->attempts.entries();
  const auto before = std::find_if(all.rbegin(), all.rend(), [&](const attempt& one) { return one.job == job; });
  if (before != all.rend()) {
    made.tick = before->tick;
    made.took = before->took;
  }
  state_->attempts.push(std::move(made));
}

void recorder::lock_lost(wall_time at, std::string_view job, std::string_view reason) {
  const std::lock_guard lock{state_->mutex};
  state_->losses.push({at, std::string{job}, std::string{reason}});
}

void recorder::clock_offset(microseconds offset) {
  const std::lock_guard lock{state_->mutex};
  state_->offset = offset;
}

void recorder::store_up(bool up) {
  const std::lock_guard lock{state_->mutex};
  state_->is_up = up;
}

std::span<const double> recorder::latency_bounds() noexcept { return bounds; }

recorder::newer<recorder::attempt> recorder::attempts(std::uint64_t from) const {
  const std::lock_guard lock{state_->mutex};
  return state_->attempts.from(from);
}

recorder::newer<recorder::loss> recorder::losses(std::uint64_t from) const {
  const std::lock_guard lock{state_->mutex};
  return state_->losses.from(from);
}

std::vector<recorder::slot> recorder::latency() const {
  const std::lock_guard lock{state_->mutex};
  return {state_->slots.begin(), state_->slots.end()};
}

std::vector<std::uint64_t> recorder::latency_of(const std::string& job) const {
  const std::lock_guard lock{state_->mutex};
  const auto known = state_->of_jobs.find(job);
  if (known == state_->of_jobs.end()) return std::vector<std::uint64_t>(buckets);
  return {known->second.begin(), known->second.end()};
}

std::optional<microseconds> recorder::clock_offset() const {
  const std::lock_guard lock{state_->mutex};
  return state_->offset;
}

bool recorder::is_store_up() const {
  const std::lock_guard lock{state_->mutex};
  return state_->is_up;
}

}  // namespace baton::observe

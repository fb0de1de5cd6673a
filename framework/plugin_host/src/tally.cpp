#include "tally.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <utility>

#include "system.hpp"

namespace baton::plugin_host {
namespace {

/// What a crash may lose.
constexpr std::chrono::seconds interval{1};

}  // namespace

tally::tally(std::vector<metric> rows, listener hand_on) : rows_{std::move(rows)}, hand_on_{std::move(hand_on)}, kept_{rows_.size()} {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (rows_[i].kind == metric_kind::histogram) kept_[i].buckets.resize(rows_[i].buckets.size() + 1);
  }
}

void tally::update(std::uint32_t row, double amount) noexcept {
  if (row == 0 || row > rows_.size() || !std::isfinite(amount)) return;
  const auto& m = rows_[row - 1];
  if (m.kind == metric_kind::counter && amount < 0) return;
  const std::scoped_lock guard{mutex_};
  if (has_ended_) return;
  auto& k = kept_[row - 1];
  k.is_new = true;
  k.value = m.kind == metric_kind::gauge ? amount : k.value + amount;
  if (m.kind == metric_kind::histogram) {
    const auto bucket = std::ranges::lower_bound(m.buckets, amount) - m.buckets.begin();
    ++k.buckets[static_cast<std::size_t>(bucket)];
  }
  if (std::exchange(has_news_, true)) return;
  changed_.notify_one();
  if (thread_.joinable()) return;
  try {
    thread_ = quiet_thread([this] { work(); });
  } catch (const std::exception&) {  // no thread is left for it: all comes at the end
  }
}

void tally::work() {
  std::unique_lock guard{mutex_};
  while (!has_ended_) {
    changed_.wait(guard, [&] { return has_news_ || has_ended_; });
    changed_.wait_for(guard, interval, [&] { return has_ended_; });
    if (has_ended_) return;
    const auto news = take();
    guard.unlock();
    hand_on_(news);
    guard.lock();
  }
}

run_metrics tally::take() {
  run_metrics news;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    auto& k = kept_[i];
    if (!std::exchange(k.is_new, false)) continue;
    news.updates.push_back({rows_[i].kind, rows_[i].name, rows_[i].labels, k.value, k.buckets});
    k.value = 0;
    std::ranges::fill(k.buckets, 0U);
  }
  has_news_ = false;
  return news;
}

void tally::end() noexcept {
  run_metrics rest;
  {
    const std::scoped_lock guard{mutex_};
    if (std::exchange(has_ended_, true)) return;
    rest = take();
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  if (!rest.updates.empty()) hand_on_(std::move(rest));
}

}  // namespace baton::plugin_host

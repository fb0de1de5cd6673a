#include "tick_queue.hpp"

#include <algorithm>

#include "baton/base/result.hpp"

namespace baton::engine {

void tick_queue::place(std::size_t at, entry e) {
  heap_[at] = e;
  position_[e.second] = at;
}

void tick_queue::sift_up(std::size_t at) {
  const auto moving = heap_[at];
  while (at > 0) {
    const auto parent = (at - 1) / 4;
    if (!(moving < heap_[parent])) break;
    place(at, heap_[parent]);
    at = parent;
  }
  place(at, moving);
}

void tick_queue::sift_down(std::size_t at) {
  const auto moving = heap_[at];
  for (;;) {
    const auto first = at * 4 + 1;
    if (first >= heap_.size()) break;
    const auto last = std::min(first + 4, heap_.size());
    auto least = first;
    for (auto child = first + 1; child < last; ++child) {
      if (heap_[child] < heap_[least]) least = child;
    }
    if (!(heap_[least] < moving)) break;
    place(at, heap_[least]);
    at = least;
  }
  place(at, moving);
}

void tick_queue::set(job_index job, wall_time tick) {
  auto at = position_[job];
  if (at == absent) {
    at = heap_.size();
    heap_.emplace_back(tick, job);
    position_[job] = at;
  } else {
    heap_[at].first = tick;
  }
  sift_up(at);
  sift_down(position_[job]);
}

void tick_queue::remove(job_index job) {
  const auto at = position_[job];
  if (at == absent) return;
  position_[job] = absent;
  const auto last = heap_.back();
  heap_.pop_back();
  if (at == heap_.size()) return;
  place(at, last);
  sift_up(at);
  sift_down(position_[last.second]);
}

job_index tick_queue::pop() {
  BATON_ASSERT(!heap_.empty());
  const auto job = heap_.front().second;
  remove(job);
  return job;
}

}  // namespace baton::engine

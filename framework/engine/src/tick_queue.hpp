#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "baton/base/time.hpp"
#include "baton/engine/types.hpp"

namespace baton::engine {

/// Which job is due next: a 4-ary heap of (tick, job) that knows where each job stands. One entry a job.
class tick_queue {
 public:
  explicit tick_queue(std::size_t jobs) : position_(jobs, absent) {}
  /// So many jobs from now on, not fewer than before.
  void grow(std::size_t jobs) { position_.resize(jobs, absent); }

  /// O(log n); replaces what the job had.
  void set(job_index job, wall_time tick);
  void remove(job_index job);

  [[nodiscard]] std::optional<wall_time> next() const { return heap_.empty() ? std::nullopt : std::optional{heap_.front().first}; }
  /// The job of next(), removed. There must be one.
  job_index pop();

 private:
  using entry = std::pair<wall_time, job_index>;
  static constexpr std::size_t absent = static_cast<std::size_t>(-1);
  void place(std::size_t at, entry e);
  void sift_up(std::size_t at);
  void sift_down(std::size_t at);

  std::vector<entry> heap_;
  std::vector<std::size_t> position_;
};

}  // namespace baton::engine

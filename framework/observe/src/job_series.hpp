#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "baton/observe/metrics.hpp"
#include "families.hpp"

namespace baton::observe {

/// The families with a label job_name, job_info aside.
enum class job_family : std::uint8_t {
  lock_acquire_duration,
  lock_attempts,
  lock_hold_duration,
  lock_held,
  lock_lost,
  ticks,
  skips,
  tick_lateness,
  runs_started,
  runs,
  run_duration,
  retries,
  running,
  overlap_suspected,
  schedule_max_gap,
  last_success,
  last_run,
  next_tick,
  paused,
  schedule_disagreement,
};
inline constexpr std::size_t job_family_count = 20;

enum class metric_type : std::uint8_t { counter, gauge, histogram };

struct family_of_jobs {
  metric_type type{};
  const char* name = nullptr;  ///< without the prefix
  const char* help = nullptr;
  std::string_view label;                    ///< beside job_name; "" if there is none
  std::span<const std::string_view> values;  ///< of that label; one that is "" if there is none
  std::span<const double> bounds;            ///< of a histogram's buckets, but for the last
  std::size_t first = 0;                     ///< of its series among a job's histograms, or among its numbers
};

inline constexpr const char* job_info_help = "A configured job: its schedule, time zone, plugin and lock name.";
[[nodiscard]] const family_of_jobs& family_of(job_family which) noexcept;
[[nodiscard]] std::span<const family_of_jobs, job_family_count> families_of_jobs() noexcept;  ///< by job_family

/// A histogram that needs no memory before it saw anything: most jobs of a large fleet run elsewhere, or once a day.
class sparse_histogram {
 public:
  static constexpr std::size_t most_buckets = 16;
  using buckets = std::array<std::uint64_t, most_buckets>;

  sparse_histogram() = default;
  ~sparse_histogram() { delete seen_.load(); }
  sparse_histogram(const sparse_histogram&) = delete;
  sparse_histogram& operator=(const sparse_histogram&) = delete;

  /// Without memory it is not counted.
  void observe(std::span<const double> bounds, double value) noexcept;
  /// How many are in each bucket by itself, and their sum. Another thread's observation may be in one of the two only.
  [[nodiscard]] double read(buckets& counts) const noexcept;

 private:
  struct content {
    std::atomic<double> sum = 0;
    std::array<std::atomic<std::uint64_t>, most_buckets> counts{};
  };
  std::atomic<content*> seen_ = nullptr;
};

/// What a registry of the caller's has of all jobs.
class registered_families {
 public:
  explicit registered_families(prometheus::Registry& registry);

  struct series {
    std::vector<Counter*> counters;  ///< by number; nullptr for a gauge
    std::vector<Gauge*> gauges;
    std::vector<Histogram*> histograms;
  };
  [[nodiscard]] std::unique_ptr<const series> add(const job_labels& job);

 private:
  prometheus::Family<Gauge>& info_;
  std::array<prometheus::Family<Counter>*, job_family_count> counters_{};
  std::array<prometheus::Family<Gauge>*, job_family_count> gauges_{};
  std::array<prometheus::Family<Histogram>*, job_family_count> histograms_{};
};

/// Every series of one job. A label's value that its family does not have is ignored.
class job_series {
 public:
  static constexpr std::size_t number_count = 40;
  static constexpr std::size_t histogram_count = 6;

  /// With `theirs` all is counted there, for whoever else scrapes it.
  job_series(const job_labels& job, registered_families* theirs);

  void add(job_family which, std::string_view value = "", double by = 1) noexcept;
  void set(job_family which, double to) noexcept;
  void raise(job_family which, double to) noexcept;  ///< leaves what is higher
  void observe(job_family which, double seen, std::string_view value = "") noexcept;

  [[nodiscard]] double number(std::size_t index) const noexcept { return numbers_[index].load(std::memory_order_relaxed); }
  [[nodiscard]] const sparse_histogram& histogram(std::size_t index) const noexcept { return histograms_[index]; }
  [[nodiscard]] const std::string& name_text() const noexcept { return name_text_; }
  [[nodiscard]] const std::string& info_text() const noexcept { return info_text_; }

 private:
  std::string name_text_;  ///< job_name="…", escaped
  std::string info_text_;  ///< the labels of job_info, escaped
  std::array<std::atomic<double>, number_count> numbers_{};
  std::array<sparse_histogram, histogram_count> histograms_{};
  std::unique_ptr<const registered_families::series> theirs_;
};

}  // namespace baton::observe

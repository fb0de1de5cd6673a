#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "baton/base/time.hpp"

namespace baton::observe {

/// What one instance saw of locks lately, for people to look at: the newest attempts and losses one by one, and how long taking locks took,
/// minute by minute for a day. Bounded, whatever comes; what metrics add up, and the ledger does not know.
///
/// Thread safety: all functions may be called from any thread.
class recorder {
 public:
  struct attempt {
    wall_time at{};
    std::string job;
    std::optional<wall_time> tick;
    std::string outcome;  ///< acquired, busy, duplicate_tick or error
    microseconds took{};
  };
  struct loss {
    wall_time at{};
    std::string job;
    std::string reason;
  };
  struct slot {
    wall_time at{};
    std::vector<std::uint32_t> counts;  ///< per bucket; the last has no bound
  };
  template <typename Entry>
  struct newer {
    std::vector<Entry> entries;  ///< oldest first
    std::uint64_t next = 0;      ///< to be given the next time
  };

  recorder();
  ~recorder();

  void lock_attempt(wall_time at, std::string_view job, wall_time tick, std::string_view outcome, microseconds took);
  /// A lock was got, and the ledger already had the tick for which it was.
  void duplicate_tick(wall_time at, std::string_view job);
  void lock_lost(wall_time at, std::string_view job, std::string_view reason);
  void clock_offset(microseconds offset);
  void store_up(bool up);

  /// Upper bounds of the buckets of a slot, in seconds.
  [[nodiscard]] static std::span<const double> latency_bounds() noexcept;
  [[nodiscard]] newer<attempt> attempts(std::uint64_t from = 0) const;
  [[nodiscard]] newer<loss> losses(std::uint64_t from = 0) const;
  [[nodiscard]] std::vector<slot> latency() const;  ///< oldest first; minutes without an attempt are left out
  [[nodiscard]] std::vector<std::uint64_t> latency_of(const std::string& job) const;
  [[nodiscard]] std::optional<microseconds> clock_offset() const;
  [[nodiscard]] bool is_store_up() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace baton::observe

#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "baton/base/time.hpp"
#include "baton/schedule/calendar.hpp"
#include "baton/schedule/syntax_error.hpp"
#include "baton/schedule/zone.hpp"

namespace baton::schedule {

/// `{every: 90s, anchor: …}`: elapsed time from an anchor, so the same ticks on every instance. `every` is at least a second.
///
/// The anchor is a phase, not a start: there are ticks before it too. Clocks that go forward or back do not touch it.
struct every {
  microseconds period;
  wall_time anchor{};  ///< default: the epoch
};

/// What local clocks do at a tick.
enum class clock_mark : std::uint8_t {
  none,
  skipped,      ///< the clocks went forward over the time that is meant; this is the first instant after it
  first_pass,   ///< they will go back, and show this time again
  second_pass,  ///< they went back, and show this time again
};
/// "", "skipped", "first pass", "second pass"
[[nodiscard]] std::string_view to_string(clock_mark m) noexcept;

/// What a job adds to its schedule. The ticks stay what they are: some do not run, and the others run a little later.
struct refinement {
  day_rules days = {};
  zone where = zone::utc();  ///< whose days those are
  microseconds jitter{};     ///< how much later at most
  std::string job = {};      ///< its name spreads jobs with the same ticks
};

class tick_range;

/// When a job is due: an expression in a zone, as ticks. The same answers on every instance with the same tzdata.
///
/// Where clocks change, an expression at fixed times is neither lost nor doubled: a time that is skipped runs once, at the first instant
/// after; one that is repeated runs the first time. An *interval* - its second, minute or hour is written with `*`, `-` or `/` - follows
/// the clock: repeated times run both times, and skipped ones run once only if it has hours of its own (`*/15 2 * * *`, not `30 * * * *`).
///
/// Thread safety: immutable; copies share their state.
class timetable {
 public:
  /// Reads a cron expression: five fields; six with seconds in front; seven with a year (1970-2199) at the end; @macros; @every 90s.
  ///
  /// Names in any case; lists, ranges, steps; in day-of-month `?`, `L`, `L-3`, `LW`, `15W`, in day-of-week `?`, `5L`, `5#3`; `H`, `H/15`,
  /// `H(0-29)`, `H(0-29)/10`, values that follow from `hash_name`, which spread the jobs that are written alike.
  /// Only a bare `*` or `?` leaves a day field open; with both day fields restricted a day matches by either of them. A reversed range, a
  /// step beyond the field's span and an expression that can never fire (30 February) are errors.
  [[nodiscard]] static std::variant<timetable, syntax_error> from_cron(std::string_view expression, const zone& where = zone::utc(),
                                                                       std::optional<std::string_view> hash_name = std::nullopt);
  [[nodiscard]] static std::variant<timetable, syntax_error> from_every(every interval);
  /// One tick: "2026-12-31T23:59:00" of the zone's clocks, or of UTC with a Z behind it. A local time that is skipped is the first instant
  /// after, one that is repeated is the first of both.
  [[nodiscard]] static std::variant<timetable, syntax_error> from_at(std::string_view text, const zone& where = zone::utc());

  [[nodiscard]] timetable refined(refinement r) const;

  /// The first tick strictly after `t`; nullopt when there is none before the end of year 9999. No tick is before year 1.
  /// Costs tens of nanoseconds and allocates nothing.
  [[nodiscard]] std::optional<wall_time> next(wall_time t) const noexcept;
  /// The last tick strictly before `t`.
  [[nodiscard]] std::optional<wall_time> previous(wall_time t) const noexcept;
  /// The ticks in (after, until], one by one, for a range-based for.
  [[nodiscard]] tick_range between(wall_time after, wall_time until) const noexcept;

  /// Whether a tick is not to run, for the day that it is on.
  [[nodiscard]] bool is_excluded(wall_time tick) const noexcept;
  /// The first tick strictly after `t` that is not excluded.
  [[nodiscard]] std::optional<wall_time> next_run(wall_time t) const noexcept;
  /// When a tick is to run: later by less than the jitter, and before the next tick. The same on every instance: it follows from a hash of
  /// job and tick.
  [[nodiscard]] wall_time due(wall_time tick) const noexcept;

  /// No two neighbouring ticks that run, from `t` on, are farther apart; jitter does not count. In a zone it may be more than ever comes,
  /// by the widest change of its clocks. nullopt when there is no second tick. Takes up to 0.2 ms, and 0.1 us for each day of a calendar.
  [[nodiscard]] std::optional<microseconds> longest_gap(wall_time t) const;
  [[nodiscard]] clock_mark mark(wall_time tick) const noexcept;

  /// The text it was made from, in its canonical form: equal text and zone, equal ticks; the usual spellings of one
  /// schedule have one text.
  [[nodiscard]] const std::string& text() const noexcept;
  /// Text and zone in at most 64 characters; where they are longer a part of them, and a hash of the whole. What instances compare.
  [[nodiscard]] std::string identity() const;
  /// "at 02:30 on the last day of the month"
  [[nodiscard]] std::string in_words() const;
  [[nodiscard]] const zone& time_zone() const noexcept;
  [[nodiscard]] const zone& calendar_zone() const noexcept;  ///< whose days its calendars mean

  friend bool operator==(const timetable& a, const timetable& b) noexcept {
    return a.text() == b.text() && a.time_zone().name() == b.time_zone().name();
  }

 private:
  struct state;
  [[nodiscard]] std::optional<microseconds> longest_gap_of_ticks(wall_time t) const;
  explicit timetable(std::shared_ptr<const state> s) noexcept : state_(std::move(s)) {}
  std::shared_ptr<const state> state_;
};

/// Ticks, computed as one goes on. Lifetime: of the timetable.
class tick_range {
 public:
  class iterator {
   public:
    using value_type = wall_time;
    using difference_type = std::ptrdiff_t;
    iterator() = default;
    iterator(const timetable& of, std::optional<wall_time> at, wall_time until) noexcept : of_(&of), at_(at), until_(until) {}
    wall_time operator*() const noexcept { return *at_; }
    iterator& operator++() noexcept {
      at_ = of_->next(*at_);
      return *this;
    }
    void operator++(int) noexcept { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept { return !i.at_ || *i.at_ > i.until_; }

   private:
    const timetable* of_ = nullptr;
    std::optional<wall_time> at_;
    wall_time until_{};
  };

  tick_range(const timetable& of, wall_time after, wall_time until) noexcept : of_(&of), after_(after), until_(until) {}
  [[nodiscard]] iterator begin() const noexcept { return {*of_, of_->next(after_), until_}; }
  [[nodiscard]] static std::default_sentinel_t end() noexcept { return {}; }

 private:
  const timetable* of_;
  wall_time after_;
  wall_time until_;
};

}  // namespace baton::schedule

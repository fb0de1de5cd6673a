#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace baton::schedule::oracle {

// A second opinion on every tick that shares nothing with the library: its own calendar, libc's time zones, sets instead of bits, and a
// walk instead of a search. Times are seconds since 1970.

struct civil {
  std::int64_t year;
  int month, day, hour, minute, second, weekday, length_of_month;
};
[[nodiscard]] civil civil_of(std::int64_t local_seconds);

/// A zone as libc's localtime_r() tells it, from 1970 on.
class zone_clock {
 public:
  struct piece {
    std::int64_t begin;
    std::int64_t offset;
  };
  zone_clock(std::string name, std::int64_t end);
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<piece>& pieces() const { return pieces_; }
  [[nodiscard]] std::size_t piece_at(std::int64_t utc) const;

 private:
  std::string name_;
  std::vector<piece> pieces_;
};

/// An expression that knows its text and, separately, what it means.
struct expression {
  std::string text;
  std::set<int> seconds{0}, minutes, hours, days, months, weekdays, years;  // years: empty is any
  std::set<int> days_before_last, nearest_weekdays;                         // nearest: 0 is LW
  std::set<std::pair<int, int>> nth_weekdays;                               // weekday and week; week 6 is the last
  bool any_day = false, any_weekday = false, is_interval = false;

  [[nodiscard]] bool matches_day(const civil& c) const;
  [[nodiscard]] bool matches_time(const civil& c) const {
    return hours.contains(c.hour) && minutes.contains(c.minute) && seconds.contains(c.second);
  }
};
[[nodiscard]] expression random_expression(std::mt19937_64& random);

/// Whether an instant is a tick by the rule in the documentation.
[[nodiscard]] bool is_tick(const expression& e, const zone_clock& z, std::int64_t utc);
/// The first tick after `utc`, looked for until `limit`.
[[nodiscard]] std::optional<std::int64_t> next(const expression& e, const zone_clock& z, std::int64_t utc, std::int64_t limit);

}  // namespace baton::schedule::oracle

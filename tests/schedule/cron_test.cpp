// The search against a walk through the calendar that shares no code with it: no std::chrono dates, no bit sets.

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <random>
#include <set>
#include <string>

#include "baton/schedule/timetable.hpp"

namespace baton::schedule {
namespace {

struct civil {
  int year, month, day, hour, minute, second, weekday;
};

bool is_leap(int y) { return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0); }

int month_length(int y, int m) {
  constexpr std::array lengths{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return m == 2 && is_leap(y) ? 29 : lengths[static_cast<std::size_t>(m - 1)];
}

void next_day(civil& c) {
  c.hour = c.minute = c.second = 0;
  c.weekday = (c.weekday + 1) % 7;
  if (++c.day <= month_length(c.year, c.month)) return;
  c.day = 1;
  if (++c.month <= 12) return;
  c.month = 1;
  ++c.year;
}

void next_minute(civil& c) {
  c.second = 0;
  if (++c.minute < 60) return;
  c.minute = 0;
  if (++c.hour < 24) return;
  next_day(c);
}

void next_second(civil& c) {
  if (++c.second < 60) return;
  next_minute(c);
}

/// Fields as sets of values, together with their text.
struct expression {
  std::set<int> seconds, minutes, hours, days, months, weekdays;
  bool any_day = false, any_weekday = false;
  std::string text;

  bool matches_day(const civil& c) const {
    if (!months.contains(c.month)) return false;
    const bool day = days.contains(c.day);
    const bool weekday = weekdays.contains(c.weekday);
    return any_day || any_weekday ? (any_day || day) && (any_weekday || weekday) : day || weekday;
  }
  bool matches_minute(const civil& c) const { return hours.contains(c.hour) && minutes.contains(c.minute); }
};

/// The first match after `c`: second by second to the end of the minute, minute by minute to the end of the day, then day by day.
bool walk(const expression& e, civil& c) {
  next_second(c);
  for (int day = 0; day < 366 * 9; ++day) {
    if (e.matches_day(c)) {
      const int today = c.day;
      while (c.day == today) {
        if (e.matches_minute(c)) {
          const int this_minute = c.minute;
          while (c.minute == this_minute && c.day == today) {
            if (e.seconds.contains(c.second)) return true;
            next_second(c);
          }
        } else {
          next_minute(c);
        }
      }
    } else {
      next_day(c);
    }
  }
  return false;
}

class generator {
 public:
  explicit generator(std::uint64_t seed) : random_(seed) {}

  int pick(int from, int to) { return std::uniform_int_distribution<int>{from, to}(random_); }

  expression make() {
    expression e;
    std::string unused;
    bool ignored = false;
    const bool has_seconds = pick(0, 3) == 0;
    if (has_seconds) {
      e.text = field(e.seconds, 0, 59, ignored, "") + " ";
    } else {
      e.seconds = {0};
    }
    e.text += field(e.minutes, 0, 59, ignored, "") + " ";
    e.text += field(e.hours, 0, 23, ignored, "") + " ";
    e.text += field(e.days, 1, 31, e.any_day, "?") + " ";
    e.text += field(e.months, 1, 12, ignored, "") + " ";
    e.text += field(e.weekdays, 0, 6, e.any_weekday, "?");
    return e;
  }

  civil instant() {
    // Walks from a known Saturday, 2000-01-01, so that the weekday comes from counting.
    civil c{2000, 1, 1, 0, 0, 0, 6};
    for (int days = pick(0, 366 * 110); days > 0; --days) next_day(c);
    c.hour = pick(0, 23);
    c.minute = pick(0, 59);
    c.second = pick(0, 59);
    return c;
  }

 private:
  std::string field(std::set<int>& out, int first, int last, bool& any, std::string_view open) {
    const int shape = pick(0, 9);
    if (shape < 3) {
      for (int v = first; v <= last; ++v) out.insert(v);
      any = true;
      return open.empty() || pick(0, 1) == 0 ? "*" : std::string{open};
    }
    std::string text;
    for (int items = shape < 7 ? 1 : pick(2, 4); items > 0; --items) {
      if (!text.empty()) text += ',';
      const int step = pick(1, last - first);
      int from = pick(first, last);
      int to = pick(from, last);
      switch (pick(0, 4)) {
        case 0:
          text += std::to_string(from);
          out.insert(from);
          break;
        case 1:
          text += std::to_string(from) + "-" + std::to_string(to);
          for (int v = from; v <= to; ++v) out.insert(v);
          break;
        case 2:
          text += std::to_string(from) + "-" + std::to_string(to) + "/" + std::to_string(step);
          for (int v = from; v <= to; v += step) out.insert(v);
          break;
        case 3:
          text += std::to_string(from) + "/" + std::to_string(step);
          for (int v = from; v <= last; v += step) out.insert(v);
          break;
        default:
          text += "*/" + std::to_string(step);
          for (int v = first; v <= last; v += step) out.insert(v);
      }
    }
    return text;
  }

  std::mt19937_64 random_;
};

std::string text_of(const civil& c) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.000000Z", c.year, c.month, c.day, c.hour, c.minute, c.second);
  return text.data();
}

TEST(cron, finds_what_a_walk_through_the_calendar_finds) {
  generator random{4711};
  int found = 0;
  int refused = 0;
  for (int i = 0; i < 1500; ++i) {
    const auto e = random.make();
    const auto made = timetable::from_cron(e.text);
    if (const auto* error = std::get_if<syntax_error>(&made)) {
      ASSERT_NE(error->message.find("can never fire"), std::string::npos) << e.text << ": " << error->message;
      civil c{1999, 12, 31, 23, 59, 59, 5};
      ASSERT_FALSE(walk(e, c)) << e.text << " fires at " << text_of(c);
      ++refused;
      continue;
    }
    for (int j = 0; j < 4; ++j) {
      auto c = random.instant();
      const auto from = text_of(c);
      const auto next = std::get<timetable>(made).next(from_rfc3339(from).value());
      ASSERT_TRUE(next) << e.text << " from " << from;
      ASSERT_TRUE(walk(e, c)) << e.text << " from " << from;
      ASSERT_EQ(to_rfc3339(*next), text_of(c)) << e.text << " from " << from;
      ++found;
    }
  }
  EXPECT_GT(found, 5000);
  EXPECT_GT(refused, 0);
}

TEST(cron, counts_every_tick_of_four_centuries_on_29_february) {
  const auto t = std::get<timetable>(timetable::from_cron("0 0 29 2 *"));
  auto now = from_rfc3339("2000-01-01T00:00:00Z").value();
  const auto end = from_rfc3339("2400-01-01T00:00:00Z").value();
  int ticks = 0;
  for (auto next = t.next(now); next && *next < end; next = t.next(now)) {
    now = *next;
    ++ticks;
  }
  EXPECT_EQ(ticks, 97);
}

TEST(cron, fires_once_for_each_minute_of_a_year_in_which_it_matches) {
  const auto t = std::get<timetable>(timetable::from_cron("* * * * *"));
  auto now = from_rfc3339("2027-12-31T23:59:00Z").value();
  const auto end = from_rfc3339("2029-01-01T00:00:00Z").value();
  int ticks = 0;
  for (auto next = t.next(now); next && *next < end; next = t.next(now)) {
    ASSERT_EQ(*next - now, std::chrono::minutes{1});
    now = *next;
    ++ticks;
  }
  EXPECT_EQ(ticks, 366 * 1440);
}

}  // namespace
}  // namespace baton::schedule

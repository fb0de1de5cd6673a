#include "oracle.hpp"

#include <algorithm>
#include <cstdlib>
#include <ctime>

namespace baton::schedule::oracle {
namespace {

constexpr std::int64_t day_seconds = 86'400;

bool is_leap(std::int64_t y) { return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0); }

int month_length(std::int64_t y, int m) {
  constexpr int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return m == 2 && is_leap(y) ? 29 : lengths[m - 1];
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

struct date {
  std::int64_t year;
  int month, day, weekday;
};

/// Every day from 1969 to 2112, counted one after the other.
const date& date_of(std::int64_t day) {
  static const auto days = [] {
    std::vector<date> out;
    date d{1969, 1, 1, 3};
    while (d.year < 2113) {
      out.push_back(d);
      d.weekday = (d.weekday + 1) % 7;
      if (++d.day <= month_length(d.year, d.month)) continue;
      d.day = 1;
      if (++d.month <= 12) continue;
      d.month = 1;
      ++d.year;
    }
    return out;
  }();
  return days.at(static_cast<std::size_t>(day + 365));
}

std::int64_t offset_at(std::int64_t utc) {
  const std::time_t t = utc;
  std::tm parts{};
  ::localtime_r(&t, &parts);
  return parts.tm_gmtoff;
}

}  // namespace

civil civil_of(std::int64_t local) {
  const auto day = floor_div(local, day_seconds);
  const auto rest = static_cast<int>(local - day * day_seconds);
  const auto& d = date_of(day);
  return {d.year, d.month, d.day, rest / 3600, rest / 60 % 60, rest % 60, d.weekday, month_length(d.year, d.month)};
}

zone_clock::zone_clock(std::string name, std::int64_t end) : name_(std::move(name)) {
  ::setenv("TZ", (":" + name_).c_str(), 1);
  ::tzset();
  constexpr auto step = day_seconds;  // no clock is changed and changed back within a day
  pieces_.push_back({-2 * day_seconds, offset_at(-2 * day_seconds)});
  for (auto t = -2 * day_seconds; t < end; t += step) {
    if (offset_at(t + step) == pieces_.back().offset) continue;
    auto low = t;
    auto high = t + step;
    while (high - low > 1) {
      const auto middle = low + (high - low) / 2;
      (offset_at(middle) == pieces_.back().offset ? low : high) = middle;
    }
    pieces_.push_back({high, offset_at(high)});
  }
}

std::size_t zone_clock::piece_at(std::int64_t utc) const {
  std::size_t i = pieces_.size() - 1;
  while (i > 0 && pieces_[i].begin > utc) --i;
  return i;
}

bool expression::matches_day(const civil& c) const {
  if (!months.contains(c.month) || (!years.empty() && !years.contains(static_cast<int>(c.year)))) return false;
  bool day = days.contains(c.day) || days_before_last.contains(c.length_of_month - c.day);
  if (c.weekday >= 1 && c.weekday <= 5) {
    // Which days have this one for their nearest weekday?
    const auto wanted = [&](int n) { return n >= 1 && n <= c.length_of_month && nearest_weekdays.contains(n); };
    const bool monday = c.weekday == 1;
    const bool friday = c.weekday == 5;
    day = day || wanted(c.day) || (monday && c.day > 1 && wanted(c.day - 1)) || (friday && c.day < c.length_of_month && wanted(c.day + 1));
    day = day || (monday && c.day == 3 && wanted(1));                                      // Saturday the 1st
    day = day || (friday && c.day == c.length_of_month - 2 && wanted(c.length_of_month));  // Sunday the last
    const int left = c.length_of_month - c.day;
    day = day || (nearest_weekdays.contains(0) && (left == 0 || (friday && left <= 2)));
  }
  const bool last_week = c.day + 7 > c.length_of_month;
  const bool weekday = weekdays.contains(c.weekday) || nth_weekdays.contains({c.weekday, (c.day - 1) / 7 + 1}) ||
                       (last_week && nth_weekdays.contains({c.weekday, 6}));
  return any_day || any_weekday ? (any_day || day) && (any_weekday || weekday) : day || weekday;
}

namespace {

bool matches(const expression& e, std::int64_t local) {
  const auto c = civil_of(local);
  return e.matches_time(c) && e.matches_day(c);
}

bool is_tick_in(const expression& e, const zone_clock& z, std::int64_t utc, std::size_t piece) {
  const auto& pieces = z.pieces();
  const auto& p = pieces[piece];
  const auto local = utc + p.offset;
  if (matches(e, local)) {
    bool seen_before = false;
    for (std::size_t i = piece; i-- > 0 && pieces[i + 1].begin > utc - 2 * day_seconds;) {
      const auto other = local - pieces[i].offset;
      seen_before = seen_before || (other >= pieces[i].begin && other < pieces[i + 1].begin && other < utc);
    }
    if (!seen_before || e.is_interval) return true;
  }
  if (piece == 0 || utc != p.begin || e.hours.size() == 24) return false;
  for (auto skipped = p.begin + pieces[piece - 1].offset; skipped < local; ++skipped) {
    if (matches(e, skipped)) return true;
  }
  return false;
}

}  // namespace

bool is_tick(const expression& e, const zone_clock& z, std::int64_t utc) { return is_tick_in(e, z, utc, z.piece_at(utc)); }

std::optional<std::int64_t> next(const expression& e, const zone_clock& z, std::int64_t utc, std::int64_t limit) {
  auto piece = z.piece_at(utc + 1);
  const auto& pieces = z.pieces();
  for (auto t = utc + 1; t <= limit;) {
    while (piece + 1 < pieces.size() && pieces[piece + 1].begin <= t) ++piece;
    const auto local = t + pieces[piece].offset;
    const auto c = civil_of(local);
    std::int64_t step = 0;  // to the next day, hour or minute, when this one has no match; never over a change of the clocks
    if (!e.matches_day(c)) {
      step = day_seconds - (c.hour * 3600 + c.minute * 60 + c.second);
    } else if (!e.hours.contains(c.hour)) {
      step = 3600 - (c.minute * 60 + c.second);
    } else if (!e.minutes.contains(c.minute)) {
      step = 60 - c.second;
    }
    if ((step == 0 || t == pieces[piece].begin) && is_tick_in(e, z, t, piece)) return t;
    t += std::max<std::int64_t>(step, 1);
    if (piece + 1 < pieces.size()) t = std::min(t, pieces[piece + 1].begin);
  }
  return std::nullopt;
}

namespace {

class generator {
 public:
  explicit generator(std::mt19937_64& random) : random_(random) {}
  int pick(int from, int to) { return std::uniform_int_distribution<int>{from, to}(random_); }

  /// Text, and its values into `out`; `spread` when it has one of * ? - /.
  std::string field(std::set<int>& out, int first, int last, bool& any, bool& spread, bool is_day = false) {
    const int shape = pick(0, 9);
    if (shape < 3) {
      for (int v = first; v <= last; ++v) out.insert(v);
      any = spread = true;
      return is_day && pick(0, 1) == 0 ? "?" : "*";
    }
    std::string text;
    for (int items = shape < 7 ? 1 : pick(2, 4); items > 0; --items) {
      if (!text.empty()) text += ',';
      const int step = pick(1, last - first);
      const int from = pick(first, last);
      const int to = pick(from, last);
      const int form = pick(0, 6);
      spread = spread || (form >= 1 && form <= 4);
      const auto put = [&](int a, int b, int by) {
        for (int v = a; v <= b; v += by) out.insert(v);
      };
      switch (form) {
        case 1: text += std::to_string(from) + "-" + std::to_string(to), put(from, to, 1); break;
        case 2: text += std::to_string(from) + "-" + std::to_string(to) + "/" + std::to_string(step), put(from, to, step); break;
        case 3: text += std::to_string(from) + "/" + std::to_string(step), put(from, last, step); break;
        case 4: text += "*/" + std::to_string(step), put(first, last, step); break;
        default: text += std::to_string(from), out.insert(from);
      }
    }
    return text;
  }

 private:
  std::mt19937_64& random_;
};

}  // namespace

expression random_expression(std::mt19937_64& random) {
  generator g{random};
  expression e;
  bool ignored = false;
  const bool has_year = g.pick(0, 19) == 0;
  if (has_year || g.pick(0, 5) == 0) {
    e.seconds.clear();
    e.text = g.field(e.seconds, 0, 59, ignored, e.is_interval) + " ";
  }
  e.text += g.field(e.minutes, 0, 59, ignored, e.is_interval) + " ";
  e.text += g.field(e.hours, 0, 23, ignored, e.is_interval) + " ";
  auto days = g.field(e.days, 1, 31, e.any_day, ignored, true);
  if (!e.any_day && g.pick(0, 2) == 0) {
    const int n = g.pick(1, 28);
    switch (g.pick(0, 3)) {
      case 0: days += ",L", e.days_before_last.insert(0); break;
      case 1: days += ",L-" + std::to_string(n), e.days_before_last.insert(n); break;
      case 2: days += ",lw", e.nearest_weekdays.insert(0); break;
      default: days += "," + std::to_string(n + 3) + "W", e.nearest_weekdays.insert(n + 3);
    }
    if (g.pick(0, 1) == 0) {
      days.erase(0, days.rfind(',') + 1);
      e.days.clear();
    }
  }
  e.text += days + " " + g.field(e.months, 1, 12, ignored, ignored) + " ";
  auto weekdays = g.field(e.weekdays, 0, 6, e.any_weekday, ignored, true);
  if (!e.any_weekday && g.pick(0, 2) == 0) {
    const int day = g.pick(0, 6);
    const int week = g.pick(1, 6);
    weekdays += "," + std::to_string(day) + (week == 6 ? "L" : "#" + std::to_string(week));
    e.nth_weekdays.emplace(day, week);
    if (g.pick(0, 1) == 0) {
      weekdays.erase(0, weekdays.rfind(',') + 1);
      e.weekdays.clear();
    }
  }
  e.text += weekdays;
  if (has_year) {
    const int year = g.pick(2000, 2060);
    for (int y = year; y <= year + 40; ++y) e.years.insert(y);
    e.text += " " + std::to_string(year) + "-" + std::to_string(year + 40);
  }
  return e;
}

}  // namespace baton::schedule::oracle

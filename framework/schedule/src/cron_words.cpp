// cron → an English sentence.

#include <array>
#include <vector>

#include "cron_text.hpp"
#include "cron_values.hpp"

namespace baton::schedule {
namespace {

constexpr std::array<std::string_view, 13> months{"",     "January", "February",  "March",   "April",    "May",     "June",
                                                  "July", "August",  "September", "October", "November", "December"};
constexpr std::array<std::string_view, 7> weekdays{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 6> weeks{"first", "second", "third", "fourth", "fifth", "last"};
constexpr std::size_t most_times = 6;  // as many as a reader takes in one by one

std::string joined(const std::vector<std::string>& items, std::string_view last = " and ") {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += i + 1 == items.size() ? last : ", ";
    out += items[i];
  }
  return out;
}

std::string two_digits(int n) { return (n < 10 ? "0" : "") + std::to_string(n); }

std::string ordinal(int n) {
  const bool is_teen = n / 10 % 10 == 1;
  return std::to_string(n) + (is_teen || n % 10 > 3 || n % 10 == 0 ? "th" : n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : "rd");
}

/// Neighbours as "first to last".
template <typename Name>
std::string listed(const values& v, Name name, std::size_t shortest_run = 3) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < v.size();) {
    auto end = i + 1;
    while (end < v.size() && v[end] == v[end - 1] + 1) ++end;
    if (end - i >= shortest_run) {
      items.push_back(std::string{name(v[i])} + " to " + std::string{name(v[end - 1])});
      i = end;
    } else {
      items.emplace_back(name(v[i++]));
    }
  }
  return joined(items);
}

/// The step of values that go evenly through all of 0 to `limit` - 1; 0 if they do not.
int even_step(const values& v, int limit) {
  if (v.size() < 2 || v[0] != 0 || limit % static_cast<int>(v.size()) != 0) return 0;
  const int step = limit / static_cast<int>(v.size());
  for (std::size_t i = 1; i < v.size(); ++i) {
    if (v[i] - v[i - 1] != step) return 0;
  }
  return step;
}

/// "every minute", "every 15 minutes", "at minute 5 and 35"
std::string part(const values& v, const std::string& unit) {
  const int step = even_step(v, 60);
  if (step == 1) return "every " + unit;
  if (step > 1) return "every " + std::to_string(step) + " " + unit + "s";
  return "at " + unit + " " + listed(v, [](int n) { return std::to_string(n); });
}

std::string hours_in_words(const values& hours) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < hours.size();) {
    auto end = i + 1;
    while (end < hours.size() && hours[end] == hours[end - 1] + 1) ++end;
    items.push_back(two_digits(hours[i]) + ":00-" + two_digits(hours[end - 1]) + ":59");
    i = end;
  }
  return "within " + joined(items);
}

std::string times_in_words(const cron& c) {
  const auto seconds = values_of(c.seconds);
  const auto minutes = values_of(c.minutes);
  const auto hours = values_of(c.hours);
  const bool has_seconds = seconds != values{0};
  if (seconds.size() == 1 && minutes.size() * hours.size() <= most_times) {
    std::vector<std::string> times;
    for (const int h : hours) {
      for (const int m : minutes) times.push_back(two_digits(h) + ":" + two_digits(m) + (has_seconds ? ":" + two_digits(seconds[0]) : ""));
    }
    return "at " + joined(times);
  }
  std::string out;
  if (has_seconds) out = part(seconds, "second");
  const int hour_step = even_step(hours, 24);
  if (!has_seconds || minutes.size() < 60) {
    if (!out.empty()) out += ", ";
    if (seconds.size() == 1 && minutes.size() == 1 && hour_step > 0) {
      const std::string of_hour = hour_step == 1 ? "every hour" : "every " + std::to_string(hour_step) + " hours";
      return out + of_hour + (minutes[0] == 0 ? "" : ", " + std::to_string(minutes[0]) + " minutes past");
    }
    out += part(minutes, "minute");
  }
  if (hour_step == 1) return out;
  if (hour_step > 1) return out + " of every " + ordinal(hour_step) + " hour";
  return out + " " + hours_in_words(hours);
}

std::string days_in_words(const cron& c) {
  std::vector<std::string> either;
  if (!c.any_day) {
    std::vector<std::string> items;
    if (c.days != 0) items.push_back("day " + listed(values_of(c.days), [](int n) { return std::to_string(n); }));
    for (const int n : values_of(c.days_before_last))
      items.push_back(n == 0 ? "the last day" : "the " + (n == 1 ? "day" : ordinal(n) + " day") + " before the last");
    for (const int n : values_of(c.nearest_weekdays))
      items.push_back(n == 0 ? "the last weekday (Monday to Friday)"
                             : "the weekday (Monday to Friday) nearest to day " + std::to_string(n));
    either.push_back("on " + joined(items) + " of the month");
  }
  if (!c.any_weekday) {
    std::vector<std::string> items;
    if (c.weekdays != 0) items.push_back(listed(values_of(c.weekdays), [](int n) { return weekdays[static_cast<std::size_t>(n)]; }));
    for (const int n : values_of(c.nth_weekdays)) {
      items.push_back("the " + std::string{weeks[static_cast<std::size_t>(n) / 7]} + " " +
                      std::string{weekdays[static_cast<std::size_t>(n) % 7]} + " of the month");
    }
    either.push_back("on " + joined(items));
  }
  return joined(either, " or ");
}

}  // namespace

std::string in_words(const cron& c) {
  std::string out = times_in_words(c);
  if (const auto days = days_in_words(c); !days.empty()) out += " " + days;
  if (c.months != every_month) out += " in " + listed(values_of(c.months), [](int n) { return months[static_cast<std::size_t>(n)]; });
  if (!c.any_year) {
    out += " of " + listed(years_of(c), [](int n) { return std::to_string(n); });
  }
  return out;
}

}  // namespace baton::schedule

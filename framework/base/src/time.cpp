#include "baton/base/time.hpp"

#include <array>
#include <cstdio>

namespace baton {
namespace {

using namespace std::chrono;

std::string print(wall_time t, char separator, const char* suffix) {
  const auto day = floor<days>(t);
  const year_month_day date{day};
  const hh_mm_ss clock{t - day};
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%04d-%02u-%02u%c%02d:%02d:%02d.%06lld%s", static_cast<int>(date.year()),
                                   static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), separator,
                                   static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                                   static_cast<int>(clock.seconds().count()), static_cast<long long>(clock.subseconds().count()), suffix);
  return {text.data(), static_cast<std::size_t>(length)};
}

/// Of one to six digits.
std::optional<int> number(std::string_view text) noexcept {
  int value = 0;
  if (text.empty() || text.size() > 6) return std::nullopt;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

/// "YYYY-MM-DD<separator>hh:mm:ss[.f{1,6}]"
std::optional<wall_time> read(std::string_view text, char separator) noexcept {
  if (text.size() < 19 || text[4] != '-' || text[7] != '-' || text[10] != separator || text[13] != ':' || text[16] != ':')
    return std::nullopt;
  const auto y = number(text.substr(0, 4));
  const auto mo = number(text.substr(5, 2));
  const auto d = number(text.substr(8, 2));
  const auto h = number(text.substr(11, 2));
  const auto mi = number(text.substr(14, 2));
  const auto s = number(text.substr(17, 2));
  if (!y || !mo || !d || !h || !mi || !s || *h > 23 || *mi > 59 || *s > 59) return std::nullopt;
  const year_month_day date{year{*y}, month{static_cast<unsigned>(*mo)}, day{static_cast<unsigned>(*d)}};
  if (!date.ok()) return std::nullopt;
  int fraction = 0;
  if (text.size() > 19) {
    auto digits = text.substr(20);
    const auto value = number(digits);
    if (text[19] != '.' || !value) return std::nullopt;
    fraction = *value;
    for (auto n = digits.size(); n < 6; ++n) fraction *= 10;
  }
  return wall_time{sys_days{date} + hours{*h} + minutes{*mi} + seconds{*s} + microseconds{fraction}};
}

}  // namespace

std::string to_rfc3339(wall_time t) { return print(t, 'T', "Z"); }
std::string to_sql(wall_time t) { return print(t, ' ', ""); }

std::optional<wall_time> from_rfc3339(std::string_view text) noexcept {
  if (text.empty() || text.back() != 'Z') return std::nullopt;
  return read(text.substr(0, text.size() - 1), 'T');
}

std::optional<wall_time> from_sql(std::string_view text) noexcept { return read(text, ' '); }

std::string to_text(microseconds d) {
  const auto us = d.count();
  if (us < 0) return "-" + to_text(-d);
  std::array<char, 32> text{};
  const auto print_unit = [&](double value, const char* unit) {
    std::snprintf(text.data(), text.size(), "%.6g%s", value, unit);
    return std::string{text.data()};
  };
  if (us < 1'000) return std::to_string(us) + "us";
  if (us < 1'000'000) return print_unit(static_cast<double>(us) / 1e3, "ms");
  if (us % 60'000'000 == 0) return std::to_string(us / 60'000'000) + "m";
  return print_unit(static_cast<double>(us) / 1e6, "s");
}

}  // namespace baton

#include "baton/schedule/zone.hpp"

#include <cctz/time_zone.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "baton/base/suggest.hpp"
#include "zone_data.hpp"

namespace baton::schedule {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using instant = cctz::time_point<cctz::seconds>;

constexpr std::size_t longest_name = 64;
/// What is a zone by its file, but not the same one on every machine, or with leap seconds in its days.
constexpr std::array<std::string_view, 3> local_names{"localtime", "posixrules", "Factory"};

fs::path tzdata_folder() {
  const char* folder = std::getenv("TZDIR");  // NOLINT(concurrency-mt-unsafe): nothing here sets variables
  return folder != nullptr && *folder != '\0' ? folder : "/usr/share/zoneinfo";
}

bool is_name_like(std::string_view name) {
  if (name.empty() || name.size() > longest_name || name.front() == '/' || name.back() == '/') return false;
  if (name.find("..") != std::string_view::npos || name.find("//") != std::string_view::npos) return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '+' || c == '/';
  });
}

std::vector<std::string> known_names() {
  std::vector<std::string> out;
  std::error_code error;
  const auto folder = tzdata_folder();
  for (fs::recursive_directory_iterator at{folder, error}, end; !error && at != end; at.increment(error)) {
    const auto name = at->path().lexically_relative(folder).string();
    if (at.depth() == 0 && (name == "posix" || name == "right")) at.disable_recursion_pending();
    if (at->is_regular_file(error) && name.find('.') == std::string::npos && name[0] >= 'A' && name[0] <= 'Z') out.push_back(name);
  }
  return out;
}

/// The name in another case, or its last part, "berlin", or what it is a slip of.
std::string nearest(std::string_view name) {
  const auto names = known_names();
  const auto lower = [](std::string_view text) {
    std::string out{text};
    for (char& c : out) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      if (c == '-') c = '_';
    }
    return out;
  };
  const auto wanted = lower(name);
  std::vector<std::string> lowered;
  lowered.reserve(names.size());
  for (const auto& n : names) lowered.push_back(lower(n));
  auto found = std::ranges::find(lowered, wanted);
  if (found == lowered.end()) found = std::ranges::find_if(lowered, [&](const std::string& n) { return n.ends_with("/" + wanted); });
  if (found == lowered.end()) found = std::ranges::find(lowered, suggest(wanted, {lowered.begin(), lowered.end()}));
  return found == lowered.end() ? "" : names[static_cast<std::size_t>(found - lowered.begin())];
}

syntax_error unknown(std::string_view name) {
  std::string message = "there is no time zone '" + std::string{name.substr(0, longest_name)} + "'";
  if (const auto near = name.size() <= longest_name ? nearest(name) : std::string{}; !near.empty()) {
    message += "; did you mean " + near + "?";
  } else {
    message += " in " + tzdata_folder().string() + "; write a name such as Europe/Berlin, or UTC";
  }
  return {std::move(message), 0, name.size()};
}

constexpr seconds_count using_rules_since = 10'413'792'000;  // 2300-01-01: nothing is listed for so late a time

std::int32_t offset_of(const cctz::time_zone& z, instant t) { return z.lookup(t).offset; }

zone_data read(std::string name, const cctz::time_zone& z) {
  zone_data out;
  out.name = std::move(name);
  auto t = instant::min();
  out.changes.push_back({-zone_data::always, offset_of(z, t)});
  const instant end{seconds{out.tabled_until + 2 * 366 * 86'400}};
  cctz::time_zone::civil_transition change;
  while (z.next_transition(t, &change)) {
    const auto after = z.lookup(change.to);
    const auto before = z.lookup(change.from);
    t = after.kind == cctz::time_zone::civil_lookup::REPEATED   ? after.trans
        : before.kind == cctz::time_zone::civil_lookup::SKIPPED ? before.trans
                                                                : after.pre;
    if (t >= end) return out;
    const auto offset = offset_of(z, t);
    if (offset != out.changes.back().offset) out.changes.push_back({t.time_since_epoch().count(), offset});
  }
  // The library applies a rule without end for 400 years from the last change that is listed, and no longer.
  const std::chrono::sys_seconds last{seconds{out.changes.back().at}};
  if (using_rules_since < out.changes.back().at) {
    const auto year = std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(last)}.year();
    out.tabled_until = std::chrono::sys_seconds{std::chrono::sys_days{year / 1 / 1}}.time_since_epoch().count();
  }
  return out;
}

seconds_count count_of(wall_time t) { return std::chrono::floor<seconds>(t).time_since_epoch().count(); }

}  // namespace

std::variant<zone, syntax_error> zone::find(std::string_view name, std::uint32_t generation) {
  if (name == "UTC") return utc();
  if (!is_name_like(name)) return unknown(name);
  if (std::ranges::find(local_names, name) != local_names.end() || name.starts_with("posix/") || name.starts_with("right/")) {
    return syntax_error{"the time zone '" + std::string{name} + "' is not the same everywhere; write a name such as Europe/Berlin, or UTC",
                        0, name.size()};
  }
  // The library keeps what it has read for each name: another way to write the path is another name.
  std::string path;
  for (std::uint32_t i = 0; i < generation; ++i) path += "./";
  path += name;
  cctz::time_zone z;
  if (!cctz::load_time_zone(path, &z)) return unknown(name);
  return zone{std::make_shared<const zone_data>(read(std::string{name}, z))};
}

const zone& zone::utc() {
  static const zone one{std::make_shared<const zone_data>(zone_data{.name = "UTC", .changes = {{-zone_data::always, 0}}})};
  return one;
}

const std::string& zone::name() const noexcept { return data_->name; }

std::chrono::seconds zone::offset(wall_time t) const noexcept { return seconds{data_->segment_at(count_of(t)).offset}; }

std::optional<wall_time> zone::first_difference(const zone& a, const zone& b, wall_time after, wall_time until) {
  auto t = count_of(after) + 1;
  while (t <= count_of(until)) {
    const auto one = a.data().segment_at(t);
    const auto other = b.data().segment_at(t);
    if (one.offset != other.offset) return wall_time{seconds{t}};
    t = std::min(one.end, other.end);
  }
  return std::nullopt;
}

std::string tzdata_version() {
  for (const auto* file : {"tzdata.zi", "+VERSION", "version"}) {
    std::ifstream in{tzdata_folder() / file};
    std::string line;
    if (!std::getline(in, line)) continue;
    constexpr std::string_view heading = "# version ";
    if (line.starts_with(heading)) line.erase(0, heading.size());
    const auto is_release =
        line.size() >= 5 && line.size() <= 16 && line.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz-.") == std::string::npos;
    if (is_release) return line;
  }
  return "unknown";
}

std::string to_local_text(wall_time t, const zone& z) {
  const auto offset = z.offset(t);
  auto text = to_rfc3339(t + offset);
  text.pop_back();  // Z
  constexpr std::string_view no_fraction = ".000000";
  if (text.ends_with(no_fraction)) text.resize(text.size() - no_fraction.size());
  const auto n = static_cast<int>(offset.count() < 0 ? -offset.count() : offset.count());
  std::array<char, 16> shown{};
  const int size =
      n % 60 == 0
          ? std::snprintf(shown.data(), shown.size(), "%c%02d:%02d", offset.count() < 0 ? '-' : '+', n / 3600, n / 60 % 60)
          : std::snprintf(shown.data(), shown.size(), "%c%02d:%02d:%02d", offset.count() < 0 ? '-' : '+', n / 3600, n / 60 % 60, n % 60);
  return text + std::string{shown.data(), static_cast<std::size_t>(size)};
}

}  // namespace baton::schedule

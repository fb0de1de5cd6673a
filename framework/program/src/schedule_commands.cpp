#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>

#include "baton/base/system_clock.hpp"
#include "baton/schedule/duration.hpp"
#include "commands.hpp"
#include "configuration.hpp"
#include "exit_codes.hpp"
#include "output.hpp"

namespace baton::program {
namespace {

int usage(const std::string& message) {
  std::fprintf(stderr, "baton: error: %s\n", message.c_str());
  return exit_usage;
}

/// The message, and the expression with a caret below the place.
void print_syntax_error(const std::string& text, const schedule::syntax_error& error) {
  std::fprintf(stderr, "baton: error: %s\n", error.message.c_str());
  if (text.size() > 200 || error.length == 0 || error.offset > text.size()) return;
  std::fprintf(stderr, "  %s\n  %s^\n", text.c_str(), std::string(error.offset, ' ').c_str());
}

struct named_schedule {
  std::string job;
  schedule::timetable table;
};

std::optional<schedule::zone> zone_of(const std::string& name) {
  auto found = schedule::zone::find(name);
  if (auto* z = std::get_if<schedule::zone>(&found)) return std::move(*z);
  std::fprintf(stderr, "baton: error: %s\n", std::get<schedule::syntax_error>(found).message.c_str());
  return std::nullopt;
}

std::optional<schedule::timetable> read(const std::string& expression, const std::string& zone_name, const std::string& job) {
  const auto where = zone_of(zone_name.empty() ? "UTC" : zone_name);
  if (!where) return std::nullopt;
  auto made = schedule::timetable::from_cron(expression, *where, job.empty() ? std::nullopt : std::optional<std::string_view>{job});
  if (auto* t = std::get_if<schedule::timetable>(&made)) return std::move(*t);
  print_syntax_error(expression, std::get<schedule::syntax_error>(made));
  return std::nullopt;
}

struct coming {
  std::string job;
  wall_time tick;
  std::string text;
  std::string_view mark;
  std::optional<std::string> due;  ///< of a tick with jitter
};

void print_table(const std::vector<coming>& ticks) {
  std::size_t width = 0;
  for (const auto& t : ticks) width = std::max(width, t.job.size());
  for (const auto& t : ticks) {
    std::string line = t.text;
    if (width > 0) line = t.job + std::string(width + 2 - t.job.size(), ' ') + line;
    if (!t.mark.empty()) line.append("  (").append(t.mark).append(")");
    if (t.due) line.append("  runs at ").append(*t.due);
    std::printf("%s\n", line.c_str());
  }
}

boost::json::array as_json(const std::vector<coming>& ticks) {
  boost::json::array all;
  for (const auto& t : ticks) {
    boost::json::object one{{"tick", t.text}, {"utc", to_rfc3339(t.tick)}};
    if (!t.job.empty()) one["job"] = t.job;
    if (!t.mark.empty()) one["clock"] = t.mark;
    if (t.due) one["due"] = *t.due;
    all.push_back(std::move(one));
  }
  return all;
}

void print(const std::vector<coming>& ticks, const std::string& format) {
  if (format == "table") return print_table(ticks);
  print_list(as_json(ticks), format == "yaml");
}

}  // namespace

int next_command(const next_options& o) {
  if (o.expression.empty() == o.file.empty()) return usage("next needs either --expression, or -c FILE and perhaps a job");
  if (!o.file.empty() && !o.timezone.empty()) return usage("--timezone goes with --expression; a job of a file has its own");
  auto from = system_clock{}.now().wall;
  if (!o.from.empty()) {
    const auto made = from_rfc3339(o.from);
    if (!made) return usage("--from must be an instant in UTC, such as 2026-03-29T00:00:00Z, got '" + o.from + "'");
    from = *made;
  }
  std::vector<named_schedule> schedules;
  if (!o.expression.empty()) {
    auto made = read(o.expression, o.timezone, o.job);
    if (!made) return exit_usage;
    schedules.push_back({"", std::move(*made)});
  } else {
    const auto loaded = settings::load(o.file);
    print_problems(loaded.problems);
    if (!loaded.value) return exit_configuration;
    bool is_known = o.job.empty();
    for (const auto& j : loaded.value->jobs) {
      if (!o.job.empty() && j.name != o.job) continue;
      is_known = true;
      if (j.schedule) schedules.push_back({o.job.empty() ? j.name : "", *j.schedule});
    }
    if (!is_known) return usage("there is no job '" + o.job + "' in " + o.file);
  }
  std::vector<coming> ticks;
  for (const auto& [job, table] : schedules) {
    auto tick = table.next_run(from);
    for (int i = 0; tick && i < o.count; ++i, tick = table.next_run(*tick)) {
      ticks.push_back({job, *tick, schedule::to_local_text(*tick, table.time_zone()), to_string(table.mark(*tick)), std::nullopt});
      if (const auto due = table.due(*tick); due != *tick) ticks.back().due = schedule::to_local_text(due, table.time_zone());
    }
  }
  std::ranges::stable_sort(ticks, {}, &coming::tick);
  if (ticks.size() > static_cast<std::size_t>(o.count)) ticks.resize(static_cast<std::size_t>(o.count));
  print(ticks, o.format);
  return ticks.empty() ? exit_negative : exit_ok;
}

int explain_command(const next_options& o) {
  const auto made = read(o.expression, o.timezone, o.job);
  if (!made) return exit_usage;
  const auto now = system_clock{}.now().wall;
  const auto gap = made->longest_gap(now);
  std::vector<std::string> ticks;
  for (auto tick = made->next(now); tick && ticks.size() < 3; tick = made->next(*tick))
    ticks.push_back(schedule::to_local_text(*tick, made->time_zone()));
  if (o.format == "table") {
    std::printf("%s, %s time\n", made->in_words().c_str(), made->time_zone().name().c_str());
    std::printf("same as:      %s\n", made->text().c_str());
    if (gap) std::printf("longest gap:  %s\n", schedule::duration_text(*gap).c_str());
    for (const auto& t : ticks) std::printf("%s%s\n", &t == &ticks.front() ? "next:         " : "              ", t.c_str());
    return exit_ok;
  }
  boost::json::object all{{"expression", o.expression},
                          {"words", made->in_words()},
                          {"canonical", made->text()},
                          {"timezone", made->time_zone().name()},
                          {"next", boost::json::array(ticks.begin(), ticks.end())}};
  if (gap) all["longest_gap"] = schedule::duration_text(*gap);
  if (o.format == "json") {
    std::printf("%s\n", boost::json::serialize(all).c_str());
  } else {
    for (const auto& [key, value] : all) std::printf("%s: %s\n", std::string{key}.c_str(), boost::json::serialize(value).c_str());
  }
  return exit_ok;
}

}  // namespace baton::program

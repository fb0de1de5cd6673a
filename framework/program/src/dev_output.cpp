#include "dev_output.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace baton::program {
namespace {

constexpr std::string_view bold = "1";
constexpr std::string_view dim = "2";
constexpr std::string_view red = "1;31";
constexpr std::string_view green = "1;32";
constexpr std::string_view yellow = "33";

bool wants_colour() {
  const auto is_set = [](const char* name) { return std::getenv(name) != nullptr && *std::getenv(name) != '\0'; };
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && !is_set("NO_COLOR") && (terminal == nullptr || std::strcmp(terminal, "dumb") != 0);
}

std::string time_of_day(wall_time t, std::size_t digits) { return to_rfc3339(t).substr(11, digits == 0 ? 8 : 9 + digits); }

/// In whole milliseconds below ten seconds, so that columns line up.
std::string span_text(microseconds d) {
  const auto ms = std::chrono::round<milliseconds>(d).count();
  if (std::abs(ms) < 1000) return std::to_string(ms) + " ms";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f s", static_cast<double>(ms) / 1000);
  return text.data();
}

std::string decision_text(const ledger::tick_row& row) {
  std::string text{to_string(row.state)};
  if (row.reason != ledger::reason_code::none) text += ": " + std::string{to_string(row.reason)};
  if (row.count > 1) text += ", " + std::to_string(row.count) + " ticks";
  return text;
}

microseconds percentile(const std::vector<microseconds>& ascending, std::size_t percent) {
  return ascending.empty() ? microseconds{} : ascending[(ascending.size() - 1) * percent / 100];
}

}  // namespace

dev_output::dev_output(const std::vector<demo_job>& jobs, int instances) : has_colour_(wants_colour()) {
  for (const auto& job : jobs) {
    takes_[job.watched.name] = job.takes;
    has_journal_[job.watched.name] = job.watched.has_journal;
  }
  constexpr std::array<std::string_view, 5> colours{"36", "35", "34", "32", "33"};
  for (int i = 1; i <= instances; ++i) styles_["demo-" + std::to_string(i)] = colours[static_cast<std::size_t>(i - 1) % colours.size()];
}

std::string dev_output::styled(std::string_view text, std::string_view style) const {
  if (!has_colour_ || style.empty()) return std::string{text};
  return "\033[" + std::string{style} + "m" + std::string{text} + "\033[0m";
}

void dev_output::row(const columns& c, std::string_view style) {
  std::array<char, 160> left{};
  std::array<char, 160> right{};
  std::snprintf(left.data(), left.size(), "%-12s  %-10s  %-8s  ", c.at.c_str(), c.job.c_str(), c.tick.c_str());
  std::snprintf(right.data(), right.size(), "  %7s  %8s  %8s  ", c.attempt.c_str(), c.late.c_str(), c.took.c_str());
  std::array<char, 32> instance{};
  std::snprintf(instance.data(), instance.size(), "%-8s", c.instance.c_str());
  const auto known = styles_.find(c.instance);
  const auto whose = known == styles_.end() ? style : std::string_view{known->second};
  auto line = styled(left.data(), style) + styled(instance.data(), whose) + styled(right.data(), style) + styled(c.note, style);
  line.erase(line.find_last_not_of(' ') + 1);
  std::printf("%s\n", line.c_str());
}

void dev_output::heading() { row({"time (UTC)", "job", "tick", "instance", "attempt", "late", "took", ""}, bold); }

void dev_output::tell(const journal_entry& e) {
  const auto is_this = [&](const attempt_record& a) { return a.start.pid == e.pid && a.start.job == e.job && a.start.tick == e.tick; };
  columns c{time_of_day(e.at.wall, 3), e.job, time_of_day(e.tick, 0), e.instance, std::to_string(e.attempt), "", "", ""};
  if (e.what == sign::start) {
    under_way_.push_back({e, e});
    if (takes_[e.job] < std::chrono::seconds{2}) return;
    c.late = span_text(e.at.wall - e.tick);
    c.note = e.attempt > 1 ? "starts again" : "starts";
    return row(c, e.attempt > 1 ? yellow : dim);
  }
  const auto at = std::ranges::find_if(under_way_, is_this);
  if (at == under_way_.end()) return;
  at->last = e;
  if (e.what == sign::alive) return;
  c.late = span_text(at->start.at.wall - e.tick);
  c.took = span_text(e.at.steady - at->start.at.steady);
  if (e.what == sign::stop) c.note = "stopped";
  row(c, e.attempt > 1 || e.what == sign::stop ? yellow : "");
  under_way_.erase(at);
}

void dev_output::tell_interrupted(boot_time now) {
  std::erase_if(under_way_, [&](const attempt_record& a) {
    if (now - a.last.at.steady < std::chrono::seconds{1}) return false;
    row({time_of_day(a.last.at.wall, 3), a.start.job, time_of_day(a.start.tick, 0), a.start.instance, std::to_string(a.start.attempt), "",
         span_text(a.last.at.steady - a.start.at.steady), "interrupted"},
        yellow);
    return true;
  });
}

void dev_output::tell(const ledger::tick_row& r, wall_time now) {
  const bool is_decision = r.state == ledger::row_state::skipped || r.state == ledger::row_state::missed;
  const bool is_quiet_run = !has_journal_[r.key.job] && r.state == ledger::row_state::finished;
  if ((!is_decision && !is_quiet_run) || !told_.insert(r.key).second) return;
  columns c{
      time_of_day(r.finished.value_or(now), 3), r.key.job, time_of_day(r.key.tick, 0), is_decision ? "-" : r.instance, "", "", "", ""};
  if (is_decision) {
    c.note = decision_text(r);
    return row(c, yellow);
  }
  c.attempt = std::to_string(r.attempt);
  if (r.started) c.late = span_text(*r.started - r.key.tick);
  if (r.started && r.finished) c.took = span_text(*r.finished - *r.started);
  c.note = r.outcome == ledger::run_outcome::success ? "in process" : std::string{to_string(r.outcome)};
  row(c, r.outcome == ledger::run_outcome::success ? "" : yellow);
}

void dev_output::event(std::string_view text) { std::printf("%s\n", styled("== " + std::string{text}, bold).c_str()); }

void dev_output::remark(std::string_view text) { std::printf("   %s\n", std::string{text}.c_str()); }

void dev_output::tell(const verdict& v, wall_time from, wall_time to) {
  std::printf(
      "\n%s\n",
      styled("What the handlers wrote, against the schedules; ticks from " + time_of_day(from, 3) + " to " + time_of_day(to, 3), bold)
          .c_str());
  const auto heads = "job          due   ran  failed  skipped  missed  retried  duplicate  overlap  missing  late: p50      max";
  std::printf("%s\n", styled(heads, bold).c_str());
  for (const auto& j : v.jobs) {
    const auto bad = j.duplicates + j.overlaps + j.missing > 0;
    std::array<char, 160> line{};
    std::snprintf(line.data(), line.size(), "%-10s %5zu %5zu %7zu %8zu %7zu %8zu %10zu %8zu %8zu  %9s %8s", j.name.c_str(), j.due, j.ran,
                  j.failed, j.skipped, j.missed, j.retried, j.duplicates, j.overlaps, j.missing,
                  j.lateness.empty() ? "-" : span_text(percentile(j.lateness, 50)).c_str(),
                  j.lateness.empty() ? "-" : span_text(j.lateness.back()).c_str());
    std::printf("%s\n", styled(line.data(), bad ? red : "").c_str());
  }
  tell_starts(v);
  constexpr std::size_t shown = 20;
  for (std::size_t i = 0; i < std::min(shown, v.findings.size()); ++i) std::printf("%s\n", styled(v.findings[i], red).c_str());
  if (v.findings.size() > shown) std::printf("and %zu more\n", v.findings.size() - shown);
  std::size_t due = 0;
  for (const auto& j : v.jobs) due += j.due;
  if (due == 0 && v.is_good()) {
    std::printf("%s\n", styled("NOTHING CHECKED: no tick was due in that time", yellow).c_str());
  } else if (v.is_good()) {
    std::printf("%s\n",
                styled("GOOD: " + std::to_string(due) + " ticks due, each accounted for once; nothing ran twice, nothing overlapped", green)
                    .c_str());
  } else {
    std::printf("%s\n", styled("BAD: " + std::to_string(v.findings.size()) + " findings", red).c_str());
  }
}

void dev_output::tell_starts(const verdict& v) {
  std::string text;
  for (const auto& [instance, count] : v.starts) text += (text.empty() ? "" : ", ") + instance + " " + std::to_string(count);
  std::printf("runs started by %s\n", text.empty() ? "nobody" : text.c_str());
}

bool dev_output::is_read() const noexcept { return std::fflush(stdout) == 0 && std::ferror(stdout) == 0; }

}  // namespace baton::program

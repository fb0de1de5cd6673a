#include "judged_fleet.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <regex>

#include "baton/testing/disturbance.hpp"
#include "fixture.hpp"

namespace baton::system_test {
namespace {

/// How often a job is due; nullopt: seldom.
std::optional<microseconds> period_of(const std::string& schedule) {
  static const std::regex every{R"(\{every: ([0-9]+)s\})"};
  std::smatch found;
  if (schedule == "\"* * * * * *\"") return seconds{1};
  if (!std::regex_match(schedule, found, every)) return std::nullopt;
  const seconds period{std::stoi(found[1])};
  return period <= seconds{5} ? std::optional<microseconds>{period} : std::nullopt;
}

bool has_running(judged_fleet& f) {
  return std::ranges::any_of(f, [](const auto& i) { return i->process().is_running() && !i->ended(); });
}

}  // namespace

void expect_every_job_ticks_again(judged_fleet& f, microseconds limit) {
  const auto since = testing::disturbance::last();
  const auto name_of_waiting = [&]() -> std::string {
    const auto file = f.runs();
    for (const auto& job : f.known_jobs()) {
      const auto period = period_of(job.schedule);
      if (!period || !f.awaits(job)) continue;
      const auto until = since + limit + std::max(microseconds{0}, *period - seconds{2});
      const auto goes_on = [&](const executed_run& r) {
        return r.job == job.name && (r.started > since ? r.started <= until : !r.ended && is_alive(r.pid));
      };
      if (std::ranges::none_of(file.runs(), goes_on)) return job.name;
    }
    return "";
  };
  std::string waiting;
  eventually([&] { return (waiting = name_of_waiting()).empty(); }, std::max(microseconds{0}, since + limit + seconds{4} - boot_now()));
  EXPECT_EQ(waiting, "") << "has not ticked again within " << to_text(limit) << " of the end of the fault\n" << f.logs();
}

judged_fleet::judged_fleet(options wanted) : fleet(wanted), end_faults_(std::move(wanted.end_faults)) {}

judged_fleet::~judged_fleet() {
  try {
    judge();
  } catch (const std::exception& e) {
    ADD_FAILURE() << "no verdict: " << e.what();
  }
}

void judged_fleet::judge() {
  if (size() == 0) return;
  if (end_faults_) end_faults_();
  for (auto& i : *this) {
    if (i->process().is_stopped()) i->signal(SIGCONT);
  }
  const boot_time created = boot_now() - (wall_now() - this->created());
  const bool is_well = !::testing::Test::HasFailure();
  if (is_well && can_work_ && has_running(*this) && testing::disturbance::last() > created)
    expect_every_job_ticks_again(*this, wait_timeout + seconds{5});
  EXPECT_THAT(runs().violations([this](const executed_run& r) { return lock_of(r); }), ::testing::IsEmpty());
  if (!can_work_) return;
  for (const auto& finding : settled_findings(is_well ? wait_timeout + seconds{5} : seconds{0})) {
    if (!expected_.contains(finding.substr(0, finding.find(' ')))) ADD_FAILURE() << "baton verify: " << finding << "\n" << logs();
  }
}

wall_time judged_fleet::judged_until() {
  if (has_running(*this)) return wall_now();
  wall_time last{};
  for (auto& i : *this) last = std::max(last, i->ended().value_or(wall_time{}));
  // What was due a moment before the end, or beside a run that was under way then, is for the next start to decide.
  auto until = last - milliseconds{1500};
  const auto file = runs();
  const auto boot_end = boot_now() - (wall_now() - last);
  for (const auto& r : file.runs()) {
    if (!r.ended || *r.ended > boot_end - seconds{1}) until = std::min(until, r.tick + milliseconds{1});
  }
  return until;
}

std::vector<std::string> judged_fleet::findings() {
  const auto until = judged_until();
  const auto from = created() - seconds{1};
  if (until <= from) return {};
  const auto told = verb({"verify", "--from", to_rfc3339(from), "--to", to_rfc3339(until), "--grace", "2500ms", "-o", "json"}, judged_by_);
  if (told.code != 0 && told.code != 1) return {"none: verify ended with " + std::to_string(told.code) + ": " + told.err};
  std::vector<std::string> found;
  static const std::regex object{R"_(\{"finding":"(\w+)","run":"([^"]*)"([^}]*)\})_"};
  for (std::sregex_iterator it{told.out.begin(), told.out.end(), object}, end; it != end; ++it)
    found.push_back((*it)[1].str() + " " + (*it)[2].str() + " " + (*it)[3].str());
  if (found.empty() != (told.code == 0)) found.push_back("unreadable: " + told.out);
  return found;
}

std::vector<std::string> judged_fleet::settled_findings(microseconds limit) {
  std::vector<std::string> found;
  eventually(
      [&] {
        found = findings();
        const auto may_settle = [&](const std::string& f) { return f.starts_with("missing") && !expected_.contains("missing"); };
        return std::ranges::none_of(found, may_settle);
      },
      has_running(*this) ? limit : microseconds{0}, milliseconds{200});
  return found;
}

}  // namespace baton::system_test

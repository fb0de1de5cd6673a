#include "baton/testing/run_file.hpp"

#include <algorithm>
#include <sstream>
#include <tuple>

#include "baton/testing/fleet_process.hpp"

namespace baton::testing {
namespace {

std::string describe(const executed_run& r) {
  return r.job + " " + to_rfc3339(r.tick) + " attempt " + std::to_string(r.attempt) + " fence " + std::to_string(r.fence) + " on " +
         r.instance + " (process " + std::to_string(r.pid) + ")";
}

}  // namespace

run_file run_file::read(const std::string& path) { return parse(read_text(path)); }

// EVENT JOB TICK ATTEMPT FENCE INSTANCE PID BOOTTIME_US [CHILD]
run_file run_file::parse(std::string_view text) {
  run_file file;
  std::map<std::pair<pid_t, std::uint64_t>, std::size_t> index;
  std::stringstream lines{std::string{text}};
  for (std::string line; std::getline(lines, line);) {
    std::stringstream fields{line};
    std::string event;
    std::string tick;
    executed_run r;
    std::int64_t at = 0;
    fields >> event >> r.job >> tick >> r.attempt >> r.fence >> r.instance >> r.pid >> at;
    const auto when = from_rfc3339(tick);
    if (!fields || !when) {
      file.unreadable_.push_back(line);
      continue;
    }
    r.tick = *when;
    const boot_time time{microseconds{at}};
    const std::pair key{r.pid, r.fence};
    if (event == "start") {
      r.started = r.last_seen = time;
      index[key] = file.runs_.size();
      file.runs_.push_back(std::move(r));
      continue;
    }
    const auto it = index.find(key);
    if (it == index.end()) {
      file.unreadable_.push_back(line);
      continue;
    }
    auto& run = file.runs_[it->second];
    run.last_seen = std::max(run.last_seen, time);
    if (event == "end") run.ended = time;
    if (event == "term" && !run.told_to_stop) run.told_to_stop = time;
    if (pid_t child = 0; event == "child" && fields >> child) run.children.push_back(child);
  }
  std::ranges::stable_sort(file.runs_, {}, &executed_run::started);
  return file;
}

std::vector<executed_run> run_file::of(std::string_view job) const {
  std::vector<executed_run> list;
  std::ranges::copy_if(runs_, std::back_inserter(list), [&](const auto& r) { return r.job == job; });
  return list;
}

std::map<wall_time, int> run_file::ticks_of(std::string_view job) const {
  std::map<wall_time, int> ticks;
  for (const auto& r : runs_) {
    if (r.job == job && r.attempt == 1) ++ticks[r.tick];
  }
  return ticks;
}

std::vector<std::string> run_file::violations(const std::function<std::string(const executed_run&)>& lock_of) const {
  std::vector<std::string> found;
  for (const auto& line : unreadable_) found.push_back("a line that cannot be read: " + line);
  std::map<std::tuple<std::string, wall_time, std::uint32_t>, const executed_run*> attempts;
  std::map<std::string, const executed_run*> before;
  for (const auto& r : runs_) {
    const auto [same, is_new] = attempts.try_emplace({r.job, r.tick, r.attempt}, &r);
    if (!is_new) found.push_back("started twice: " + describe(*same->second) + " and " + describe(r));
    auto& previous = before[lock_of ? lock_of(r) : r.job];
    if (previous != nullptr && r.started <= previous->last_seen)
      found.push_back(describe(r) + " started " + to_text(previous->last_seen - r.started) + " before the last sign of life of " +
                      describe(*previous));
    if (previous != nullptr && r.fence <= previous->fence)
      found.push_back("the fence did not rise: " + describe(*previous) + ", then " + describe(r));
    if (previous == nullptr || r.last_seen > previous->last_seen) previous = &r;
  }
  return found;
}

}  // namespace baton::testing

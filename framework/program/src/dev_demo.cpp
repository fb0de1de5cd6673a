#include "dev_demo.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>

namespace baton::program {
namespace {

using std::chrono::seconds;

std::string end_text(int status) {
  if (WIFSIGNALED(status)) return "was ended by signal " + std::to_string(WTERMSIG(status));
  return "ended with exit code " + std::to_string(WEXITSTATUS(status));
}

status write_private(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out{file};
  std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  out << text << std::flush;
  if (!out) return failure{errc::io, file.string() + " cannot be written"};
  return {};
}

}  // namespace

demo::demo(options wanted, demo_store store, const std::filesystem::path& folder, int signals)
    : options_(wanted),
      store_(std::move(store)),
      folder_(folder),
      signals_(signals),
      output_(jobs_, wanted.instances),
      journal_(folder / "journal") {}

result<bool> demo::run() {
  if (auto started = start_fleet(); !started) return std::move(started).error();
  auto ready = await_ready();
  if (!ready) return ready;
  if (*ready) {
    watch();
    settle();
  }
  const bool is_orderly = stop_fleet();
  if (!*ready) return true;  // interrupted before there was anything to check
  const auto v = judge(all_evidence());
  output_.tell(v, from_, to_);
  if (!has_interrupted_ && !takeover_) output_.remark("no run was interrupted: the time was too short for it; --for 30s is enough");
  if (takeover_ && takeover_->again_after()) {
    output_.remark("the interrupted run of " + takeover_->victim().job + " began again " +
                   to_text(std::chrono::round<milliseconds>(*takeover_->again_after())) + " after the kill");
  }
  return v.is_good() && is_orderly;
}

status demo::start_fleet() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return failure{errc::io, "/proc/self/exe: " + error.message()};
  demo_paths paths{program, folder_ / "journal", store_.url, {}};
  if (!store_.password.empty()) {
    paths.password_file = folder_ / "password";
    if (auto written = write_private(paths.password_file, store_.password); !written) return written;
  }
  if (auto written = write_private(paths.journal, ""); !written) return written;
  std::set<std::uint16_t> ports;
  for (int i = 1; i <= options_.instances; ++i) {
    const auto name = "demo-" + std::to_string(i);
    auto port = free_port();
    while (port != 0 && !ports.insert(port).second) port = free_port();
    const auto file = folder_ / (name + ".yaml");
    if (auto written = write_private(file, demo_configuration(paths, jobs_, name, port)); !written) return written;
    fleet_.push_back({fleet_member{name, port, file, folder_ / (name + ".log")}, true, std::nullopt, std::nullopt});
    if (auto started = fleet_.back().process.start(); !started) return started;
  }
  return {};
}

result<bool> demo::await_ready() {
  const auto limit = clock_.now().steady + seconds{20};
  output_.event(store_.name + " and " + std::to_string(options_.instances) + " instances that share " + std::to_string(jobs_.size()) +
                " jobs");
  while (stop_requests_ == 0) {
    step();
    const auto ended = std::ranges::find_if(fleet_, [](const member& m) { return m.process.pid() == 0; });
    const auto late = std::ranges::find_if(fleet_, [](const member& m) { return !m.process.is_ready(); });
    if (ended == fleet_.end() && late == fleet_.end()) {
      from_ = clock_.now().wall;
      introduce();
      return true;
    }
    const bool is_too_late = clock_.now().steady > limit;
    if (ended == fleet_.end() && !is_too_late) continue;
    const auto& m = ended == fleet_.end() ? *late : *ended;
    return failure{errc::spawn_failed, m.process.name() + (is_too_late ? " was not ready within 20 s" : " ended") + "; its last words:\n" +
                                           m.process.last_words()};
  }
  return false;
}

void demo::introduce() {
  for (const auto& m : fleet_) {
    output_.remark(m.process.name() + "  pid " + std::to_string(m.process.pid()) + "  " + m.process.url("/"));
  }
  output_.remark("a status page at each of these addresses, and /metrics and /readyz below it");
  output_.remark("configurations, logs and the journal of the handlers: " + folder_.string());
  output_.remark("try it yourself: kill -9 " + std::to_string(fleet_.back().process.pid()) + "; Ctrl-C ends the demo and checks what ran");
  output_.heading();
  const auto a_third = options_.length ? *options_.length / 3 : microseconds{seconds{15}};
  interrupt_at_ = options_.began.steady + a_third;
}

bool demo::is_over() const {
  return stop_requests_ > 0 || (options_.length && clock_.now().steady - options_.began.steady >= *options_.length);
}

void demo::watch() {
  while (!is_over()) {
    step();
    interrupt_a_run();
  }
}

/// What is due by now may still be on its way: the fleet goes on until each tick is accounted for, or has had time enough.
void demo::settle() {
  to_ = clock_.now().wall;
  output_.event("stopping: ticks until now count; what is under way may end (Ctrl-C again: at once)");
  const auto requests = stop_requests_;
  const auto limit = clock_.now().steady + seconds{15};
  while (stop_requests_ == requests && clock_.now().steady < limit) {
    const auto v = judge(all_evidence());
    if (std::ranges::all_of(v.jobs, [](const job_verdict& j) { return j.missing == 0; })) return;
    step();
  }
}

bool demo::stop_fleet() {
  const auto tell_all = [this](int signal) {
    for (const auto& m : fleet_) m.process.send(signal);
  };
  for (auto& m : fleet_) m.is_wanted = false;
  tell_all(SIGTERM);
  const auto limit = clock_.now().steady + seconds{25};
  auto requests = stop_requests_;
  const auto is_running = [](const member& m) { return m.process.pid() != 0; };
  while (std::ranges::any_of(fleet_, is_running)) {
    step();
    if (stop_requests_ != requests) tell_all(SIGTERM);  // the second one cuts the grace times short
    requests = stop_requests_;
    if (clock_.now().steady < limit) continue;
    for (const auto& m : fleet_) {
      if (is_running(m))
        output_.event(m.process.name() + " did not stop within 25 s and is killed; its last words:\n" + m.process.last_words());
    }
    return false;
  }
  step();
  return true;
}

void demo::step() {
  pollfd watched{signals_, POLLIN, 0};
  if (::poll(&watched, 1, 50) > 0) {
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) == sizeof info) ++stop_requests_;
  }
  read_journal();
  const auto now = clock_.now();
  if (now.steady >= next_poll_) {
    poll_ledger();
    const bool is_close_up = takeover_ && !takeover_->again_after();
    next_poll_ = now.steady + (is_close_up ? milliseconds{100} : milliseconds{1000});
  }
  output_.tell_interrupted(now.steady);
  for (auto& m : fleet_) look_after(m);
  if (!output_.is_read() && stop_requests_ == 0) ++stop_requests_;
}

void demo::remember(const journal_entry& entry) {
  if (entry.what == sign::alive) {
    last_signs_[entry.pid] = entry;
    return;
  }
  entries_.push_back(entry);
  if (entry.what != sign::start) last_signs_.erase(entry.pid);
}

void demo::read_journal() {
  for (const auto& entry : journal_.read_new()) {
    remember(entry);
    if (from_ == wall_time{}) continue;  // not introduced yet
    output_.tell(entry);
    if (!takeover_) continue;
    if (const auto text = takeover_->on(entry)) output_.event(*text);
  }
}

void demo::poll_ledger() {
  const auto now = clock_.now().wall;
  const auto rows = store_.rows(now - seconds{15});
  if (!rows || from_ == wall_time{}) return;  // the first instance makes the tables
  for (const auto& row : *rows) {
    if (row.key.tick >= from_) output_.tell(row, now);
    if (!takeover_) continue;
    if (const auto text = takeover_->on(row)) output_.event(*text);
  }
}

/// The run of a job that is to be tried again after a crash, if one is under way.
std::optional<journal_entry> demo::long_run_on(const std::string* instance) const {
  std::optional<journal_entry> found;
  for (const auto& [pid, last] : last_signs_) {
    const auto job = std::ranges::find(jobs_, last.job, [](const demo_job& j) { return j.watched.name; });
    if (job == jobs_.end() || !job->retries_crashes || (instance != nullptr && last.instance != *instance)) continue;
    if (clock_.now().steady - last.at.steady > seconds{1}) continue;
    for (const auto& e : entries_) {
      if (e.pid == pid && e.tick == last.tick && e.job == last.job) found = e;
    }
  }
  return found;
}

void demo::look_after(member& m) {
  const auto now = clock_.now();
  if (const auto status = m.process.ended(); status && m.is_wanted) {
    const auto when = m.killed.value_or(now);
    if (from_ != wall_time{}) output_.event(m.process.name() + " " + end_text(*status));
    m.start_again = now.steady + seconds{5};
    m.killed.reset();
    if (const auto run = long_run_on(&m.process.name())) takeover_.emplace(*run, when);
  }
  if (!m.start_again || !m.is_wanted || from_ == wall_time{} || now.steady < *m.start_again) return;
  m.start_again.reset();
  if (auto started = m.process.start(); !started) {
    output_.event(m.process.name() + " cannot be started again: " + started.error().context);
  } else {
    output_.event(m.process.name() + " starts again, pid " + std::to_string(m.process.pid()));
  }
}

void demo::interrupt_a_run() {
  const auto now = clock_.now();
  if (has_interrupted_ || takeover_ || now.steady < interrupt_at_) return;
  if (options_.length && options_.began.steady + *options_.length - now.steady < seconds{5}) return;
  const auto run = long_run_on(nullptr);
  if (!run || run->attempt != 1) return;
  const auto under_way = now.steady - run->at.steady;
  if (under_way < jobs_.front().takes / 3 || under_way > jobs_.front().takes * 2 / 3) return;
  const auto m = std::ranges::find(fleet_, run->instance, [](const member& each) { return each.process.name(); });
  if (m == fleet_.end() || m->process.pid() == 0) return;
  has_interrupted_ = true;
  output_.event("kill -9 " + std::to_string(m->process.pid()) + ": " + m->process.name() + ", which has been running " + run->job +
                " for " + to_text(std::chrono::round<milliseconds>(under_way)));
  m->killed = now;
  m->process.send(SIGKILL);
}

evidence demo::all_evidence() const {
  evidence seen;
  for (const auto& job : jobs_) seen.jobs.push_back(job.watched);
  seen.from = from_;
  seen.to = to_;
  seen.entries = entries_;
  for (const auto& [pid, last] : last_signs_) seen.entries.push_back(last);
  if (auto rows = store_.rows({})) seen.rows = std::move(*rows);
  return seen;
}

}  // namespace baton::program

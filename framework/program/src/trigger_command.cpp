#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <set>

#include "api_answers.hpp"
#include "baton/ledger/run_id.hpp"
#include "control.hpp"
#include "control_commands.hpp"
#include "exit_codes.hpp"
#include "run_view.hpp"

namespace baton::program {
namespace {

using ledger::tick_key;

constexpr std::size_t backfill_limit = 1000;
constexpr std::uint32_t open_limit = 10'000;

std::optional<std::string> parameters_of(const std::vector<std::string>& with) {
  boost::json::object all;
  for (const auto& one : with) {
    const auto sign = one.find('=');
    if (sign == 0 || sign == std::string::npos) {
      (void)tell_usage("--with takes NAME=VALUE, got '" + one + "'");
      return std::nullopt;
    }
    if (!all.emplace(one.substr(0, sign), one.substr(sign + 1)).second) {
      (void)tell_usage("--with gives '" + one.substr(0, sign) + "' twice");
      return std::nullopt;
    }
  }
  return all.empty() ? std::string{} : boost::json::serialize(all);
}

/// The ticks that run from one instant to before the other; nullopt: too many, and that was printed.
std::optional<std::vector<wall_time>> ticks_between(const settings::job& job, wall_time from, wall_time to) {
  std::vector<wall_time> ticks;
  std::size_t count = 0;
  for (const auto t : job.schedule->between(from - microseconds{1}, to - microseconds{1})) {
    if (job.schedule->is_excluded(t)) continue;
    if (++count <= backfill_limit) ticks.push_back(t);
    constexpr std::size_t counted = 1'000'000;
    if (count == counted) break;
  }
  if (count <= backfill_limit) return ticks;
  (void)tell_usage("from " + ledger::short_time(from) + " to " + ledger::short_time(to) + " job '" + job.name + "' has " +
                   std::to_string(count) + " ticks, and at most " + std::to_string(backfill_limit) +
                   " are triggered at once; nothing was triggered: take a shorter time");
  return std::nullopt;
}

/// What to order; nullopt: something does not fit, and that was printed.
std::optional<std::vector<ledger::run_order>> orders_of(const trigger_options& o, const reached_ledger& at) {
  auto parameters = parameters_of(o.with);
  if (!parameters) return std::nullopt;
  ledger::run_order order{o.job, std::nullopt, random_request_id(), std::move(*parameters)};
  if (!o.tick.empty() && !(order.tick = instant("--tick", o.tick))) return std::nullopt;
  if (o.from.empty()) return std::vector{order};
  const auto from = instant("--from", o.from);
  const auto to = from ? instant("--to", o.to) : std::nullopt;
  if (!to) return std::nullopt;
  const auto* job = at.find(o.job);
  if (job == nullptr || !job->schedule) {
    (void)tell_usage(job == nullptr ? "there is no job '" + o.job + "' in " + o.file
                                    : "job '" + o.job + "' has no schedule, so there are no ticks from one time to another; give --tick");
    return std::nullopt;
  }
  const auto ticks = ticks_between(*job, *from, *to);
  if (!ticks) return std::nullopt;
  std::vector<ledger::run_order> all;
  for (const auto t : *ticks) {
    order.tick = t;
    all.push_back(order);
  }
  return all;
}

/// Once more on a new connection, if the first one ended: the request id makes it the same order.
result<std::vector<tick_key>> order(reached_ledger& at, const std::vector<ledger::run_order>& wanted) {
  auto made = at.control->order(at.cluster(), wanted);
  if (made || made.error().code != errc::store_unavailable) return made;
  auto again = open_control(at.settings);
  if (!again) return std::move(made).error();
  at.control = std::move(*again);
  return at.control->order(at.cluster(), wanted);
}

void pass_time(milliseconds duration) {
  boost::asio::io_context io;
  boost::asio::steady_timer timer{io, duration};
  timer.async_wait([](const boost::system::error_code&) {});
  io.run();
}

/// How the runs that have ended did; nullopt while one is open.
result<std::optional<int>> look_at(ledger::control& control, const std::string& cluster, const std::vector<tick_key>& runs) {
  ledger::row_query query;
  query.job = runs.front().job;
  query.only_open = true;
  query.limit = open_limit;
  auto open = control.rows(cluster, query);
  if (!open) return std::move(open).error();
  const std::set<tick_key> ours{runs.begin(), runs.end()};
  if (std::ranges::any_of(*open, [&](const auto& row) { return ours.contains(row.key); })) return std::optional<int>{};
  query.only_open = false;
  int code = exit_ok;
  for (const auto& run : runs) {
    query.from = run.tick;
    query.to = run.tick + microseconds{1};
    auto rows = control.rows(cluster, query);
    if (!rows) return std::move(rows).error();
    const auto row = std::ranges::find(*rows, run, &ledger::tick_row::key);
    const bool is_success = row != rows->end() && row->outcome == ledger::run_outcome::success;
    std::fprintf(stderr, "%s: %s\n", run_id(run).c_str(), row == rows->end() ? "purged" : std::string{result_word(*row)}.c_str());
    if (row != rows->end() && !row->error.empty()) std::fprintf(stderr, "  %s\n", row->error.c_str());
    if (!is_success) code = exit_negative;
  }
  return std::optional{code};
}

/// A store that is away for a while is waited for.
int wait_for(reached_ledger& at, const std::vector<tick_key>& runs) {
  constexpr int failures_limit = 60;
  for (int failures = 0;;) {
    auto ended = look_at(*at.control, at.cluster(), runs);
    if (ended && *ended) return **ended;
    if (!ended && (ended.error().code != errc::store_unavailable || ++failures == failures_limit)) return tell(ended.error());
    if (ended) failures = 0;
    pass_time(ended ? milliseconds{500} : std::chrono::seconds{1});
    if (ended) continue;
    if (auto again = open_control(at.settings); again) at.control = std::move(*again);
  }
}

}  // namespace

int trigger_command(const trigger_options& o) {
  int code = exit_ok;
  auto at = reach_ledger(o.file, code);
  if (!at) return code;
  const auto wanted = orders_of(o, *at);
  if (!wanted) return exit_usage;
  if (wanted->empty()) {
    std::fprintf(stderr, "baton: job '%s' has no tick from %s to %s that runs; nothing was triggered\n", o.job.c_str(), o.from.c_str(),
                 o.to.c_str());
    return exit_negative;
  }
  const auto made = order(*at, *wanted);
  if (!made) return tell(made.error());
  for (const auto& run : *made) std::printf("%s\n", run_id(run).c_str());
  (void)std::fflush(stdout);
  return o.wait ? wait_for(*at, *made) : exit_ok;
}

int pause_command(const std::string& file, const std::vector<std::string>& jobs, bool paused) {
  int code = exit_ok;
  const auto at = reach_ledger(file, code);
  if (!at) return code;
  for (const auto& job : jobs) {
    if (auto done = at->control->set_paused(at->cluster(), job, paused); !done) {
      code = tell(done.error());
      continue;
    }
    const auto* configured = at->find(job);
    const bool is_disabled = configured != nullptr && !configured->enabled;
    std::printf("%s: %s\n", job.c_str(),
                paused        ? "paused; its ticks are skipped until it is resumed"
                : is_disabled ? "resumed, but the configuration disables it (enabled: false): its ticks are skipped"
                              : "resumed; what was due in the pause stays skipped");
  }
  return code;
}

int cancel_command(const std::string& file, const std::vector<std::string>& runs) {
  std::vector<tick_key> keys;
  for (const auto& run : runs) {
    const auto key = ledger::parse_run_id(run);
    if (!key) return tell_usage("'" + run + "' names no run: write it as `baton runs` does, such as nightly@2026-11-26T02:00:00Z");
    keys.push_back(*key);
  }
  int code = exit_ok;
  const auto at = reach_ledger(file, code);
  if (!at) return code;
  for (const auto& key : keys) {
    const auto done = at->control->cancel(at->cluster(), key);
    if (!done) return tell(done.error());
    const auto id = run_id(key);
    switch (*done) {
      case ledger::cancel_outcome::requested: std::printf("%s: its instance has been asked to stop it\n", id.c_str()); break;
      case ledger::cancel_outcome::cancelled: std::printf("%s: cancelled before it began\n", id.c_str()); break;
      case ledger::cancel_outcome::not_open:
        std::fprintf(stderr, "baton: %s has ended already\n", id.c_str());
        code = exit_negative;
        break;
      case ledger::cancel_outcome::unknown:
        std::fprintf(stderr, "baton: the ledger has no run %s; `baton runs %s` shows those that there are\n", id.c_str(), key.job.c_str());
        code = exit_negative;
        break;
    }
  }
  return code;
}

}  // namespace baton::program

// A service with jobs of its own, of which any number may run side by side: embed LABEL
#include <baton/base/system_clock.hpp>
#include <baton/mysql/store.hpp>
#include <baton/runtime/scheduler.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <condition_variable>
#include <csignal>
#include <iostream>
#include <mutex>

#include "connection.hpp"

using namespace std::chrono_literals;
using baton::sdk::outcome;
using baton::sdk::run_context;

namespace {

std::mutex printing;
void say(const std::string& text) {
  const std::lock_guard guard{printing};
  std::cout << text << std::endl;
}

std::string described(const run_context& run) {
  return std::string{run.instance()} + " " + std::string{run.job()} + " " + baton::to_rfc3339(run.tick()).substr(11, 8) + " attempt " +
         std::to_string(run.attempt());
}

// [jobs]
baton::runtime::job pulse() {
  baton::runtime::job j;
  j.name = "pulse";
  j.schedule = std::get<baton::schedule::timetable>(baton::schedule::timetable::from_every({1s}));
  j.handler = [](run_context& run) {
    say(described(run));
    return outcome::success();
  };
  return j;
}

baton::runtime::job report() {
  baton::runtime::job j;
  j.name = "report";
  j.schedule = std::get<baton::schedule::timetable>(baton::schedule::timetable::from_cron("*/5 * * * * *"));
  j.policy.on_crash = baton::ledger::crash_policy::retry;
  j.timeout = 30s;
  j.handler = [](run_context& run) {
    say(described(run) + " begins under fence " + std::to_string(run.fence()));
    std::mutex mutex;
    std::unique_lock guard{mutex};
    std::condition_variable_any woken;
    woken.wait_for(guard, run.stop_token(), 3s, [] { return false; });  // work that ends when the token says so
    if (run.stop_requested()) return outcome::cancelled();
    say(described(run) + " ends");
    return outcome::success();
  };
  return j;
}
// [jobs]

// [store]
baton::runtime::store store_of(const baton::mysql::store& where) {
  baton::runtime::store s;
  s.open_lock_session = [where]() -> baton::result<std::unique_ptr<baton::lock::session>> { return where.open_lock_session(); };
  s.open_ledger_session = [where] { return where.open_ledger_session(); };
  return s;
}
// [store]

int refused(const baton::failure& why) {
  std::cerr << why.context << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a server that goes away is an error of a call, not the end of this program
  // [scheduler]
  baton::runtime::options how;
  how.cluster = "example";
  how.instance = argc > 1 ? argv[1] : "somebody";
  how.timing = {1s, 1s, 5s, 2s, 500ms};  // shorter than the default, so that a takeover is soon to be seen
  auto where = connection_from_environment();
  where.lease = how.timing;
  where.instance = how.instance;
  const auto server = baton::mysql::store::create(where);
  if (!server) return refused(server.error());
  if (auto made = server->migrate(); !made) return refused(made.error());

  std::vector<baton::runtime::job> jobs{pulse(), report()};
  baton::observe::metrics::options series;
  series.cluster = how.cluster;
  series.instance_id = how.instance;
  series.store = "mysql";
  series.jobs = baton::runtime::labels_of(how.cluster, jobs);
  baton::observe::metrics metrics{series};  // series.registry: one that the service has already
  const baton::system_clock clock;
  baton::observe::log log{{.level = baton::observe::log_level::warning,
                           .now = [&] { return clock.now().wall; },
                           .sink = [&](std::string_view line) { say(how.instance + " log: " + std::string{line}); }}};

  boost::asio::io_context io;  // the service's own
  auto scheduler = baton::runtime::scheduler::create(io, how, std::move(jobs), store_of(*server), clock, log, metrics);
  if (!scheduler) return refused(scheduler.error());
  // [scheduler]

  // [run]
  boost::asio::signal_set ends{io, SIGINT, SIGTERM};
  ends.async_wait([&](const boost::system::error_code& error, int /*signal*/) {
    if (!error) (*scheduler)->stop([&] { say(how.instance + " has stopped"); });
  });
  (*scheduler)->start();
  io.run();  // returns when the scheduler has stopped: nothing else is to be done here
  // [run]
  return 0;
}

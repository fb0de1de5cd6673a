#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "baton/runtime/scheduler.hpp"
#include "commands.hpp"
#include "configuration.hpp"
#include "exit_codes.hpp"
#include "http_side.hpp"
#include "reload.hpp"
#include "sd_notify.hpp"
#include "test_clock.hpp"
#include "tzdata_watch.hpp"

namespace baton::program {
namespace {

namespace asio = boost::asio;

observe::log_level log_level_of(const std::string& text) {
  if (text == "debug") return observe::log_level::debug;
  if (text == "warning") return observe::log_level::warning;
  if (text == "error") return observe::log_level::error;
  return observe::log_level::info;
}

observe::log_format log_format_of(const std::string& text) {
  if (text == "text") return observe::log_format::text;
  if (text == "json") return observe::log_format::json;
  if (text == "journald") return observe::log_format::journald;
  return observe::log_format::automatic;
}

std::string_view to_string(observe::log_level level) {
  switch (level) {
    case observe::log_level::debug: return "debug";
    case observe::log_level::info: return "info";
    case observe::log_level::warning: return "warning";
    case observe::log_level::error: return "error";
  }
  return "info";
}

/// Takes the labels.
observe::metrics::options metrics_options(configuration& c, wall_time started) {
  observe::metrics::options o;
  o.version = BATON_VERSION;
  o.revision = BATON_REVISION;
  o.compiler = BATON_COMPILER;
  o.mysql_client = mysql::store::client_version();
  o.instance_id = c.settings.instance;
  o.cluster = c.settings.cluster;
  o.store = is_local(c.settings) ? "local" : "mysql";
  o.run_slots = c.settings.max_concurrent_runs;
  o.jobs = std::exchange(c.labels, {});
  o.started = started;
  return o;
}

/// An opener that creates or upgrades the tables first if it may and has to.
template <typename Session, typename Store>
std::function<result<std::unique_ptr<Session>>()> opener(const Store& where, bool may_migrate,
                                                         result<std::unique_ptr<Session>> (*open)(const Store&)) {
  return [=]() -> result<std::unique_ptr<Session>> {
    auto session = open(where);
    if (session || session.error().code != errc::schema_outdated || !may_migrate) return session;
    if (auto migrated = where.migrate(); !migrated) return migrated.error();
    return open(where);
  };
}

template <typename Store>
runtime::store make_store(const Store& where, bool may_migrate, microseconds connect_limit) {
  using lock_session = result<std::unique_ptr<lock::session>>;
  runtime::store s;
  s.connect_limit = connect_limit;
  s.open_lock_session =
      opener<lock::session, Store>(where, may_migrate, [](const Store& at) -> lock_session { return at.open_lock_session(); });
  s.open_ledger_session = opener<ledger::session, Store>(where, may_migrate, [](const Store& at) { return at.open_ledger_session(); });
  return s;
}

/// The local store's clock is this machine's, as its instances see it.
result<runtime::store> make_store(const settings::settings& s, std::shared_ptr<const clock> time, observe::log& log) {
  if (is_local(s)) {
    auto options = local_store_options(s);
    options.time = std::move(time);
    const auto store = local::store::create(std::move(options));
    if (!store) return store.error();
    log.info("the local store serves this host alone; a fleet of several hosts needs store.url: mysql://...",
             {{"store", store->describe()}});
    return make_store(*store, s.migrate, std::chrono::seconds{4});
  }
  const auto options = store_options(s);
  const auto store = mysql::store::create(options);
  if (!store) return store.error();
  auto made = make_store(*store, s.migrate, options.connect_timeout * static_cast<int>(std::max<std::size_t>(1, options.hosts.size())) * 2);
  made.access = {settings::store_url_text(s.store), s.store.password, std::string{settings::to_string(s.store.tls)}, s.store.tls_ca, {}};
  return made;
}

/// What the service manager sees: one line about the state, and a sign of life while there is progress.
class service_manager_link {
 public:
  service_manager_link(asio::io_context& io, const runtime::scheduler& scheduler, observe::log& log)
      : timer_(io), scheduler_(scheduler), log_(log), watchdog_(sd_watchdog_interval()) {}

  void start() {
    sd_notify("READY=1");
    beat();
  }
  void draining() { draining_ = true; }
  void reloading() { sd_notify_reloading(); }
  void reloaded() { sd_notify("READY=1"); }
  void stopping() {
    sd_notify("STOPPING=1");
    stopping_ = true;
  }
  void end() {
    has_ended_ = true;
    timer_.cancel();
  }

 private:
  void beat() {
    const auto report = scheduler_.report();
    const auto& h = report.health;
    std::string message = "STATUS=";
    message += stopping_   ? "stopping"
               : draining_ ? "draining"
               : h.ready   ? "ready"
                           : "not ready: " + (h.reasons.empty() ? "starting" : h.reasons.front());
    message += "; " + std::to_string(h.running) + " running, " + std::to_string(h.due) + " due";
    if (report.is_stuck) {
      log_.error("no progress", {{"reason", report.stuck_reason}});
    } else if (watchdog_) {
      message += "\nWATCHDOG=1";
    }
    sd_notify(message);
    timer_.expires_after(watchdog_ ? std::min<microseconds>(*watchdog_ / 2, std::chrono::seconds{5}) : std::chrono::seconds{5});
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error && !has_ended_) beat();  // one that had expired comes after cancel()
    });
  }

  asio::steady_timer timer_;
  const runtime::scheduler& scheduler_;
  observe::log& log_;
  std::optional<microseconds> watchdog_;
  bool draining_ = false;
  bool stopping_ = false;
  bool has_ended_ = false;
};

/// Looks for newer time zone data now and then, and says what it would change.
class tzdata_reports {
 public:
  tzdata_reports(asio::io_context& io, tzdata_watch watch, const clock& time, observe::log& log, observe::metrics& metrics)
      : timer_(io), watch_(std::move(watch)), time_(time), log_(log), metrics_(metrics) {}

  void start() {
    log_.info("time zone data", {{"version", watch_.version()}});
    metrics_.tzdata(watch_.version());
    wait();
  }
  void end() {
    has_ended_ = true;
    timer_.cancel();
  }

 private:
  void wait() {
    timer_.expires_after(std::chrono::seconds{10});
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error || has_ended_) return;
      if (const auto found = watch_.look(time_.now().wall)) tell(*found);
      wait();
    });
  }
  void tell(const tzdata_watch::finding& found) {
    metrics_.tzdata_restart_needed(!found.moved.empty());
    if (found.moved.empty())
      log_.info("newer time zone data is installed; it changes nothing for these jobs", {{"version", found.version}});
    for (const auto& zone : found.moved) {
      std::string jobs;
      for (const auto& name : zone.jobs) jobs += (jobs.empty() ? "" : ", ") + name;
      log_.warning("newer time zone data is installed, and ticks move: restart to go by it",
                   {{"version", found.version}, {"timezone", zone.name}, {"from", to_rfc3339(zone.from)}, {"jobs", jobs}});
    }
  }

  asio::steady_timer timer_;
  tzdata_watch watch_;
  const clock& time_;
  observe::log& log_;
  observe::metrics& metrics_;
  bool has_ended_ = false;
};

/// What metrics say of a configuration.
void show(const configuration& c, observe::metrics& metrics, wall_time now) {
  for (const auto& plugin : c.plugins) {
    metrics.plugin(plugin.name, plugin.version, std::to_string(plugin.abi_major) + "." + std::to_string(plugin.abi_minor), plugin.build_id);
  }
  for (const auto& j : c.jobs) {
    const auto gap = j.schedule ? j.schedule->longest_gap(now) : std::nullopt;
    metrics.job_schedule_max_gap(j.name, gap.value_or(microseconds{0}));
  }
  metrics.config_hash(c.settings.hash);
}

int serve(const std::string& file, configuration c, const std::shared_ptr<const clock>& shared_time, bool clock_is_set_off) {
  const auto& s = c.settings;
  const auto& time = *shared_time;
  observe::metrics metrics{metrics_options(c, time.now().wall)};
  observe::log log{{log_level_of(s.log_level), log_format_of(s.log_format), [&time] { return time.now().wall; },
                    [&metrics](observe::log_level level) { metrics.log_message(to_string(level)); }, nullptr}};
  if (clock_is_set_off) log.warning("the wall clock is set off by BATON_TEST_CLOCK_OFFSET: only for tests");
  show(c, metrics, time.now().wall);
  metrics.config_reloaded(true, time.now().wall);

  const auto fail = [&log](const char* what, const failure& why) {
    log.error(what, {{"error", why.context}});
    return exit_code_of(why);
  };
  auto store = make_store(s, shared_time, log);
  if (!store) return fail("the store's settings cannot be used", store.error());

  asio::io_context io{1};
  observe::recorder seen;
  auto options = scheduler_options(s);
  options.recorder = &seen;
  tzdata_watch watch{c.jobs};
  auto scheduler = runtime::scheduler::create(io, std::move(options), std::move(c.jobs), std::move(*store), time, log, metrics);
  if (!scheduler) return fail("the scheduler cannot be started", scheduler.error());

  tzdata_reports zones{io, std::move(watch), time, log, metrics};
  service_manager_link manager{io, **scheduler, log};
  std::unique_ptr<http_side> http;
  reloader reload{io,
                  file,
                  s,
                  log,
                  [&](const configuration& wanted) {
                    auto taken = (*scheduler)->reload(scheduler_options(wanted.settings), wanted.jobs);
                    if (taken) show(wanted, metrics, time.now().wall);
                    if (taken && http) http->configured(wanted);
                    return taken;
                  },
                  [&](bool successful) {
                    metrics.config_reloaded(successful, time.now().wall);
                    manager.reloaded();
                  }};
  asio::signal_set reload_signal{io, SIGHUP};
  std::function<void()> wait_for_reload = [&] {
    reload_signal.async_wait([&](const boost::system::error_code& error, int /*signal*/) {
      if (error) return;
      manager.reloading();
      reload.request();
      wait_for_reload();
    });
  };
  asio::signal_set stop_signals{io, SIGTERM, SIGINT};
  const auto end_all = [&] {
    manager.stopping();
    stop_signals.cancel();
    reload_signal.cancel();
    reload.end();
    manager.end();
    zones.end();
  };
  std::function<void()> wait_for_signal = [&] {
    stop_signals.async_wait([&](const boost::system::error_code& error, int signal) {
      if (error) return;
      log.info("signal received", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
      manager.stopping();
      (*scheduler)->stop(end_all);
      wait_for_signal();  // the second one cuts the grace times short
    });
  };

  // From the server's thread to the scheduler's.
  const auto asked_to_reload = [&](const admin::order&, admin::say done) {
    asio::post(io, [&, done = std::move(done)] {
      manager.reloading();
      reload.request([done](const reloader::outcome& o) {
        done(outcome_answer(o.successful ? 200 : o.is_stopping ? 503 : 409, o.message, o.problems));
      });
    });
  };
  const auto asked_to_drain = [&](const admin::order&, admin::say done) {
    asio::post(io, [&, done = std::move(done)] {
      manager.draining();
      (*scheduler)->drain(end_all);
      const auto left = std::to_string((*scheduler)->report().health.running);
      done(outcome_answer(200, "no new run starts here; the instance ends when its runs have: " + left + " to go", {}));
    });
  };
  auto served = http_side::start(c, {time, log, metrics, seen, **scheduler, asked_to_reload, asked_to_drain});
  if (!served) return fail("http cannot be used", served.error());
  http = std::move(*served);
  forget_jobs(c.settings);  // whoever needs them has them
#ifdef __GLIBC__
  ::malloc_trim(0);  // reading a large file takes several times what is kept of it
#endif

  wait_for_signal();
  wait_for_reload();
  zones.start();
  (*scheduler)->start();
  manager.start();
  io.run();
  if (http) http->stop();
  return exit_ok;
}

}  // namespace

int run_command(const std::string& file) {
  std::signal(SIGPIPE, SIG_IGN);
  auto checked = load_configuration(file);
  print_problems(checked.problems);
  if (!checked.value) return exit_configuration;
  if (const char* offset = std::getenv("BATON_TEST_CLOCK_OFFSET"); offset != nullptr) {
    return serve(file, std::move(*checked.value), std::make_shared<test_clock>(offset), true);
  }
  return serve(file, std::move(*checked.value), std::make_shared<system_clock>(), false);
}

}  // namespace baton::program

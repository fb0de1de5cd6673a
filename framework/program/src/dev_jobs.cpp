#include "dev_jobs.hpp"

#include <sstream>

namespace baton::program {
namespace {

using std::chrono::seconds;

schedule::timetable cron(const std::string& expression) {
  return std::get<schedule::timetable>(schedule::timetable::from_cron(expression));
}
schedule::timetable interval(seconds period) { return std::get<schedule::timetable>(schedule::timetable::from_every({period})); }

demo_job cron_job(const std::string& name, const std::string& lock_name, const std::string& expression, milliseconds takes) {
  return {{name, lock_name, cron(expression)}, '"' + expression + '"', takes};
}

demo_job interval_job(const std::string& name, seconds period, milliseconds takes) {
  return {{name, name, interval(period)}, "{every: " + std::to_string(period.count()) + "s}", takes};
}

/// As a YAML scalar: in single quotes.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string{"''"} : std::string{c};
  return out + "'";
}

}  // namespace

std::vector<demo_job> demo_jobs() {
  auto backup = interval_job("backup", seconds{8}, milliseconds{4000});
  backup.retries_crashes = true;
  auto cleanup = interval_job("cleanup", seconds{3}, milliseconds{200});
  cleanup.in_process = true;
  cleanup.watched.has_journal = false;
  return {backup,
          cron_job("pulse", "pulse", "* * * * * *", milliseconds{50}),
          cron_job("report", "report", "*/5 * * * * *", milliseconds{700}),
          cron_job("invoices", "mail", "*/4 * * * * *", milliseconds{1200}),
          cron_job("reminders", "mail", "*/6 * * * * *", milliseconds{900}),
          cleanup};
}

std::string demo_configuration(const demo_paths& paths, const std::vector<demo_job>& jobs, const std::string& instance,
                               std::uint16_t http_port) {
  std::ostringstream out;
  const auto password = paths.password_file.empty() ? "" : "  password: {file: " + quoted(paths.password_file) + "}\n";
  out << "version: 1\n"
      << "cluster: " << demo_cluster << "\n"
      << "instance: " << instance << "\n"
      << "store:\n"
      << "  url: " << quoted(paths.store_url) << "\n"
      << password << "  # The tightest that is allowed, so that a takeover is soon seen. The defaults are more patient.\n"
      << "  lease: {probe: 500ms, probe_timeout: 500ms, wait_timeout: 3s, margin: 1500ms, stop: 500ms}\n"
      << "http: {listen: \"127.0.0.1:" << http_port << "\"}\n"
      << "log: {format: text}\n"
      << "jobs:\n";
  for (const auto& job : jobs) {
    out << "  " << job.watched.name << ":\n    schedule: " << job.schedule << "\n";
    if (job.in_process) {
      out << "    plugin: noop\n    isolation: in_process\n    with: {duration: " << job.takes.count() << "ms}\n";
    } else {
      out << "    plugin: exec\n    with: {command: [" << quoted(paths.program) << ", dev-job, " << quoted(paths.journal) << ", \""
          << job.takes.count() << "\"]}\n";
    }
    if (job.watched.lock_name != job.watched.name) out << "    lock: {name: " << job.watched.lock_name << "}\n";
    if (job.retries_crashes) out << "    on_crash: retry\n";
  }
  return out.str();
}

}  // namespace baton::program

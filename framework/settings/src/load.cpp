#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "baton/base/system_clock.hpp"
#include "baton/schedule/duration.hpp"
#include "effective.hpp"
#include "reader.hpp"
#include "scalars.hpp"
#include "suggest.hpp"

namespace baton::settings {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_files = 1000;
constexpr std::size_t least_token = 32;

class loader {
 public:
  loaded run(const std::string& file) {
    const auto* main = open(file);
    if (main == nullptr) return finish(false);
    auto root = parse(*main, report_);
    std::vector<std::string> includes;
    if (root) reader_.read_main(*root, includes);
    for (const auto& pattern : includes) include(*main, *reader_.given("include"), pattern);
    if (root) check_rules(*main);
    return finish(root.has_value());
  }

 private:
  const source* open(const std::string& file) {
    auto read = source::read(file);
    files_.push_back(file);
    if (auto* refused = std::get_if<problem>(&read)) {
      report_.add(std::move(*refused));
      return nullptr;
    }
    sources_.push_back(std::get<std::unique_ptr<source>>(std::move(read)));
    return sources_.back().get();
  }

  void include(const source& main, const place& at, const std::string& pattern) {
    const std::filesystem::path parts{pattern};
    if (std::find(parts.begin(), parts.end(), "..") != parts.end())
      return report_.error(at, "include", in_quotes(pattern) + " leads out of a folder by '..'", "write where the files are from / on");
    glob_t found{};
    const std::unique_ptr<glob_t, void (*)(glob_t*)> owner{&found, &::globfree};
    const auto path = main.resolve(pattern);
    const int outcome = ::glob(path.c_str(), GLOB_NOSORT, nullptr, &found);
    std::vector<std::string> files(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    if (outcome != 0 && outcome != GLOB_NOMATCH) return report_.error(at, "include", in_quotes(pattern) + " cannot be searched for");
    if (files.empty() && pattern.find_first_of("*?[") == std::string::npos) {
      return report_.error(at, "include", "there is no file " + in_quotes(pattern), "a relative path begins at the directory of this file");
    }
    std::sort(files.begin(), files.end());  // by bytes, the same in every locale
    for (const auto& file : files) {
      if (std::find(files_.begin(), files_.end(), file) != files_.end()) continue;  // two patterns match it
      if (files_.size() >= most_files) return report_.error(at, "include", "more than " + std::to_string(most_files) + " files");
      const auto* in = open(file);
      if (in == nullptr) continue;
      if (auto root = parse(*in, report_)) reader_.read_include(*root);
    }
  }

  void check_rules(const source& main) {
    auto& s = reader_.result;
    s.file = main.name();
    if (s.instance.empty()) s.instance = default_instance(main.name());
    if (!s.has_store) s.store.directory = default_directory();
    if (s.store.directory.empty() && !s.has_store)
      report_.error({&main, 1, 1}, "store",
                    "is missing, and neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME says where a local store could be",
                    "add store: {url: local:///var/lib/baton}");
    if (s.has_store) check_lease(s.lease_timing, {&main, 1, 1});
    if (!s.store.directory.empty()) refuse_server_keys();
    check_token(s.http_admin_token);
    if (const auto* mode = reader_.given("store.tls.mode"); mode != nullptr && s.store.tls >= tls_mode::verify_ca && s.store.tls_ca.empty())
      report_.error(*mode, "store.tls.mode", "verifies the server's certificate, but against nothing",
                    "add ca: /etc/ssl/certs/ca-certificates.crt, or the file of the authority that signed it");
    apply_calendars();
    check_overlap();
    check_limits();
    check_chains();
    check_labels();
    check_history({&main, 1, 1});
    if (s.jobs.empty() && !report_.has_errors()) report_.warning({&main, 1, 1}, "jobs", "there is no job, so this instance does nothing");
  }

  /// Once everything is read: a job may stand before its calendar, or in another file.
  void apply_calendars() {
    auto& s = reader_.result;
    std::map<std::string, std::shared_ptr<const schedule::calendar>, std::less<>> known;
    std::vector<std::string_view> names;
    for (const auto& c : s.calendars) {
      known.emplace(c.name, std::make_shared<const schedule::calendar>(c.name, c.days));
      names.push_back(c.name);
    }
    const auto now = system_clock{}.now().wall;
    std::set<std::pair<const place*, std::string>> told;  // what stands in defaults is wrong once, not for each job
    for (auto& j : s.jobs) {
      const auto named = [&](const std::vector<std::string>& wanted, const std::string& key) {
        schedule::day_rules::calendars found;
        for (const auto& name : wanted) {
          if (const auto it = known.find(name); it != known.end()) {
            found.push_back(it->second);
          } else if (const auto* at = reader_.given_for(j, key); at != nullptr && told.emplace(at, name).second) {
            report_.error(*at, "jobs." + j.name + "." + key, "there is no calendar " + in_quotes(name), did_you_mean(name, names));
          }
        }
        return found;
      };
      schedule::day_rules rules{named(j.not_on, "not_on"), named(j.only_on, "only_on")};
      if (!j.schedule || (rules.empty() && j.jitter == microseconds{0})) continue;
      const bool is_restricted = !rules.empty();
      j.schedule = j.schedule->refined({std::move(rules), reader_.zone_of(j), j.jitter, j.name});
      const auto* at = is_restricted && j.schedule->next(now) && !j.schedule->next_run(now)
                           ? reader_.given_for(j, j.only_on.empty() ? "not_on" : "only_on")
                           : nullptr;
      if (at != nullptr)
        report_.warning(*at, "jobs." + j.name, "no tick to come is on a day that its calendars allow, so it never runs",
                        "add days to come to the calendar");
    }
  }

  /// A leader runs all, or nobody does.
  void check_labels() {
    const auto& s = reader_.result;
    if (!s.elects_leader) return;
    for (const auto& j : s.jobs) {
      const auto* at = reader_.given_for(j, "run_on");
      const bool has_all = std::ranges::all_of(j.run_on, [&](const auto& l) { return std::ranges::find(s.labels, l) != s.labels.end(); });
      if (at == nullptr || has_all) continue;
      report_.warning(*at, "jobs." + j.name + ".run_on",
                      "asks for labels that this instance lacks: while it is the leader, nobody runs the job",
                      "leave out election: leader, or give the labels to every instance");
    }
  }

  /// Runs that may overlap have each a lock of their own.
  void check_overlap() {
    for (const auto& j : reader_.result.jobs) {
      if (j.overlap != "allow") continue;
      for (const auto* key : {"lock.name", "lock.hold_at_least"}) {
        if (const auto* at = reader_.given_for(j, key); at != nullptr)
          report_.error(*at, "jobs." + j.name + "." + key, "does not go with overlap: allow, which gives each run a lock of its own",
                        "leave it out, or choose another overlap");
      }
    }
  }

  /// Only a process can be limited.
  void check_limits() {
    for (const auto& j : reader_.result.jobs) {
      if (!j.in_process) continue;
      for (const auto* key : {"limits.memory", "limits.cpu", "limits.files"}) {
        if (const auto* at = reader_.given_for(j, key); at != nullptr)
          report_.error(*at, "jobs." + j.name + "." + key,
                        "does not go with isolation: in_process, where the handler is a thread of the daemon",
                        "leave it out, or use isolation: process");
      }
    }
  }

  /// `after` names jobs, and leads in no circle.
  void check_chains() {
    const auto& jobs = reader_.result.jobs;
    std::map<std::string_view, const job*> by_name;
    std::vector<std::string_view> names;
    for (const auto& j : jobs) {
      by_name.emplace(j.name, &j);
      names.push_back(j.name);
    }
    for (const auto& j : jobs) {
      const auto* at = reader_.given_for(j, "after");
      if (at == nullptr) continue;
      for (const auto& p : j.after) {
        if (!by_name.contains(p.job))
          report_.error(*at, "jobs." + j.name + ".after", "there is no job " + in_quotes(p.job), did_you_mean(p.job, names));
      }
      std::set<const job*> seen;
      std::vector<const job*> rest{&j};
      while (!rest.empty()) {
        const auto* next = rest.back();
        rest.pop_back();
        for (const auto& p : next->after) {
          const auto it = by_name.find(p.job);
          if (it == by_name.end() || !seen.insert(it->second).second) continue;
          rest.push_back(it->second);
        }
      }
      if (seen.contains(&j)) report_.error(*at, "jobs." + j.name + ".after", "leads back to the job itself", "break the circle");
    }
  }

  /// A tick that may still be caught up is not forgotten.
  void check_history(const place& otherwise) {
    const auto& s = reader_.result;
    const auto longest = std::ranges::max_element(s.jobs, {}, &job::catch_up_window);
    if (longest == s.jobs.end() || longest->catch_up_window + 1h <= s.history_keep) return;
    const auto* at = reader_.given("history.keep");
    if (at == nullptr) at = reader_.given_for(*longest, "catch_up.window");
    report_.error(at == nullptr ? otherwise : *at, "history.keep",
                  "rows are kept for " + schedule::duration_text(s.history_keep) + ", and job '" + longest->name + "' catches up for " +
                      schedule::duration_text(longest->catch_up_window) + " (catch_up.window)",
                  "history: {keep: " + schedule::duration_text(longest->catch_up_window + 1h) + "} or more, or a shorter window");
  }

  void check_lease(const lease& l, const place& otherwise) {
    const auto& section = reader_.place_of("store.lease", otherwise);
    const auto refuse = [&](std::initializer_list<const char*> names, std::string message, std::string hint) {
      for (const auto* name : names) {
        const auto path = std::string{"store.lease."} + name;
        if (const auto* at = reader_.given(path)) return report_.error(*at, path, std::move(message), std::move(hint));
      }
      report_.error(section, "store.lease", std::move(message), std::move(hint));
    };
    const auto text = [](microseconds d) { return to_text(d); };
    const auto third = l.wait_timeout / 3;
    if (l.wait_timeout % 1s != 0s)
      refuse({"wait_timeout"}, "must be whole seconds, got " + text(l.wait_timeout), "the server counts in seconds");
    if (l.probe > third) {
      refuse({"probe", "wait_timeout"}, "probe " + text(l.probe) + " is more than a third of wait_timeout " + text(l.wait_timeout),
             "at most " + text(std::chrono::floor<milliseconds>(third)));
    }
    if (l.probe_timeout > third) {
      refuse({"probe_timeout", "wait_timeout"},
             "probe_timeout " + text(l.probe_timeout) + " is more than a third of wait_timeout " + text(l.wait_timeout),
             "at most " + text(std::chrono::floor<milliseconds>(third)));
    }
    if (l.stop + 1s > l.margin) {
      refuse({"margin", "stop"}, "margin " + text(l.margin) + " is less than stop + 1s = " + text(l.stop + 1s),
             "raise margin, or lower stop");
    }
    if (l.probe + l.probe_timeout + 500ms > l.wait_timeout - l.margin) {
      refuse({"probe_timeout", "probe", "margin", "wait_timeout"},
             "probe + probe_timeout + 500ms = " + text(l.probe + l.probe_timeout + 500ms) +
                 " is more than wait_timeout - margin = " + text(l.wait_timeout - l.margin),
             "raise wait_timeout, or lower the others");
    }
  }

  /// Whoever reaches the address may guess, as often as he likes.
  void check_token(const std::string& token) {
    const auto* at = reader_.given("http.admin_token");
    if (at == nullptr || report_.has_errors()) return;  // one that could not be read is reported already
    const std::string path = "http.admin_token";
    if (token.size() < least_token)
      report_.error(*at, path, "has " + std::to_string(token.size()) + " characters, and needs at least " + std::to_string(least_token),
                    "make one with: openssl rand -hex 32");
    if (!std::ranges::all_of(token, [](char c) { return c > ' ' && c <= '~'; }))
      report_.error(*at, path, "holds a character that a header of HTTP cannot carry", "take letters and digits only");
  }

  void refuse_server_keys() {
    for (const auto* path : {"store.password", "store.tls", "store.max_connections"}) {
      if (const auto* at = reader_.given(path)) report_.error(*at, path, "is of a server, and the local store has none", "remove it");
    }
  }

  /// Of a service its state directory, else the account's. Empty: nobody says.
  static std::string default_directory() {
    const auto variable = [](const char* name) {
      const char* value = std::getenv(name);
      return std::string{value == nullptr ? "" : value};
    };
    if (auto state = variable("STATE_DIRECTORY"); state.starts_with('/')) return state.substr(0, state.find(':'));
    if (auto state = variable("XDG_STATE_HOME"); state.starts_with('/')) return state + "/baton";
    if (auto home = variable("HOME"); home.starts_with('/')) return home + "/.local/state/baton";
    return {};
  }

  static std::string default_instance(const std::string& file) {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
    auto label = std::string{host.data()}.substr(0, 40) + "-" + std::filesystem::path{file}.stem().string();
    for (char& c : label) {
      if (!is_spelled_with({&c, 1}, "A-Za-z0-9._-")) c = '-';
    }
    return label.substr(0, 64);
  }

  loaded finish(bool is_complete) {
    loaded out;
    if (is_complete) {
      auto& read = report_.has_errors() ? out.draft : out.value;
      read = std::move(reader_.result);
      read->jobs.shrink_to_fit();
      if (out.value) out.value->hash = hash_of(*out.value);
    }
    out.problems = std::move(report_.problems);
    const auto order = [&](const problem& p) {
      const auto file = std::find(files_.begin(), files_.end(), p.where.file) - files_.begin();
      return std::tuple{file, p.where.line, p.where.column};
    };
    std::stable_sort(out.problems.begin(), out.problems.end(), [&](const problem& a, const problem& b) { return order(a) < order(b); });
    return out;
  }

  report report_;
  std::vector<std::string> files_;
  std::vector<std::unique_ptr<source>> sources_;  ///< places point into them
  reader reader_{report_};
};

/// Nothing but comments.
bool is_blank(const source& in) {
  for (std::size_t i = 1; i <= in.line_count(); ++i) {
    const auto line = in.line(i);
    const auto first = line.find_first_not_of(" \t");
    if (first != std::string_view::npos && line[first] != '#') return false;
  }
  return true;
}

}  // namespace

loaded load(const std::string& file) { return loader{}.run(file); }

loaded_parameters load_parameters(const std::string& file) {
  auto read = source::read(file);
  if (auto* refused = std::get_if<problem>(&read)) return {std::nullopt, {std::move(*refused)}};
  const auto& in = *std::get<std::unique_ptr<source>>(read);
  if (is_blank(in)) return {with_value::map{}, {}};
  report found;
  const auto root = parse(in, found);
  auto read_values = root ? reader{found}.read_parameters(*root) : std::nullopt;
  if (found.has_errors()) read_values.reset();
  return {std::move(read_values), std::move(found.problems)};
}

}  // namespace baton::settings

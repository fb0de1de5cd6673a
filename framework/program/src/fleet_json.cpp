#include "fleet_json.hpp"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cctype>
#include <cstdio>
#include <set>

#include "baton/base/utf8.hpp"
#include "baton/ledger/run_id.hpp"
#include "baton/lock/name.hpp"
#include "run_view.hpp"

namespace baton::program {
namespace {

namespace json = boost::json;

json::string text(std::string_view s) { return json::string{valid_utf8(s)}; }

json::value time_or_null(const std::optional<wall_time>& t) {
  if (!t) return nullptr;
  return json::value(to_rfc3339(*t));
}

json::array texts(const std::vector<std::string>& all) {
  json::array out;
  for (const auto& one : all) out.emplace_back(text(one));
  return out;
}

double seconds(microseconds d) { return std::chrono::duration<double>(d).count(); }

std::string hex(std::uint64_t hash) {
  std::array<char, 20> out{};
  (void)std::snprintf(out.data(), out.size(), "%012llx", static_cast<unsigned long long>(hash));
  return out.data();
}

const ledger::job_record* record_of(const fleet_facts& f, std::string_view job) {
  const auto found = std::ranges::lower_bound(f.ledger.jobs, job, {}, &ledger::job_record::job);
  return found == f.ledger.jobs.end() || found->job != job ? nullptr : &*found;
}

std::string lock_name_of(const fleet_facts& f, const settings::job* configured, const ledger::job_record* record) {
  if (configured == nullptr) return record->lock_name;
  return lock::scheduler_name(f.configured.settings.cluster, configured->lock_name.empty() ? configured->name : configured->lock_name);
}

bool is_running(const fleet_facts& f, std::string_view job) {
  return std::ranges::any_of(f.ledger.open, [&](const auto& row) { return row.state == ledger::row_state::running && row.key.job == job; });
}

/// The settings of one job as a configuration would have them; secrets are stars.
std::string configuration_of(const settings::settings& s, const settings::job& job) {
  auto one = s;
  one.jobs = {job};
  auto all = settings::show_effective(one);
  constexpr std::string_view head = "\njobs:\n";
  const auto at = all.find(head);
  return at == std::string::npos ? "" : all.substr(at + head.size());
}

json::array next_ticks(const fleet_facts& f, const settings::job& job) {
  constexpr std::size_t shown = 5;
  json::array all;
  if (!job.schedule) return all;
  for (auto tick = job.schedule->next_run(f.now); tick && all.size() < shown; tick = job.schedule->next_run(*tick)) {
    const auto local = schedule::to_local_text(*tick, job.schedule->time_zone());
    const auto mark = job.schedule->mark(*tick);
    using enum schedule::clock_mark;
    all.push_back(json::object{{"tick", to_rfc3339(*tick)},
                               {"offset", local.substr(local.find_last_of("+-"))},
                               {"note", mark == none      ? ""
                                        : mark == skipped ? "skipped"
                                                          : "repeated"}});
  }
  return all;
}

json::value plugin_json(const fleet_configuration& c, const std::string& name) {
  const auto found = std::ranges::find(c.plugins, name, &plugin_facts::name);
  if (found == c.plugins.end()) return nullptr;
  return json::object{{"name", text(found->name)},
                      {"version", text(found->version)},
                      {"abi", found->abi},
                      {"build_id", text(found->build_id)},
                      {"file", text(found->file)}};
}

bool names_a_secret(std::string key) {
  std::ranges::transform(key, key.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return key == "headers" || key == "environment" ||
         std::ranges::any_of(std::array{"pass", "pwd", "token", "secret", "key", "auth", "bearer", "cookie", "credential"},
                             [&](const char* word) { return key.find(word) != std::string::npos; });
}

/// An address that has more than host and path.
bool holds_a_password(const std::string& text) {
  const auto begin = text.find("://");
  return begin != std::string::npos && text.find_first_of("@?", begin) != std::string::npos;
}

void hide_secrets(settings::with_value& value, bool is_secret);

void hide_secrets(settings::with_value::map& map, bool is_secret) {
  for (auto& [key, value] : map) hide_secrets(value, is_secret || names_a_secret(key));
}

void hide_secrets(settings::with_value& value, bool is_secret) {
  if (auto* map = std::get_if<settings::with_value::map>(&value.data)) return hide_secrets(*map, is_secret);
  if (auto* list = std::get_if<settings::with_value::list>(&value.data)) {
    for (auto& one : *list) {  // arguments: --password=x, or --password x
      const auto* word = std::get_if<std::string>(&one.data);
      const bool is_next_secret = word != nullptr && word->starts_with('-') && names_a_secret(*word);
      hide_secrets(one, is_secret || is_next_secret);
      is_secret = is_secret || (is_next_secret && word->find('=') == std::string::npos);
    }
    return;
  }
  value.secret = value.secret || is_secret || holds_a_password(std::get<std::string>(value.data));
}

template <typename Numbers>
json::array numbers(const Numbers& all) {
  json::array out;
  for (const auto n : all) out.emplace_back(n);
  return out;
}

json::object lock_json(const std::string& name, const std::vector<std::string>& jobs, const ledger::tick_row* held,
                       std::optional<std::uint64_t> fence) {
  json::object one{{"lock_name", text(name)}, {"jobs", texts(jobs)}, {"held", held != nullptr}};
  one["fence"] = fence ? json::value(*fence) : json::value(nullptr);
  one["holder"] = nullptr;
  if (held != nullptr) {
    one["fence"] = held->fence;
    one["holder"] = json::object{{"instance", text(held->instance)},
                                 {"incarnation", text(held->incarnation)},
                                 {"run", text(run_id(held->key))},
                                 {"since", time_or_null(held->started ? held->started : held->claimed)}};
  }
  return one;
}

}  // namespace

fleet_configuration::fleet_configuration(settings::settings s, std::vector<plugin_facts> used)
    : settings(std::move(s)), plugins(std::move(used)) {
  for (auto& job : settings.jobs) {
    const auto plugin = std::ranges::find(plugins, job.plugin, &plugin_facts::name);
    for (auto& [key, value] : job.with)
      hide_secrets(value, (plugin != plugins.end() && plugin->secrets.contains(key)) || names_a_secret(key));
  }
  for (std::size_t i = 0; i < settings.jobs.size(); ++i) index_[settings.jobs[i].name] = i;
}

const settings::job* fleet_configuration::find(std::string_view job) const {
  const auto found = index_.find(job);
  return found == index_.end() ? nullptr : &settings.jobs[found->second];
}

json::object head_json(const fleet_facts& f) {
  return {{"cluster", text(f.configured.settings.cluster)},
          {"instance", text(f.configured.settings.instance)},
          {"incarnation", text(f.incarnation)},
          {"now", to_rfc3339(f.now)},
          {"as_of", time_or_null(f.ledger.as_of)},
          {"stale", !f.stale.empty()},
          {"reason", f.stale.empty() ? json::value(nullptr) : json::value(text(f.stale))}};
}

bool is_known(const fleet_facts& f, const std::string& name) { return f.configured.find(name) != nullptr || record_of(f, name) != nullptr; }

std::vector<std::string> job_names(const fleet_facts& f) {
  std::set<std::string> all;
  for (const auto& job : f.configured.settings.jobs) all.insert(job.name);
  for (const auto& job : f.ledger.jobs) all.insert(job.job);
  return {all.begin(), all.end()};
}

json::object job_json(const fleet_facts& f, const std::string& name) {
  const auto* job = f.configured.find(name);
  const auto* record = record_of(f, name);
  const auto* past = f.ledger.past_of(name);
  const bool is_paused = record != nullptr ? record->standing.stopped == ledger::reason_code::paused : job != nullptr && job->paused;
  const bool is_enabled = record != nullptr ? record->standing.configured != ledger::job_setting::disabled : job == nullptr || job->enabled;
  const bool has_schedule = job != nullptr && job->schedule.has_value();
  json::object one{{"job", text(name)},
                   {"description", text(job == nullptr ? "" : job->description)},
                   {"schedule", text(has_schedule                          ? job->schedule->text()
                                     : record != nullptr && job == nullptr ? record->schedule_hash
                                                                           : "")},
                   {"schedule_words", text(has_schedule ? job->schedule->in_words() : "")},
                   {"timezone", text(job == nullptr ? "" : job->timezone)},
                   {"plugin", text(job == nullptr ? "" : job->plugin)},
                   {"lock_name", text(lock_name_of(f, job, record))},
                   {"tags", texts(job == nullptr ? std::vector<std::string>{} : job->tags)},
                   {"priority", job == nullptr ? 0 : job->priority},
                   {"election", f.configured.settings.elects_leader ? "leader" : "per_run"},
                   {"enabled", is_enabled},
                   {"paused", is_paused},
                   {"known_here", job != nullptr},
                   {"running", is_running(f, name)}};
  const bool has_failed = past != nullptr && past->ended != ledger::run_outcome::none && past->ended != ledger::run_outcome::success;
  one["failing"] = has_failed;
  one["next_tick"] = time_or_null(has_schedule ? job->schedule->next_run(f.now) : std::nullopt);
  one["last_run"] = past != nullptr && past->last ? json::value(run_json(*past->last)) : json::value(nullptr);
  one["last_success"] = time_or_null(past == nullptr ? std::nullopt : past->last_success);
  one["file"] = job == nullptr ? json::value(nullptr) : json::value(text(job->where.file));
  one["line"] = job == nullptr ? json::value(nullptr) : json::value(job->where.line);
  return one;
}

json::object jobs_json(const fleet_facts& f) {
  auto answer = head_json(f);
  json::array all;
  for (const auto& name : job_names(f)) all.push_back(job_json(f, name));
  answer["jobs"] = std::move(all);
  return answer;
}

json::object job_details_json(const fleet_facts& f, const std::string& name, const std::vector<ledger::tick_row>& runs) {
  auto answer = head_json(f);
  const auto* job = f.configured.find(name);
  answer["job"] = job_json(f, name);
  answer["next_ticks"] = job == nullptr ? json::array{} : next_ticks(f, *job);
  answer["runs"] = runs_json(runs);
  const auto counts = f.seen == nullptr ? std::vector<std::uint64_t>{} : f.seen->latency_of(name);
  answer["latency"] = json::object{{"bounds", numbers(observe::recorder::latency_bounds())}, {"counts", numbers(counts)}};
  answer["plugin"] = job == nullptr ? json::value(nullptr) : plugin_json(f.configured, job->plugin);
  answer["configuration"] = text(job == nullptr ? "" : configuration_of(f.configured.settings, *job));
  return answer;
}

json::array runs_json(const std::vector<ledger::tick_row>& rows) {
  json::array all;
  for (const auto& row : rows) all.push_back(run_json(row));
  return all;
}

json::object run_json(const ledger::tick_row& row) {
  auto one = as_json(row);
  if (row.parameters.empty()) return one;
  boost::system::error_code error;
  auto given = json::parse(row.parameters, error);
  if (error || !given.is_object()) {
    one["parameters"] = "***";
    return one;
  }
  for (auto& [name, value] : given.get_object()) value = "***";
  one["parameters"] = json::serialize(given);
  return one;
}

json::object free_lock_json(const std::string& name) { return lock_json(name, {}, nullptr, std::nullopt); }

json::array locks_json(const fleet_facts& f, const std::set<std::string>* only) {
  struct lock {
    std::vector<std::string> jobs;
    const ledger::tick_row* held = nullptr;
    std::optional<std::uint64_t> fence;
  };
  std::map<std::string, lock> locks;
  for (const auto& name : job_names(f)) {
    const auto* job = f.configured.find(name);
    const bool has_one = job == nullptr || job->overlap != "allow";  // else each run has one of its own
    if (!has_one) continue;
    auto& one = locks[lock_name_of(f, job, record_of(f, name))];
    one.jobs.push_back(name);
    const auto* past = f.ledger.past_of(name);
    if (past != nullptr && past->last) one.fence = std::max(one.fence, std::optional{past->last->fence});
  }
  for (const auto& row : f.ledger.open) {
    if (row.state != ledger::row_state::running) continue;
    auto& one = locks[row.lock_name];
    one.held = &row;
    if (std::ranges::find(one.jobs, row.key.job) == one.jobs.end()) one.jobs.push_back(row.key.job);
  }
  json::array all;
  for (const auto& [name, one] : locks) {
    if (only == nullptr || only->contains(name)) all.push_back(lock_json(name, one.jobs, one.held, one.fence));
  }
  return all;
}

json::object attempt_json(const observe::recorder::attempt& a) {
  return {
      {"at", to_rfc3339(a.at)}, {"job", text(a.job)}, {"tick", time_or_null(a.tick)}, {"outcome", a.outcome}, {"seconds", seconds(a.took)}};
}

json::object lost_json(const observe::recorder::loss& l) {
  return {{"at", to_rfc3339(l.at)}, {"job", text(l.job)}, {"reason", text(l.reason)}};
}

json::object locks_answer_json(const fleet_facts& f) {
  auto answer = head_json(f);
  answer["locks"] = locks_json(f);
  json::array attempts;
  json::array lost;
  json::array slots;
  if (f.seen != nullptr) {
    for (const auto& one : f.seen->attempts().entries) attempts.push_back(attempt_json(one));
    for (const auto& one : f.seen->losses().entries) lost.push_back(lost_json(one));
    for (const auto& one : f.seen->latency()) slots.push_back(json::object{{"at", to_rfc3339(one.at)}, {"counts", numbers(one.counts)}});
  }
  answer["attempts"] = std::move(attempts);
  answer["lost"] = std::move(lost);
  answer["latency"] = json::object{{"step", 60}, {"bounds", numbers(observe::recorder::latency_bounds())}, {"slots", std::move(slots)}};
  return answer;
}

json::array instances_json(const fleet_facts& f) {
  json::array all;
  for (const auto& i : f.ledger.instances) {
    const bool is_here = i.incarnation == f.incarnation;
    const auto offset = is_here && f.seen != nullptr ? f.seen->clock_offset() : std::nullopt;
    all.push_back(json::object{{"instance", text(i.instance)},
                               {"incarnation", text(i.incarnation)},
                               {"version", text(i.version)},
                               {"config_hash", hex(i.config_hash)},
                               {"tzdata", text(i.tzdata)},
                               {"started", to_rfc3339(i.started)},
                               {"heartbeat", to_rfc3339(i.heartbeat)},
                               {"alive", i.alive},
                               {"here", is_here},
                               {"clock_offset", offset ? json::value(seconds(*offset)) : json::value(nullptr)},
                               {"drift", i.config_hash != f.configured.settings.hash}});
  }
  return all;
}

json::object health_json(const instance_state& state) {
  return {{"live", state.live}, {"ready", state.ready}, {"reasons", texts(state.reasons)}};
}

json::object instances_answer_json(const fleet_facts& f, const instance_state& state) {
  auto answer = head_json(f);
  const auto slots = f.configured.settings.max_concurrent_runs;
  answer["instances"] = instances_json(f);
  answer["health"] = health_json(state);
  answer["slots"] = json::object{{"busy", state.running}, {"free", slots > state.running ? slots - state.running : 0}};
  const auto& s = f.configured.settings;
  answer["store"] =
      json::object{{"url", text(settings::store_url_text(s.store))}, {"up", f.seen != nullptr ? f.seen->is_store_up() : f.stale.empty()}};
  return answer;
}

json::object config_json(const fleet_facts& f) {
  auto answer = head_json(f);
  const auto& s = f.configured.settings;
  answer["file"] = text(s.file);
  answer["hash"] = hex(s.hash);
  answer["effective"] = text(settings::show_effective(s));
  json::object jobs;
  for (const auto& job : s.jobs) jobs[job.name] = json::object{{"file", text(job.where.file)}, {"line", job.where.line}};
  answer["jobs"] = std::move(jobs);
  return answer;
}

}  // namespace baton::program

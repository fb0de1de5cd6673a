#include "fleet_view.hpp"

#include <pthread.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <set>

#include "api_answers.hpp"
#include "baton/base/suggest.hpp"
#include "baton/ledger/run_id.hpp"
#include "run_view.hpp"

namespace baton::program {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr microseconds pause_between_looks = 1s;
constexpr microseconds interest = 10s;  // so long after a question somebody looks
constexpr microseconds gap = 5s;        // after which what is known of jobs is in doubt
constexpr microseconds patience = 2s;   // of those who ask
constexpr microseconds change_patience = 10s;
constexpr std::uint32_t runs_of_details = 50;

std::string suggestion_for(const fleet_facts& f, const std::string& job) {
  const auto names = job_names(f);
  return suggest(job, {names.begin(), names.end()});
}

/// Of the rows that are known without asking.
std::vector<ledger::tick_row> select(const fleet_snapshot& ledger, const ledger::row_query& query) {
  const auto order = [](const ledger::tick_row& row) { return std::tie(row.key.tick, row.key.job, row.key.kind); };
  std::vector<ledger::tick_row> all = query.only_open ? ledger.open : ledger.newest;
  std::ranges::sort(all, [&](const auto& a, const auto& b) { return order(a) > order(b); });
  std::erase_if(all, [&](const ledger::tick_row& row) {
    const bool is_passed = query.after && order(row) >= std::tie(query.after->tick, query.after->job, query.after->kind);
    return (!query.job.empty() && row.key.job != query.job) || (query.from && row.until.value_or(row.key.tick) < *query.from) ||
           (query.to && row.key.tick >= *query.to) || is_passed;
  });
  if (all.size() > query.limit) all.resize(query.limit);
  return all;
}

ledger::row_query details_query(const std::string& job) {
  ledger::row_query query;
  query.job = job;
  query.limit = runs_of_details;
  return query;
}

}  // namespace

void audit(observe::log& log, observe::metrics& metrics, const admin::order& wanted, std::string_view result, const std::string& detail) {
  metrics.admin_request(wanted.verb, result);
  const std::vector<observe::log_field> fields{
      {"who", wanted.who}, {"verb", wanted.verb}, {"object", wanted.object}, {"result", std::string{result}}, {"detail", detail}};
  log.write(result == "success" ? observe::log_level::info : observe::log_level::warning, "change asked for over HTTP", fields);
}

fleet_view::fleet_view(surroundings around, std::shared_ptr<const fleet_configuration> configured)
    : around_(std::move(around)), ledger_(configured->settings.cluster) {
  view_.configured = std::move(configured);
}

fleet_view::~fleet_view() { stop(); }

void fleet_view::start(publisher publish) {
  publish_ = std::move(publish);
  // Signals are the business of the program's own threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread{[this] { run(); }};
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_setname_np(thread_.native_handle(), "baton-fleet");
}

void fleet_view::stop() {
  {
    const std::lock_guard lock{mutex_};
    has_ended_ = true;
  }
  woken_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void fleet_view::configured(std::shared_ptr<const fleet_configuration> now) {
  {
    const std::lock_guard lock{mutex_};
    view_.configured = std::move(now);
  }
  if (publish_) publish_("reset", "{}");
}

void fleet_view::put(task t) {
  t.since = around_.time.now().steady;
  {
    const std::lock_guard lock{mutex_};
    last_asked_ = t.since;
    tasks_.push_back(std::move(t));
  }
  woken_.notify_all();
}

void fleet_view::read(admin::question asked, admin::say done) { put({std::move(asked), std::nullopt, std::move(done)}); }
void fleet_view::change(admin::order wanted, admin::say done) { put({std::nullopt, std::move(wanted), std::move(done)}); }

void fleet_view::watched(std::size_t clients) {
  {
    const std::lock_guard lock{mutex_};
    watchers_ = clients;
    last_asked_ = around_.time.now().steady;
    was_woken_ = true;
  }
  woken_.notify_all();
}

bool fleet_view::is_looked_at() const { return watchers_ > 0 || (last_asked_ && around_.time.now().steady - *last_asked_ < interest); }

fleet_view::view fleet_view::current() const {
  const std::lock_guard lock{mutex_};
  return view_;
}

fleet_facts fleet_view::facts(const view& v, const std::string& stale) const {
  return {*v.configured, *v.ledger, &around_.seen, around_.incarnation, around_.time.now().wall, stale};
}

// ---- answers

admin::said fleet_view::unknown_job(const fleet_facts& f, const std::string& job) {
  const auto near = suggestion_for(f, job);
  return api_error(404, "not_found",
                   "there is no job '" + job + "' in the configuration of this instance, nor in the ledger" +
                       (near.empty() ? "" : "; did you mean '" + near + "'?"),
                   near);
}

admin::said fleet_view::answer(const view& v, const admin::question& asked, const std::string& stale,
                               const std::vector<ledger::tick_row>* rows) const {
  const auto f = facts(v, stale);
  if (asked.what == "events") return api_answer(200, head_json(f));
  if (asked.what == "jobs") return api_answer(200, jobs_json(f));
  if (asked.what == "locks") return api_answer(200, locks_answer_json(f));
  if (asked.what == "instances") return api_answer(200, instances_answer_json(f, around_.state()));
  if (asked.what == "config") return api_answer(200, config_json(f));
  if (asked.what == "job") {
    if (!is_known(f, asked.object)) return unknown_job(f, asked.object);
    return api_answer(200, job_details_json(f, asked.object, rows != nullptr ? *rows : select(*v.ledger, details_query(asked.object))));
  }
  const auto query = runs_query(asked);
  if (!query) return api_failure(query.error());
  if (!query->job.empty() && !is_known(f, query->job)) return unknown_job(f, query->job);
  const auto found = rows != nullptr ? *rows : select(*v.ledger, *query);
  auto all = head_json(f);
  all["runs"] = runs_json(found);
  all["next"] = found.size() < query->limit ? json::value(nullptr) : json::value(run_id(found.back().key));
  return api_answer(200, all);
}

admin::said fleet_view::known(const admin::question& asked) const {
  const auto v = current();
  return answer(v, asked, v.trouble.empty() ? "the store has not answered in time" : v.trouble, nullptr);
}

// ---- the thread

void fleet_view::run() {
  for (bool looks = false;;) {
    std::vector<task> todo;
    if (!looks) control_.reset();
    {
      std::unique_lock lock{mutex_};
      const auto is_awaited = [&] { return has_ended_ || was_woken_ || is_out_of_date_ || !tasks_.empty(); };
      if (looks) {
        woken_.wait_for(lock, pause_between_looks, is_awaited);
      } else {
        woken_.wait(lock, is_awaited);
      }
      if (has_ended_) return;
      was_woken_ = false;
      todo.swap(tasks_);
      looks = is_out_of_date_ || is_looked_at();
    }
    if (looks && is_look_due()) look();
    for (auto& one : todo) serve(one);
  }
}

bool fleet_view::is_look_due() const {
  const auto v = current();
  if (is_out_of_date_ || !v.ledger->as_of || !v.trouble.empty()) return true;
  return around_.time.now().steady - v.looked >= std::max(pause_between_looks, 4 * look_took_);
}

status fleet_view::reach() {
  if (control_) return {};
  const auto now = around_.time.now().steady;
  if (failed_ && now - *failed_ < pause_between_looks) return failure{errc::store_unavailable, current().trouble};
  auto opened = around_.open();
  if (!opened) {
    fail(opened.error());
    return std::move(opened).error();
  }
  control_ = std::move(*opened);
  return {};
}

void fleet_view::fail(const failure& why) {
  control_.reset();
  failed_ = around_.time.now().steady;
  const std::lock_guard lock{mutex_};
  view_.trouble = why.context;
}

void fleet_view::look() {
  is_out_of_date_ = false;
  if (!reach()) {
    publish_if_changed("health", "", json::serialize(health_json(around_.state())));
    return;
  }
  const auto began = around_.time.now().steady;
  const auto before = current();
  if (began - before.looked > gap) ledger_.doubt();
  auto seen = ledger_.look(*control_);
  const auto ended = around_.time.now().steady;
  if (!seen) return fail(seen.error());
  look_took_ = ended - began;
  {
    const std::lock_guard lock{mutex_};
    view_.ledger = *seen;
    view_.looked = ended;
    view_.trouble.clear();
  }
  publish_differences(*before.ledger);
}

void fleet_view::serve(task& t) {
  const auto age = around_.time.now().steady - t.since;
  admin::said said;
  if (t.asked) {
    if (age > patience) return;  // it was answered with what was known
    said = inquire(*t.asked);
  } else {
    said = age > change_patience ? api_error(503, "store_timeout", "the store did not answer in time, and nothing was changed")
                                 : carry_out(*t.wanted);
    audit(around_.log, around_.metrics, *t.wanted, said.status < 300 ? "success" : "failure", api_message(said));
  }
  t.done(std::move(said));
}

admin::said fleet_view::inquire(const admin::question& asked) {
  const auto v = current();
  if (!control_ || !v.trouble.empty()) return known(asked);
  std::optional<ledger::row_query> query;
  if (asked.what == "job") query = details_query(asked.object);
  if (asked.what == "runs") {
    auto wanted = runs_query(asked);
    if (!wanted) return api_failure(wanted.error());
    query = std::move(*wanted);
  }
  if (!query) return answer(v, asked, "", nullptr);
  auto rows = control_->rows(v.configured->settings.cluster, *query);
  if (rows) return answer(v, asked, "", &*rows);
  const std::vector<ledger::tick_row> none;  // a job that is not in the ledger yet
  if (rows.error().code == errc::not_found) return answer(v, asked, "", &none);
  fail(rows.error());
  return known(asked);
}

/// Once more on a new connection, if the one that there was has ended meanwhile: whatever is asked for here may be sent twice.
template <typename Call>
std::invoke_result_t<Call, ledger::control&> fleet_view::insist(Call call) {
  if (auto reached = reach(); !reached) return reached.error();
  auto done = call(*control_);
  if (done || done.error().code != errc::store_unavailable) return done;
  control_.reset();
  if (auto reached = reach(); !reached) return reached.error();
  return call(*control_);
}

admin::said fleet_view::carry_out(const admin::order& wanted) {
  is_out_of_date_ = true;
  if (wanted.verb == "trigger") return trigger(wanted);
  if (wanted.verb == "pause") return set_paused(wanted.object, true);
  if (wanted.verb == "resume") return set_paused(wanted.object, false);
  return cancel(wanted.object);
}

admin::said fleet_view::trigger(const admin::order& wanted) {
  const auto order = trigger_order(wanted.object, wanted.body, random_request_id());
  if (!order) return api_failure(order.error());
  const auto cluster = current().configured->settings.cluster;
  const auto made = insist([&](ledger::control& at) { return at.order(cluster, {*order}); });
  if (!made) return api_failure(made.error());
  const auto id = run_id(made->front());
  return api_answer(202, {{"ok", true}, {"message", id + ": asked for; an instance runs it as soon as the job may run"}, {"run", id}});
}

admin::said fleet_view::set_paused(const std::string& job, bool paused) {
  const auto v = current();
  const auto done = insist([&](ledger::control& at) { return at.set_paused(v.configured->settings.cluster, job, paused); });
  if (!done) return api_failure(done.error());
  const auto* configured = v.configured->find(job);
  const bool is_disabled = configured != nullptr && !configured->enabled;
  const auto* const what = paused        ? "paused; its ticks are skipped until it is resumed"
                           : is_disabled ? "resumed, but the configuration disables it (enabled: false): its ticks are skipped"
                                         : "resumed; what was due in the pause stays skipped";
  return api_answer(200, {{"ok", true}, {"message", job + ": " + what}});
}

admin::said fleet_view::cancel(const std::string& run) {
  const auto key = ledger::parse_run_id(run);
  if (!key)
    return api_error(400, "bad_request",
                     "'" + run + "' names no run: write it as in the list of runs, such as nightly@2026-11-26T02:00:00Z");
  const auto cluster = current().configured->settings.cluster;
  const auto done = insist([&](ledger::control& at) { return at.cancel(cluster, *key); });
  if (!done) return api_failure(done.error());
  switch (*done) {
    case ledger::cancel_outcome::requested:
      return api_answer(200, {{"ok", true}, {"message", run + ": its instance has been asked to stop it"}});
    case ledger::cancel_outcome::cancelled: return api_answer(200, {{"ok", true}, {"message", run + ": cancelled before it began"}});
    case ledger::cancel_outcome::not_open: return api_error(409, "not_open", run + " has ended already");
    case ledger::cancel_outcome::unknown: break;
  }
  return api_error(404, "not_found", "the ledger has no run " + run);
}

// ---- events

void fleet_view::publish_if_changed(const char* event, const std::string& key, std::string data) {
  auto& told = told_[std::string{event} + " " + key];
  if (told == data) return;
  const bool is_first = told.empty();
  told = data;
  if (!is_first) publish_(event, std::move(data));
}

void fleet_view::publish_differences(const fleet_snapshot& before) {
  const auto v = current();
  const auto f = facts(v, "");
  if (f.ledger.is_all_changed) publish_("reset", "{}");
  auto rows = f.ledger.changed;
  std::ranges::reverse(rows);  // the oldest first
  for (const auto& row : rows) publish_("run", json::serialize(run_json(row)));
  publish_jobs(f);
  if (before.as_of) publish_locks(f);
  std::set<std::string> there;
  for (const auto& one : instances_json(f)) {
    const auto& object = one.get_object();
    const std::string key{object.at("incarnation").get_string().c_str()};
    auto data = json::serialize(object);
    if (before.as_of && !told_.contains("instance " + key)) publish_("instance", data);
    publish_if_changed("instance", key, std::move(data));
    there.insert("instance " + key);
  }
  std::erase_if(told_, [&](const auto& one) { return one.first.starts_with("instance ") && !there.contains(one.first); });
  publish_if_changed("health", "", json::serialize(health_json(around_.state())));
  publish_sightings();
}

void fleet_view::publish_jobs(const fleet_facts& f) {
  const bool is_first = marks_.empty();
  for (const auto& name : job_names(f)) {
    const auto* job = f.configured.find(name);
    const auto record = std::ranges::lower_bound(f.ledger.jobs, name, {}, &ledger::job_record::job);
    job_mark mark;
    if (job != nullptr && job->schedule) mark.next = job->schedule->next_run(f.now);
    if (record != f.ledger.jobs.end() && record->job == name) mark.standing = record->standing;
    if (const auto past = f.ledger.past.find(name); past != f.ledger.past.end()) mark.past = past->second;
    auto& told = marks_[name];
    if (told == mark) continue;
    told = std::move(mark);
    if (!is_first) publish_("job", json::serialize(job_json(f, name)));
  }
}

void fleet_view::publish_locks(const fleet_facts& f) {
  std::set<std::string> names;
  for (const auto& row : f.ledger.changed) names.insert(row.lock_name);
  if (names.empty()) return;
  for (const auto& one : locks_json(f, &names)) {
    const auto& object = one.get_object();
    const std::string key{object.at("lock_name").get_string().c_str()};
    auto data = json::serialize(object);
    names.erase(key);
    if (!told_.contains("lock " + key)) publish_("lock", data);
    publish_if_changed("lock", key, std::move(data));
  }
  for (const auto& gone : names) {  // the name of a run that is over, of a job with `overlap: allow`
    if (told_.erase("lock " + gone) > 0) publish_("lock", json::serialize(free_lock_json(gone)));
  }
}

void fleet_view::publish_sightings() {
  auto attempts = around_.seen.attempts(next_attempt_);
  for (const auto& one : attempts.entries) publish_("attempt", json::serialize(attempt_json(one)));
  next_attempt_ = attempts.next;
  auto losses = around_.seen.losses(next_loss_);
  for (const auto& one : losses.entries) publish_("lost", json::serialize(lost_json(one)));
  next_loss_ = losses.next;
}

}  // namespace baton::program

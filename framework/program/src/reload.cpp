#include "reload.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace baton::program {
namespace {

/// Sorted.
std::vector<std::string> job_names(const settings::settings& s) {
  std::vector<std::string> names;
  names.reserve(s.jobs.size());
  for (const auto& j : s.jobs) names.push_back(j.name);
  std::ranges::sort(names);
  return names;
}

/// What became of the jobs, in a line of the log.
void tell_of_jobs(observe::log& log, const std::vector<std::string>& before, const std::vector<std::string>& after) {
  std::vector<std::string_view> kept;
  std::ranges::set_intersection(before, after, std::back_inserter(kept));
  const auto text = [](std::size_t n) { return std::to_string(n); };
  log.info("configuration reloaded",
           {{"jobs", text(after.size())}, {"added", text(after.size() - kept.size())}, {"removed", text(before.size() - kept.size())}});
}

}  // namespace

std::string needs_restart(const settings::settings& running, const settings::settings& wanted) {
  // All that is taken at the start, written out; what a reload takes is left out of both.
  const auto fixed = [](settings::settings s) {
    s.jobs.clear();
    s.calendars.clear();
    s.tags.clear();
    s.labels.clear();
    s.max_concurrent_runs = 0;
    s.plugin_path.clear();
    return settings::show_effective(s);
  };
  if (running.store.password != wanted.store.password) return "store.password";
  if (running.http_admin_token != wanted.http_admin_token) return "http.admin_token";
  const auto a = fixed(running);
  const auto b = fixed(wanted);
  if (a == b) return "";
  // The lines are "  key: value" under "section:": the path of the first one that differs.
  std::size_t at = 0;
  while (at < a.size() && at < b.size() && a[at] == b[at]) ++at;
  std::string path;
  std::size_t depth = std::string::npos;
  for (auto begin = b.rfind('\n', at == 0 ? 0 : at - 1);;) {
    begin = begin == std::string::npos ? 0 : begin + 1;
    const auto indent = b.find_first_not_of(' ', begin) - begin;
    const auto colon = b.find(':', begin);
    if (indent < depth && colon != std::string::npos) {
      const auto name = b.substr(begin + indent, colon - begin - indent);
      path = path.empty() ? name : name + "." + path;
      depth = indent;
    }
    if (depth == 0 || begin == 0) return path;
    begin = begin < 2 ? std::string::npos : b.rfind('\n', begin - 2);
  }
}

namespace {
const reloader::outcome stopping{false, "this instance is stopping", {}, true};
}  // namespace

reloader::reloader(boost::asio::io_context& io, std::string file, settings::settings running, observe::log& log, apply_function apply,
                   std::function<void(bool)> told)
    : io_(io), file_(std::move(file)), log_(log), apply_(std::move(apply)), told_(std::move(told)) {
  keep(std::move(running));
}

reloader::~reloader() {
  if (thread_.joinable()) thread_.join();
}

void reloader::request(done_function done) {
  if (!done) done = [](const outcome&) {};
  if (has_ended_) return done(stopping);
  log_.info("reading the configuration again", {{"file", file_}});
  if (std::exchange(is_under_way_, true)) {
    is_wanted_again_ = true;
    waiting_again_.push_back(std::move(done));
  } else {
    waiting_.push_back(std::move(done));
    begin();
  }
}

void reloader::end() {
  has_ended_ = true;
  for (auto* list : {&waiting_, &waiting_again_}) {
    for (const auto& done : std::exchange(*list, {})) done(stopping);
  }
}

void reloader::keep(settings::settings running) {
  jobs_ = job_names(running);
  forget_jobs(running);
  running_ = std::move(running);
}

void reloader::begin() {
  if (thread_.joinable()) thread_.join();
  thread_ = std::thread{[this] {
    auto loaded = std::make_shared<checked>(load_configuration(file_));
    boost::asio::post(io_, [this, loaded] { finish(*loaded); });
  }};
}

void reloader::finish(const checked& loaded) {
  is_under_way_ = false;
  if (has_ended_) return;
  const auto what = take(loaded);
  told_(what.successful);
  for (const auto& done : std::exchange(waiting_, std::exchange(waiting_again_, {}))) done(what);
  if (!std::exchange(is_wanted_again_, false)) return;
  is_under_way_ = true;
  begin();
}

reloader::outcome reloader::refuse(std::string why, std::vector<observe::log_field> fields, std::vector<std::string> problems) {
  log_.write(observe::log_level::error, why, fields);
  for (const auto& [name, value] : fields) why.append("; ").append(name).append(": ").append(value);
  return {false, std::move(why), std::move(problems)};
}

reloader::outcome reloader::take(const checked& loaded) {
  std::vector<std::string> problems;
  for (const auto& p : loaded.problems) {
    const auto text = p.where.file + ":" + std::to_string(p.where.line) + ":" + std::to_string(p.where.column);
    problems.push_back(settings::render(p));
    const std::vector<observe::log_field> fields{{"at", text}, {"path", p.path}, {"problem", p.message}, {"hint", p.hint}};
    log_.write(p.is_warning ? observe::log_level::warning : observe::log_level::error, "configuration", fields);
  }
  if (!loaded.value) return refuse("the configuration has errors: nothing was changed", {{"file", file_}}, std::move(problems));
  if (const auto key = needs_restart(running_, loaded.value->settings); !key.empty())
    return refuse("this key is taken at the start only: restart to change it. Nothing was changed", {{"key", key}, {"file", file_}},
                  std::move(problems));
  if (auto applied = apply_(*loaded.value); !applied)
    return refuse("the configuration cannot be used: nothing was changed", {{"error", applied.error().context}}, std::move(problems));
  const auto before = std::move(jobs_);
  keep(loaded.value->settings);
  tell_of_jobs(log_, before, jobs_);
  return {true, "the configuration was taken", std::move(problems)};
}

}  // namespace baton::program

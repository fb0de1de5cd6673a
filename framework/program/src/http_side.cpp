#include "http_side.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "admin_client.hpp"
#include "api_answers.hpp"
#include "baton/base/utf8.hpp"
#include "control.hpp"

namespace baton::program {
namespace {

/// The instance's end waits for a statement that is under way.
constexpr microseconds answer_timeout = std::chrono::seconds{5};

std::shared_ptr<const fleet_configuration> facts_of(const configuration& c) {
  std::vector<plugin_facts> plugins;
  for (const auto& p : c.plugins) {
    auto& facts = plugins.emplace_back();
    facts = {p.name, p.version, std::to_string(p.abi_major) + "." + std::to_string(p.abi_minor), p.build_id, p.path};
    for (const auto& parameter : p.parameters) {
      if (parameter.secret) facts.secrets.insert(parameter.name);
    }
  }
  return std::make_shared<fleet_configuration>(c.settings, std::move(plugins));
}

settings::settings without_jobs(settings::settings s) {
  forget_jobs(s);
  return s;
}

}  // namespace

admin::said outcome_answer(unsigned status, const std::string& message, const std::vector<std::string>& problems) {
  boost::json::array all;
  for (const auto& one : problems) all.emplace_back(valid_utf8(one));
  const bool ok = status == 200;
  boost::json::object said{{"ok", ok}, {"message", valid_utf8(message)}, {"problems", std::move(all)}};
  if (!ok) said["error"] = status == 503 ? "stopping" : "refused";
  return api_answer(status, said);
}

http_side::http_side(const configuration& c, surroundings around)
    : around_(std::move(around)),
      view_({[s = without_jobs(c.settings)] { return open_control(s, answer_timeout); }, around_.time, around_.log, around_.metrics,
             around_.seen, around_.scheduler.incarnation(), [this] { return state(); }},
            facts_of(c)) {}

instance_state http_side::state() const {
  const auto report = around_.scheduler.report();
  instance_state s{!report.is_stuck, report.health.ready, report.health.reasons, report.health.running};
  if (report.is_stuck) s.reasons.push_back(report.stuck_reason);
  return s;
}

/// One line a second tells of it; the metric counts all.
void http_side::refused(const admin::order& wanted, std::string_view code) {
  const auto now = around_.time.now().steady;
  if (told_of_refusal_ && now - *told_of_refusal_ < std::chrono::seconds{1}) return around_.metrics.admin_request(wanted.verb, "refused");
  told_of_refusal_ = now;
  audit(around_.log, around_.metrics, wanted, "refused", std::string{code});
}

admin::callbacks http_side::callbacks() {
  admin::callbacks calls;
  calls.metrics_text = [this] { return around_.metrics.serialize(); };
  calls.livez = [this] {
    const auto report = around_.scheduler.report();
    admin::health h;
    h.ok = !report.is_stuck;
    if (report.is_stuck) h.reasons.push_back(report.stuck_reason);
    return h;
  };
  calls.readyz = [this] {
    const auto report = around_.scheduler.report();
    return admin::health{report.health.ready, report.health.reasons};
  };
  calls.read = [this](admin::question asked, admin::say done) { view_.read(std::move(asked), std::move(done)); };
  calls.known = [this](const admin::question& asked) { return view_.known(asked); };
  calls.change = [this](admin::order wanted, admin::say done) {
    if (wanted.verb != "reload" && wanted.verb != "drain") return view_.change(std::move(wanted), std::move(done));
    const auto& itself = wanted.verb == "reload" ? around_.reload : around_.drain;
    itself(wanted, [&log = around_.log, &metrics = around_.metrics, wanted, done = std::move(done)](admin::said said) {
      audit(log, metrics, wanted, said.status < 300 ? "success" : "failure", api_message(said));
      done(std::move(said));
    });
  };
  calls.refused = [this](const admin::order& wanted, std::string_view code) { refused(wanted, code); };
  calls.watched = [this](std::size_t clients) { view_.watched(clients); };
  return calls;
}

result<std::unique_ptr<http_side>> http_side::start(const configuration& c, surroundings around) {
  const auto& s = c.settings;
  const auto socket = admin_socket(s);
  if (!s.http_enabled && socket.empty()) return std::unique_ptr<http_side>{};
  auto& log = around.log;
  std::unique_ptr<http_side> made{new http_side{c, std::move(around)}};
  admin::server::options options;
  options.host = s.http_enabled ? s.http_host : "";
  options.port = s.http_port;
  options.socket = socket;
  options.admin_token = s.http_admin_token;
  auto started = admin::server::start(std::move(options), made->callbacks());
  if (!started) return std::move(started).error();
  made->server_ = std::move(*started);
  made->view_.start(
      [server = made->server_.get()](std::string event, std::string data) { server->publish(std::move(event), std::move(data)); });
  std::vector<observe::log_field> where;
  if (s.http_enabled) where.emplace_back("address", s.http_host + ":" + std::to_string(made->server_->port()));
  if (!socket.empty()) where.emplace_back("socket", socket);
  log.write(observe::log_level::info, "serving /metrics, /livez, /readyz and /api/v1", where);
  return made;
}

void http_side::configured(const configuration& c) { view_.configured(facts_of(c)); }

void http_side::stop() {
  view_.stop();
  if (server_) server_->stop();
}

}  // namespace baton::program

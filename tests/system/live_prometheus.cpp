#include "live_prometheus.hpp"

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <regex>
#include <stdexcept>

#include "baton/testing/private_server.hpp"

namespace baton::system_test {
namespace {

std::string percent_encoded(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      out += c;
    } else {
      std::array<char, 4> code{};
      (void)std::snprintf(code.data(), code.size(), "%%%02X", static_cast<unsigned char>(c));
      out += code.data();
    }
  }
  return out;
}

/// A long answer comes in pieces: each its size in hexadecimal, a line end, as many bytes, and another.
std::string without_chunks(const std::string& body) {
  std::string out;
  for (std::size_t at = 0; at < body.size();) {
    const auto end = body.find("\r\n", at);
    const auto size = end == std::string::npos ? 0 : std::stoul(body.substr(at, end - at), nullptr, 16);
    if (size == 0) break;
    out += body.substr(end + 2, size);
    at = end + 2 + size + 2;
  }
  return out;
}

}  // namespace

std::string shipped(const std::string& path) {
  auto text = testing::read_text(std::string{BATON_SOURCE_DIR "/"} + path);
  if (text.empty()) throw std::runtime_error{"no " + path};
  return text;
}

std::string output_of(const std::string& command) {
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error{command};
  std::string text;
  std::array<char, 4096> part{};
  while (const auto n = std::fread(part.data(), 1, part.size(), pipe)) text.append(part.data(), n);
  if (::pclose(pipe) != 0) throw std::runtime_error{command + ": " + text};
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

live_prometheus::live_prometheus(const std::filesystem::path& folder, const std::vector<std::uint16_t>& instances)
    : port_(testing::private_server::unused_port()) {
  const auto program = output_of(BATON_PROMTOOL_SCRIPT " prometheus");
  std::string targets;
  for (const auto port : instances) targets += (targets.empty() ? "\"127.0.0.1:" : ", \"127.0.0.1:") + std::to_string(port) + '"';
  auto scrape = shipped("deploy/prometheus/scrape.yml");
  scrape = std::regex_replace(scrape, std::regex{"interval: 15s"}, "interval: 500ms");
  scrape = std::regex_replace(scrape, std::regex{"targets: \\[[^\\]]*\\]"}, "targets: [" + targets + "]");
  std::ofstream{folder / "prometheus.yml"} << scrape;
  const std::regex pause{"( +for): [0-9]+m"};
  const std::regex back{"\\[[0-9]+[mh]\\]"};  // rates over five minutes would make the test as long
  const auto rules = std::regex_replace(shipped("deploy/prometheus/rules.yml"), pause, "$1: 1s");
  std::ofstream{folder / "rules.yml"} << std::regex_replace(rules, back, "[10s]");
  auto started = testing::child_process::start(
      {{program, "--config.file=" + (folder / "prometheus.yml").string(), "--storage.tsdb.path=" + (folder / "tsdb").string(),
        "--web.listen-address=127.0.0.1:" + std::to_string(port_), "--log.level=warn"},
       {},
       folder / "prometheus.log"});
  if (!started) throw std::runtime_error{started.error().context};
  process_ = std::move(*started);
}

boost::json::value live_prometheus::ask(const std::string& path) const {
  const auto reply = testing::http_get(port_, path, seconds{5});
  if (!reply || reply->body.empty() || reply->status == 503) return nullptr;  // it starts
  return boost::json::parse(reply->body.front() == '{' ? reply->body : without_chunks(reply->body));
}

live_prometheus::answer live_prometheus::query(const std::string& expression) const {
  const auto said = ask("/api/v1/query?query=" + percent_encoded(expression));
  if (!said.is_object()) return {false, "Prometheus does not answer", {}};
  const auto& all = said.as_object();
  if (all.at("status") != "success") return {false, std::string{all.at("error").as_string()}, {}};
  const auto& data = all.at("data").as_object();
  if (data.at("resultType") != "vector") return {false, "is no vector", {}};
  return {true, "", data.at("result").as_array()};
}

bool live_prometheus::await_scraped(std::size_t instances, microseconds limit) {
  return eventually([&] { return query("up == 1").series.size() == instances; }, limit, milliseconds{100});
}

bool live_prometheus::fires(const std::string& alert) const {
  return !query("ALERTS{alertstate=\"firing\", alertname=\"" + alert + "\"}").series.empty();
}

std::string live_prometheus::alerts() const { return boost::json::serialize(query("ALERTS").series); }

std::vector<std::string> live_prometheus::broken_rules() const {
  std::vector<std::string> broken;
  const auto said = ask("/api/v1/rules");
  if (!said.is_object()) return {"Prometheus does not answer"};
  for (const auto& group : said.at("data").at("groups").as_array()) {
    for (const auto& rule : group.at("rules").as_array()) {
      if (rule.at("health") != "ok") broken.push_back(std::string{rule.at("name").as_string()} + ": " + boost::json::serialize(rule));
    }
  }
  return broken;
}

}  // namespace baton::system_test

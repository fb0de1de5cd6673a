#include "baton/testing/fleet.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <regex>
#include <sstream>

#include "baton/testing/disturbance.hpp"

namespace baton::testing {
namespace {

namespace fs = std::filesystem;

std::string value_after(const std::string& text, std::string_view key) {
  const auto at = text.find(key);
  if (at == std::string::npos) return "";
  const auto from = at + key.size();
  return text.substr(from, text.find_first_of(" \n", from) - from);
}

}  // namespace

std::vector<std::string> instance::log_lines(std::string_view containing) const {
  std::vector<std::string> lines;
  std::stringstream text{log()};
  for (std::string line; std::getline(text, line);) {
    if (line.find(containing) != std::string::npos) lines.push_back(line);
  }
  return lines;
}

std::uint16_t instance::http_port() {
  if (port_ == 0) {
    const auto address = value_after(log(), "address=127.0.0.1:");
    if (!address.empty()) port_ = static_cast<std::uint16_t>(std::stoi(address));
  }
  return port_;
}

http_reply instance::get(std::string_view path) {
  if (http_port() == 0) return {};
  auto reply = http_get(port_, path);
  return reply ? std::move(*reply) : http_reply{};
}

void instance::signal(int number) noexcept {
  const bool ends = number == SIGKILL || number == SIGTERM;
  if (ends && !told_to_end_) told_to_end_ = wall_now();
  process_->signal(number);
  if (number == SIGKILL || number == SIGSTOP || number == SIGCONT) disturbance::note();
}

std::optional<wall_time> instance::ended() {
  if (!told_to_end_ && !process_->is_running()) told_to_end_ = wall_now();
  return told_to_end_;
}

std::string instance::incarnation() const { return value_after(log(), "incarnation="); }

fleet::fleet(options wanted) : options_(std::move(wanted)) {
  auto name = (fs::temp_directory_path() / "baton-fleet-XXXXXX").string();
  BATON_ASSERT(::mkdtemp(name.data()) != nullptr);
  directory_ = name;
}

fleet::~fleet() {
  instances_.clear();
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

void fleet::job(const std::string& name, const std::string& schedule, const std::string& arguments, const std::string& settings) {
  std::erase_if(known_jobs_, [&](const known_job& j) { return j.name == name; });
  known_jobs_.push_back({name, schedule, settings});
  std::string command = "\"" + options_.job_program + "\", \"" + run_path() + "\"";
  std::stringstream words{arguments};
  for (std::string word; words >> word;) command += ", \"" + word + "\"";
  add_job("  " + name + ":\n    plugin: exec\n    schedule: " + schedule + "\n    with: {command: [" + command + "]}\n" + settings);
}

void fleet::plugin_job(const std::string& name, const std::string& schedule, const std::string& plugin, const std::string& with,
                       const std::string& settings) {
  std::erase_if(known_jobs_, [&](const known_job& j) { return j.name == name; });
  known_jobs_.push_back({name, schedule, settings});
  add_job("  " + name + ":\n    plugin: " + plugin + "\n    schedule: " + schedule + "\n    with: " + with + "\n" + settings);
}

void fleet::add_job(const std::string& text) {
  constexpr std::size_t largest_file = std::size_t{3} << 20;
  if (jobs_.back().size() + text.size() > largest_file) jobs_.emplace_back();
  jobs_.back() += text;
}

void fleet::write_file(const std::string& name, const instance_options& wanted) const {
  auto url = wanted.store_url.empty() ? options_.store_url : wanted.store_url;
  if (wanted.store_port != 0) {
    static const std::regex port{R"(@127\.0\.0\.1:[0-9]+/)"};
    url = std::regex_replace(url, port, "@127.0.0.1:" + std::to_string(wanted.store_port) + "/");
  }
  std::string included;
  for (std::size_t i = 1; i < jobs_.size(); ++i) {
    const auto file = name + "-" + std::to_string(i) + ".yaml";
    std::ofstream{directory_ / file} << "jobs:\n" << jobs_[i];
    included += (i == 1 ? "include: [" : ", ") + file;
  }
  if (!included.empty()) included += "]\n";
  std::ofstream{file_of(name)} << "version: 1\ncluster: " << options_.cluster << "\ninstance: " << name << "\nstore:\n  url: " << url
                               << (options_.password.empty() ? "\n" : "\n  password: {env: BATON_TEST_PASSWORD}\n") << "  lease: {"
                               << options_.lease_times << (options_.lease.empty() ? "" : ", ") << options_.lease << "}\n"
                               << wanted.store_settings << wanted.settings << "http: {listen: 127.0.0.1:0"
                               << (wanted.http.empty() ? "" : ", ") << wanted.http
                               << "}\nlog: {level: debug, format: text}\nplugins: {path: [\"" << options_.plugin_dir << '"'
                               << (options_.test_plugin_dir.empty() ? "" : ", \"" + options_.test_plugin_dir + '"') << "]}\n"
                               << included << "jobs:\n"
                               << jobs_.front();
}

instance& fleet::add(const std::string& name, const instance_options& wanted) {
  write_file(name, wanted);
  child_process::options how;
  how.command = {options_.program, "run", "-c", file_of(name)};
  how.environment = wanted.environment;
  how.environment.push_back("BATON_TEST_PASSWORD=" + options_.password);
  if (!wanted.clock_offset.empty()) how.environment.push_back("BATON_TEST_CLOCK_OFFSET=" + wanted.clock_offset);
  how.output = directory_ / (name + ".log");
  auto process = child_process::start(how);
  BATON_ASSERT(process);
  return *instances_.emplace_back(std::make_unique<instance>(name, std::move(*process)));
}

instance& fleet::named(std::string_view name) {
  for (auto& i : instances_) {
    if (i->name() == name) return *i;
  }
  assertion_failed("an instance of that name", __FILE__, __LINE__);
}

bool fleet::await_ready(microseconds limit) {
  const auto deadline = boot_now() + limit;
  for (auto& i : instances_) {
    if (!eventually([&] { return i->is_ready() || !i->process().is_running(); }, deadline - boot_now())) return false;
    if (!i->process().is_running()) return false;
  }
  return true;
}

std::vector<int> fleet::stop(microseconds limit) {
  for (auto& i : instances_) i->signal(SIGTERM);
  const auto deadline = boot_now() + limit;
  std::vector<int> codes;
  for (auto& i : instances_) codes.push_back(i->process().await_exit(deadline - boot_now()).value_or(-1));
  return codes;
}

std::unique_ptr<child_process> fleet::start_program(const std::vector<std::string>& words) const {
  static int number = 0;
  child_process::options how;
  how.output = directory_ / ("verb-" + std::to_string(++number));
  how.command = {"/bin/sh", "-c", "exec \"$@\" 2>" + how.output + ".err", "sh", options_.program};
  how.command.insert(how.command.end(), words.begin(), words.end());
  how.environment = {"BATON_TEST_PASSWORD=" + options_.password};
  auto process = child_process::start(how);
  BATON_ASSERT(process);
  return std::move(*process);
}

std::vector<std::string> fleet::with_file(std::vector<std::string> words, const std::string& instance) const {
  words.insert(words.end(), {"-c", file_of(instance.empty() ? instances_.front()->name() : instance)});
  return words;
}

std::unique_ptr<child_process> fleet::start_verb(const std::vector<std::string>& words, const std::string& instance) const {
  return start_program(with_file(words, instance));
}

fleet::answer fleet::verb(const std::vector<std::string>& words, const std::string& instance) const {
  return run_program(with_file(words, instance));
}

fleet::answer fleet::run_program(const std::vector<std::string>& words) const {
  const auto process = start_program(words);
  const auto code = process->await_exit(std::chrono::seconds{20});
  return {code.value_or(1000), process->output(), read_text(process->output_path() + ".err")};
}

std::string fleet::lock_of(const executed_run& run) const {
  const auto job = std::ranges::find(known_jobs_, run.job, &known_job::name);
  if (job == known_jobs_.end()) return run.job;
  if (job->settings.find("overlap: allow") != std::string::npos) return run.job + " " + to_rfc3339(run.tick);
  std::smatch found;
  static const std::regex lock{R"(lock: \{name: ([^,}]+))"};
  return std::regex_search(job->settings, found, lock) ? found[1].str() : run.job;
}

std::string fleet::logs() const {
  std::string all;
  for (const auto& i : instances_) {
    std::string log = i->log();
    if (log.size() > 12'000) log = log.substr(0, 4'000) + "\n[…]\n" + log.substr(log.size() - 8'000);
    all += "---- log of " + i->name() + "\n" + log;
  }
  return all;
}

}  // namespace baton::testing

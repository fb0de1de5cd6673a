#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>

#include "exit_codes.hpp"
#include "plugin_commands.hpp"
#include "plugin_file.hpp"
#include "single_run.hpp"
#include "table.hpp"

namespace baton::program {
namespace {

using plugin_host::run_end;

/// In quotes where a space would make it look like two.
std::string field_text(const std::string& text) {
  if (!text.empty() && text.find_first_of(" \t\n\"=") == std::string::npos) return printable(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return printable(quoted + "\"");
}

struct printer {
  void operator()(const plugin_host::run_log& line) const {
    constexpr std::array words{"log", "debug", "info", "warning", "error"};
    std::string text = line.level < words.size() ? words[line.level] : words[0];
    text.resize(9, ' ');
    text += printable(line.message);
    for (const auto& [key, value] : line.fields) text += "  " + printable(key) + "=" + field_text(value);
    std::fprintf(stderr, "%s\n", text.c_str());
  }
  void operator()(const plugin_host::run_progress& step) const {
    std::fprintf(stderr, "progress %3.0f %%  %s\n", step.fraction * 100, printable(step.text).c_str());
  }
  void operator()(const plugin_host::run_metrics& news) const {
    for (const auto& u : news.updates) {
      std::string labels;
      for (const auto& [name, value] : u.labels) labels += (labels.empty() ? "{" : ",") + name + "=" + field_text(value);
      if (!labels.empty()) labels += "}";
      std::fprintf(stderr, "metric   %s%s %.15g\n", u.name.c_str(), printable(labels).c_str(), u.value);
    }
  }
  void operator()(const plugin_host::run_started&) const {}
  void operator()(const plugin_host::run_ended& end) const {
    if (end.output.empty()) return;
    std::fprintf(stderr, "--- what it printed\n%s%s---\n", end.output.c_str(), end.output.ends_with('\n') ? "" : "\n");
  }
};

/// As a descriptor; from before any thread begins.
class stop_signals {
 public:
  stop_signals() {
    ::sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&set_, signal);
    ::sigprocmask(SIG_BLOCK, &set_, nullptr);
    descriptor_ = ::signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~stop_signals() { ::close(descriptor_); }
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  sigset_t set_{};
  int descriptor_;
};

}  // namespace

int plugin_run_command(const plugin_run_options& options) {
  single_run run;
  std::optional<microseconds> grace;
  if (!read_duration("--timeout", options.timeout, run.timeout) || !read_duration("--stop-after", options.stop_after, run.stop_after) ||
      !read_duration("--grace", options.grace, grace))
    return exit_usage;
  auto loaded = load_plugin_with(options.file, options.with);
  if (!loaded) return exit_configuration;
  const stop_signals signals;
  run.plugin_path = loaded->plugin.path;
  run.parameters = std::move(loaded->values);
  run.isolation = options.isolation == "in_process" ? plugin_host::isolation::in_process : plugin_host::isolation::process;
  run.grace = grace.value_or(run.grace);
  run.signals = signals.descriptor();
  run.on_event = [](const plugin_host::run_event& event) { std::visit(printer{}, event); };
  const auto done = carry_out(run);
  if (!done) {
    std::fprintf(stderr, "baton: error: %s\n", done.error().context.c_str());
    return exit_code_of(done.error());
  }
  const auto& end = done->end;
  std::printf("%s%s%s\n", end_word(end.end), end.text.empty() ? "" : ": ", end.text.c_str());
  return end.end == run_end::success || end.end == run_end::skipped ? exit_ok : exit_negative;
}

}  // namespace baton::program

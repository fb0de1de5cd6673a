#include "plugin_checks.hpp"

#include <algorithm>
#include <cstring>
#include <thread>

#include "baton/base/system_clock.hpp"
#include "exported_symbols.hpp"
#include "odd_values.hpp"
#include "plugin_probe.hpp"
#include "single_run.hpp"

namespace baton::program {
namespace {

using namespace std::chrono_literals;

constexpr microseconds load_limit = 10s;
/// How long a run may work before it is asked to stop, where how it ends does not matter.
constexpr microseconds glance = 100ms;

std::string count_of(std::size_t n, const char* what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }

// ---- the file

check_result check_symbols(const check_options& options) {
  const auto names = exported_symbols(options.plugin.path);
  if (!names) return check_result::failed(names.error().context);
  if (*names == std::vector<std::string>{"baton_plugin_entry"}) return check_result::ok("exports baton_plugin_entry and nothing else");
  std::string others;
  for (std::size_t i = 0; i < std::min<std::size_t>(names->size(), 5); ++i) others += (i == 0 ? "" : ", ") + (*names)[i];
  if (names->size() > 5) others += ", …";
  return check_result::failed("exports " + count_of(names->size(), "symbol") + " (" + others + "); build it with baton_add_plugin()");
}

bool are_equal(const baton_plugin_descriptor& a, const baton_plugin_descriptor& b) {
  return std::memcmp(&a, &b, sizeof a) == 0 &&
         (a.parameter_count == 0 || std::memcmp(a.parameters, b.parameters, std::size_t{a.parameter_count} * a.parameter_size) == 0);
}

check_result check_entry(const check_options& options) {
  return isolated(
      [&](checkpoint& at) {
        at.reach("baton_plugin_entry()");
        const plugin_probe probe{options.plugin.path};
        const auto first = *probe.descriptor();
        for (int i = 0; i < 100; ++i) {
          const auto* again = probe.ask_again();
          if (again == nullptr || !are_equal(first, *again)) return check_result::failed("baton_plugin_entry() gives different answers");
        }
        return check_result::ok("the same descriptor each time");
      },
      load_limit);
}

// ---- create and destroy

std::string growth(const holdings& before, const holdings& after) {
  if (after.descriptors > before.descriptors) return count_of(after.descriptors - before.descriptors, "descriptor");
  if (after.threads > before.threads) return count_of(after.threads - before.threads, "thread");
  return {};
}

check_result check_create(const check_options& options) {
  constexpr int warm_up = 10;
  constexpr int times = 100;
  return isolated(
      [&](checkpoint& at) {
        at.reach("create() or destroy()");
        const plugin_probe probe{options.plugin.path};
        const auto create = [&](int count) {
          plugin_probe::lifecycle seen;
          for (int i = 0; i < count && seen.escaped.empty(); ++i) seen = probe.create_and_destroy(*options.with);
          return seen;
        };
        const auto first = create(warm_up);
        const auto before = holdings_now();
        const auto last = first.escaped.empty() ? create(times) : first;
        if (!last.escaped.empty()) return check_result::failed(last.escaped);
        if (!last.is_created) return check_result::failed("create() failed: " + last.reason);
        const auto left = growth(before, holdings_now());
        if (!left.empty()) return check_result::failed(std::to_string(times) + " times create() and destroy() left " + left + " behind");
        return check_result::ok(std::to_string(times) + " times, nothing was left behind");
      },
      options.timeout);
}

// ---- run

std::string text_of(const plugin_host::run_ended& end) { return end_word(end.end) + (end.text.empty() ? "" : ": " + end.text); }

result<single_run_end> carry_out(const check_options& options, std::optional<microseconds> stop_after) {
  single_run run;
  run.plugin_path = options.plugin.path;
  run.parameters = *options.with;
  run.timeout = options.timeout;
  run.stop_after = stop_after;
  run.grace = options.grace;
  return program::carry_out(run);
}

check_result check_run(const check_options& options) {
  const auto done = carry_out(options, std::nullopt);
  if (!done) return check_result::failed(done.error().context);
  using enum plugin_host::run_end;
  switch (done->end.end) {
    case success:
    case failure:
    case retry_later:
    case skipped:
    case cancelled: return check_result::ok(text_of(done->end));
    case timeout: return check_result::failed("not back after " + to_text(options.timeout) + "; with --timeout it may take longer");
    default: return check_result::failed(text_of(done->end));
  }
}

check_result check_stop(const check_options& options, microseconds after) {
  const auto done = carry_out(options, after);
  if (!done) return check_result::failed(done.error().context);
  using enum plugin_host::run_end;
  if (done->end.end == crashed) return check_result::failed(text_of(done->end));
  if (!done->stopped_within) return check_result::ok("it was over before it could be asked to stop");
  if (*done->stopped_within < options.grace) return check_result::ok(text_of(done->end));
  return check_result::failed("not back within " + to_text(options.grace) + " after it was asked to stop: look at stop_requested()");
}

check_result check_exceptions(const check_options& options) {
  return isolated(
      [&](checkpoint& at) {
        at.reach("run(), called as C++");
        const auto seen = plugin_probe{options.plugin.path}.run(*options.with, glance);
        return seen.escaped.empty() ? check_result::ok("none left the plugin") : check_result::failed(seen.escaped);
      },
      glance + options.grace);
}

check_result check_together(const check_options& options) {
  constexpr int runs = 4;
  return isolated(
      [&](checkpoint& at) {
        at.reach("several runs at once in one process");
        const plugin_probe probe{options.plugin.path};
        std::vector<std::thread> threads;
        threads.reserve(runs);
        for (int i = 0; i < runs; ++i) threads.emplace_back([&] { (void)probe.run(*options.with, glance); });
        for (auto& t : threads) t.join();
        return check_result::ok(std::to_string(runs) + " runs at once in one process");
      },
      glance + options.grace);
}

check_result check_odd_values(const check_options& options) {
  const auto all = odd_values_of(options.plugin, *options.with);
  for (const auto& odd : all) {
    const auto found = isolated(
        [&](checkpoint& at) {
          at.reach("a run with " + odd.what);
          const auto seen = plugin_probe{options.plugin.path}.run(odd.values, glance);
          return seen.escaped.empty() ? check_result::ok({}) : check_result::failed(seen.escaped + ", with " + odd.what);
        },
        glance + options.grace);
    if (found.outcome != check_result::kind::ok) return found;
  }
  if (all.empty()) return check_result::ok("it has no parameters");
  return check_result::ok(count_of(all.size(), "run") + " with odd values, all came back");
}

check_result check_leaks(const check_options& options) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  (void)options;
  return check_result::skipped("a sanitizer has the heap; it finds leaks itself");
#else
  constexpr std::size_t most_runs = 10;
  constexpr std::size_t rounds = 4;
  constexpr microseconds round_limit = 2500ms;
  return isolated(
      [&](checkpoint& at) {
        at.reach("many runs in one process");
        const plugin_probe probe{options.plugin.path};
        const system_clock time;
        const auto began = time.now().steady;
        (void)probe.run(*options.with, glance);
        const auto one = std::max<microseconds>(time.now().steady - began, 1ms);
        const auto runs = std::clamp<std::size_t>(static_cast<std::size_t>(round_limit / one), 1, most_runs);
        const auto round = [&] {
          for (std::size_t i = 0; i < runs; ++i) (void)probe.run(*options.with, glance);
          return holdings_now();
        };
        const auto first = round();  // what is kept for ever is made here
        auto last = first;
        bool rises = true;
        for (std::size_t i = 1; i < rounds; ++i) {
          const auto now = round();
          rises = rises && now.heap >= last.heap + runs;  // a byte a run; less is chance
          last = now;
        }
        const auto left = growth(first, last);
        if (!left.empty()) return check_result::failed(std::to_string(runs * (rounds - 1)) + " runs left " + left + " behind");
        if (rises)
          return check_result::failed("the heap grows by " + std::to_string((last.heap - first.heap) / (runs * (rounds - 1))) +
                                      " bytes a run");
        return check_result::ok(std::to_string(runs * rounds) + " runs in one process, nothing was left behind");
      },
      (rounds + 1) * (round_limit + glance + options.grace));
#endif
}

}  // namespace

const std::vector<plugin_check>& plugin_checks() {
  using needs = enum plugin_check::needs;
  static const std::vector<plugin_check> all{
      {"symbols", needs::nothing, check_symbols},
      {"entry", needs::nothing, check_entry},
      {"create", needs::values, check_create},
      {"run", needs::values, check_run},
      {"stop_at_once", needs::values, [](const check_options& o) { return check_stop(o, 0us); }},
      {"stop_later", needs::values, [](const check_options& o) { return check_stop(o, glance); }},
      {"exceptions", needs::values, check_exceptions},
      {"together", needs::good_runs, check_together},
      {"odd_values", needs::good_runs, check_odd_values},
      {"leaks", needs::good_runs, check_leaks},
  };
  return all;
}

check_result check_loading(const std::string& path) {
  return isolated(
      [&](checkpoint& at) {
        at.reach("loading " + path);
        const auto plugin = plugin_host::describe_plugin(path);
        if (!plugin) return check_result::failed(plugin.error().context);
        return check_result::ok(plugin->name + " " + plugin->version + ", ABI " + std::to_string(plugin->abi_major) + "." +
                                std::to_string(plugin->abi_minor));
      },
      load_limit);
}

}  // namespace baton::program

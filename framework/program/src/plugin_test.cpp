#include <cstdio>

#include "exit_codes.hpp"
#include "plugin_checks.hpp"
#include "plugin_commands.hpp"
#include "plugin_file.hpp"
#include "table.hpp"

namespace baton::program {
namespace {

/// Counts what it tells.
class findings {
 public:
  void tell(const char* name, const check_result& v) {
    const auto* const mark = v.outcome == check_result::kind::ok ? "ok" : v.outcome == check_result::kind::failed ? "FAILED" : "SKIPPED";
    std::printf("%-8s %-13s %s\n", mark, name, printable(v.text).c_str());
    std::fflush(stdout);  // before there is a child with the same buffer
    has_failed_ = has_failed_ || v.outcome == check_result::kind::failed;
  }
  [[nodiscard]] int exit_code() const { return has_failed_ ? exit_negative : exit_ok; }

 private:
  bool has_failed_ = false;
};

/// Why it is not run; empty: there are values to run it with.
std::string missing_values(const plugin_host::plugin_description& plugin) {
  for (const auto& p : plugin.parameters) {
    if (p.required) return "parameter '" + p.name + "' is required; give --with FILE with values that do no harm";
  }
  return {};
}

}  // namespace

int plugin_test_command(const plugin_test_options& options) {
  std::optional<microseconds> timeout;
  std::optional<microseconds> grace;
  if (!read_duration("--timeout", options.timeout, timeout) || !read_duration("--grace", options.grace, grace)) return exit_usage;
  const auto path = absolute_path(options.file);
  findings found;
  const auto loading = check_loading(path);
  found.tell("load", loading);
  if (loading.outcome != check_result::kind::ok) return found.exit_code();

  check_options checks;
  checks.timeout = *timeout;
  checks.grace = *grace;
  auto described = describe_file(path);
  if (!described) return exit_configuration;
  checks.plugin = std::move(*described);
  const auto why_not = options.with.empty() ? missing_values(checks.plugin) : std::string{};
  if (why_not.empty()) {
    auto loaded = load_plugin_with(path, options.with);
    if (!loaded) return exit_configuration;
    checks.with = std::move(loaded->values);
  }
  bool runs_are_good = true;
  for (const auto& check : plugin_checks()) {
    using needs = enum plugin_check::needs;
    const auto result = check.needs != needs::nothing && !checks.with       ? check_result::skipped(why_not)
                        : check.needs == needs::good_runs && !runs_are_good ? check_result::skipped("until what failed above is cured")
                                                                            : check.carry_out(checks);
    if (check.needs == needs::values && result.outcome == check_result::kind::failed) runs_are_good = false;
    found.tell(check.name, result);
  }
  return found.exit_code();
}

}  // namespace baton::program

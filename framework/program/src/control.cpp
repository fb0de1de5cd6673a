#include "control.hpp"

#include <algorithm>
#include <cstdio>

#include "configuration.hpp"
#include "exit_codes.hpp"

namespace baton::program {

result<std::unique_ptr<ledger::control>> open_control(const settings::settings& s, std::optional<microseconds> answer_timeout) {
  if (is_local(s)) {
    const auto store = local::store::create(local_store_options(s));
    if (!store) return store.error();
    return store->open_control();
  }
  auto store = mysql::store::create(store_options(s));
  if (!store) return std::move(store).error();
  return store->open_control(answer_timeout);
}

const settings::job* reached_ledger::find(const std::string& job) const {
  const auto found = std::ranges::find(settings.jobs, job, &settings::job::name);
  return found == settings.jobs.end() ? nullptr : &*found;
}

std::optional<reached_ledger> reach_ledger(const std::string& file, int& code) {
  auto loaded = settings::load(file);
  if (!loaded.value) {  // warnings are for `check` and `run` to tell
    print_problems(loaded.problems);
    code = exit_configuration;
    return std::nullopt;
  }
  auto control = open_control(*loaded.value);
  if (!control) {
    code = tell(control.error());
    return std::nullopt;
  }
  return reached_ledger{std::move(*loaded.value), std::move(*control)};
}

int tell(const failure& why) {
  std::fprintf(stderr, "baton: error: %s\n", why.context.c_str());
  switch (why.code) {
    case errc::not_found:
    case errc::invalid_argument: return exit_usage;
    case errc::already_exists: return exit_negative;
    default: return exit_code_of(why);
  }
}

int tell_usage(const std::string& message) { return tell({errc::invalid_argument, message}); }

std::optional<wall_time> instant(const char* option, const std::string& text) {
  auto made = from_rfc3339(text);
  if (!made) (void)tell_usage(std::string{option} + " must be an instant in UTC, such as 2026-03-29T00:00:00Z, got '" + text + "'");
  return made;
}

}  // namespace baton::program

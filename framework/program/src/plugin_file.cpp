#include "plugin_file.hpp"

#include <cstdio>
#include <filesystem>

#include "baton/plugin_host/executor.hpp"
#include "baton/schedule/duration.hpp"
#include "configuration.hpp"
#include "with.hpp"

namespace baton::program {

std::string absolute_path(const std::string& file) {
  std::error_code ignored;
  const auto path = std::filesystem::absolute(file, ignored);
  return ignored ? file : path.lexically_normal().string();
}

result<plugin_host::plugin_description> describe_file(const std::string& file) {
  return plugin_host::describe_plugin_apart(runner_options(), absolute_path(file));
}

std::optional<plugin_and_values> load_plugin_with(const std::string& file, const std::string& with) {
  auto plugin = describe_file(file);
  if (!plugin) {
    std::fprintf(stderr, "baton: error: %s\n", plugin.error().context.c_str());
    return std::nullopt;
  }
  settings::loaded_parameters given{settings::with_value::map{}, {}};
  if (!with.empty()) given = settings::load_parameters(with);
  print_problems(given.problems);
  if (!given.value) return std::nullopt;
  auto checked = check_with(*plugin, {*given.value, {with.empty() ? "--with" : with, 0, 0}, "with"});
  print_problems(checked.problems);
  if (!checked.value) return std::nullopt;
  return plugin_and_values{std::move(*plugin), std::move(*checked.value)};
}

bool read_duration(const char* option, const std::string& text, std::optional<microseconds>& into) {
  if (text.empty()) return true;
  const auto read = schedule::parse_duration(text);
  if (const auto* wrong = std::get_if<schedule::syntax_error>(&read)) {
    std::fprintf(stderr, "baton: error: %s %s: %s; write for example 30s or 5m\n", option, text.c_str(), wrong->message.c_str());
    return false;
  }
  into = std::get<microseconds>(read);
  return true;
}

}  // namespace baton::program

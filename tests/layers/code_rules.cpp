#include "code_rules.hpp"

#include <algorithm>
#include <array>
#include <regex>
#include <set>
#include <string_view>

namespace baton::layers {
namespace {

using prefixes = std::vector<std::string_view>;

// A pattern that may stand in files below `scope` only if they are below `allowed` too.
struct word_rule {
  std::string name;
  std::regex pattern;
  prefixes scope;
  prefixes allowed;
  std::string advice;
};

std::regex header(const std::string& names) { return std::regex(R"(^\s*#\s*include\s*[<"])" + names); }

// Tests of rooms that have no I/O. Those of adapters talk to real servers and processes: they poll, with a deadline.
prefixes pure_tests() {
  return {"tests/base/",   "tests/sdk/",      "tests/schedule/",   "tests/lock/",  "tests/ledger/",
          "tests/engine/", "tests/settings/", "tests/simulation/", "tests/layers/"};
}

const std::vector<word_rule>& word_rules() {
  static const std::regex sleeping(R"(\bsleep_(for|until)\b|\b(usleep|nanosleep|clock_nanosleep)\s*\(|::sleep\s*\(|\bsleep\s*\(\s*[0-9])");
  static const std::vector<word_rule> rules{
      {"mysql_header",
       header(R"((mysql/|mariadb/)?(mysql|mysqld_error|errmsg)\.h)"),
       {"framework/", "plugins/", "tests/"},
       {"framework/mysql/"},
       "mysql.h is included in framework/mysql alone: use its sessions"},
      {"yaml_header", header("yaml-cpp/"), {"framework/", "plugins/"}, {"framework/settings/src/"}, "yaml-cpp stays inside settings"},
      {"observe_header",
       header("(spdlog|prometheus)/"),
       {"framework/", "plugins/"},
       {"framework/observe/"},
       "logs and metrics go through observe"},
      {"asio_header",
       header("boost/(asio|beast)"),
       {"framework/", "plugins/"},
       {"framework/runtime/", "framework/admin/", "framework/program/", "framework/mysql/src/",
        "framework/mysql/include/baton/mysql/asio/"},
       "Asio and Beast stay in runtime, admin, program and behind the sessions of mysql"},
      {"clock",
       std::regex(
           R"(\b(system_clock|steady_clock|high_resolution_clock)\s*::\s*now\b|\bclock_gettime\b|\bgettimeofday\b|\bstd::time\s*\()"),
       {"framework/"},
       {"framework/base/src/system_clock", "framework/program/"},
       "time comes in as an argument or a const clock&; the system's is read by base's system_clock and by program alone"},
      {"clock",
       std::regex(R"(\b(system_clock|steady_clock|high_resolution_clock)\s*::\s*now\b|\bclock_gettime\b)"),
       pure_tests(),
       {},
       "a pure room is tested with times made in the test, or with the manual clock of tests/support"},
      {"sleep", sleeping, {"framework/"}, {}, "nothing sleeps here: wait for the event with a deadline"},
      {"sleep", sleeping, pure_tests(), {}, "nothing sleeps here: a pure room is told the time"},
  };
  return rules;
}

bool below(const prefixes& starts, std::string_view path) {
  return std::ranges::any_of(starts, [&](std::string_view start) { return path.starts_with(start); });
}

bool is_code(std::string_view path) {
  return path.ends_with(".cpp") || path.ends_with(".hpp") || path.ends_with(".c") || path.ends_with(".h");
}

bool opens(char c) { return c == '(' || c == '[' || c == '{'; }
bool closes(char c) { return c == ')' || c == ']' || c == '}'; }

constexpr std::string_view await = "co_await";

// The expression around a `?`: back to where its operand begins, on to where its full expression ends.
std::string_view expression_around(std::string_view code, std::size_t question) {
  auto first = question;
  for (int depth = 0; first > 0; --first) {
    const char c = code[first - 1];
    if (closes(c)) ++depth;
    if (opens(c) && --depth < 0) break;
    if (depth == 0 && (c == ';' || c == '}' || c == ',')) break;
  }
  auto last = question;
  for (int depth = 0; last < code.size(); ++last) {
    const char c = code[last];
    if (opens(c)) ++depth;
    if (closes(c) && --depth < 0) break;
    if (depth == 0 && (c == ';' || c == ',')) break;
  }
  return code.substr(first, last - first);
}

// Whether the call that begins at `from` has an argument that begins with a brace.
bool has_braced_argument(std::string_view code, std::size_t from) {
  auto at = code.find_first_of("(;{}", from);
  if (at == std::string_view::npos || code[at] != '(') return false;
  char before = ' ';
  for (int depth = 0; at < code.size(); ++at) {
    const char c = code[at];
    if (c == '{' && depth == 1 && (before == '(' || before == ',')) return true;
    if (opens(c)) ++depth;
    if (closes(c) && --depth == 0) return false;
    if (c != ' ' && c != '\n' && c != '\t') before = c;
  }
  return false;
}

}  // namespace

std::vector<violation> check_words(const std::vector<source_file>& files) {
  std::vector<violation> found;
  for (const auto& file : files) {
    if (!is_code(file.path)) continue;
    const auto lines = lines_of(code_of(file.text, strings::keep));
    const auto blank = lines_of(code_of(file.text, strings::blank));
    for (const auto& rule : word_rules()) {
      if (!below(rule.scope, file.path) || below(rule.allowed, file.path)) continue;
      const bool of_headers = rule.name.ends_with("_header");
      for (std::size_t i = 0; i < lines.size(); ++i)
        if (std::regex_search(of_headers ? lines[i] : blank[i], rule.pattern)) found.push_back({rule.name, file.path, i + 1, rule.advice});
    }
  }
  return found;
}

std::vector<violation> check_coroutines(const std::vector<source_file>& files) {
  std::vector<violation> found;
  for (const auto& file : files) {
    if (!is_code(file.path)) continue;
    const auto code = code_of(file.text, strings::blank);
    if (code.find(await) == std::string::npos) continue;
    for (auto at = code.find('?'); at != std::string::npos; at = code.find('?', at + 1))
      if (expression_around(code, at).find(await) != std::string_view::npos)
        found.push_back({"co_await", file.path, line_at(code, at), "co_await inside ?: is compiled wrongly by GCC 12: write an if"});
    for (auto at = code.find(await); at != std::string::npos; at = code.find(await, at + 1))
      if (has_braced_argument(code, at + await.size()))
        found.push_back(
            {"co_await", file.path, line_at(code, at), "a braced argument of a coroutine is destroyed twice by GCC 12: name the object"});
  }
  return found;
}

std::vector<violation> check_top(const std::vector<std::string>& folders) {
  static const std::set<std::string> known{"build", "cmake", "config", "deploy", "docs", "examples", "framework", "plugins", "tests"};
  std::vector<violation> found;
  for (const auto& folder : folders)
    if (!known.contains(folder))
      found.push_back({"top", folder, 0, "is no folder of the design: put it below one that is (design: rooms)"});
  return found;
}

}  // namespace baton::layers

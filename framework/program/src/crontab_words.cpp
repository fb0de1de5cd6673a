#include "crontab_words.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

namespace baton::program {
namespace {

constexpr std::string_view blanks = " \t\r";

bool is_word_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

template <std::size_t N>
bool is_one_of(std::string_view word, const std::array<std::string_view, N>& of) {
  return std::ranges::find(of, word) != of.end();
}

constexpr std::array<std::string_view, 8> openings{"cd",     "test",   "[",     ".",
                                                   "source", "export", "sleep", "set"};  // of what matters behind them
constexpr std::array<std::string_view, 11> wrappers{"nice",  "ionice",  "nohup",   "exec",   "env", "sudo",
                                                    "flock", "timeout", "chronic", "cronic", "time"};
constexpr std::array<std::string_view, 11> interpreters{"sh",  "bash", "dash", "zsh",  "python",   "python3",
                                                        "php", "perl", "ruby", "node", "run-parts"};
constexpr std::array<std::string_view, 6> endings{".sh", ".py", ".pl", ".rb", ".php", ".js"};

/// The simple commands of a line of shell, as words; quotes are not looked into.
std::vector<std::vector<std::string_view>> simple_commands(std::string_view line) {
  std::vector<std::vector<std::string_view>> out(1);
  for (std::size_t i = 0; i < line.size();) {
    if (std::string_view{";&|(){}\n"}.find(line[i]) != std::string_view::npos) {
      out.emplace_back();
      ++i;
    } else if (std::isspace(static_cast<unsigned char>(line[i])) != 0) {
      ++i;
    } else {
      const auto end = std::min(line.find_first_of(" \t\r\n;&|(){}", i), line.size());
      out.back().push_back(line.substr(i, end - i));
      i = end;
    }
  }
  return out;
}

std::string_view base_of(std::string_view word) {
  while (!word.empty() && std::string_view{"'\"/"}.find(word.back()) != std::string_view::npos) word.remove_suffix(1);
  return word.substr(word.find_last_of("/'\"") + 1);
}

/// The program of a simple command: behind assignments and wrappers; of an interpreter its script. Empty: none worth a name.
std::string_view program_of(const std::vector<std::string_view>& words) {
  std::string_view found;
  for (const auto word : words) {
    const auto base = base_of(word);
    const bool is_option = word.front() == '-' || std::isdigit(static_cast<unsigned char>(word.front())) != 0;
    if (found.empty() && is_one_of(base, openings)) return {};
    if (word.find('=') != std::string_view::npos || is_one_of(base, wrappers) || is_option || base.empty()) continue;
    if (!found.empty()) return base;
    found = base;
    if (!is_one_of(base, interpreters)) return found;
  }
  return found;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string_view take_word(std::string_view& rest) {
  rest = trimmed(rest);
  const auto end = std::min(rest.find_first_of(blanks), rest.size());
  const auto word = rest.substr(0, end);
  rest = trimmed(rest.substr(end));
  return word;
}

std::optional<std::pair<std::string, std::string>> read_variable(std::string_view line) {
  const auto without_quotes = [](std::string_view text) {
    const bool is_quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front();
    return is_quoted ? text.substr(1, text.size() - 2) : text;
  };
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const auto name = without_quotes(trimmed(line.substr(0, equals)));
  const bool is_name = !name.empty() && std::ranges::all_of(name, is_word_letter) && std::isdigit(static_cast<unsigned char>(name[0])) == 0;
  if (!is_name) return std::nullopt;
  return std::pair{std::string{name}, std::string{without_quotes(trimmed(line.substr(equals + 1)))}};
}

std::string job_name(std::string_view command) {
  std::string_view program;
  for (const auto& words : simple_commands(command)) {
    if (!words.empty() && program.empty()) program = program_of(words);
  }
  for (const auto ending : endings) {
    if (program.size() > ending.size() && program.ends_with(ending)) program.remove_suffix(ending.size());
  }
  std::string name;
  for (const char c : program.substr(0, 48)) {
    if (is_word_letter(c) || c == '.' || c == '-') name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return name.empty() ? "job" : name;
}

}  // namespace baton::program

#include "masking.hpp"

#include <algorithm>

#include "source.hpp"

namespace baton::settings {
namespace {

constexpr std::string_view blanks = " \t";
constexpr std::string_view stars = "***";
constexpr std::size_t most_lines_back = 200;

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::size_t indentation(std::string_view line) { return std::min(line.find_first_not_of(blanks), line.size()); }

/// Where the value behind `password:` begins, or npos; the word is any that ends in `word`, quoted or not.
std::size_t value_of(std::string_view word, std::string_view line) {
  for (std::size_t i = 0; i + word.size() <= line.size(); ++i) {
    bool is_here = i + word.size() == line.size() || !is_word(line[i + word.size()]);
    for (std::size_t k = 0; is_here && k < word.size(); ++k) is_here = lower(line[i + k]) == word[k];
    if (!is_here) continue;
    auto after = i + word.size();
    if (after < line.size() && (line[after] == '"' || line[after] == '\'')) ++after;
    after = line.find_first_not_of(blanks, after);
    if (after != std::string_view::npos && line[after] == ':') return after + 1;
  }
  return std::string_view::npos;
}

/// The same of passwords and tokens.
std::size_t password_value(std::string_view line) { return std::min(value_of("password", line), value_of("token", line)); }

/// A reference is no secret: {file: …}.
bool is_reference(std::string_view value) {
  const auto begin = value.find_first_not_of(blanks);
  return begin != std::string_view::npos && value[begin] == '{';
}

bool continues_password(const source& in, std::size_t line) {
  const auto depth = indentation(in.line(line));
  for (auto above = line - 1; above > 0 && line - above <= most_lines_back; --above) {
    const auto text = in.line(above);
    if (indentation(text) == text.size()) continue;
    const auto value = password_value(text);
    if (value != std::string_view::npos && !is_reference(text.substr(value))) {
      const auto rest = text.substr(value);
      const auto begin = rest.find_first_not_of(blanks);
      const bool is_open = begin == std::string_view::npos || rest[begin] == '|' || rest[begin] == '>' ||
                           ((rest[begin] == '"' || rest[begin] == '\'') && rest.find(rest[begin], begin + 1) == std::string_view::npos);
      return is_open || depth > indentation(text);
    }
    if (indentation(text) < depth) return false;
  }
  return false;
}

/// Puts *** for text[begin, end); `column` keeps its byte, or goes to the stars.
void mask(std::string& text, std::size_t begin, std::size_t end, std::size_t& column) {
  text.replace(begin, end - begin, stars);
  if (column > end) {
    column = column - (end - begin) + stars.size();
  } else if (column > begin + 1) {
    column = begin + 1;
  }
}

void mask_urls(std::string& line, std::size_t& column) {
  for (auto at = line.find("://"); at != std::string::npos; at = line.find("://", at + 3)) {
    const auto begin = at + 3;
    const auto end = std::min(line.find_first_of(" \t\"'", begin), line.size());
    const auto host = line.rfind('@', end == 0 ? 0 : end - 1);
    if (host == std::string::npos || host < begin) continue;
    const auto colon = line.find(':', begin);
    if (colon == std::string::npos || colon > host) continue;
    mask(line, colon + 1, host, column);
  }
}

}  // namespace

std::string mask_passwords(const source& in, std::size_t line, std::size_t& column) {
  std::string text{in.line(line)};
  const auto value = password_value(text);
  if (value == std::string::npos && continues_password(in, line)) {
    mask(text, indentation(text), text.size(), column);
    return text;
  }
  if (value != std::string::npos && !is_reference(std::string_view{text}.substr(value))) {
    const auto begin = text.find_first_not_of(blanks, value);
    if (begin != std::string::npos) mask(text, begin, text.size(), column);
  }
  mask_urls(text, column);
  return text;
}

}  // namespace baton::settings

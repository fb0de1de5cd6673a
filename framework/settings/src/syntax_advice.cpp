#include "syntax_advice.hpp"

#include <array>
#include <utility>

#include "masking.hpp"

namespace baton::settings {
namespace {

constexpr std::string_view blanks = " \t";
constexpr std::string_view reserved = "*@`%";

struct entry {
  std::string_view key;
  std::size_t value = 0;  ///< where it begins in the line
  std::size_t end = 0;    ///< without a comment
};

/// Takes `  - key: value  # comment` apart. Block style only.
std::optional<entry> take_apart(std::string_view line) {
  auto begin = line.find_first_not_of(blanks);
  while (begin != std::string_view::npos && line.substr(begin, 2) == "- ") begin = line.find_first_not_of(blanks, begin + 1);
  if (begin == std::string_view::npos || line[begin] == '#') return std::nullopt;
  const auto colon = line.find_first_of(": \t{[\"'", begin);
  if (colon == std::string_view::npos || line[colon] != ':') return std::nullopt;
  const auto value = line.find_first_not_of(blanks, colon + 1);
  if (value == std::string_view::npos || value == colon + 1) return std::nullopt;
  auto end = line.find(" #", value);
  if (end == std::string_view::npos) end = line.size();
  end = line.find_last_not_of(blanks, end - 1) + 1;
  return entry{line.substr(begin, colon - begin), value, end};
}

/// The first line up to `last` that opens a quote and does not close it.
std::optional<place> find_open_quote(const source& in, std::size_t last) {
  for (std::size_t number = 1; number <= last; ++number) {
    const auto line = in.line(number);
    const auto e = take_apart(line);
    if (!e || (line[e->value] != '"' && line[e->value] != '\'')) continue;
    if (line.find(line[e->value], e->value + 1) == std::string_view::npos) return place{&in, number, e->value + 1};
  }
  return std::nullopt;
}

std::optional<place> find_tab(const source& in, std::size_t last) {
  for (std::size_t number = 1; number <= last; ++number) {
    const auto line = in.line(number);
    const auto text = line.find_first_not_of(blanks);
    const auto tab = line.find('\t');
    if (tab != std::string_view::npos && text != std::string_view::npos && tab < text) return place{&in, number, tab + 1};
  }
  return std::nullopt;
}

}  // namespace

std::optional<advice> find_unquoted(const source& in, std::size_t line) {
  const auto text = in.line(line);
  const auto e = take_apart(text);
  if (!e || reserved.find(text[e->value]) == std::string_view::npos) return std::nullopt;
  const auto value = std::string{text.substr(e->value, e->end - e->value)};
  const std::string what = e->key == "schedule" ? "schedules" : "values";
  std::size_t unused = 1;
  const bool is_secret = mask_passwords(in, line, unused) != text;
  return advice{{&in, line, e->value + 1},
                what + " that start with '" + value.front() + "' must be quoted",
                is_secret ? "put the value in quotes" : "write: " + std::string{e->key} + ": \"" + value + "\""};
}

std::string with_quotes(const source& in, const std::set<std::size_t>& lines) {
  std::string out;
  for (std::size_t number = 1; number <= in.line_count(); ++number) {
    const auto line = in.line(number);
    const auto e = lines.contains(number) ? take_apart(line) : std::nullopt;
    if (e) {
      out += line.substr(0, e->value);
      out += '\'';
      for (const char c : line.substr(e->value, e->end - e->value)) out += c == '\'' ? std::string{"''"} : std::string{c};
      out += '\'';
      out += line.substr(e->end);
    } else {
      out += line;
    }
    if (number < in.line_count()) out += '\n';
  }
  return out;
}

advice explain_syntax_error(const place& at, const std::string& words) {
  const auto& in = *at.in;
  if (const auto tab = find_tab(in, at.line)) return {*tab, "tabs are not allowed for indentation", "use spaces"};
  if (words.find("never closed") != std::string::npos) return {at, words, "close it where the text ends"};
  if (const auto quote = find_open_quote(in, at.line)) {
    return {*quote, "the quote is not closed on this line, and what follows does not fit", "close it where the text ends"};
  }
  static constexpr std::array<std::pair<std::string_view, std::array<std::string_view, 2>>, 9> known{{
      {"illegal map value", {"a value cannot contain ': '", "put the value in quotes, or check the indentation"}},
      {"end of map not found", {"this line does not fit the lines above", "check the indentation, and that each key is followed by ': '"}},
      {"end of sequence not found", {"this line does not fit the list above", "check the indentation"}},
      {"end of map flow not found", {"a { is not closed", "add } at its end"}},
      {"end of sequence flow not found", {"a [ is not closed", "add ] at its end"}},
      {"illegal block entry", {"a list item cannot stand here", "put it on a line of its own"}},
      {"illegal map key", {"a key cannot stand here", "check the indentation"}},
      {"alias not found", {"'*' begins an alias here", "put the value in quotes"}},
      {"unknown token", {"YAML cannot begin a value with this character", "put the value in quotes"}},
  }};
  for (const auto& [part, text] : known) {
    if (words.find(part) != std::string::npos) return {at, std::string{text[0]}, std::string{text[1]}};
  }
  return {at, words, {}};
}

}  // namespace baton::settings

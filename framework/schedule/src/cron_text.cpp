#include "cron_text.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace baton::schedule {
namespace {

constexpr std::array<std::string_view, 12> month_names{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> weekday_names{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

/// What one field may hold. `last` is 7 for weekdays, since both 0 and 7 are Sunday; `full` is the end of `*` and of `n/step`.
struct field_rule {
  std::string_view name;
  int first;
  int last;
  int full;
  std::span<const std::string_view> names;  ///< names[i] means first + i
  bool is_day;
  std::string_view foreign;  ///< letters that other dialects use here
};

constexpr std::array<field_rule, 6> rules{{
    {"second", 0, 59, 59, {}, false, "H"},
    {"minute", 0, 59, 59, {}, false, "H"},
    {"hour", 0, 23, 23, {}, false, "H"},
    {"day-of-month", 1, 31, 31, {}, true, "LWH"},
    {"month", 1, 12, 12, month_names, false, "H"},
    {"day-of-week", 0, 7, 6, weekday_names, true, "L#H"},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> macros{{
    {"yearly", "0 0 1 1 *"},
    {"annually", "0 0 1 1 *"},
    {"monthly", "0 0 1 * *"},
    {"weekly", "0 0 * * 0"},
    {"daily", "0 0 * * *"},
    {"midnight", "0 0 * * *"},
    {"hourly", "0 * * * *"},
}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool equals(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != lower_case[i]) return false;
  }
  return true;
}

struct token {
  std::string_view text;
  std::size_t offset = 0;
};

std::vector<token> split(std::string_view text) {
  std::vector<token> out;
  for (std::size_t i = 0; i < text.size();) {
    if (is_blank(text[i])) {
      ++i;
      continue;
    }
    const auto begin = i;
    while (i < text.size() && !is_blank(text[i])) ++i;
    out.push_back({text.substr(begin, i - begin), begin});
  }
  return out;
}

/// Reads one field. Stops at the first fault, which `error` then holds.
class field_reader {
 public:
  field_reader(const field_rule& rule, token field) : rule_(rule), field_(field) {}

  bool read() {
    if (field_.text == "*" || field_.text == "?") {
      if (field_.text == "?" && !rule_.is_day) return fail(0, 1, "'?' is only for the two day fields; write *");
      is_bare = true;
      canonical = "*";
      fill(rule_.first, rule_.full, 1);
      return true;
    }
    std::size_t begin = 0;
    while (true) {
      const auto comma = field_.text.find(',', begin);
      const auto end = comma == std::string_view::npos ? field_.text.size() : comma;
      if (end == begin) return fail(begin == field_.text.size() ? begin - 1 : begin, 1, "an item of the list is empty");
      if (begin > 0) canonical += ',';
      if (!item(begin, end)) return false;
      if (comma == std::string_view::npos) return true;
      begin = comma + 1;
    }
  }

  std::uint64_t bits = 0;
  bool is_bare = false;
  std::string canonical;
  syntax_error error;

 private:
  bool fail(std::size_t offset, std::size_t length, std::string message) {
    error = {std::string{rule_.name} + ": " + std::move(message), field_.offset + offset, length};
    return false;
  }

  void fill(int from, int to, int step) {
    for (int v = from; v <= to; v += step) bits |= std::uint64_t{1} << (rule_.full != rule_.last && v == rule_.last ? rule_.first : v);
  }

  std::string range_text() const { return std::to_string(rule_.first) + "-" + std::to_string(rule_.last); }

  std::string_view part(std::size_t begin, std::size_t end) const { return field_.text.substr(begin, end - begin); }

  /// A number or a name; advances `at`.
  std::optional<int> value(std::size_t& at, std::size_t end) {
    const auto begin = at;
    const auto& text = field_.text;
    if (at < end && is_digit(text[at])) {
      while (at < end && is_digit(text[at])) ++at;
      const auto digits = part(begin, at);
      long long n = 0;
      for (const char c : digits.substr(0, 9)) n = n * 10 + (c - '0');
      const bool is_long = digits.size() > 9;
      if (is_long || n < rule_.first || n > rule_.last) {
        fail(begin, at - begin,
             (is_long ? "a number of " + std::to_string(digits.size()) + " digits" : std::string{digits}) + " is out of range " +
                 range_text());
        return std::nullopt;
      }
      if (at < end && is_letter(text[at])) return word(begin, at, end);
      return static_cast<int>(n);
    }
    if (at < end && is_letter(text[at])) return word(begin, at, end);
    if (at >= end) {
      fail(begin == 0 ? 0 : begin - 1, 1, "a value is missing after '" + std::string{part(begin == 0 ? 0 : begin - 1, begin)} + "'");
    } else {
      fail(at, 1, "unexpected '" + std::string{text[at]} + "'; a value in " + range_text() + " is expected");
    }
    return std::nullopt;
  }

  std::optional<int> word(std::size_t begin, std::size_t& at, std::size_t end) {
    while (at < end && (is_letter(field_.text[at]) || is_digit(field_.text[at]))) ++at;
    const auto text = part(begin, at);
    for (std::size_t i = 0; i < rule_.names.size(); ++i) {
      if (equals(text, rule_.names[i])) return rule_.first + static_cast<int>(i);
    }
    fail(begin, text.size(), unknown_word(text));
    return std::nullopt;
  }

  std::string unknown_word(std::string_view text) const {
    const std::string quoted = "'" + std::string{text} + "'";
    for (const auto& name : rule_.names) {
      if (text.size() > 3 && equals(text.substr(0, 3), name)) return quoted + " is not a name; write " + std::string{name};
    }
    for (const auto& other : rules) {
      for (const auto& name : other.names) {
        if (equals(text, name)) return quoted + " belongs to the " + std::string{other.name} + " field";
      }
    }
    bool is_foreign = true;
    for (const char c : text) is_foreign = is_foreign && (is_digit(c) || rule_.foreign.find(c) != std::string_view::npos);
    if (is_foreign) return quoted + " is not supported in this release";
    return quoted + " is neither a number in " + range_text() +
           (rule_.names.empty() ? "" : " nor a name such as " + std::string{rule_.names[1]});
  }

  bool item(std::size_t begin, std::size_t end) {
    std::size_t at = begin;
    int from = rule_.first;
    int to = rule_.full;
    bool is_single = false;
    std::string text;
    if (field_.text[at] == '*') {
      ++at;
      text = "*";
    } else if (field_.text[at] == '?') {
      return fail(at, 1, "'?' stands alone");
    } else {
      const auto first = value(at, end);
      if (!first) return false;
      from = *first;
      text = std::to_string(from);
      if (at < end && field_.text[at] == '-') {
        ++at;
        const auto second = value(at, end);
        if (!second) return false;
        to = *second;
        if (rule_.full != rule_.last && to == 0 && from > 0) to = 7;
        if (to < from) return fail(begin, at - begin, reversed(part(begin, at), from, to));
        text += "-" + std::to_string(to);
      } else {
        is_single = true;
      }
    }
    if (at < end && field_.text[at] == '/') {
      ++at;
      const auto step = step_of(at, end);
      if (!step) return false;
      if (is_single && to < from) to = from;  // 7/2
      fill(from, to, *step);
      canonical += text + "/" + std::to_string(*step);
    } else {
      if (is_single) {
        to = from;
        if (rule_.full != rule_.last && from == rule_.last) text = std::to_string(rule_.first);
      }
      fill(from, to, 1);
      canonical += text;
    }
    if (at == end) return true;
    if (field_.text[at] == '#' && rule_.is_day) return fail(at, end - at, "'#' is not supported in this release");
    return fail(at, end - at, "unexpected '" + std::string{part(at, end)} + "' after '" + std::string{part(begin, at)} + "'");
  }

  std::string reversed(std::string_view text, int from, int to) const {
    const auto span = [](int a, int b) { return a == b ? std::to_string(a) : std::to_string(a) + "-" + std::to_string(b); };
    return "the range " + std::string{text} + " is reversed; write " + span(from, rule_.full < from ? rule_.last : rule_.full) + "," +
           span(rule_.first, to);
  }

  std::optional<int> step_of(std::size_t& at, std::size_t end) {
    const auto begin = at;
    while (at < end && is_digit(field_.text[at])) ++at;
    const auto digits = part(begin, at);
    if (digits.empty()) {
      fail(begin - 1, 1, "a number is missing after '/'");
      return std::nullopt;
    }
    long long n = 0;
    for (const char c : digits.substr(0, 9)) n = n * 10 + (c - '0');
    if (n == 0 && digits.size() <= 9) {
      fail(begin, digits.size(), "a step of 0 never moves; it is at least 1");
      return std::nullopt;
    }
    const int span = rule_.full - rule_.first;
    if (digits.size() > 9 || n > span) {
      const auto shown = digits.size() > 9 ? std::to_string(digits.size()) + " digits" : std::string{digits};
      fail(begin, digits.size(),
           "a step of " + shown + " is larger than the field's span: " + std::to_string(rule_.first) + "-" + std::to_string(rule_.full) +
               " allows steps 1-" + std::to_string(span));
      return std::nullopt;
    }
    return static_cast<int>(n);
  }

  const field_rule& rule_;
  token field_;
};

std::optional<syntax_error> find_strange_byte(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte >= 0x20 && byte < 0x7f) || byte == '\t') continue;
    static constexpr std::string_view hex = "0123456789abcdef";
    return syntax_error{std::string{"byte 0x"} + hex[byte >> 4] + hex[byte & 15U] + " has no place in a cron expression", i, 1};
  }
  return std::nullopt;
}

std::variant<cron_text, syntax_error> parse_macro(const std::vector<token>& tokens) {
  const auto& [text, offset] = tokens.front();
  for (const auto& [name, meaning] : macros) {
    if (!equals(text.substr(1), name)) continue;
    if (tokens.size() == 1) return parse_cron(meaning);
    const auto& extra = tokens[1];
    return syntax_error{"unexpected '" + std::string{extra.text} + "' after " + std::string{text}, extra.offset, extra.text.size()};
  }
  std::string message =
      std::string{text} + " is not a schedule; there are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly and @every 90s";
  if (equals(text.substr(1), "reboot")) message = "@reboot means nothing in a fleet; use a cron expression or @every 90s";
  return syntax_error{std::move(message), offset, text.size()};
}

}  // namespace

syntax_error too_long(std::string_view expression) {
  return {"the expression has " + std::to_string(expression.size()) + " bytes; at most " + std::to_string(longest_expression) + " are read",
          longest_expression, expression.size() - longest_expression};
}

std::variant<cron_text, syntax_error> parse_cron(std::string_view expression) {
  if (expression.size() > longest_expression) return too_long(expression);
  if (auto strange = find_strange_byte(expression)) return *std::move(strange);
  const auto tokens = split(expression);
  if (tokens.empty()) return syntax_error{"the expression is empty; write five fields, such as 0 2 * * *", 0, expression.size()};
  const auto& head = tokens.front();
  if (head.text.front() == '@') return parse_macro(tokens);
  if (head.text.starts_with("TZ=") || head.text.starts_with("CRON_TZ=")) {
    return syntax_error{"a time zone is not part of the expression; it has a key of its own", head.offset, head.text.size()};
  }
  if (tokens.size() < 5) {
    return syntax_error{"there are " + std::to_string(tokens.size()) +
                            " fields; five are expected (minute hour day-of-month month day-of-week), or six with seconds in front",
                        head.offset, tokens.back().offset + tokens.back().text.size() - head.offset};
  }
  if (tokens.size() > rules.size()) {
    const auto& extra = tokens[rules.size()];
    return syntax_error{
        "there are " + std::to_string(tokens.size()) + " fields; a year is not supported in this release, and six fields are the most",
        extra.offset, extra.text.size()};
  }

  cron_text out;
  std::array<std::uint64_t, 6> bits{1, 0, 0, 0, 0, 0};  // second 0
  std::array<bool, 6> bare{};
  const auto skipped = rules.size() - tokens.size();
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    field_reader reader{rules[i + skipped], tokens[i]};
    if (!reader.read()) return std::move(reader.error);
    bits[i + skipped] = reader.bits;
    bare[i + skipped] = reader.is_bare;
    if (i + skipped == 0 && reader.canonical == "0") continue;
    if (!out.canonical.empty()) out.canonical += ' ';
    out.canonical += reader.canonical;
  }
  out.fields = {bits[0],
                bits[1],
                static_cast<std::uint32_t>(bits[2]),
                static_cast<std::uint32_t>(bits[3]),
                static_cast<std::uint32_t>(bits[4]),
                static_cast<std::uint32_t>(bits[5]),
                bare[3],
                bare[5]};
  if (!can_fire(out.fields)) {
    const auto& days = tokens[3 - skipped];
    const auto& months = tokens[4 - skipped];
    return syntax_error{"the expression is valid but can never fire: day-of-month " + std::string{days.text} + " does not exist in month " +
                            std::string{months.text},
                        days.offset, months.offset + months.text.size() - days.offset};
  }
  return out;
}

}  // namespace baton::schedule

#include "cron_text.hpp"

#include <array>
#include <cstdint>
#include <utility>

#include "field.hpp"
#include "letters.hpp"

namespace baton::schedule {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> macros{{
    {"yearly", "0 0 1 1 *"},
    {"annually", "0 0 1 1 *"},
    {"monthly", "0 0 1 * *"},
    {"weekly", "0 0 * * 0"},
    {"daily", "0 0 * * *"},
    {"midnight", "0 0 * * *"},
    {"hourly", "0 * * * *"},
}};

struct token {
  std::string_view text;
  std::size_t offset = 0;
};

/// One more than there are fields, so that the first superfluous word is known.
struct tokens {
  std::array<token, field_count + 1> words;
  std::size_t count = 0;  ///< of all words, also those beyond
};

tokens split(std::string_view text) {
  tokens out;
  for (std::size_t i = 0; i < text.size();) {
    if (is_blank(text[i])) {
      ++i;
      continue;
    }
    const auto begin = i;
    while (i < text.size() && !is_blank(text[i])) ++i;
    if (out.count < out.words.size()) out.words[out.count] = {text.substr(begin, i - begin), begin};
    ++out.count;
  }
  return out;
}

std::optional<syntax_error> find_strange_byte(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte >= 0x20 && byte < 0x7f) || byte == '\t') continue;
    static constexpr std::string_view hex = "0123456789abcdef";
    return syntax_error{std::string{"byte 0x"} + hex[byte >> 4] + hex[byte & 15U] + " has no place in a cron expression", i, 1};
  }
  return std::nullopt;
}

enum class advice : std::uint8_t { given, none };
std::variant<cron, syntax_error> parse(std::string_view expression, std::optional<std::string_view> hash_name, advice wanted);

std::variant<cron, syntax_error> parse_macro(const tokens& in) {
  const auto& [text, offset] = in.words[0];
  for (const auto& [name, meaning] : macros) {
    if (!equals(text.substr(1), name)) continue;
    if (in.count == 1) return parse(meaning, std::nullopt, advice::none);
    const auto& extra = in.words[1];
    return syntax_error{"unexpected '" + std::string{extra.text} + "' after " + std::string{text}, extra.offset, extra.text.size()};
  }
  std::string message =
      std::string{text} + " is not a schedule; there are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly and @every 90s";
  if (equals(text.substr(1), "reboot"))
    message = "@reboot means nothing in a fleet: which of its machines and starts would count? Use a cron expression or @every 90s";
  return syntax_error{std::move(message), offset, text.size()};
}

/// The expression with a word moved to the field where it belongs, if that is free and it is right there.
std::string moved(const tokens& in, std::size_t skipped, field_id from, field_id to) {
  const auto source = static_cast<std::size_t>(from) - skipped;
  const auto target = static_cast<std::size_t>(to) - skipped;
  const bool is_time = from <= field_id::hour;  // which a * would make to run all the time
  if (is_time || target >= in.count || (in.words[target].text != "*" && in.words[target].text != "?")) return {};
  std::string out;
  for (std::size_t i = 0; i < in.count; ++i) {
    if (i > 0) out += ' ';
    out += i == source ? "*" : in.words[i == target ? source : i].text;
  }
  if (!std::holds_alternative<cron>(parse(out, std::nullopt, advice::none))) return {};
  return "; did you mean `" + out + "`?";
}

void put(field_id id, const field_value& v, cron& c) {
  switch (id) {
    case field_id::second: c.seconds = v.bits[0]; break;
    case field_id::minute: c.minutes = v.bits[0]; break;
    case field_id::hour: c.hours = static_cast<std::uint32_t>(v.bits[0]); break;
    case field_id::day:
      c.days = static_cast<std::uint32_t>(v.bits[0]);
      c.days_before_last = v.days_before_last;
      c.nearest_weekdays = v.nearest_weekdays;
      c.any_day = v.is_bare;
      break;
    case field_id::month: c.months = static_cast<std::uint32_t>(v.bits[0]); break;
    case field_id::weekday:
      c.weekdays = static_cast<std::uint32_t>(v.bits[0]);
      c.nth_weekdays = v.nth_weekdays;
      c.any_weekday = v.is_bare;
      break;
    case field_id::year:
      c.any_year = v.is_bare;
      if (!v.is_bare) c.years = v.bits;
      break;
  }
  if (id <= field_id::hour) c.is_interval = c.is_interval || v.is_spread;
}

/// Every day, however it is written, becomes `* *`; and the third Friday is nothing beside all Fridays.
void simplify_days(cron& c) {
  const bool has_all_days = !c.any_day && c.days == every_day;
  const bool has_all_weekdays = !c.any_weekday && c.weekdays == every_weekday;
  if (has_all_days || has_all_weekdays) {
    c.any_day = c.any_weekday = true;
    c.days = every_day;
    c.weekdays = every_weekday;
    c.days_before_last = c.nearest_weekdays = 0;
    c.nth_weekdays = 0;
  }
  for (unsigned week = 0; week <= last_week; ++week) c.nth_weekdays &= ~(std::uint64_t{c.weekdays} << (7 * week));
}

syntax_error never(const tokens& in, std::size_t skipped, const cron& c) {
  const auto& days = in.words[static_cast<std::size_t>(field_id::day) - skipped];
  const auto& end = in.words[c.any_year ? static_cast<std::size_t>(field_id::month) - skipped : in.count - 1];
  std::string message = "the expression is valid but can never fire: ";
  if (c.any_year) {
    message += "day-of-month " + std::string{days.text} + " does not exist in month " + std::string{end.text};
  } else {
    message += "there is no such day in the years " + std::string{end.text};
  }
  return {std::move(message), days.offset, end.offset + end.text.size() - days.offset};
}

std::variant<cron, syntax_error> parse(std::string_view expression, std::optional<std::string_view> hash_name, advice wanted) {
  if (expression.size() > longest_expression) return too_long(expression);
  if (auto strange = find_strange_byte(expression)) return *std::move(strange);
  const auto in = split(expression);
  if (in.count == 0) return syntax_error{"the expression is empty; write five fields, such as 0 2 * * *", 0, expression.size()};
  const auto& head = in.words[0];
  if (head.text.front() == '@') return parse_macro(in);
  if (head.text.starts_with("TZ=") || head.text.starts_with("CRON_TZ=")) {
    return syntax_error{"a time zone is not part of the expression; it has a key of its own", head.offset, head.text.size()};
  }
  if (in.count < 5) {
    const auto& tail = in.words[in.count - 1];
    return syntax_error{
        (in.count == 1 ? "there is 1 field" : "there are " + std::to_string(in.count) + " fields") +
            std::string{"; five are expected (minute hour day-of-month month day-of-week), six with seconds in front, or seven "
                        "with a year at the end"},
        head.offset, tail.offset + tail.text.size() - head.offset};
  }
  if (in.count > field_count) {
    const auto& extra = in.words[field_count];
    return syntax_error{"there are " + std::to_string(in.count) +
                            " fields; seven are the most: second minute hour day-of-month month "
                            "day-of-week year",
                        extra.offset, extra.text.size()};
  }

  cron out;
  out.seconds = 1;
  const std::size_t skipped = in.count == 5 ? 1 : 0;
  for (std::size_t i = 0; i < in.count; ++i) {
    const auto id = static_cast<field_id>(i + skipped);
    field_value value;
    if (auto bad = read_field(id, in.words[i].text, in.words[i].offset, hash_name, value)) {
      if (bad->belongs_to && wanted == advice::given) bad->what.message += moved(in, skipped, id, *bad->belongs_to);
      return std::move(bad->what);
    }
    put(id, value, out);
  }
  if (!can_fire(out)) return never(in, skipped, out);
  simplify_days(out);
  return out;
}

}  // namespace

syntax_error too_long(std::string_view expression) {
  return {"the expression has " + std::to_string(expression.size()) + " bytes; at most " + std::to_string(longest_expression) + " are read",
          longest_expression, expression.size() - longest_expression};
}

std::variant<cron, syntax_error> parse_cron(std::string_view expression, std::optional<std::string_view> hash_name) {
  return parse(expression, hash_name, advice::given);
}

}  // namespace baton::schedule

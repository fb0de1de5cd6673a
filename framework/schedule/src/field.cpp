#include "field.hpp"

#include <algorithm>
#include <utility>

#include "hash.hpp"
#include "letters.hpp"

namespace baton::schedule {
namespace {

constexpr std::array<std::string_view, 12> month_names{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> weekday_names{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

constexpr std::array<field_rule, field_count> rules{{
    {"second", 0, 59, 59, 59, {}},
    {"minute", 0, 59, 59, 59, {}},
    {"hour", 0, 23, 23, 23, {}},
    {"day-of-month", 1, 31, 31, 28, {}},
    {"month", 1, 12, 12, 12, month_names},
    {"day-of-week", 0, 7, 6, 6, weekday_names},
    {"year", first_cron_year, last_cron_year, last_cron_year, last_cron_year, {}},
}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }

std::string quoted(std::string_view text) { return "'" + std::string{text} + "'"; }

std::string range_text(int from, int to) { return from == to ? std::to_string(from) : std::to_string(from) + "-" + std::to_string(to); }

/// Reads one field. Stops at the first fault, which `error` then holds.
class reader {
 public:
  reader(field_id id, std::string_view text, std::size_t offset, std::optional<std::string_view> hash_name, field_value& out)
      : id_(id), rule_(rule_of(id)), text_(text), offset_(offset), hash_name_(hash_name), out_(out) {}

  bool read() {
    if (text_ == "*" || text_ == "?") {
      if (text_ == "?" && !is_day()) return fail(0, 1, "'?' is only for the two day fields; write *");
      out_.is_bare = out_.is_spread = true;
      return fill(rule_.first, rule_.full, 1);
    }
    std::size_t begin = 0;
    while (true) {
      const auto comma = text_.find(',', begin);
      const auto end = comma == std::string_view::npos ? text_.size() : comma;
      if (end == begin) return fail(begin == text_.size() ? begin - 1 : begin, 1, "an item of the list is empty");
      if (!item(begin, end)) return false;
      if (comma == std::string_view::npos) return true;
      begin = comma + 1;
    }
  }

  field_error error;

 private:
  [[nodiscard]] bool is_day() const { return id_ == field_id::day || id_ == field_id::weekday; }
  [[nodiscard]] std::string_view part(std::size_t begin, std::size_t end) const { return text_.substr(begin, end - begin); }

  bool fail(std::size_t offset, std::size_t length, std::string message, std::optional<field_id> belongs_to = std::nullopt) {
    error = {{std::string{rule_.name} + ": " + std::move(message), offset_ + offset, length}, belongs_to};
    return false;
  }

  bool fill(int from, int to, int step) {
    if (step == 1 && to < 60) {  // from 1970 on a year has a word of its own; and 7 is a weekday's second name
      const bool has_seven = id_ == field_id::weekday && to == 7;
      const int last = has_seven ? 6 : to;
      if (from <= last) out_.bits[0] |= (std::uint64_t{2} << last) - (std::uint64_t{1} << from);
      if (has_seven) out_.bits[0] |= 1U;
      return true;
    }
    for (int v = from; v <= to; v += step) {
      const int n = id_ == field_id::weekday && v == 7 ? 0 : id_ == field_id::year ? v - first_cron_year : v;
      out_.bits[static_cast<std::size_t>(n) / 64] |= std::uint64_t{1} << (n % 64);
    }
    return true;
  }

  /// Digits as a number; one that is too long is larger than any other. `at` is behind them.
  long long number(std::size_t& at, std::size_t end) const {
    const auto begin = at;
    long long n = 0;
    for (; at < end && is_digit(text_[at]); ++at) n = at - begin < 9 ? n * 10 + (text_[at] - '0') : 9'999'999'999;
    return n;
  }

  std::string shown_number(std::size_t begin, std::size_t end) const {
    return end - begin > 9 ? "a number of " + std::to_string(end - begin) + " digits" : std::string{part(begin, end)};
  }

  /// A number or a name; advances `at`.
  std::optional<int> value(std::size_t& at, std::size_t end) {
    const auto begin = at;
    if (at < end && is_digit(text_[at])) {
      const auto n = number(at, end);
      if (at < end && is_letter(text_[at])) return word(begin, at, end);
      if (n < rule_.first || n > rule_.last) {
        fail(begin, at - begin, shown_number(begin, at) + " is out of range " + range_text(rule_.first, rule_.last) + instead(n));
        return std::nullopt;
      }
      return static_cast<int>(n);
    }
    if (at < end && is_letter(text_[at])) return word(begin, at, end);
    if (at >= end) {
      fail(begin == 0 ? 0 : begin - 1, 1, "a value is missing after " + quoted(part(begin == 0 ? 0 : begin - 1, begin)));
    } else {
      fail(at, 1, "unexpected " + quoted(part(at, at + 1)) + "; a value in " + range_text(rule_.first, rule_.last) + " is expected");
    }
    return std::nullopt;
  }

  [[nodiscard]] std::string instead(long long n) const {
    if ((id_ == field_id::hour && n == 24) || ((id_ == field_id::minute || id_ == field_id::second) && n == 60)) return "; write 0";
    if (id_ == field_id::day && n == 0) return "; the last day is L";
    return "";
  }

  std::optional<int> word(std::size_t begin, std::size_t& at, std::size_t end) {
    while (at < end && (is_letter(text_[at]) || is_digit(text_[at]))) ++at;
    const auto text = part(begin, at);
    for (std::size_t i = 0; i < rule_.names.size(); ++i) {
      if (equals(text, rule_.names[i])) return rule_.first + static_cast<int>(i);
    }
    unknown_word(begin, text);
    return std::nullopt;
  }

  void unknown_word(std::size_t begin, std::string_view text) {
    for (const auto& name : rule_.names) {
      if (text.size() > 3 && equals(text.substr(0, 3), name)) {
        fail(begin, text.size(), quoted(text) + " is not a name; write " + std::string{name});
        return;
      }
    }
    if (const auto other = field_of_word(text)) {
      fail(begin, text.size(), quoted(text) + " belongs to the " + std::string{rule_of(*other).name} + " field", other);
      return;
    }
    fail(begin, text.size(),
         quoted(text) + " is neither a number in " + range_text(rule_.first, rule_.last) +
             (rule_.names.empty() ? "" : " nor a name such as " + std::string{rule_.names[1]}));
  }

  [[nodiscard]] std::optional<field_id> field_of_word(std::string_view text) const {
    for (const auto other : {field_id::month, field_id::weekday}) {
      for (const auto& name : rule_of(other).names) {
        if (other != id_ && equals(text, name)) return other;
      }
    }
    const auto rest = text.substr(0, text.size() - 1);
    const bool is_number = !rest.empty() && std::ranges::all_of(rest, is_digit);
    const auto last = lower(text.back());
    if (id_ != field_id::day && (equals(text, "l") || equals(text, "lw") || (last == 'w' && is_number))) return field_id::day;
    if (id_ != field_id::weekday && last == 'l' &&
        (is_number || std::ranges::any_of(weekday_names, [&](auto n) { return equals(rest, n); })))
      return field_id::weekday;
    return std::nullopt;
  }

  bool item(std::size_t begin, std::size_t end) {
    const auto text = part(begin, end);
    const auto first = lower(text.front());
    if (first == 'h' && (text.size() == 1 || !is_letter(text[1]))) return hashed(begin, end);
    if (id_ == field_id::day && (first == 'l' || (lower(text.back()) == 'w' && is_digit(text.front())))) return day_by_end(begin, end);
    if (const auto sharp = text.find('#'); sharp != std::string_view::npos) return nth_weekday(begin, begin + sharp, end);
    if (id_ == field_id::weekday && lower(text.back()) == 'l') return last_weekday(begin, end);
    std::size_t at = begin;
    int from = rule_.first;
    int to = rule_.full;
    bool is_single = false;
    if (text_[at] == '*') {
      ++at;
      out_.is_spread = true;
    } else if (text_[at] == '?') {
      return fail(at, 1, "'?' stands alone");
    } else if (!range(at, begin, end, from, to, is_single)) {
      return false;
    }
    int step = 1;
    if (at < end && text_[at] == '/') {
      ++at;
      const auto read = step_of(at, end, rule_.first, rule_.full);
      if (!read) return false;
      step = *read;
      if (is_single) to = rule_.full < from ? from : rule_.full;  // 7/2
    }
    if (at != end) return fail(at, end - at, "unexpected " + quoted(part(at, end)) + " after " + quoted(part(begin, at)));
    return fill(from, to, step);
  }

  bool range(std::size_t& at, std::size_t begin, std::size_t end, int& from, int& to, bool& is_single) {
    const auto first = value(at, end);
    if (!first) return false;
    from = *first;
    if (at < end && text_[at] == '-') {
      ++at;
      const auto second = value(at, end);
      if (!second) return false;
      to = *second;
      if (id_ == field_id::weekday && to == 0 && from > 0) to = 7;
      if (to < from) {
        const bool stands_alone = at == text_.size() || text_[at] == ',';  // else what to write instead is more than this range
        return fail(begin, at - begin,
                    "the range " + std::string{part(begin, at)} + " is reversed" + (stands_alone ? turned(from, to) : ""));
      }
      out_.is_spread = true;
    } else {
      is_single = true;
      to = from;
    }
    return true;
  }

  [[nodiscard]] std::string turned(int from, int to) const {
    if (id_ == field_id::year) return "; write " + range_text(to, from);
    return "; write " + range_text(from, rule_.full < from ? rule_.last : rule_.full) + "," + range_text(rule_.first, to);
  }

  std::optional<int> step_of(std::size_t& at, std::size_t end, int first, int last) {
    const auto begin = at;
    const auto n = number(at, end);
    const auto digits = at - begin;
    out_.is_spread = true;
    if (at == begin) {
      fail(begin - 1, 1, "a number is missing after '/'");
    } else if (n == 0) {
      fail(begin, at - begin, "a step of 0 never moves; it is at least 1");
    } else if (first == last) {
      fail(begin, digits, "a step needs more than one value to go over");
    } else if (n > last - first) {
      fail(begin, digits,
           "a step of " + (digits > 9 ? std::to_string(digits) + " digits" : std::string{part(begin, at)}) +
               " is larger than the field's span: " + range_text(first, last) + " allows steps 1-" + std::to_string(last - first));
    } else {
      return static_cast<int>(n);
    }
    return std::nullopt;
  }

  /// H, H/15, H(0-29), H(0-29)/10
  bool hashed(std::size_t begin, std::size_t end) {
    if (id_ == field_id::year) return fail(begin, 1, "H has no place in the year");
    if (!hash_name_) return fail(begin, 1, "H stands for a value that follows from the job's name, and there is no job here");
    std::size_t at = begin + 1;
    int from = rule_.first;
    int to = rule_.hash_last;
    bool ignored = false;
    if (at < end && text_[at] == '(') {
      const auto inner = ++at;
      const bool was_spread = out_.is_spread;
      if (!range(at, inner, end, from, to, ignored)) return false;
      out_.is_spread = was_spread;
      if (at >= end || text_[at] != ')') return fail(begin, at - begin, "')' is missing after " + quoted(part(begin, at)));
      ++at;
    }
    int step = 0;
    if (at < end && text_[at] == '/') {
      ++at;
      const auto read = step_of(at, end, from, to);
      if (!read) return false;
      step = *read;
    }
    if (at != end) return fail(at, end - at, "unexpected " + quoted(part(at, end)) + " after " + quoted(part(begin, at)));
    const auto choices = static_cast<std::uint64_t>(step > 0 ? step : to - from + 1);
    const int chosen = from + static_cast<int>(stable_hash(*hash_name_, static_cast<std::uint64_t>(id_)) % choices);
    return step > 0 ? fill(chosen, to, step) : fill(chosen, chosen, 1);
  }

  /// L, L-3, LW, 15W
  bool day_by_end(std::size_t begin, std::size_t end) {
    const auto text = part(begin, end);
    if (equals(text, "l")) {
      out_.days_before_last |= 1U;
    } else if (equals(text, "lw")) {
      out_.nearest_weekdays |= 1U;
    } else if (lower(text.front()) == 'l') {
      if (text[1] != '-') return fail(begin, text.size(), quoted(text) + " is none of L, L-3, LW and 15W");
      std::size_t at = begin + 2;
      const auto n = number(at, end);
      if (at == begin + 2 || at != end) return fail(begin, text.size(), quoted(text) + " is none of L, L-3, LW and 15W");
      if (n < 1 || n > 30) return fail(begin + 2, at - begin - 2, shown_number(begin + 2, at) + " is out of range 1-30 after L-");
      out_.days_before_last |= 1U << n;
    } else {
      std::size_t at = begin;
      const auto n = number(at, end);
      if (at + 1 != end) return fail(begin, text.size(), quoted(text) + " is none of L, L-3, LW and 15W");
      if (n < 1 || n > 31) return fail(begin, at - begin, shown_number(begin, at) + " is out of range 1-31 before W");
      out_.nearest_weekdays |= 1U << n;
    }
    return true;
  }

  /// 5#3
  bool nth_weekday(std::size_t begin, std::size_t sharp, std::size_t end) {
    if (id_ != field_id::weekday)
      return fail(begin, end - begin, quoted(part(begin, end)) + " belongs to the day-of-week field", field_id::weekday);
    if (begin == sharp) return fail(sharp, end - sharp, "a weekday is missing before '#'");
    std::size_t at = begin;
    const auto day = value(at, sharp);
    if (!day) return false;
    if (at != sharp) return fail(at, sharp - at, "unexpected " + quoted(part(at, sharp)) + " before '#'");
    at = sharp + 1;
    const auto week = number(at, end);
    if (at == sharp + 1 || at != end || week < 1 || week > 5) return fail(sharp, end - sharp, "after '#' comes a week, 1-5");
    out_.nth_weekdays |= std::uint64_t{1} << (7 * (week - 1) + *day % 7);
    return true;
  }

  /// 5L
  bool last_weekday(std::size_t begin, std::size_t end) {
    if (end - begin == 1) return fail(begin, 1, "L needs a weekday: 5L is the month's last Friday; for Saturdays write 6");
    const auto text = part(begin, end - 1);
    std::optional<int> day;
    if (text.size() == 1 && text[0] >= '0' && text[0] <= '7') day = text[0] - '0';
    for (std::size_t i = 0; i < weekday_names.size(); ++i) {
      if (equals(text, weekday_names[i])) day = static_cast<int>(i);
    }
    if (!day) return fail(begin, end - begin, quoted(part(begin, end)) + " is no last weekday; write 5L or friL");
    out_.nth_weekdays |= std::uint64_t{1} << (7 * last_week + static_cast<unsigned>(*day) % 7);
    return true;
  }

  field_id id_;
  const field_rule& rule_;
  std::string_view text_;
  std::size_t offset_;
  std::optional<std::string_view> hash_name_;
  field_value& out_;
};

}  // namespace

const field_rule& rule_of(field_id id) { return rules[static_cast<std::size_t>(id)]; }

std::optional<field_error> read_field(field_id id, std::string_view text, std::size_t offset, std::optional<std::string_view> hash_name,
                                      field_value& out) {
  reader r{id, text, offset, hash_name, out};
  if (r.read()) return std::nullopt;
  return std::move(r.error);
}

}  // namespace baton::schedule

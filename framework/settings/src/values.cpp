// The second half of reader: one function for each type of value.

#include <algorithm>
#include <utility>

#include "baton/schedule/duration.hpp"
#include "reader.hpp"
#include "scalars.hpp"
#include "store_url.hpp"
#include "suggest.hpp"

namespace baton::settings {
namespace {

/// What stands in the file: an environment variable may hold what must not be printed.
std::string shown(const node& n) { return in_quotes(n.text); }

/// The place of byte `offset` of a scalar's text, where the file has that text as it is; else where the scalar begins.
place inside(const node& n, const std::string& text, std::size_t offset) {
  const auto& all = n.at.in->text();
  auto begin = n.at.in->offset(n.at);
  std::size_t quote = 0;
  if (begin < all.size() && (all[begin] == '"' || all[begin] == '\'')) quote = 1;
  begin += quote;
  if (all.compare(begin, text.size(), text) != 0 || text.find('\n') != std::string::npos) return n.at;
  auto at = n.at;
  at.column += quote + std::min(offset, text.size());
  return at;
}

std::string listed(const std::vector<std::string_view>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) out += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + std::string{words[i]};
  return out;
}

std::string range_text(const key& row) {
  return schedule::duration_text(microseconds{row.minimum}) + " to " + schedule::duration_text(microseconds{row.maximum});
}

std::string name_text(const key& row) {
  std::string letters;
  for (std::size_t i = 0; i < row.alphabet.size(); ++i) {
    if (i + 2 < row.alphabet.size() && row.alphabet[i + 1] == '-') {
      letters += (letters.empty() ? "" : " ") + std::string{row.alphabet.substr(i, 3)};
      i += 2;
    } else {
      letters += std::string{" "} + row.alphabet[i];
    }
  }
  return "must be " + std::to_string(row.minimum) + " to " + std::to_string(row.maximum) + " characters of " + letters;
}

/// "write billing-eu" where that is all that is wrong.
std::string fold_hint(const key& row, std::string text, bool is_expanded) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z' && row.alphabet.find("A-Z") == std::string_view::npos) c = static_cast<char>(c - 'A' + 'a');
    if (c == ' ') c = '-';
  }
  const auto size = static_cast<std::int64_t>(text.size());
  const bool fits = size >= row.minimum && size <= row.maximum && is_spelled_with(text, row.alphabet);
  return fits && !is_expanded ? "write " + text : std::string{};
}

/// What else was meant by a schedule that is none.
std::string schedule_hint(const std::string& text) {
  if (std::holds_alternative<microseconds>(schedule::parse_duration(text))) return "write {every: " + text + "}";
  for (const std::string_view lead : {"TZ=", "CRON_TZ="}) {
    const auto blank = text.find(' ');
    if (text.starts_with(lead) && blank != std::string::npos)
      return "write schedule: \"" + text.substr(blank + 1) + "\" and timezone: " + text.substr(lead.size(), blank - lead.size());
  }
  return {};
}

}  // namespace

std::optional<std::string> reader::scalar(const node& n, const std::string& path, std::string_view wanted) {
  if (n.type != node::kind::scalar) {
    const char* what = n.type == node::kind::null ? "nothing" : n.type == node::kind::list ? "a list" : "a map";
    report_.error(n.at, path, "must be " + std::string{wanted} + ", got " + what);
    return std::nullopt;
  }
  auto text = interpolate(n.text);
  if (auto* bad = std::get_if<refusal>(&text)) {
    report_.error(n.at, path, std::move(bad->message), std::move(bad->hint));
    return std::nullopt;
  }
  return std::get<std::string>(std::move(text));
}

std::optional<value> reader::checked(const key& row, const node& n, const std::string& path) {
  switch (row.type) {
    case key_type::parameters: {
      auto map = parameters(n, path);
      if (!map) return std::nullopt;
      return value{with_block{std::move(*map), n.at.in->mark_of(n.at)}};
    }
    case key_type::schedule: return checked_schedule(n, path);
    case key_type::secret: return checked_secret(n, path);
    case key_type::text_list: return checked_list(n, path);
    case key_type::names: return checked_names(row, n, path);
    case key_type::predecessors: return checked_predecessors(n, path);
    case key_type::day_list:
    case key_type::day_ranges: return checked_days(row, n, path);
    default: break;
  }
  const auto text = scalar(n, path, "a single value");
  if (!text) return std::nullopt;
  return checked_scalar(row, n, *text, path);
}

std::optional<value> reader::checked_scalar(const key& row, const node& n, const std::string& text, const std::string& path) {
  const auto refuse = [&](const refusal& bad) -> std::optional<value> {
    report_.error(n.at, path, bad.message, bad.hint);
    return std::nullopt;
  };
  // A message of a failed conversion names what stands in the file, not what a variable held.
  const bool is_expanded = text != n.text;
  const auto refuse_value = [&](const refusal& bad) {
    return refuse(is_expanded ? refusal{"the value of " + shown(n) + " does not fit here", bad.hint} : bad);
  };
  switch (row.type) {
    case key_type::integer: {
      const auto number = read_integer(text, n.quoted, row.minimum, row.maximum);
      if (const auto* bad = std::get_if<refusal>(&number)) return refuse_value(*bad);
      return value{std::get<std::int64_t>(number)};
    }
    case key_type::size: {
      const auto bytes = read_size(text, row.minimum, row.maximum);
      if (const auto* bad = std::get_if<refusal>(&bytes)) return refuse_value(*bad);
      return value{std::get<std::int64_t>(bytes)};
    }
    case key_type::boolean: {
      const auto truth = read_boolean(text, n.quoted);
      if (const auto* bad = std::get_if<refusal>(&truth)) return refuse_value(*bad);
      return value{std::get<bool>(truth)};
    }
    case key_type::name: {
      const auto size = static_cast<std::int64_t>(text.size());
      if (size >= row.minimum && size <= row.maximum && is_spelled_with(text, row.alphabet)) return value{text};
      return refuse({name_text(row) + ", got " + shown(n), fold_hint(row, text, is_expanded)});
    }
    case key_type::duration: return checked_duration(row, n, text, path);
    case key_type::choice: return checked_choice(row, n, text, path);
    case key_type::store_url: return checked_url(n, text, path);
    case key_type::listen: return checked_listen(n, text, path);
    case key_type::timezone:
      if (!zone_named(n, text, path)) return std::nullopt;
      return value{text};
    default:
      if (row.path == "store.tls.ca" || row.path == "http.socket") return value{n.at.in->resolve(text)};
      return value{text};
  }
}

std::optional<value> reader::checked_choice(const key& row, const node& n, const std::string& text, const std::string& path) {
  const auto choices = split_choices(row.choices);
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) return value{text};
  report_.error(n.at, path, "must be " + listed(choices) + ", got " + shown(n), did_you_mean(text, choices));
  return std::nullopt;
}

std::optional<value> reader::checked_duration(const key& row, const node& n, const std::string& text, const std::string& path) {
  const auto read = schedule::parse_duration(text);
  if (const auto* bad = std::get_if<schedule::syntax_error>(&read)) {
    const bool is_number = !text.empty() && text.find_first_not_of("0123456789.") == std::string::npos;
    report_.error(text == n.text ? inside(n, text, bad->offset) : n.at, path,
                  text == n.text ? bad->message : "the value of " + shown(n) + " is not a duration",
                  is_number && text == n.text ? "write " + text + "s, " + text + "ms or " + text + "m"
                                              : "write a number and a unit, such as 30s, 5m or 1h30m");
    return std::nullopt;
  }
  const auto d = std::get<microseconds>(read);
  if (d.count() < row.minimum || d.count() > row.maximum) {
    report_.error(n.at, path, "must be " + range_text(row) + ", got " + shown(n));
    return std::nullopt;
  }
  return value{d};
}

std::optional<value> reader::checked_url(const node& n, const std::string& text, const std::string& path) {
  auto parsed = parse_store_url(text);
  if (auto* bad = std::get_if<url_error>(&parsed)) {
    report_.error(text == n.text ? inside(n, text, bad->offset) : n.at, path,
                  text == n.text ? std::move(bad->message) : "the value of " + shown(n) + " is not a URL of a store", std::move(bad->hint));
    return std::nullopt;
  }
  auto& address = std::get<store_address>(parsed);
  if (address.has_password && text == n.text) {
    report_.warning(n.at, path, "the password stands in the file for everybody who may read it",
                    "write password: {file: PATH}, {env: NAME} or {credential: NAME}");
  }
  return value{std::move(address.store)};
}

std::optional<value> reader::checked_listen(const node& n, const std::string& text, const std::string& path) {
  if (text == "false" && !n.quoted) return value{listen_value{}};
  auto parsed = parse_endpoint(text, std::nullopt);
  if (auto* bad = std::get_if<url_error>(&parsed)) {
    report_.error(n.at, path, text == n.text ? bad->message : "the value of " + shown(n) + " is not HOST:PORT",
                  bad->hint.empty() ? "write HOST:PORT, such as 127.0.0.1:9687, or false" : bad->hint);
    return std::nullopt;
  }
  return value{listen_value{std::get<endpoint>(std::move(parsed))}};
}

std::optional<value> reader::checked_secret(const node& n, const std::string& path) {
  if (is_reference(n)) {
    auto secret = resolve_reference(n);
    if (auto* bad = std::get_if<refusal>(&secret)) {
      report_.error(n.values[0].at, path, std::move(bad->message), std::move(bad->hint));
      return std::nullopt;
    }
    return value{std::get<std::string>(std::move(secret))};
  }
  if (n.type == node::kind::map) {
    const auto* known = "write {file: PATH}, {env: NAME} or {credential: NAME}";
    report_.error(n.at, path, "must be a text or one reference", known);
    return std::nullopt;
  }
  auto text = scalar(n, path, "a text or a reference");
  if (!text) return std::nullopt;
  if (*text == n.text) {
    report_.warning(n.at, path, "the secret stands in the file for everybody who may read it",
                    "write {file: PATH}, {env: NAME} or {credential: NAME}");
  }
  return value{*std::move(text)};
}

std::optional<value> reader::checked_list(const node& n, const std::string& path) {
  if (n.type != node::kind::list) {
    report_.error(n.at, path, "must be a list", n.type == node::kind::scalar ? "write [" + n.text.substr(0, 60) + "]" : "");
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (std::size_t i = 0; i < n.values.size(); ++i) {
    auto text = scalar(n.values[i], path + "[" + std::to_string(i) + "]", "text");
    if (!text) return std::nullopt;
    if (text->empty()) {
      report_.error(n.values[i].at, path + "[" + std::to_string(i) + "]", "is empty");
      return std::nullopt;
    }
    out.push_back(path == "plugins.path" ? n.at.in->resolve(*text) : *std::move(text));
  }
  return value{std::move(out)};
}

std::optional<value> reader::checked_names(const key& row, const node& n, const std::string& path) {
  std::vector<std::string> out;
  const auto read = [&](const node& item, const std::string& at) {
    auto text = scalar(item, at, "a name");
    if (!text) return false;
    const auto size = static_cast<std::int64_t>(text->size());
    if (size < row.minimum || size > row.maximum || !is_spelled_with(*text, row.alphabet)) {
      report_.error(item.at, at, name_text(row) + ", got " + shown(item));
      return false;
    }
    if (std::ranges::find(out, *text) == out.end()) out.push_back(*std::move(text));
    return true;
  };
  if (n.type == node::kind::scalar) return read(n, path) ? std::optional{value{std::move(out)}} : std::nullopt;
  if (n.type != node::kind::list) {
    report_.error(n.at, path, "must be a list of names", "write [name]");
    return std::nullopt;
  }
  bool is_good = true;
  for (std::size_t i = 0; i < n.values.size(); ++i) is_good = read(n.values[i], path + "[" + std::to_string(i) + "]") && is_good;
  return is_good ? std::optional{value{std::move(out)}} : std::nullopt;
}

std::optional<value> reader::checked_predecessors(const node& n, const std::string& path) {
  std::vector<predecessor> out;
  const auto refuse = [&](const node& at, const std::string& where, std::string message) {
    report_.error(at.at, where, std::move(message), "write [JOB] or [{job: JOB, on: failure}]");
    return false;
  };
  const auto read = [&](const node& item, const std::string& at) {
    predecessor p;
    if (item.type == node::kind::map) {
      for (std::size_t i = 0; i < item.keys.size(); ++i) {
        const auto& name = item.keys[i].text;
        if (name != "job" && name != "on") return refuse(item.keys[i], at, "has the keys job and on, not " + in_quotes(name));
        auto text = scalar(item.values[i], at + "." + name, name == "job" ? "the name of a job" : "success, failure or any");
        if (!text) return false;
        (name == "job" ? p.job : p.on) = *std::move(text);
        if (name == "on" && p.on != "success" && p.on != "failure" && p.on != "any")
          return refuse(item.values[i], at + ".on", "must be success, failure or any, got " + shown(item.values[i]));
      }
      if (p.job.empty()) return refuse(item, at, "names no job");
    } else {
      auto text = scalar(item, at, "the name of a job");
      if (!text) return false;
      p.job = *std::move(text);
    }
    out.push_back(std::move(p));
    return true;
  };
  if (n.type != node::kind::list) return read(n, path) ? std::optional{value{std::move(out)}} : std::nullopt;
  bool is_good = true;
  for (std::size_t i = 0; i < n.values.size(); ++i) is_good = read(n.values[i], path + "[" + std::to_string(i) + "]") && is_good;
  return is_good ? std::optional{value{std::move(out)}} : std::nullopt;
}

std::optional<value> reader::checked_days(const key& row, const node& n, const std::string& path) {
  const bool are_ranges = row.type == key_type::day_ranges;
  const auto* example = are_ranges ? "write [2026-12-29..2026-12-31]" : "write [2026-12-25, 2026-12-26]";
  if (n.type != node::kind::list) {
    report_.error(n.at, path, "must be a list of days", example);
    return std::nullopt;
  }
  std::vector<schedule::calendar::range> out;
  out.reserve(n.values.size());
  bool is_good = true;
  for (std::size_t i = 0; i < n.values.size(); ++i) {
    const auto at = path + "[" + std::to_string(i) + "]";
    const auto text = scalar(n.values[i], at, "a day");
    auto read = text ? schedule::parse_day_range(are_ranges ? *text : *text + ".." + *text) : schedule::syntax_error{};
    if (const auto* r = std::get_if<schedule::calendar::range>(&read)) {
      out.push_back(*r);
      continue;
    }
    is_good = false;
    if (!text) continue;
    const auto message = are_ranges ? std::get<schedule::syntax_error>(read).message : "must be a day, such as 2026-12-25";
    const bool is_other = !are_ranges && text->find("..") != std::string::npos;
    report_.error(n.values[i].at, at, message + ", got " + shown(n.values[i]), is_other ? "days from one to another belong to ranges" : "");
  }
  return is_good ? std::optional{value{std::move(out)}} : std::nullopt;
}

std::optional<schedule::zone> reader::zone_named(const node& n, const std::string& name, const std::string& path) {
  if (const auto known = zones_.find(name); known != zones_.end()) return known->second;
  auto found = schedule::zone::find(name);
  if (auto* bad = std::get_if<schedule::syntax_error>(&found)) {
    report_.error(n.at, path, name == n.text ? std::move(bad->message) : "the value of " + shown(n) + " is not a time zone");
    return std::nullopt;
  }
  return zones_.emplace(name, std::get<schedule::zone>(std::move(found))).first->second;
}

const schedule::zone& reader::zone_of(const job& j) const {
  const auto known = zones_.find(j.timezone);
  return known == zones_.end() ? schedule::zone::utc() : known->second;
}

std::optional<value> reader::checked_schedule(const node& n, const std::string& path) {
  if (n.type == node::kind::map) return checked_schedule_map(n, path);
  const auto text = scalar(n, path, "a cron expression or {every: 90s}");
  if (!text) return std::nullopt;
  auto made = schedule::timetable::from_cron(*text, zone_of_job(), reading_ == nullptr ? std::string_view{} : reading_->name);
  if (auto* bad = std::get_if<schedule::syntax_error>(&made)) {
    const bool is_as_written = *text == n.text;
    report_.error(is_as_written ? inside(n, *text, bad->offset) : n.at, path,
                  is_as_written ? bad->message : "the value of " + shown(n) + " is not a schedule",
                  is_as_written ? schedule_hint(*text) : "");
    return std::nullopt;
  }
  return value{schedule_value{std::get<schedule::timetable>(std::move(made)), *text}};
}

std::optional<value> reader::checked_schedule_map(const node& n, const std::string& path) {
  std::map<std::string, place> seen;
  std::map<std::string, node> given;
  bool is_bad = false;
  for (std::size_t i = 0; i < n.keys.size(); ++i) {
    const auto& k = n.keys[i];
    if (!check_entry(k, path, seen)) {
      is_bad = true;
    } else if (k.text == "every" || k.text == "anchor" || k.text == "at") {
      given.emplace(k.text, n.values[i]);
    } else {
      report_.error(k.at, path, "unknown key " + in_quotes(k.text), did_you_mean(k.text, {"every", "anchor", "at"}));
      is_bad = true;
    }
  }
  const auto one = [&](const char* name) {
    const auto found = given.find(name);
    return found == given.end() ? std::nullopt : std::optional{found->second};
  };
  const auto at = one("at");
  if (at && given.size() > 1) {
    report_.error(at->at, path + ".at", "stands alone", "write either {at: 2026-12-31T23:59:00} or {every: 90s}");
    return std::nullopt;
  }
  if (at) {
    auto made = checked_at(*at, path + ".at");
    return is_bad ? std::nullopt : std::move(made);
  }
  auto made = is_bad && !one("every") ? std::nullopt : checked_every(one("every"), one("anchor"), n, path);
  return is_bad ? std::nullopt : std::move(made);
}

std::optional<value> reader::checked_at(const node& n, const std::string& path) {
  const auto text = scalar(n, path, "a time");
  if (!text) return std::nullopt;
  auto made = schedule::timetable::from_at(*text, zone_of_job());
  if (std::holds_alternative<schedule::syntax_error>(made)) {
    report_.error(n.at, path, "must be a time, got " + shown(n), "write it as 2026-12-31T23:59:00 in the job's zone, or with a Z in UTC");
    return std::nullopt;
  }
  return value{schedule_value{std::get<schedule::timetable>(std::move(made)), "at " + *text}};
}

std::optional<value> reader::checked_every(const std::optional<node>& every, const std::optional<node>& anchor, const node& n,
                                           const std::string& path) {
  static constexpr key period_row{
      .path = "every", .type = key_type::duration, .minimum = 1'000'000, .maximum = 36'500LL * 86'400'000'000LL};
  schedule::every interval{};
  bool is_bad = false;
  if (anchor) {
    const auto text = scalar(*anchor, path + ".anchor", "an instant");
    const auto made = text ? from_rfc3339(*text) : std::nullopt;
    if (text && !made)
      report_.error(anchor->at, path + ".anchor", "must be an instant in UTC, got " + shown(*anchor), "write it as 2026-01-01T00:00:00Z");
    is_bad = !made;
    interval.anchor = made.value_or(wall_time{});
  }
  if (!every) {
    report_.error(n.at, path, "the key 'every' is missing", "write {every: 90s}, or {at: 2026-12-31T23:59:00} for once");
    return std::nullopt;
  }
  const auto text = scalar(*every, path + ".every", "a duration");
  const auto period = text ? checked_duration(period_row, *every, *text, path + ".every") : std::nullopt;
  if (!period || is_bad) return std::nullopt;
  interval.period = std::get<microseconds>(*period);
  auto made = schedule::timetable::from_every(interval);
  if (auto* bad = std::get_if<schedule::syntax_error>(&made)) {
    report_.error(every->at, path, std::move(bad->message));
    return std::nullopt;
  }
  auto& table = std::get<schedule::timetable>(made);
  auto shown_text = table.text().substr(1);
  return value{schedule_value{std::move(table), std::move(shown_text)}};
}

std::optional<with_value::map> reader::parameters(const node& n, const std::string& path) {
  if (n.type != node::kind::map) {
    report_.error(n.at, path, "must be a map of parameters", "write each parameter on its own line below, indented, as name: value");
    return std::nullopt;
  }
  with_value::map out;
  std::map<std::string, place> seen;
  for (std::size_t i = 0; i < n.keys.size(); ++i) {
    if (!check_entry(n.keys[i], path, seen)) continue;
    auto made = parameter(n.values[i], path + "." + n.keys[i].text.substr(0, 64));
    if (made) out.push_back({n.keys[i].text, *std::move(made)});
  }
  return out;
}

std::optional<with_value> reader::parameter(const node& n, const std::string& path) {
  with_value out;
  out.where = n.at.in->mark_of(n.at);
  if (is_reference(n)) {
    auto secret = resolve_reference(n);
    if (auto* bad = std::get_if<refusal>(&secret)) {
      report_.error(n.values[0].at, path, std::move(bad->message), std::move(bad->hint));
      return std::nullopt;
    }
    out.data = std::get<std::string>(std::move(secret));
    out.quoted = true;
    out.secret = true;
    return out;
  }
  switch (n.type) {
    case node::kind::null:
      report_.error(n.at, path, "has no value", "write \"\" for an empty text, or remove the key");
      return std::nullopt;
    case node::kind::scalar: {
      auto text = scalar(n, path, "a value");
      if (!text) return std::nullopt;
      out.data = *std::move(text);
      out.quoted = n.quoted;
      return out;
    }
    case node::kind::list: {
      with_value::list list;
      for (std::size_t i = 0; i < n.values.size(); ++i) {
        auto item = parameter(n.values[i], path + "[" + std::to_string(i) + "]");
        if (item) list.push_back(*std::move(item));
      }
      out.data = std::move(list);
      return out;
    }
    case node::kind::map: {
      auto map = parameters(n, path);
      if (!map) return std::nullopt;
      out.data = *std::move(map);
      return out;
    }
  }
  return std::nullopt;
}

}  // namespace baton::settings

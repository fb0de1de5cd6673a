#include "effective.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "baton/settings/keys.hpp"
#include "fields.hpp"
#include "store_url.hpp"

namespace baton::settings {
namespace {

constexpr std::string_view secret = "\"***\"";

void put_value(std::string& out, const with_value& v);

void put_list(std::string& out, const with_value::list& list) {
  out += '[';
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += ", ";
    put_value(out, list[i]);
  }
  out += ']';
}

void put_map(std::string& out, const with_value::map& map) {
  out += '{';
  for (std::size_t i = 0; i < map.size(); ++i) {
    if (i > 0) out += ", ";
    out += yaml_key(map[i].first) + ": ";
    put_value(out, map[i].second);
  }
  out += '}';
}

void put_value(std::string& out, const with_value& v) {
  if (const auto* list = std::get_if<with_value::list>(&v.data)) return put_list(out, *list);
  if (const auto* map = std::get_if<with_value::map>(&v.data)) return put_map(out, *map);
  if (v.secret) {
    out += secret;
    return;
  }
  const auto& text = std::get<std::string>(v.data);
  // A number or true stays without quotes if it was written so: plugins tell them apart.
  const bool is_word =
      !text.empty() && text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._") == std::string::npos;
  out += !v.quoted && is_word ? text : yaml_text(text);
}

/// Writes rows as nested YAML; a section's line only once one of its keys is shown.
class writer {
 public:
  explicit writer(bool for_hash) : for_hash_(for_hash) {}

  void write(const settings& s) {
    for (const auto& row : keys()) {
      if (row.path.find('*') != std::string_view::npos || (for_hash_ && row.is_local)) continue;
      if (row.path == "calendars") write_calendars(s);
      if (row.path == "tags") write_tags(s);
      if (row.path == "jobs") return write_jobs(s);
      if (const auto* f = find_field(row.path); f != nullptr) put(row.path, 0, f->show(s));
    }
  }

  std::string text;

 private:
  void put(std::string_view path, std::size_t depth, const std::optional<std::string>& shown) {
    if (!shown) return;
    std::vector<std::string_view> parts;
    for (auto rest = path;;) {
      const auto dot = rest.find('.');
      parts.push_back(rest.substr(0, dot));
      if (dot == std::string_view::npos) break;
      rest.remove_prefix(dot + 1);
    }
    std::size_t common = 0;
    while (common + 1 < parts.size() && common < open_.size() && open_[common] == parts[common]) ++common;
    open_.resize(common);
    for (; open_.size() + 1 < parts.size(); open_.emplace_back(parts[open_.size()])) {
      text += std::string(2 * (depth + open_.size()), ' ') + std::string{parts[open_.size()]} + ":\n";
    }
    text += std::string(2 * (depth + open_.size()), ' ') + std::string{parts.back()} + ": " + *shown + "\n";
  }

  void write_calendars(const settings& s) {
    open_.clear();
    std::vector<calendar> all = s.calendars;
    if (for_hash_) std::ranges::sort(all, {}, &calendar::name);
    if (!all.empty()) text += "calendars:\n";
    for (const auto& c : all) {
      settings with_one;
      with_one.calendars.push_back(c);
      text += "  " + yaml_text(c.name) + (c.days.empty() ? ": {}\n" : ":\n");
      put("dates", 2, find_field("calendars.*.dates")->show(with_one));
      put("ranges", 2, find_field("calendars.*.ranges")->show(with_one));
    }
  }

  void write_tags(const settings& s) {
    open_.clear();
    std::vector<tag> all = s.tags;
    if (for_hash_) std::ranges::sort(all, {}, &tag::name);
    if (!all.empty()) text += "tags:\n";
    for (const auto& t : all) {
      settings with_one;
      with_one.tags.push_back(t);
      text += "  " + yaml_text(t.name) + ":\n";
      put("max_running", 2, find_field("tags.*.max_running")->show(with_one));
    }
  }

  void write_jobs(const settings& s) {
    if (s.jobs.empty()) return;
    open_.clear();
    text += "jobs:\n";
    std::vector<const job*> jobs;
    for (const auto& j : s.jobs) jobs.push_back(&j);
    if (for_hash_) std::sort(jobs.begin(), jobs.end(), [](const job* a, const job* b) { return a->name < b->name; });
    for (const auto* j : jobs) write_job(*j);
  }

  void write_job(const job& j) {
    constexpr std::string_view prefix = "jobs.*.";
    open_.clear();
    text += "  " + yaml_text(j.name) + ":\n";
    for (const auto& row : keys()) {
      if (!row.path.starts_with(prefix)) continue;
      const auto name = row.path.substr(prefix.size());
      if (const auto* f = find_field(row.path); f != nullptr) put(name, 2, shown(j, *f));
      if (name == "with" && !j.with.empty()) write_with(j.with);
    }
  }

  std::optional<std::string> shown(const job& j, const field& f) const {
    if (f.path != "jobs.*.schedule" || !j.schedule) return f.show_job(j);
    // The canonical text of an interval with an anchor and of a single time is no cron expression; their written form is a map.
    const auto& table = j.schedule->text();
    constexpr std::string_view once = "@at ";
    if (table.starts_with(once)) return "{at: " + yaml_text(table.substr(once.size())) + "}";
    const auto from = table.find(" from ");
    if (from == std::string::npos) return yaml_text(table);
    constexpr std::size_t name = 7;  // "@every "
    return "{every: " + table.substr(name, from - name) + ", anchor: " + yaml_text(table.substr(from + 6)) + "}";
  }

  void write_with(const with_value::map& with) {
    open_.clear();
    text += "    with:\n";
    for (const auto& [name, v] : with) {
      text += "      " + yaml_key(name) + ": ";
      put_value(text, v);
      text += '\n';
    }
  }

  bool for_hash_;
  std::vector<std::string> open_;
};

}  // namespace

std::string show_effective(const settings& s) {
  writer out{false};
  if (!s.has_store) out.text = "# store: " + store_url_text(s.store) + "\n";
  out.write(s);
  return std::move(out.text);
}

std::uint64_t hash_of(const settings& s) {
  writer out{true};
  out.write(s);
  std::uint64_t h = 14695981039346656037ULL;  // FNV-1a
  for (const char c : out.text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  h = (h ^ h >> 30U) * 0xbf58476d1ce4e5b9ULL;  // and the end of splitmix64, so that the upper bits may be dropped
  h = (h ^ h >> 27U) * 0x94d049bb133111ebULL;
  return (h ^ h >> 31U) & 0xffff'ffff'ffffULL;
}

}  // namespace baton::settings
